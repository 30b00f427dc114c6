"""The rows that all estimators are compared on, and how samples of them become plain values."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from models.metrics import Draws, Estimate
from models.metrics.rows import Floats, Ints


@dataclass(frozen=True, slots=True)
class Compared:
    """Rows of which every estimator says a risk.

    `table` has subject_id, prediction_time and boolean_value, and low_NAME and high_NAME where an estimator says
    them; `tuning` has risk and outcome of the tuning rows that an estimator speaks of.
    """

    table: pl.DataFrame
    risks: dict[str, Floats]
    outcome: Floats
    subjects: Ints
    draws: Draws
    tuning: dict[str, tuple[Floats, Floats]]


def plain(estimates: Mapping[str, Estimate]) -> dict[str, dict[str, float | None]]:
    """Return estimates as plain values."""
    return {name: asdict(estimate) for name, estimate in estimates.items()}


def nothing() -> dict[str, Any]:
    """Return an estimate that says nothing."""
    return asdict(Estimate(None, None, None, 1.0))
