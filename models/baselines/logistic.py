"""L2 logistic regression on the features of the past, scaled, with what is missing imputed and said.

Numbers are clipped to the central 99 % of the training rows, so that an artefact of a device cannot decide a risk.
A missing number becomes the median of the training rows, and a column of its own says that it was missing.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from ehr.progress import Progress, silent
from models.baselines.material import UNSEEN, Effort, Floats, Ints, Material, bootstraps, log_loss, rows_to_fit
from models.features import Matrix

GRID: Final = (3e-4, 1e-3, 3e-3, 1e-2, 1e-1)
"""Values of C, the inverse strength of the penalty, on columns of variance one."""
_UNSEEN_C: Final = 1e-3
_CONTROL_C: Final = 1e-3
SHUFFLES: Final = 20
"""Shuffles of the control: the mean of their AUROC is then known to a fourth of what one of them varies."""
_TAILS: Final = (0.005, 0.995)


@dataclass(frozen=True, slots=True)
class Scaling:
    """How features become columns of mean 0 and variance 1; arrays are (features,) but for the last three.

    `absent` are the features whose absence is a column of its own; `centre` and `scale` are of all columns, those of
    absence behind those of the features.
    """

    low: Floats
    high: Floats
    middle: Floats
    absent: Ints
    centre: Floats
    scale: Floats

    def __call__(self, features: Matrix) -> Floats:
        """Return the columns (rows, features + absent)."""
        columns = self._columns(features)
        columns -= self.centre
        columns /= self.scale
        return columns

    def _columns(self, features: Matrix) -> Floats:
        is_absent = np.isnan(features)
        numbers = np.where(is_absent, self.middle, np.clip(features, self.low, self.high))
        return np.hstack([numbers, is_absent[:, self.absent].astype(np.float64)])


@dataclass(frozen=True, slots=True)
class Contribution:
    """What a column adds to the log-odds of one row, beside a training row that is average there.

    `value` is that of the feature, None where it is not known; `effect` is by how much the risk is higher than it
    would be with the average.
    """

    column: str
    value: float | None
    log_odds: float
    effect: float


@dataclass(frozen=True, slots=True)
class Logistic:
    """A fitted regression; the coefficients (1 + replicates, columns) begin with the fit on all rows."""

    names: tuple[str, ...]
    scaling: Scaling
    coefficients: Floats
    intercepts: Floats
    report: Mapping[str, Any]
    remark: str | None

    def logits(self, features: Matrix) -> Floats:
        """Return (rows, 1 + replicates) logits."""
        logits: Floats = self.scaling(features) @ self.coefficients.T + self.intercepts
        return logits

    def strongest(self, n: int) -> list[tuple[str, float]]:
        """Return the columns with the largest coefficients, per standard deviation."""
        order = np.argsort(-np.abs(self.coefficients[0]), kind="stable")[:n]
        return [(self.columns[place], float(self.coefficients[0, place])) for place in order]

    @property
    def columns(self) -> list[str]:
        """What each column says: the features, and those whose absence is one."""
        return [*self.names, *(f"not known, {self.names[place]}" for place in self.scaling.absent)]

    def contributions(self, features: Matrix, n: int) -> list[Contribution]:
        """Return the n largest contributions to the estimate of the first row of `features`, whichever way they go.

        All columns together add up to the log-odds less those of a row that is average in every column.
        """
        added = self.scaling(features[:1])[0] * self.coefficients[0]
        odds = added.sum() + self.intercepts[0]
        effects = expit(odds) - expit(odds - added)
        values = np.append(features[0], np.full(len(self.scaling.absent), np.nan))
        return [
            Contribution(
                self.columns[place],
                None if np.isnan(values[place]) else float(values[place]),
                float(added[place]),
                float(effects[place]),
            )
            for place in np.argsort(-np.abs(added), kind="stable")[:n]
        ]

    def as_mapping(self) -> dict[str, Any]:
        """Return plain values for a file."""
        return asdict(self)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        """Build it from what `as_mapping` gave."""
        given = values["scaling"]
        low, high, middle, centre, scale = (
            np.array(given[name], np.float64) for name in ("low", "high", "middle", "centre", "scale")
        )
        intercepts = np.array(values["intercepts"], np.float64)
        return cls(
            tuple(values["names"]),
            Scaling(low, high, middle, np.array(given["absent"], np.int64), centre, scale),
            np.array(values["coefficients"], np.float64).reshape(len(intercepts), -1),
            intercepts,
            values["report"],
            values["remark"],
        )


def fit_logistic(material: Material, effort: Effort, progress: Progress = silent) -> Logistic:
    """Fit on training rows with the C of GRID that has the least log loss on tuning rows; see `Learner`."""
    total = len(GRID) + effort.replicates
    strength, losses = _choose(material, progress, total)
    rows = rows_to_fit(material, effort)
    scaling = fit_scaling(rows.features)
    scaled = scaling(rows.features)
    fits = [_fit(scaled, rows.outcome, strength)]
    for weights in bootstraps(rows, effort.replicates, effort.seed):
        fits.append(_fit(scaled, rows.outcome, strength, weights))
        progress("logistic regression: interval", len(GRID) + len(fits) - 1, total)
    return Logistic(
        material.names,
        scaling,
        np.stack([fit.coef_[0] for fit in fits]),
        np.array([fit.intercept_[0] for fit in fits]),
        {**material.counts, "C": strength, "features": scaled.shape[1], "tuning_log_loss": losses},
        None if losses else UNSEEN.format(what=f"C = {strength:g}"),
    )


def fit_shuffled(material: Material, effort: Effort, shuffles: int = SHUFFLES) -> Logistic:
    """Return a control: each row of coefficients is fitted on the training outcomes dealt out anew among their rows.

    Nothing can be learnt from them. Single fits rank held-out rows better or worse than a coin by luck, all the more
    where few features tell everyone apart, but on the average of many they do not; where they do, held-out outcomes
    were read while fitting.
    """
    rng = np.random.default_rng(effort.seed)
    scaling = fit_scaling(material.train.features)
    scaled = scaling(material.train.features)
    fits = [_fit(scaled, rng.permutation(material.train.outcome), _CONTROL_C) for _ in range(shuffles)]
    return Logistic(
        material.names,
        scaling,
        np.stack([fit.coef_[0] for fit in fits]),
        np.array([fit.intercept_[0] for fit in fits]),
        {**material.counts, "C": _CONTROL_C, "features": scaled.shape[1], "shuffles": shuffles},
        None,
    )


def fit_scaling(features: Matrix) -> Scaling:
    """Return the scaling that the training rows ask for."""
    is_absent = np.isnan(features)
    known = np.where(is_absent.all(axis=0), 0, features)
    low, high = (np.nanquantile(known, tail, axis=0).astype(np.float64) for tail in _TAILS)
    middle = np.nanmedian(known, axis=0).astype(np.float64)
    raw = Scaling(low, high, middle, _absences(is_absent), np.zeros(1), np.ones(1))
    columns = raw._columns(features)
    spread = columns.std(axis=0)
    return Scaling(low, high, middle, raw.absent, columns.mean(axis=0), np.where(spread > 1e-6, spread, 1.0))


def _absences(is_absent: npt.NDArray[np.bool_]) -> Ints:
    """Return the features whose absence varies, the first of those that are absent together."""
    seen: set[bytes] = set()
    kept = []
    for place in np.flatnonzero(is_absent.any(axis=0) & ~is_absent.all(axis=0)):
        content = is_absent[:, place].tobytes()
        if content not in seen:
            seen.add(content)
            kept.append(place)
    return np.array(kept, dtype=np.int64)


def _choose(material: Material, progress: Progress, total: int) -> tuple[float, dict[str, float]]:
    """Return the best C on tuning rows, and the losses; without two outcomes there, a middle one."""
    if not material.tuning.has_both:
        return _UNSEEN_C, {}
    scaling = fit_scaling(material.train.features)
    scaled, tuning = scaling(material.train.features), scaling(material.tuning.features)
    losses: dict[str, float] = {}
    for place, strength in enumerate(GRID):
        fitted = _fit(scaled, material.train.outcome, strength)
        losses[f"{strength:g}"] = log_loss(tuning @ fitted.coef_[0] + fitted.intercept_[0], material.tuning.outcome)
        progress("logistic regression: penalty", place + 1, total)
    return float(min(losses, key=lambda strength: losses[strength])), losses


def _fit(columns: Floats, outcome: Floats, strength: float, weights: Floats | None = None) -> LogisticRegression:
    # Threads cost more than they give on sums this small: ten times the time on busy cores.
    with threadpool_limits(1):
        return LogisticRegression(C=strength, max_iter=1000, tol=1e-3).fit(columns, outcome, sample_weight=weights)
