"""Calibration: the scores of the heads become risks with an interval, fitted on tuning subjects alone."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression
from scipy.special import expit

Floats = NDArray[np.float64]

REPLICATES: Final = 200
LEVEL: Final = 0.90
"""Share of the replicates that an interval covers."""
_PRIOR_PRECISION: Final = np.array([4.0, 1.0])
_STEPS: Final = 50


@dataclass(frozen=True, slots=True)
class Calibration:
    """Platt scaling of the mean score: risk = 1 / (1 + exp(-(slope * score + intercept))).

    `replicates` holds (head, slope, intercept) fitted on Bayesian bootstraps of the tuning subjects; each replicate
    takes one head, itself trained on a bootstrap of the training subjects. The interval is where 90 % of the
    replicates lie. It says how far the estimate of the risk would move had other patients been at hand, with the
    decoder as it is; it says nothing of errors that all replicates share, and it is no range of outcomes.
    """

    slope: float
    intercept: float
    replicates: tuple[tuple[int, float, float], ...]
    rows: int
    events: int

    def risks(self, scores: Floats) -> tuple[Floats, Floats, Floats]:
        """Return risk, low and high (q,) of the scores (q, k) of the k heads."""
        risk = expit(self.slope * scores.mean(axis=1) + self.intercept)
        low, high = np.quantile(self.spread(scores), [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=1)
        return risk, np.minimum(low, risk), np.maximum(high, risk)

    def spread(self, scores: Floats) -> Floats:
        """Return what each of the b replicates says (q, b) of the scores (q, k)."""
        heads, slopes, intercepts = (np.array(column) for column in zip(*self.replicates, strict=True))
        risks: Floats = expit(scores[:, heads.astype(int)] * slopes + intercepts)
        return risks

    def as_mapping(self) -> dict[str, Any]:
        """Return plain values for a file."""
        return asdict(self)


def calibration_from(values: Mapping[str, Any]) -> Calibration:
    """Build a calibration from what `as_mapping` gave."""
    replicates = tuple((int(head), float(slope), float(shift)) for head, slope, shift in values["replicates"])
    return Calibration(values["slope"], values["intercept"], replicates, values["rows"], values["events"])


def fit_calibration(scores: Floats, labels: Floats, subjects: NDArray[np.int64], seed: int) -> Calibration:
    """Fit on the scores (t, k) of the k heads, the labels (t,) and the subjects (t,) of the tuning rows.

    Slope and intercept have a weak normal prior around 1 and 0 (standard deviations 0.5 and 1), so that a handful
    of events cannot throw them far; source of the method: Platt 1999, Probabilistic outputs for support vector
    machines.
    """
    rng = np.random.default_rng(seed)
    places, inverse = np.unique(subjects, return_inverse=True)
    heads = np.arange(REPLICATES) % scores.shape[1]
    weights = rng.exponential(size=(REPLICATES, len(places)))[:, inverse]
    point = _fit_platt(scores.mean(axis=1)[None, :], labels, np.ones((1, len(labels))))[0]
    spread = _fit_platt(scores.T[heads], labels, weights)
    replicates = tuple((int(head), float(a), float(b)) for head, (a, b) in zip(heads, spread, strict=True))
    return Calibration(float(point[0]), float(point[1]), replicates, len(labels), int(labels.sum()))


def _fit_platt(scores: Floats, labels: Floats, weights: Floats) -> Floats:
    """Return slope and intercept (b, 2) of b weighted logistic regressions on scores (b, t), by Newton's method."""
    prior = np.array([1.0, 0.0])
    values = np.tile(prior, (len(scores), 1))
    design = np.stack([scores, np.ones_like(scores)], axis=-1)  # (b, t, 2)
    for _ in range(_STEPS):
        risk = expit(np.einsum("btj,bj->bt", design, values))
        slope = np.einsum("bt,btj->bj", weights * (labels - risk), design) - _PRIOR_PRECISION * (values - prior)
        curve = np.einsum("bt,bti,btj->bij", weights * risk * (1 - risk), design, design) + np.diag(_PRIOR_PRECISION)
        step = np.linalg.solve(curve, slope[..., None])[..., 0]
        values = values + np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < 1e-8:
            break
    return values


@dataclass(frozen=True, slots=True)
class Platt:
    """A straight line on the logit: risk = 1 / (1 + exp(-(slope * score + intercept)))."""

    slope: float
    intercept: float

    def risks(self, scores: Floats) -> Floats:
        """Return the risks (q,) of the scores (q,)."""
        risk: Floats = expit(self.slope * scores + self.intercept)
        return risk


@dataclass(frozen=True, slots=True)
class Isotonic:
    """A rising line through `knots` and `heights`, flat beyond its ends: the risk follows the order of the scores."""

    knots: Floats
    heights: Floats

    def risks(self, scores: Floats) -> Floats:
        """Return the risks (q,) of the scores (q,)."""
        risk: Floats = np.interp(scores, self.knots, self.heights)
        return risk


def fit_platt(scores: Floats, labels: Floats) -> Platt:
    """Fit on scores (t,), the logits of risks, and labels (t,), with the prior of `fit_calibration`."""
    slope, intercept = _fit_platt(scores[None, :], labels, np.ones((1, len(labels))))[0]
    return Platt(float(slope), float(intercept))


def fit_isotonic(scores: Floats, labels: Floats) -> Isotonic:
    """Fit on scores (t,) and labels (t,) by pooling neighbours that do not rise; equal scores count as one.

    Source of the method: Zadrozny and Elkan 2002, Transforming classifier scores into accurate multiclass
    probability estimates.
    """
    knots, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    means = np.bincount(place, weights=labels) / counts
    heights = isotonic_regression(means, weights=counts).x
    return Isotonic(knots, np.clip(heights, 0.0, 1.0))
