"""The rows that all estimators are compared on, and how samples of them become plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from ehr.splits import Split
from models.metrics import Draws, Estimate
from models.metrics.rows import Floats, Ints

SMALLEST: Final = 11
"""Counts of people from 1 to one less are told of nobody."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Rows of which every estimator says a risk.

    `table` has subject_id, prediction_time and boolean_value, and low_NAME and high_NAME where an estimator says
    them; `tuning` has risk and outcome of the tuning rows that an estimator speaks of; `split` says where subjects
    belong where that is not by their hash.
    """

    table: pl.DataFrame
    risks: dict[str, Floats]
    outcome: Floats
    subjects: Ints
    draws: Draws
    tuning: dict[str, tuple[Floats, Floats]]
    split: Mapping[int, Split] | None = None


def people(compared: Compared, places: Ints) -> tuple[int, int, int]:
    """Return how many subjects have a row there, one with the event, and one without."""
    subjects, events = compared.subjects[places], compared.outcome[places] == 1
    return len(np.unique(subjects)), len(np.unique(subjects[events])), len(np.unique(subjects[~events]))


def is_small(counts: Sequence[int]) -> bool:
    """Say whether a count is that of a few people, who might be told from it.

    >>> [is_small((count, 100)) for count in (0, 1, 10, 11)]
    [False, True, True, False]
    """
    return any(0 < count < SMALLEST for count in counts)


def plain(estimates: Mapping[str, Estimate]) -> dict[str, dict[str, float | None]]:
    """Return estimates as plain values."""
    return {name: asdict(estimate) for name, estimate in estimates.items()}


def nothing() -> dict[str, Any]:
    """Return an estimate that says nothing."""
    return asdict(Estimate(None, None, None, 1.0))
