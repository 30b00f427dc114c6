"""Early prediction: the scores ES and OSMAE of rows in hospital stays whose end is known."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from ehr.splits import splits
from models.estimators import KEY, Estimates
from models.evaluation.compared import Compared, nothing, plain
from models.evaluation.uses import MAIN_POINT, main_thresholds
from models.metrics import Draws, sample
from models.metrics.early import CUT, FALSE_ALARM, es, osmae
from models.metrics.rows import Bools, Floats

STAY_DAYS: Final = "stay_days"
"""Column in which an estimator may say how many days of the stay remain."""
_DAY: Final = 86_400e6


@dataclass(frozen=True, slots=True)
class _Stays:
    """Places of the rows in stays, the days that remain in each, and the scale of stays in days."""

    places: np.ndarray
    remaining: Floats
    threshold: float
    large: float
    usual: float
    stays: int


def early(
    compared: Compared, facts: pl.DataFrame, said: Mapping[str, Estimates]
) -> tuple[dict[str, Any] | None, str | None]:
    """Return the early-prediction scores of every estimator, or None and the reason.

    `facts` are those of `models.facts.row_facts` for all labels. Half of the mean length of stay, the 95th
    percentile and the days that usually remain are those of rows of training subjects.
    """
    stays = _stays(compared, facts)
    if stays is None:
        return None, "no early-prediction scores: too few rows lie in hospital stays whose end is known"
    thresholds = main_thresholds(compared)
    draws = Draws(compared.subjects[stays.places], compared.draws.replicates, compared.draws.seed)
    return {
        "rows": len(stays.places),
        "stays": stays.stays,
        "threshold_days": stays.threshold,
        "large_days": stays.large,
        "usual_days": stays.usual,
        "false_alarm": FALSE_ALARM,
        "estimators": {
            name: _of_estimator(compared, name, stays, draws, said.get(name), thresholds[name])
            for name in compared.risks
        },
    }, None


def _of_estimator(
    compared: Compared, name: str, stays: _Stays, draws: Draws, estimates: Estimates | None, threshold: float | None
) -> dict[str, Any]:
    """Return both scores, at the cut of the source and at the operating point."""
    risk, outcome = compared.risks[name][stays.places], compared.outcome[stays.places]
    foretold, origin = _foretold(compared, stays, estimates)
    point: dict[str, Any] = {"name": MAIN_POINT, "threshold": threshold, "es": nothing(), "osmae": nothing()}
    if threshold is not None:
        point |= _both(outcome, risk >= threshold, stays, foretold, draws)
    return {
        "stay_from": origin,
        "above": CUT,
        **_both(outcome, risk > CUT, stays, foretold, draws),
        "at_operating_point": point,
    }


def _both(outcome: Floats, flagged: Bools, stays: _Stays, foretold: Floats, draws: Draws) -> dict[str, Any]:
    measured = sample(
        draws,
        {
            "es": es(outcome, stays.remaining, flagged, stays.threshold),
            "osmae": osmae(outcome, stays.remaining, flagged, foretold, stays.threshold, stays.large),
        },
    )
    return {name: plain(measured[name].estimates())[name] for name in ("es", "osmae")}


def _foretold(compared: Compared, stays: _Stays, estimates: Estimates | None) -> tuple[Floats, str]:
    """Return the days that an estimator foretells, or those that usually remain, and which it is."""
    if estimates is not None and STAY_DAYS in estimates.frame.columns:
        asked = compared.table.select(KEY)[stays.places.tolist()]
        told = estimates.frame.select(*KEY, STAY_DAYS).unique(KEY, maintain_order=True)
        days = asked.join(told, on=KEY, how="left", maintain_order="left")[STAY_DAYS].cast(pl.Float64)
        if days.null_count() == 0:
            return days.to_numpy(), "the estimator"
    return np.full(len(stays.places), stays.usual), "the median of training rows"


def _stays(compared: Compared, facts: pl.DataFrame) -> _Stays | None:
    rows = facts.drop_nulls(["stay_start", "stay_end"]).unique(KEY, maintain_order=True)
    rows = rows.filter(pl.col("stay_end") > pl.col("stay_start")).with_columns(
        remaining=(pl.col("stay_end") - pl.col("prediction_time")).dt.total_microseconds() / _DAY,
        length=(pl.col("stay_end") - pl.col("stay_start")).dt.total_microseconds() / _DAY,
    )
    learnt = rows.filter(splits(rows["subject_id"], compared.split) == "train")
    lengths = learnt.unique(["subject_id", "stay_start"])["length"].to_numpy()
    mine = compared.table.select(KEY).join(
        rows.select(*KEY, "stay_start", "remaining"), on=KEY, how="left", maintain_order="left"
    )
    places = np.flatnonzero(mine["remaining"].is_not_null().to_numpy())
    if not len(lengths) or not len(places):
        return None
    threshold, large = float(lengths.mean()) / 2, float(np.quantile(lengths, 0.95))
    if not large > threshold:
        return None
    chosen = mine[places.tolist()]
    return _Stays(
        places,
        chosen["remaining"].to_numpy(),
        threshold,
        large,
        float(np.median(learnt["remaining"].to_numpy())),
        chosen.select("subject_id", "stay_start").n_unique(),
    )
