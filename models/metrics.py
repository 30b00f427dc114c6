"""How good risks are: discrimination and calibration, with bootstrap intervals over subjects and paired differences.

Every metric is computed on weighted rows, for many weightings at once: a bootstrap replicate is a weighting, drawn
once and used for all estimators, so that their differences are paired. What the rows cannot tell (the AUROC of one
class) is None and never a number.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import expit
from threadpoolctl import threadpool_limits

from ehr.errors import ModelError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LEVEL: Final = 0.95
"""Share of the replicates that an interval covers."""
BINS: Final = 10
CLIP: Final = 1e-6
"""Risks are kept this far from 0 and 1 before their logit is taken."""
_CELLS_AT_ONCE: Final = 2_000_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its percentile interval; None where the rows cannot tell.

    `undefined` is the share of the replicates without a value; the interval is that of the others.
    """

    value: float | None
    low: float | None
    high: float | None
    undefined: float


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Rows of similar risk: what was foretold and what came; low and high are the Wilson interval of `observed`."""

    rows: int
    positives: int
    mean_risk: float
    observed: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Scores:
    """Metrics of each estimator, and for each pair (first, second) the metric of the first minus the second."""

    estimators: dict[str, dict[str, Estimate]]
    differences: dict[tuple[str, str], dict[str, Estimate]]
    replicates: int


@dataclass(frozen=True, slots=True)
class _Ranked:
    """Rows in order of rising risk; `groups` has the places where a new risk begins, `bins` those of equal bins."""

    risk: Floats
    outcome: Floats
    groups: Ints
    bins: Ints
    order: Ints


def _auroc(rows: _Ranked, weights: Floats) -> Floats:
    """Area under the ROC curve; ties count one half."""
    positive = np.add.reduceat(weights * rows.outcome, rows.groups, axis=1)
    negative = np.add.reduceat(weights * (1 - rows.outcome), rows.groups, axis=1)
    below = np.cumsum(negative, axis=1) - negative
    return _ratio((positive * (below + negative / 2)).sum(axis=1), positive.sum(axis=1) * negative.sum(axis=1))


def _auprc(rows: _Ranked, weights: Floats) -> Floats:
    """Average precision: the precision at every distinct risk, weighted with the recall gained there."""
    positive = np.add.reduceat(weights * rows.outcome, rows.groups, axis=1)
    everyone = np.add.reduceat(weights, rows.groups, axis=1)
    precision = _ratio(_upwards(positive), _upwards(everyone), empty=0.0)
    is_defined = positive.sum(axis=1) < everyone.sum(axis=1)
    return np.where(is_defined, _ratio((positive * precision).sum(axis=1), positive.sum(axis=1)), np.nan)


def _brier(rows: _Ranked, weights: Floats) -> Floats:
    """Mean squared error of the risk."""
    return _ratio(weights @ (rows.risk - rows.outcome) ** 2, weights.sum(axis=1))


def _ece(rows: _Ranked, weights: Floats) -> Floats:
    """Expected calibration error over ten bins with equally many rows; tied rows share their mean outcome."""
    positive = np.add.reduceat(weights * rows.outcome, rows.groups, axis=1)
    everyone = np.add.reduceat(weights, rows.groups, axis=1)
    sizes = np.diff(np.append(rows.groups, len(rows.risk)))
    shared = np.repeat(_ratio(positive, everyone, empty=0.0), sizes, axis=1)
    apart = np.add.reduceat(weights * (shared - rows.risk), rows.bins, axis=1)
    return _ratio(np.abs(apart).sum(axis=1), weights.sum(axis=1))


def _calibration(rows: _Ranked, weights: Floats) -> tuple[Floats, Floats, Floats]:
    """Slope and intercept of outcome ~ logit(risk), and the intercept with the slope fixed at 1.

    Sources: Cox 1958; Van Calster et al., Calibration: the Achilles heel of predictive analytics, BMC Medicine 2019.
    Slope and intercept are undefined where a threshold separates the classes, or all risks are one.
    """
    clipped = np.clip(rows.risk, CLIP, 1 - CLIP)
    logit = np.log(clipped / (1 - clipped))
    ones = np.ones_like(logit)
    in_the_large = _logistic(ones[:, None], logit, rows.outcome, weights)[:, 0]
    if np.ptp(logit) < 1e-12:
        nothing = np.full(len(weights), np.nan)
        return nothing, nothing, in_the_large
    fitted = _logistic(np.column_stack([ones, logit]), np.zeros_like(logit), rows.outcome, weights)
    fitted[_is_separated(rows, weights)] = np.nan
    return fitted[:, 1], fitted[:, 0], in_the_large


def _is_separated(rows: _Ranked, weights: Floats) -> npt.NDArray[np.bool_]:
    """Say for each weighting whether a threshold on the risk parts positives from negatives (ties allowed)."""
    positive, negative = weights * rows.outcome > 0, weights * (1 - rows.outcome) > 0
    highest = [np.where(chosen, rows.risk, -np.inf).max(axis=1) for chosen in (positive, negative)]
    lowest = [np.where(chosen, rows.risk, np.inf).min(axis=1) for chosen in (positive, negative)]
    separated: npt.NDArray[np.bool_] = (highest[1] <= lowest[0]) | (highest[0] <= lowest[1])
    return separated


METRICS: Final = (
    "auroc",
    "auprc",
    "brier",
    "calibration_slope",
    "calibration_intercept",
    "calibration_in_the_large",
    "ece",
)


def _weigh(rows: _Ranked, weights: Floats) -> dict[str, Floats]:
    """Return every metric (b,) of ranked rows (n,) under the weightings (b, n); NaN where undefined."""
    slope, intercept, in_the_large = _calibration(rows, weights)
    values = (_auroc(rows, weights), _auprc(rows, weights), _brier(rows, weights), slope, intercept, in_the_large)
    return dict(zip(METRICS, (*values, _ece(rows, weights)), strict=True))


def measure(risk: npt.ArrayLike, outcome: npt.ArrayLike) -> dict[str, float | None]:
    """Return every metric of one estimator, without intervals.

    Raises ModelError when the arrays do not fit, a risk lies outside [0, 1] or an outcome is neither 0 nor 1.
    """
    rows = _ranked(risk, outcome)
    return {name: _number(value[0]) for name, value in _weigh(rows, np.ones((1, len(rows.risk)))).items()}


def score(
    risks: Mapping[str, npt.ArrayLike],
    outcome: npt.ArrayLike,
    subjects: npt.ArrayLike,
    *,
    replicates: int = 1000,
    seed: int = 0,
) -> Scores:
    """Return all metrics of all estimators on the same rows, and the differences of each pair, with intervals.

    Whole subjects are resampled, with all their rows, since rows of one patient are not independent. Errors as in
    `measure`.
    """
    ranked = {name: _ranked(risk, outcome) for name, risk in risks.items()}
    with threadpool_limits(1):  # threads spin longer than these sums take
        drawn = _draw(ranked, np.asarray(subjects), replicates, seed)
    whole = {name: measure(risk, outcome) for name, risk in risks.items()}
    estimators = {
        name: {metric: _estimate(whole[name][metric], drawn[name][metric]) for metric in METRICS} for name in ranked
    }
    names = list(ranked)
    pairs = [(first, second) for place, first in enumerate(names) for second in names[place + 1 :]]
    differences = {
        (first, second): {
            metric: _estimate(
                _minus(whole[first][metric], whole[second][metric]), drawn[first][metric] - drawn[second][metric]
            )
            for metric in METRICS
        }
        for first, second in pairs
    }
    return Scores(estimators, differences, replicates)


def mean(values: npt.ArrayLike, subjects: npt.ArrayLike, *, replicates: int = 1000, seed: int = 0) -> Estimate:
    """Return the mean of one value per row, with an interval over resampled subjects."""
    numbers = np.asarray(values, dtype=np.float64)
    drawn = [
        (weights @ numbers) / weights.sum(axis=1) for weights in _resamples(np.asarray(subjects), replicates, seed)
    ]
    return _estimate(_number(numbers.mean()), np.concatenate(drawn) if drawn else np.zeros(0))


def calibration_bins(risk: npt.ArrayLike, outcome: npt.ArrayLike, bins: int = BINS) -> list[CalibrationBin]:
    """Cut the rows into bins of equally many rows by rising risk; rows of one risk stay together."""
    rows = _ranked(risk, outcome)
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
    rows = _ranked(risk, outcome)
    positive, negative = _counts_from_above(rows)
    return negative / negative[-1], positive / positive[-1]


def precision_recall_curve(risk: npt.ArrayLike, outcome: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return sensitivity and precision at every distinct risk, highest risk first."""
    positive, negative = _counts_from_above(_ranked(risk, outcome))
    return positive[1:] / positive[-1], positive[1:] / (positive[1:] + negative[1:])


