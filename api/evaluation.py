"""What stands beside the figures of an evaluation: who the people are, what the model learnt from, what was run.

`about_model` is known of every model; `about_run` adds what belongs to one task in one store. Both are plain values
for metrics.json; cells of few people are hidden here already, so that no file of a report tells of them but the
predictions.
"""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import polars as pl

from api.learning import TaskFile
from ehr.splits import splits
from ehr.store import Store
from ehr.tokens import coverage
from models.checkpoint import Checkpoint
from models.leakage import KINDS
from models.report.hiding import is_small, merged_steps, without_small_cells
from models.settings import as_mapping
from sql.characteristics import (
    GROUP,
    Characteristics,
    Line,
    NumberCell,
    ShareCell,
    Variable,
    characteristics,
    table_one,
)
from sql.cohort import Cohort, Step
from sql.cohort.records import records_of_store

OUTCOMES: Final = ("event", "no event")
PARTS: Final = ("training", "held out")
_PACKAGES: Final = ("anamnesis", "torch", "numpy", "polars", "duckdb", "scikit-learn", "lightgbm")
_LABEL: Final = "label"


def about_model(checkpoint: Checkpoint, folder: Path) -> dict[str, Any]:
    """Return what is known of a model that lies in `folder`, whatever it is judged on."""
    report = checkpoint.report
    stages = {name: report[name] for name in ("until", "base", "pre_training", "fine_tuning") if name in report}
    vocabulary = checkpoint.vocabulary
    return {
        "model": checkpoint.identity,
        "settings": as_mapping(checkpoint.settings),
        "predictors": {
            "name": vocabulary.name,
            "tokens": len(vocabulary),
            "codes": len(vocabulary.codes),
            "families of rarer codes": len(vocabulary.families),
            "codes with value bins": len(vocabulary.edges),
            "value bins": vocabulary.settings.quantiles,
            **({"counted up to": vocabulary.settings.until} if vocabulary.settings.until else {}),
        },
        "training": stages,
        "audit": _audit(report.get("audit")),
        "runtime": {
            "parameters": checkpoint.parameters,
            "bytes": sum(file.stat().st_size for file in folder.iterdir() if file.is_file()),
            "training_seconds": _training_seconds(stages),
            "machine": f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        },
        "versions": _versions(),
        **({"task": checkpoint.task.name, "task_text": checkpoint.task.text} if checkpoint.task else {}),
    }


def about_run(
    store: Store, checkpoint: Checkpoint, folder: Path, file: TaskFile, cohort: Cohort, labels: pl.DataFrame
) -> dict[str, Any]:
    """Return what is known of a model and of the rows `labels` of a task on which it is judged."""
    by_outcome, by_part = _characteristics(store, labels)
    return {
        **about_model(checkpoint, folder),
        "task": file.task.name,
        "task_description": file.task.description or None,
        "task_text": file.text.text,
        "attrition": attrition(cohort.attrition),
        "table_one": by_outcome,
        "table_one_parts": by_part,
        "data": _data(store),
        "unseen": {
            split: {**asdict(counts), "unseen_rate": counts.unseen}
            for split, counts in coverage(store.cursor(), checkpoint.vocabulary).items()
        },
    }


def attrition(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """Return the rules of a task with what they left; rules that lose few people are told together."""
    told = merged_steps(
        [
            {
                "rules": [step.rule],
                "subjects_before": step.subjects_before,
                "subjects": step.subjects_after,
                "rows_before": step.rows_before,
                "rows": step.rows_after,
            }
            for step in steps
        ]
    )
    return [{"step": "; ".join(step["rules"]), **step} for step in told]


def _characteristics(store: Store, labels: pl.DataFrame) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Return table one by outcome, and that of training and held-out people; None where a group has nobody."""
    known = labels.drop_nulls("boolean_value")
    rows = known.select("subject_id", "prediction_time", pl.col("boolean_value").alias(_LABEL))
    described = characteristics(records_of_store(store), rows.sort("subject_id", "prediction_time"))
    outcome = pl.when(pl.col(_LABEL)).then(pl.lit(OUTCOMES[0])).otherwise(pl.lit(OUTCOMES[1]))
    split = splits(described.rows["subject_id"]).cast(pl.String).replace(["train", "held_out"], PARTS)
    without_label = Characteristics(
        described.rows, tuple(variable for variable in described.variables if variable.column != _LABEL)
    )
    return (
        _table(without_label.with_column(outcome.alias(GROUP)), OUTCOMES),
        _table(described.with_column(split.alias(GROUP)), PARTS),
    )


def _table(described: Characteristics, groups: tuple[str, str]) -> dict[str, Any] | None:
    """Return a table one of two groups as plain values, without cells of few people."""
    parts = [described.rows.filter(pl.col(GROUP) == name) for name in groups]
    if any(part.is_empty() for part in parts):
        return None
    table = table_one(described, groups)
    variables = {(variable.section, variable.name): variable for variable in described.variables}
    lines = [
        {
            **asdict(line),
            "cells": [
                _cell(line.cells[place], line, variables[line.section, line.name], part)
                for place, part in enumerate(parts)
            ],
        }
        for line in table.lines
        if line.cells
    ]
    sizes = [
        {"name": name, "rows": part.height, "subjects": part["subject_id"].n_unique()}
        for name, part in zip(groups, parts, strict=True)
    ]
    return {"groups": sizes, "lines": without_small_cells(lines)}


def _cell(cell: ShareCell | NumberCell, line: Line, variable: Variable, part: pl.DataFrame) -> dict[str, Any]:
    """Return a cell with how many people stand behind it, `people`, and how many of the group do not, `others`."""
    value, plain = pl.col(variable.column), asdict(cell)
    if variable.kind == "number":
        has = value.is_not_null()
    elif variable.kind == "flag":
        has = value.cast(pl.Boolean)
    else:
        has = value.is_null() if line.level == "missing" else value.cast(pl.String) == line.level
    is_so = has.fill_null(value=False)
    people, others = part.select(
        pl.col("subject_id").filter(is_so).n_unique().alias("people"),
        pl.col("subject_id").filter(~is_so).n_unique().alias("others"),
    ).row(0)
    if variable.kind == "number" and is_small(others):
        plain |= {"n": None, "missing": None, "missing_percent": None}
    # The missing numbers are hidden alone, and the other levels of a category have lines of their own.
    return {**plain, "people": people, "others": others if variable.kind == "flag" else 0}


def _audit(kept: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the leakage audit that a model keeps, each finding with what it means."""
    if kept is None:
        return None
    findings = [
        {**found, "meaning": KINDS[found["code"]].meaning if found["code"] in KINDS else None}
        for found in kept["findings"]
    ]
    return {**kept, "findings": findings}


def _training_seconds(stages: Mapping[str, Any]) -> float | None:
    known = [stages[name]["seconds"] for name in ("pre_training", "fine_tuning") if "seconds" in stages.get(name, {})]
    return float(sum(known)) if known else None


def _data(store: Store) -> dict[str, Any]:
    """Return where the records come from and which time they cover."""
    con = store.cursor()
    people, first, last = con.execute("SELECT count(*), min(first_time), max(last_time) FROM subject").fetchall()[0]
    events = con.execute("SELECT coalesce(sum(n_events), 0)::BIGINT FROM code").fetchall()[0][0]
    formats = con.execute("SELECT DISTINCT format FROM source ORDER BY 1").fetchall()
    return {
        "formats": ", ".join(str(name) for (name,) in formats) or None,
        "people": people,
        "events": events,
        "first event": first.date().isoformat() if first else None,
        "last event": last.date().isoformat() if last else None,
    }


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
