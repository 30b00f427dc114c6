"""How sure an AUROC is: the area of values of two classes, and its lower bound under many tests and few subjects."""

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.stats import fisher_exact, norm, rankdata

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

LEVEL: Final = 0.05
"""Chance that any of all lower bounds of an audit lies too high."""
_HALVINGS: Final = 50


def auroc(values: npt.ArrayLike, labels: Bools) -> float:
    """Return the area under the ROC curve of values (n,) for labels (n,), ties counting one half; NaN without both.

    >>> auroc([1.0, 2.0, 2.0, 3.0], np.array([False, False, True, True]))
    0.875
    """
    positives = int(labels.sum())
    negatives = len(labels) - positives
    if not positives or not negatives:
        return float("nan")
    above = float(rankdata(np.asarray(values, dtype=np.float64))[labels].sum()) - positives * (positives + 1) / 2
    return above / (positives * negatives)


def critical(tests: int) -> float:
    """Return the normal quantile of a one-sided bound when so many are taken at once (Bonferroni)."""
    return float(norm.isf(LEVEL / max(tests, 1)))


def lower_bound(areas: npt.ArrayLike, positives: npt.ArrayLike, negatives: npt.ArrayLike, z: float) -> Floats:
    """Return the lowest areas from which areas (k,) are not `z` standard errors away, and 0.5 where there is none.

    The standard error is that of Hanley and McNeil (Radiology 1982;143:29) at the bound, not at the estimate, so that
    a perfect separation of few is not taken for certain (Newcombe, Stat Med 2006;25:559). Areas are above 0.5;
    `positives` and `negatives` (k,) count what is independent: subjects, not rows.

    >>> [round(float(lower_bound(1.0, n, n, z=2.0)), 2) for n in (5, 20, 200)]
    [0.57, 0.87, 0.99]
    """
    area, first, second = (
        np.atleast_1d(np.asarray(part, dtype=np.float64)) for part in (areas, positives, negatives)
    )
    low, high = np.full_like(area, 0.5), area - 1e-9
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        is_excluded = area - middle > z * _standard_error(middle, first, second)
        low, high = np.where(is_excluded, middle, low), np.where(is_excluded, high, middle)
    return low


def _standard_error(area: Floats, positives: Floats, negatives: Floats) -> Floats:
    both_above = area / (2 - area)
    both_below = 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (positives - 1) * (both_above - area**2) + (negatives - 1) * (both_below - area**2)
    error: Floats = np.sqrt(variance / (positives * negatives))
    return error


def enriched(with_label: int, of_label: int, without_label: int, of_others: int) -> tuple[float, float]:
    """Return how many times more frequent something is in the first class, and the one-sided p of that.

    The ratio adds one half to each count. p is Fisher's exact test.
    """
    if not of_label or not of_others:
        return 1.0, 1.0
    ratio = ((with_label + 0.5) / (of_label + 0.5)) / ((without_label + 0.5) / (of_others + 0.5))
    table = [[with_label, of_label - with_label], [without_label, of_others - without_label]]
    return ratio, float(fisher_exact(table, alternative="greater").pvalue)


def shares_differ(with_label: npt.ArrayLike, without: npt.ArrayLike) -> tuple[float, float]:
    """Return how many times greater the mean share of the first subjects is, and the one-sided p of that.

    A value is the share of the rows of one subject, of one class, that have something. Subjects, not rows, are taken
    as independent; the variance is no less than that of a coin with the pooled mean.
    """
    first, second = (np.asarray(part, dtype=np.float64) for part in (with_label, without))
    if not len(first) or not len(second):
        return 1.0, 1.0
    pooled = float(np.concatenate([first, second]).mean())
    coin = pooled * (1 - pooled)
    spread = sum(max(float(part.var()), coin) / len(part) for part in (first, second)) ** 0.5
    ratio = (float(first.mean()) + 0.5 / len(first)) / (float(second.mean()) + 0.5 / len(second))
    return ratio, float(norm.sf((first.mean() - second.mean()) / spread)) if spread else 1.0