def _counts_from_above(rows: _Ranked) -> tuple[Floats, Floats]:
    """Return positives and negatives at or above each distinct risk, highest first, beginning with none."""
    positive = np.add.reduceat(rows.outcome, rows.groups)[::-1]
    negative = np.add.reduceat(1 - rows.outcome, rows.groups)[::-1]
    return np.append(0.0, np.cumsum(positive)), np.append(0.0, np.cumsum(negative))


def _ranked(risk: npt.ArrayLike, outcome: npt.ArrayLike) -> _Ranked:
    risks = np.asarray(risk, dtype=np.float64)
    outcomes = np.asarray(outcome, dtype=np.float64)
    if risks.shape != outcomes.shape or risks.ndim != 1 or not len(risks):
        raise ModelError("a score needs at least one row, and as many risks as outcomes")
    if not ((risks >= 0) & (risks <= 1)).all() or not np.isin(outcomes, (0, 1)).all():
        raise ModelError("risks have to lie in [0, 1] and outcomes have to be 0 or 1")
    order = np.argsort(risks, kind="stable")
    risks = risks[order]
    groups = np.append(0, np.flatnonzero(np.diff(risks)) + 1)
    sizes = [len(part) for part in np.array_split(risks, BINS)]
    bins = np.unique(np.cumsum([0, *sizes[:-1]])[np.array(sizes) > 0])
    return _Ranked(risks, outcomes[order], groups, bins, order)


