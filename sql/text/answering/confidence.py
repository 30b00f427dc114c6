"""A calibrated probability that an answer is right, and when that is worth the risk.

A question ends in one of three ways when it is answered: the answer is right, it is wrong, or there is none to give.
A multinomial logistic regression over the signals of an attempt tells how likely each is; it is fitted on attempts of
parsers that had not seen the question. With a cost `c` of an error, an answer is worth `p(right) - c (1 - p(right))`
on average and silence `p(none)`, since silence is right where nothing answers the question.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from ehr.errors import QuestionError

Outcome = Literal["right", "wrong", "none"]
OUTCOMES: Final[tuple[Outcome, ...]] = ("right", "wrong", "none")
RIDGE: Final = 20.0
"""Strength of the pull of the weights to 0, in questions, unless another is chosen."""
_STEPS: Final = 60
_CLOSE: Final = 1e-7

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Trust:
    """The probabilities that an answer is right, and that the question has none."""

    right: float
    none: float

    def answers(self, cost: float) -> bool:
        """Say whether an answer is worth the risk when an error costs `cost` right answers.

        >>> Trust(0.95, 0.02).answers(10), Trust(0.8, 0.02).answers(10), Trust(0.8, 0.02).answers(0)
        (True, False, True)
        """
        return self.right - cost * (1 - self.right) > self.none


@dataclass(frozen=True, slots=True)
class Confidence:
    """The fitted regression: names of the signals, their means and spreads, weights (outcomes, 1 + signals)."""

    names: tuple[str, ...]
    means: Numbers
    spreads: Numbers
    weights: Numbers

    def __call__(self, signals: Mapping[str, float]) -> Trust:
        """Return the trust in an attempt; raises QuestionError where a signal is missing."""
        missing = [name for name in self.names if name not in signals]
        if missing:
            raise QuestionError(f"the confidence needs the signal {missing[0]!r}; train the translator again")
        row = np.array([[signals[name] for name in self.names]])
        shares = _shares(_scaled(row, self.means, self.spreads), self.weights)[0]
        return Trust(float(shares[0]), float(shares[2]))

    def as_mapping(self) -> dict[str, Any]:
        """Return the regression as plain values."""
        numbers = {"means": self.means, "spreads": self.spreads, "weights": self.weights}
        return {"names": list(self.names), **{name: value.tolist() for name, value in numbers.items()}}


def confidence_from(values: Mapping[str, Any]) -> Confidence:
    """Return what `as_mapping` gave."""
    numbers = {name: np.array(values[name], float) for name in ("means", "spreads", "weights")}
    return Confidence(tuple(values["names"]), **numbers)


def fit_confidence(
    signals: Sequence[Mapping[str, float]],
    outcomes: Sequence[Outcome],
    none_share: float | None = None,
    ridge: float = RIDGE,
) -> Confidence:
    """Fit the regression on attempts and how they ended, its weights pulled to 0 as strongly as `ridge` says.

    `none_share` is the share of questions without an answer where it will be used, when that is another than here;
    questions of either sort then weigh accordingly. Raises QuestionError without attempts of at least two outcomes.
    """
    if len(set(outcomes)) < 2:
        raise QuestionError(
            "the confidence needs attempts that ended in different ways; give more training questions"
        )
    names = tuple(sorted(signals[0]))
    rows = np.array([[one[name] for name in names] for one in signals], float)
    weights = _importance(outcomes, none_share)
    means = np.average(rows, axis=0, weights=weights)
    spreads = np.sqrt(np.average((rows - means) ** 2, axis=0, weights=weights))
    spreads[spreads < 1e-9] = 1.0
    targets = np.array([[outcome == one for one in OUTCOMES] for outcome in outcomes], float)
    return Confidence(names, means, spreads, _fitted(_scaled(rows, means, spreads), targets, weights, ridge))


def _importance(outcomes: Sequence[Outcome], none_share: float | None) -> Numbers:
    none = np.array([outcome == "none" for outcome in outcomes])
    weights = np.ones(len(none))
    if none_share is not None and 0 < none.sum() < len(none):
        weights[none] = none_share * len(none) / none.sum()
        weights[~none] = (1 - none_share) * len(none) / (~none).sum()
    return weights


def _scaled(rows: Numbers, means: Numbers, spreads: Numbers) -> Numbers:
    """Return standardised signals (n, 1 + signals) with a one in front; far outliers are drawn in."""
    scaled = np.clip((rows - means) / spreads, -6, 6)
    return np.hstack([np.ones((len(rows), 1)), scaled])


def _shares(rows: Numbers, weights: Numbers) -> Numbers:
    """Return the probabilities (n, outcomes)."""
    scores = rows @ weights.T
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: Numbers = scores / scores.sum(axis=1, keepdims=True)
    return shares


def _fitted(rows: Numbers, targets: Numbers, importance: Numbers, ridge: float) -> Numbers:
    """Return the weights (outcomes, columns) that maximise the penalised likelihood, by Newton's method."""
    kinds, columns = targets.shape[1], rows.shape[1]
    pull = np.tile(np.where(np.arange(columns) == 0, 1e-3, ridge), kinds)
    weights = np.zeros((kinds, columns))

    def loss(candidate: Numbers) -> float:
        shares = _shares(rows, candidate)
        likelihood = importance @ np.log(np.maximum((shares * targets).sum(1), 1e-300))
        return float(0.5 * pull @ candidate.ravel() ** 2 - likelihood)

    current = loss(weights)
    for _ in range(_STEPS):
        shares = _shares(rows, weights)
        slope = ((shares - targets) * importance[:, None]).T @ rows
        gradient = slope.ravel() + pull * weights.ravel()
        step = np.linalg.solve(_curvature(rows, shares, importance) + np.diag(pull), gradient).reshape(weights.shape)
        size = 1.0
        while loss(weights - size * step) > current and size > 1e-6:
            size /= 2
        weights = weights - size * step
        before, current = current, loss(weights)
        if before - current < _CLOSE * max(1.0, abs(current)):
            break
    return weights


def _curvature(rows: Numbers, shares: Numbers, importance: Numbers) -> Numbers:
    """Return the matrix of second derivatives (kinds * columns, kinds * columns) of the likelihood."""
    kinds, columns = shares.shape[1], rows.shape[1]
    blocks = np.empty((kinds, columns, kinds, columns))
    for one in range(kinds):
        for two in range(kinds):
            factor = importance * shares[:, one] * (float(one == two) - shares[:, two])
            blocks[one, :, two, :] = (rows * factor[:, None]).T @ rows
    curvature: Numbers = blocks.reshape(kinds * columns, kinds * columns)
    return curvature
