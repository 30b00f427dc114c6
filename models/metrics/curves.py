"""Curves of one estimator without intervals, as figures draw them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.metrics.rows import BINS, Floats, Ranked, ranked


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Rows of similar risk: what was foretold and what came; low and high are the Wilson interval of `observed`."""

    rows: int
    positives: int
    mean_risk: float
    observed: float
    low: float
    high: float


def calibration_bins(risk: npt.ArrayLike, outcome: npt.ArrayLike, bins: int = BINS) -> list[CalibrationBin]:
    """Cut the rows into bins of equally many rows by rising risk; rows of one risk stay together."""
    rows = ranked(risk, outcome)
    n = len(rows.risk)
    cuts = np.searchsorted(rows.groups, np.arange(bins) * n // bins)
    starts = np.unique(np.append(rows.groups, n)[cuts])
    result = []
    for start, end in zip(starts, np.append(starts[1:], n), strict=True):
        size, positives = int(end - start), int(rows.outcome[start:end].sum())
        if size:
            low, high = wilson(positives, size)
            mean = float(rows.risk[start:end].mean())
            result.append(CalibrationBin(size, positives, mean, positives / size, low, high))
    return result


def wilson(positives: int, rows: int) -> tuple[float, float]:
    """Return the 95 % Wilson interval of a share.

    >>> [round(bound, 3) for bound in wilson(3, 10)]
    [0.108, 0.603]
    """
    z = 1.959963984540054
    share, spread = positives / rows, z * z / rows
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * np.sqrt(share * (1 - share) / rows + spread / (4 * rows))
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def roc_curve(risk: npt.ArrayLike, outcome: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return false positive rate and sensitivity at every distinct risk, from (0, 0) to (1, 1)."""
    positive, negative = _counts_from_above(ranked(risk, outcome))
    return negative / negative[-1], positive / positive[-1]


def precision_recall_curve(risk: npt.ArrayLike, outcome: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return sensitivity and precision at every distinct risk, highest risk first."""
    positive, negative = _counts_from_above(ranked(risk, outcome))
    return positive[1:] / positive[-1], positive[1:] / (positive[1:] + negative[1:])


def _counts_from_above(rows: Ranked) -> tuple[Floats, Floats]:
    """Return positives and negatives at or above each distinct risk, highest first, beginning with none."""
    positive = np.add.reduceat(rows.outcome, rows.groups)[::-1]
    negative = np.add.reduceat(1 - rows.outcome, rows.groups)[::-1]
    return np.append(0.0, np.cumsum(positive)), np.append(0.0, np.cumsum(negative))
