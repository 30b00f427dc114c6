"""What is measured of one estimator: discrimination, accuracy and calibration of weighted rows."""

from typing import Final

import numpy as np

from models.metrics.bootstrap import Statistic
from models.metrics.logistic import in_the_large, slope_and_intercept
from models.metrics.rows import Bools, Floats, Ranked, Weighted, group_sizes, ratio, weighted

CLIP: Final = 1e-6
"""Risks are kept this far from 0 and 1 before their logit is taken."""
_LEAST: Final = 1e-300
METRICS: Final = (
    "auroc",
    "auprc",
    "brier",
    "calibration_slope",
    "calibration_intercept",
    "calibration_in_the_large",
    "ece",
    "event1",
    "event2",
)
CALIBRATION: Final = ("brier", "calibration_slope", "calibration_intercept", "calibration_in_the_large", "ece")
GROUP_METRICS: Final = ("auroc", "auprc", "brier", "calibration_in_the_large")
"""What is measured of a subgroup, beside its operating point."""


def metrics_of(rows: Ranked, names: tuple[str, ...] = METRICS) -> Statistic:
    """Return the statistic that measures these of METRICS on the rows."""

    return lambda weights: measures(weighted(rows, weights), names)


def measures(under: Weighted, names: tuple[str, ...] = METRICS) -> dict[str, Floats]:
    """Return these of METRICS, each (b,)."""
    values: dict[str, Floats] = {}
    if "calibration_slope" in names or "calibration_intercept" in names:
        values["calibration_slope"], values["calibration_intercept"] = calibration(under)
    for name in names:
        if name not in values:
            values[name] = _MEASURES[name](under)
    return {name: values[name] for name in names}


def logit(risk: Floats) -> Floats:
    """Return the logit of risks, kept finite by CLIP."""
    clipped = np.clip(risk, CLIP, 1 - CLIP)
    result: Floats = np.log(clipped / (1 - clipped))
    return result


def auroc(under: Weighted) -> Floats:
    """Area under the ROC curve; ties count one half."""
    area = np.einsum("bg,bg->b", under.negative, under.found)
    area -= np.einsum("bg,bg->b", under.negative, under.positive) / 2
    return ratio(area, under.positives * (under.total - under.positives))


def auprc(under: Weighted) -> Floats:
    """Average precision: the precision at every distinct risk, weighted with the recall gained there."""
    precision = under.found / np.maximum(under.flagged, _LEAST)
    gained = np.einsum("bg,bg->b", under.positive, precision)
    return np.where(under.positives < under.total, ratio(gained, under.positives), np.nan)


def event1(under: Weighted) -> Floats:
    """Event 1 of the PhysioNet challenge of 2012: the largest min(sensitivity, PPV) of any threshold.

    The threshold is the best one for these very rows, so the figure is optimistic; the challenge fixed it before.
    """
    smaller = under.found / np.maximum(np.maximum(under.flagged, under.positives[:, None]), _LEAST)
    has_both = (under.positives > 0) & (under.positives < under.total)
    return np.where(has_both, smaller.max(axis=1), np.nan)


def brier(under: Weighted) -> Floats:
    """Mean squared error of the risk."""
    return ratio(under.weights @ (under.rows.risk - under.rows.outcome) ** 2, under.total)


def ece(under: Weighted) -> Floats:
    """Expected calibration error over ten bins with equally many rows; tied rows share their mean outcome."""
    return ratio(np.abs(_apart(under)).sum(axis=1), under.total)


def event2(under: Weighted) -> Floats:
    """Event 2 of the PhysioNet challenge of 2012: the Hosmer-Lemeshow H, divided by the range of the mean risks.

    The ten bins are those of the rows as they are; tied rows share their mean outcome. Undefined without a range.
    """
    rows = under.rows
    size = np.add.reduceat(under.weights, rows.bins, axis=1)
    mean = ratio(np.add.reduceat(under.weights * rows.risk, rows.bins, axis=1), size)
    mean = np.where(size > 0, mean, np.nan)
    parts = _apart(under) ** 2 / (size * mean * (1 - mean) + 0.001)
    first, last = _first_known(mean), _first_known(mean[:, ::-1])
    return ratio(np.nansum(parts, axis=1), last - first)


def calibration(under: Weighted) -> tuple[Floats, Floats]:
    """Slope and intercept of outcome ~ logit(risk); undefined where a threshold parts the classes.

    Sources: Cox 1958; Van Calster et al., Calibration: the Achilles heel of predictive analytics, BMC Medicine 2019.
    """
    values = logit(under.rows.risk[under.rows.groups])
    if np.ptp(values) < 1e-12:
        nothing = np.full(len(under.weights), np.nan)
        return nothing, nothing
    fitted = slope_and_intercept(values, under.positive, under.everyone)
    fitted[is_separated(under)] = np.nan
    return fitted[:, 0], fitted[:, 1]


def calibration_in_the_large(under: Weighted) -> Floats:
    """Intercept of outcome ~ logit(risk) with the slope fixed at 1; undefined for one class."""
    return in_the_large(logit(under.rows.risk[under.rows.groups]), under.positive, under.everyone)


def is_separated(under: Weighted) -> Bools:
    """Say for each weighting whether a threshold on the risk parts positives from negatives (ties allowed)."""
    positive, negative = under.positive > 0, under.negative > 0
    last = positive.shape[1] - 1
    lowest = [np.where(there.any(axis=1), there.argmax(axis=1), last + 1) for there in (positive, negative)]
    highest = [
        np.where(there.any(axis=1), last - there[:, ::-1].argmax(axis=1), -1) for there in (positive, negative)
    ]
    separated: Bools = (highest[1] <= lowest[0]) | (highest[0] <= lowest[1])
    return separated


def _apart(under: Weighted) -> Floats:
    """Return for each bin the events that came minus those foretold, where tied rows share their mean outcome."""
    rows = under.rows
    if len(rows.groups) == len(rows.risk):
        return np.add.reduceat(under.positive - under.weights * rows.risk, rows.bins, axis=1)
    shared = np.repeat(ratio(under.positive, under.everyone, empty=0.0), group_sizes(rows), axis=1)
    return np.add.reduceat(under.weights * (shared - rows.risk), rows.bins, axis=1)


def _first_known(values: Floats) -> Floats:
    """Return the first value of each row of (b, k) that is not NaN."""
    places = np.isfinite(values).argmax(axis=1)
    first: Floats = values[np.arange(len(values)), places]
    return first


_MEASURES: Final = {
    "auroc": auroc,
    "auprc": auprc,
    "brier": brier,
    "calibration_in_the_large": calibration_in_the_large,
    "ece": ece,
    "event1": event1,
    "event2": event2,
}
