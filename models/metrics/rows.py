"""Rows in order of their risk, and the sums over rows of one risk, under many weightings at once.

A weighting is one number per row; weightings are stacked as (b, n). All metrics are computed on them, since a
bootstrap replicate is a weighting that counts how often each row was drawn.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from ehr.errors import ModelError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

BINS: Final = 10


@dataclass(frozen=True, slots=True)
class Ranked:
    """Rows in order of rising risk.

    `groups` has the places where a new risk begins, `bins` those of ten bins of equally many rows, and `order` the
    place of each row among all rows that were given.
    """

    risk: Floats
    outcome: Floats
    groups: Ints
    bins: Ints
    order: Ints


@dataclass(frozen=True)
class Weighted:
    """Ranked rows (n,) under weightings (b, n), with the sums (b, g) of each group of one risk."""

    rows: Ranked
    weights: Floats
    positive: Floats
    everyone: Floats

    @cached_property
    def negative(self) -> Floats:
        """Weight (b, g) of the rows without the event."""
        return self.everyone - self.positive

    @cached_property
    def found(self) -> Floats:
        """Weight (b, g) of the rows with the event that have this risk or a higher one."""
        return upwards(self.positive)

    @cached_property
    def flagged(self) -> Floats:
        """Weight (b, g) of the rows that have this risk or a higher one."""
        return upwards(self.everyone)

    @cached_property
    def positives(self) -> Floats:
        """Weight (b,) of all rows with the event."""
        sums: Floats = self.positive.sum(axis=1)
        return sums

    @cached_property
    def total(self) -> Floats:
        """Weight (b,) of all rows."""
        sums: Floats = self.everyone.sum(axis=1)
        return sums


def ranked(risk: npt.ArrayLike, outcome: npt.ArrayLike, chosen: Ints | None = None) -> Ranked:
    """Return the rows, or those at the places `chosen`, in order of rising risk.

    Raises ModelError when there is none, the arrays do not fit, a risk lies outside [0, 1] or an outcome is neither
    0 nor 1.
    """
    risks = np.asarray(risk, dtype=np.float64)
    outcomes = np.asarray(outcome, dtype=np.float64)
    if risks.shape != outcomes.shape or risks.ndim != 1 or not len(risks):
        raise ModelError("a score needs at least one row, and as many risks as outcomes")
    if not ((risks >= 0) & (risks <= 1)).all() or not np.isin(outcomes, (0, 1)).all():
        raise ModelError("risks have to lie in [0, 1] and outcomes have to be 0 or 1")
    places = np.arange(len(risks)) if chosen is None else chosen
    order = places[np.argsort(risks[places], kind="stable")]
    risks = risks[order]
    groups = np.append(0, np.flatnonzero(np.diff(risks)) + 1)
    sizes = np.array([len(part) for part in np.array_split(risks, BINS)])
    bins = np.unique(np.cumsum([0, *sizes[:-1]])[sizes > 0])
    return Ranked(risks, outcomes[order], groups, bins, order)


def weighted(rows: Ranked, weights: Floats) -> Weighted:
    """Return the rows under weightings (b, all rows that were given)."""
    own = np.take(weights, rows.order, axis=1)
    positive = own * rows.outcome
    if len(rows.groups) < len(rows.risk):
        return Weighted(
            rows, own, np.add.reduceat(positive, rows.groups, axis=1), np.add.reduceat(own, rows.groups, axis=1)
        )
    return Weighted(rows, own, positive, own)


def group_sizes(rows: Ranked) -> Ints:
    """Return how many rows share each risk."""
    return np.diff(np.append(rows.groups, len(rows.risk)))


def upwards(counts: Floats) -> Floats:
    """Return the sums from each place to the end, along the last axis."""
    sums: Floats = np.cumsum(counts[:, ::-1], axis=1)[:, ::-1]
    return sums


def from_threshold(under: Weighted, thresholds: Floats) -> tuple[Floats, Floats]:
    """Return the weights (b, t) of the rows with the event, and of all rows, at or above each threshold."""
    distinct = under.rows.risk[under.rows.groups]
    begins = np.searchsorted(distinct, thresholds, side="left")
    steps = np.unique(np.minimum(begins, len(distinct) - 1))
    there = np.searchsorted(steps, np.minimum(begins, len(distinct) - 1))
    is_any = begins < len(distinct)
    found, flagged = (upwards(np.add.reduceat(counts, steps, axis=1)) for counts in (under.positive, under.everyone))
    return found[:, there] * is_any, flagged[:, there] * is_any


def ratio(above: Floats, below: Floats, empty: float = np.nan) -> Floats:
    """Return the quotient, and `empty` where the divisor is not positive."""
    result: Floats = np.divide(above, below, out=np.full(np.shape(above), empty), where=below > 0)
    return result


def number(value: float) -> float | None:
    """Return a plain number, or None for one that is not finite."""
    return float(value) if np.isfinite(value) else None