def _draw(ranked: Mapping[str, _Ranked], subjects: Ints, replicates: int, seed: int) -> dict[str, dict[str, Floats]]:
    """Return the metrics of every replicate; all estimators see the same resampled subjects."""
    parts: dict[str, dict[str, list[Floats]]] = {name: {metric: [] for metric in METRICS} for name in ranked}
    for weights in _resamples(subjects, replicates, seed):
        for name, rows in ranked.items():
            sorted_weights = weights[:, rows.order]
            for metric, values in _weigh(rows, sorted_weights).items():
                parts[name][metric].append(values)
    return {
        name: {metric: np.concatenate(drawn) if drawn else np.zeros(0) for metric, drawn in metrics.items()}
        for name, metrics in parts.items()
    }


def _resamples(subjects: Ints, replicates: int, seed: int) -> Iterator[Floats]:
    """Yield the weights (b, n) of the rows under resampled subjects, as many replicates at once as memory bears."""
    distinct, place = np.unique(subjects, return_inverse=True)
    rng = np.random.default_rng(seed)
    share = np.full(len(distinct), 1 / len(distinct))
    at_once = max(1, _CELLS_AT_ONCE // len(place))
    for begin in range(0, replicates, at_once):
        counts = rng.multinomial(len(distinct), share, size=min(at_once, replicates - begin))
        yield counts[:, place].astype(np.float64)


def _estimate(value: float | None, drawn: Floats) -> Estimate:
    known = drawn[np.isfinite(drawn)]
    undefined = 1 - len(known) / len(drawn) if len(drawn) else 1.0
    if value is None or not len(known):
        return Estimate(value, None, None, undefined)
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(value, float(low), float(high), undefined)


def _logistic(design: Floats, offset: Floats, outcome: Floats, weights: Floats) -> Floats:
    """Return the coefficients (b, k) of b weighted logistic regressions by damped Newton steps; NaN for one class."""
    positives = weights @ outcome
    has_both = (positives > 0) & (positives < weights.sum(axis=1))
    n, k = design.shape
    start = (
        _logistic(design, offset, outcome, weights.mean(axis=0, keepdims=True))
        if len(weights) > 1
        else np.zeros((1, k))
    )
    values = np.repeat(np.nan_to_num(start), len(weights), axis=0)
    squares = (design[:, :, None] * design[:, None, :]).reshape(n, k * k)
    for _ in range(100):
        risk = expit(values @ design.T + offset)
        slope = (weights * (outcome - risk)) @ design
        curve = ((weights * risk * (1 - risk)) @ squares).reshape(-1, k, k)
        step = np.linalg.solve(curve + 1e-9 * np.eye(k), slope[..., None])[..., 0]
        step = np.clip(step, -1.0, 1.0)
        values = values + np.where(has_both[:, None], step, 0.0)
        if np.abs(step[has_both]).max(initial=0.0) < 1e-7:
            break
    values[~has_both] = np.nan
    return values


def _upwards(counts: Floats) -> Floats:
    """Return the sums from each place to the end, along the last axis."""
    sums: Floats = np.cumsum(counts[:, ::-1], axis=1)[:, ::-1]
    return sums


def _ratio(above: Floats, below: Floats, empty: float = np.nan) -> Floats:
    ratio: Floats = np.divide(above, below, out=np.full(np.shape(above), empty), where=below > 0)
    return ratio


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _minus(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first - second
