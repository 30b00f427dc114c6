"""Curves of risk for rows, and how good they are on held-out subjects, beside the estimate that knows no patient."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from ehr.errors import ModelError
from ehr.splits import Split, splits
from ehr.timelines import Timelines
from models.calibration import LEVEL
from models.checkpoint import Checkpoint, require_vocabulary
from models.learner import threads
from models.survival.censoring import aalen_johansen
from models.survival.curves import Curves
from models.survival.grid import Bools, Floats
from models.survival.hazard import Hazard, Times
from models.survival.measures import auroc_at, brier_at, harrell_c
from models.training import reader_of


def hazard_of(checkpoint: Checkpoint, endpoint: str) -> Hazard:
    """Return what a model knows of the time of an endpoint; raises ModelError when that is nothing."""
    hazard = checkpoint.hazard
    if hazard is None or hazard.endpoint != endpoint:
        known = f"knows the time of {hazard.endpoint}" if hazard else "knows the time of no endpoint"
        raise ModelError(
            f"model {checkpoint.name} {known}; train one with 'ehr train --task TASK --endpoint {endpoint}'"
        )
    return hazard


def predict_times(
    checkpoint: Checkpoint, timelines: Timelines, rows: pl.DataFrame, endpoint: str
) -> tuple[Curves, Bools]:
    """Return the curves of the rows (subject_id, prediction_time) with a history, and which rows those are.

    Raises ModelError for a model that does not know the endpoint, VocabularyError for another vocabulary.
    """
    hazard = hazard_of(checkpoint, endpoint)
    require_vocabulary(
        checkpoint.name, checkpoint.vocabulary, "the vocabulary of the timelines", timelines.vocabulary_hash
    )
    reader = reader_of(timelines, checkpoint.vocabulary, checkpoint.settings)
    documents, usable = reader.histories(rows.select("subject_id", "prediction_time"))
    with threads(checkpoint.settings.optimisation.threads):
        return hazard.curves(reader, documents), usable


def evaluate_times(
    checkpoint: Checkpoint,
    timelines: Timelines,
    times: Times,
    horizons: Sequence[float] = (),
    *,
    split: Mapping[int, Split] | None = None,
    replicates: int = 200,
    seed: int = 0,
) -> dict[str, Any]:
    """Judge the curves on the rows of held-out subjects: concordance, and AUROC and Brier score at `horizons` (days).

    Without horizons they are the quartiles of the times of the event in training rows. The base is the Aalen-Johansen
    estimate of training rows, the same for everyone; where a model has learnt up to a time only,
    these are the rows as they stood then. Intervals are percentiles over bootstraps of subjects; the
    weights against censoring are estimated once. Raises ModelError without an event among held-out rows.
    """
    learnt = times.until(checkpoint.until) if checkpoint.until is not None else times
    training, held_out = _of_split(learnt, "train", split), _of_split(times, "held_out", split)
    curves, usable = predict_times(checkpoint, timelines, held_out, times.endpoint)
    held_out = held_out.filter(usable)
    days, cause = held_out["days"].to_numpy().astype(np.float64), held_out["cause"].to_numpy().astype(np.int64)
    if not (cause == 1).any():
        raise ModelError(
            f"no held-out row has {times.causes[0]}, so its times cannot be judged; import more patients"
        )
    past = training["days"].to_numpy().astype(np.float64), training["cause"].to_numpy().astype(np.int64)
    base = aalen_johansen(*past)
    if not horizons:
        horizons = np.quantile(past[0][past[1] == 1], [0.25, 0.5, 0.75]).tolist()
    weights = _bootstraps(held_out["subject_id"].to_numpy(), replicates, seed)
    judged = []
    for horizon in horizons:
        risk = curves.at(np.array([horizon]))[:, 0]
        alike = np.full(len(days), base(np.array([horizon]))[0])
        brier, of_base = (brier_at(one, days, cause, horizon, weights) for one in (risk, alike))
        judged.append(
            {
                "days": float(horizon),
                "events": int(((cause == 1) & (days <= horizon)).sum()),
                "mean_risk": float(risk.mean()),
                "observed": float(aalen_johansen(days, cause)(np.array([horizon]))[0]),
                "auroc": _interval(auroc_at(risk, days, cause, horizon, weights)),
                "brier": _interval(brier),
                "brier_of_base": _interval(of_base),
                "brier_saved": _interval(1 - brier / of_base),
            }
        )
    risk = curves.at(np.array([max(horizons)]))[:, 0]
    return {
        "endpoint": times.endpoint,
        "learnt_until": checkpoint.until.isoformat() if checkpoint.until is not None else None,
        "causes": {name: int((cause == number).sum()) for number, name in enumerate(times.causes, start=1)},
        "rows": len(days),
        "subjects": int(held_out["subject_id"].n_unique()),
        "censored": int((cause == 0).sum()),
        "concordance": _interval(harrell_c(risk, days, cause, weights)),
        "horizons": judged,
    }


def _of_split(times: Times, part: Split, split: Mapping[int, Split] | None) -> pl.DataFrame:
    rows = times.rows.drop_nulls(["prediction_time", "days"])
    return rows.filter(splits(rows["subject_id"], split) == part)


def _bootstraps(subjects: np.ndarray[Any, np.dtype[np.int64]], replicates: int, seed: int) -> Floats:
    """Return how often each row counts (n, 1 + b): once, then by resampled subjects."""
    distinct, place = np.unique(subjects, return_inverse=True)
    drawn = np.random.default_rng(seed).multinomial(
        len(distinct), np.full(len(distinct), 1 / len(distinct)), replicates
    )
    return np.concatenate([np.ones((1, len(subjects))), drawn[:, place]]).T.astype(np.float64)


def _interval(values: Floats) -> dict[str, float | None]:
    """Return the value on the rows as they are, and where 90 % of the bootstraps lie."""
    known = values[1:][~np.isnan(values[1:])]
    ends = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) if len(known) else (np.nan, np.nan)
    names = ("value", "low", "high")
    return {name: None if np.isnan(one) else float(one) for name, one in zip(names, (values[0], *ends), strict=True)}
