"""An evaluation with everything that a report can show: random risks, and parts written by hand."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from models.estimators import BASELINE, SUPERVISED, Estimates
from models.evaluate import Evaluation, evaluate

TASK_TEXT = "predicates: {start: {code: A}, death: {code: MEDS_DEATH}}\n"


def made_evaluation(subjects: int = 3000, seed: int = 0) -> Evaluation:
    """Return an evaluation of two estimators and the truth with all further parts."""
    rng = np.random.default_rng(seed)
    true = rng.beta(0.8, 3.2, subjects)
    days = rng.integers(0, 4 * 365, subjects)
    times = [datetime(2015, 1, 1) + timedelta(days=int(day)) for day in days]
    keys = {"subject_id": np.arange(1, subjects + 1), "prediction_time": times}
    labels = pl.DataFrame(keys).with_columns(boolean_value=pl.Series(rng.random(subjects) < true))
    logit = np.log(true / (1 - true))
    said = {
        name: Estimates(
            pl.DataFrame(keys).with_columns(
                risk=(risk := 1 / (1 + np.exp(-(logit * slope + rng.normal(0, noise, subjects))))),
                low=risk * 0.8,
                high=risk + (1 - risk) * 0.1,
            ),
            seconds,
            about,
        )
        for name, slope, noise, seconds, about in (
            (SUPERVISED, 1.0, 0.5, 1.9, {}),
            (BASELINE, 0.8, 1.2, 0.2, strongest()),
        )
    }
    return evaluate(
        labels,
        said,
        truth=pl.DataFrame(keys).with_columns(true_probability=pl.Series(true)),
        tuning=said,
        facts=facts(keys, rng),
        temporal=0.6,
        replicates=60,
        about=about(),
    )


def facts(keys: dict[str, Any], rng: np.random.Generator) -> pl.DataFrame:
    """Return facts on the rows, with few people of one race."""
    rows = pl.DataFrame(keys)
    n = rows.height
    none = pl.lit(None, dtype=pl.String)
    days = pl.Series(rng.gamma(2.0, 3.0, n) + 1)
    return rows.with_columns(
        sex=pl.Series(rng.choice(["f", "m"], n)),
        age_band=pl.Series(rng.choice(["18-39", "40-64", "65-79", "80+"], n, p=[0.15, 0.35, 0.35, 0.15])),
        race=pl.Series(rng.choice(["white", "black", "unheard-of"], n, p=[0.7, 0.29, 0.01])),
        ethnicity=none,
        site=none,
        care_unit=none,
        year=pl.col("prediction_time").dt.year().cast(pl.String),
        stay_start=pl.col("prediction_time") - pl.duration(days=1),
        stay_end=pl.col("prediction_time") + pl.duration(hours=(days * 24).cast(pl.Int64)),
    )


def strongest() -> dict[str, Any]:
    """Return what a baseline says of itself."""
    features = [("last value: LAB//50813//mmol/L", 0.61), ("ever: DIAGNOSIS//ICD//10//A41*", 0.44), ("age", 0.38)]
    return {"C": 0.01, "features": 1204, "strongest_features": features}


def about() -> dict[str, Any]:
    """Return what the command puts beside the figures."""
    return {
        "task": "in_hospital_mortality",
        "task_description": "Death in hospital, foreseen 24 hours after admission from all recorded until then.",
        "task_text": TASK_TEXT,
        "model": {"model": "demo", "version": 1, "task": "in_hospital_mortality", "data_hash": "ffc298012322"},
        "versions": {"anamnesis": "0.5", "python": "3.11", "torch": "2.13"},
        "code_titles": {"LAB//50813//mmol/L": "Lactate", "DIAGNOSIS//ICD//10//A41*": "Other sepsis"},
        "attrition": attrition(),
        "table_one": table_one(),
        "training": training(),
        "settings": {"architecture": {"width": 64, "layers": 2}, "optimisation": {"seed": 0}},
        "predictors": {"name": "default", "tokens": 1843, "codes": 1500, "quantiles": 10},
        "data": {"people": 10_000, "events": 2_400_000, "first event": "2008-01-03", "last event": "2019-12-30"},
        "runtime": {"parameters": 254_000, "bytes": 1_060_000, "training_seconds": 93.0, "machine": "2 cores"},
        "unseen": {
            "train": {"events": 410_000, "own": 405_000, "family": 4_800, "unknown": 200, "unseen_rate": 0.0122},
            "held_out": {"events": 81_000, "own": 79_000, "family": 1_800, "unknown": 200, "unseen_rate": 0.0247},
        },
        "audit": audit(),
    }


def attrition() -> list[dict[str, Any]]:
    """Return the steps of a cohort."""
    sizes = [(10_000, 9_400, 14_000, 14_000), (9_400, 8_800, 14_000, 12_100), (8_800, 3_000, 12_100, 3_000)]
    rules = [["hospital admission"], ["stays at least 24 hours", "is at least 18 years old"], ["is the first stay"]]
    return [
        {
            "step": "; ".join(rule),
            "rules": rule,
            "subjects_before": before,
            "subjects": after,
            "rows_before": rows_before,
            "rows": rows,
        }
        for rule, (before, after, rows_before, rows) in zip(rules, sizes, strict=True)
    ]


def share(n: int | None, percent: float | None = None) -> dict[str, Any]:
    """Return a cell of table one with a count; None is hidden."""
    return {"n": n, "percent": percent, "hidden": n is None}


def spread(median: float, q1: float, q3: float, missing: int = 0, of: int = 2000) -> dict[str, Any]:
    """Return a cell of table one with a number."""
    rate = 100 * missing / of
    rest = {"mean": median, "sd": 1.0, "missing": missing, "missing_percent": rate, "hidden": False}
    return {"n": of - missing, "median": median, "q1": q1, "q3": q3, **rest}


def table_one() -> dict[str, Any]:
    """Return a table one by outcome with a hidden cell."""
    lines = [
        ("people", "age, years", None, (spread(71, 60, 80), spread(62, 49, 74)), 0.55),
        ("people", "sex", "female", (share(270, 45.0), share(1150, 47.9)), -0.06),
        ("people", "sex", "male", (share(330, 55.0), share(1250, 52.1)), None),
        ("diagnoses before", "ICD10//I50 (Heart failure)", None, (share(150, 25.0), share(290, 12.1)), 0.34),
        (
            "diagnoses before",
            "ICD10//C25 (Malignant neoplasm of pancreas)",
            None,
            (share(None), share(21, 0.9)),
            None,
        ),
        ("measurements", "Lactate, mmol/L", None, (spread(2.9, 1.8, 5.1, 120), spread(1.6, 1.1, 2.3, 900)), 0.81),
    ]
    return {
        "groups": [
            {"name": "event", "rows": 600, "subjects": 600},
            {"name": "no event", "rows": 2400, "subjects": 2400},
        ],
        "lines": [dict(zip(("section", "name", "level", "cells", "smd"), line, strict=True)) for line in lines],
    }


def training() -> dict[str, Any]:
    """Return what a checkpoint tells of its training."""
    steps = [(2.61, 2.10), (1.96, 1.83), (1.78, 1.74), (1.70, 1.72), (1.66, 1.73)]
    curve = [{"pass": n, "training_loss": one, "tuning_loss": other} for n, (one, other) in enumerate(steps, 1)]
    fine = [
        {**step, "training_loss": step["training_loss"] / 5, "tuning_loss": step["tuning_loss"] / 5} for step in curve
    ]
    return {
        "pre_training": {"subjects": 2100, "events": 1_150_000, "passes": 5, "seconds": 49.0, "curve": curve},
        "fine_tuning": {"rows": 2100, "events": 420, "passes": 5, "seconds": 39.0, "curve": fine},
    }


def audit() -> dict[str, Any]:
    """Return an audit with a finding."""
    finding = {
        "code": "single-code-separates",
        "severity": "warns",
        "meaning": "one code alone tells who gets the label",
        "message": "one code alone has AUROC 0.93",
        "rows": 40,
        "subjects": 7,
        "examples": [{"code": "DNR//ORDER", "auroc": 0.93}],
        "advice": "look at what the code is and when it is written",
    }
    checks = [
        {"area": "outcome", "verdict": "clean", "seen": "3,000 rows", "notes": []},
        {"area": "single codes", "verdict": "warns", "seen": "1,500 codes", "notes": []},
    ]
    return {"findings": [finding], "checks": checks, "despite": None, "fails": 0, "warns": 1}
