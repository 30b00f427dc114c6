"""From scores to curves of risk: recalibration on tuning rows, incidence of each cause over time, intervals."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from models.calibration import LEVEL
from models.survival.grid import Floats, Grid, Ints

REPLICATES: Final = 40
_PRIOR_PRECISION: Final = (4.0, 1.0)


@dataclass(frozen=True, slots=True)
class Curves:
    """Risks of rows over time: `incidence`, `low`, `high` (r, C, J + 1) at the edges of the grid; `free` (r, J + 1).

    The incidence of a cause is the chance that it has ended the row by then, before any other; `free` is the chance
    that none has. All incidences and `free` add up to 1.
    """

    grid: Grid
    incidence: Floats
    low: Floats
    high: Floats

    @property
    def free(self) -> Floats:
        """The chance (r, J + 1) that nothing has happened by each edge."""
        left: Floats = 1 - self.incidence.sum(axis=1)
        return left

    def at(self, days: Floats, cause: int = 1) -> Floats:
        """Return the risk (r, h) of a cause by each of the `days` (h,), on straight lines between the edges."""
        return np.stack([np.interp(days, self.grid.edges, row) for row in self.incidence[:, cause - 1]])


@dataclass(frozen=True, slots=True)
class Recalibration:
    """What tuning rows make of the scores: base + slope * (score - base) + shift of the cause.

    `replicates` hold (head, slope, shifts) fitted on Bayesian bootstraps of the tuning subjects, each for one head.
    """

    slope: float
    shifts: tuple[float, ...]
    replicates: tuple[tuple[int, float, tuple[float, ...]], ...]
    rows: int
    events: int

    def as_mapping(self) -> dict[str, Any]:
        """Return plain values for a file."""
        return asdict(self)

    def curves(self, scores: Floats, grid: Grid) -> Curves:
        """Return the curves of scores (r, k * J * C); the interval is where 90 % of the replicates lie."""
        laid = scores.reshape(len(scores), -1, grid.intervals, len(grid.causes))
        point = incidence(_moved(laid.mean(axis=1), grid.starts, self.slope, np.array(self.shifts)))
        spread = np.stack(
            [
                incidence(_moved(laid[:, head], grid.starts, slope, np.array(shifts)))
                for head, slope, shifts in self.replicates
            ]
        )
        low, high = np.quantile(spread, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
        return Curves(grid, point, np.minimum(low, point), np.maximum(high, point))


def recalibration_from(values: Mapping[str, Any]) -> Recalibration:
    """Build it from what `as_mapping` gave."""
    replicates = tuple((int(head), float(slope), tuple(shifts)) for head, slope, shifts in values["replicates"])
    return Recalibration(values["slope"], tuple(values["shifts"]), replicates, values["rows"], values["events"])


def incidence(scores: Floats) -> Floats:
    """Return the cumulative incidence (r, C, J + 1) of hazard scores (r, J, C).

    >>> incidence(np.log(np.array([[[1.0], [1.0]]]))).tolist()
    [[[0.0, 0.5, 0.75]]]
    """
    chances = softmax(np.pad(scores, ((0, 0), (0, 0), (1, 0))), axis=-1)
    going_on = np.cumprod(chances[..., 0], axis=1)
    before = np.pad(going_on[:, :-1], ((0, 0), (1, 0)), constant_values=1.0)
    summed = np.cumsum(before[..., None] * chances[..., 1:], axis=1)
    return np.pad(summed.transpose(0, 2, 1), ((0, 0), (0, 0), (1, 0)))


def fit_recalibration(
    scores: Floats, grid: Grid, observed: tuple[Ints, Ints], subjects: Ints, seed: int
) -> Recalibration:
    """Fit on the scores (t, k * J * C), what was observed (`Grid.observed`) and the subjects (t,) of tuning rows.

    Slope and shifts have the weak normal prior around 1 and 0 that `models.calibration` has.
    """
    laid = scores.reshape(len(scores), -1, grid.intervals, len(grid.causes))
    rng = np.random.default_rng(seed)
    places, inverse = np.unique(subjects, return_inverse=True)
    slope, shifts = _fit(laid.mean(axis=1), grid.starts, observed, np.ones(len(laid)))
    replicates = []
    for number in range(REPLICATES):
        head = number % laid.shape[1]
        weights = rng.exponential(size=len(places))[inverse]
        replicates.append((head, *_fit(laid[:, head], grid.starts, observed, weights)))
    return Recalibration(slope, shifts, tuple(replicates), len(laid), int((observed[1] > 0).sum()))


def _fit(
    scores: Floats, starts: Floats, observed: tuple[Ints, Ints], weights: Floats
) -> tuple[float, tuple[float, ...]]:
    """Return slope and shifts with the greatest posterior, given scores (t, J, C) and weights (t,)."""
    survived, ended = observed
    at = np.arange(scores.shape[1])
    at_risk = (at < survived[:, None]) | ((at == survived[:, None]) & (ended > 0)[:, None])
    row, interval = np.nonzero(at_risk)
    outcome = np.where(interval == survived[row], ended[row], 0)
    away = (scores - starts)[row, interval]
    base, weight = starts[interval], weights[row]
    hit = np.eye(scores.shape[2] + 1)[outcome]

    def surprise(values: Floats) -> tuple[float, Floats]:
        moved = base + values[0] * away + values[1:]
        chances = log_softmax(np.pad(moved, ((0, 0), (1, 0))), axis=1)
        error = weight[:, None] * (np.exp(chances) - hit)[:, 1:]
        distance = values - np.array([1.0, *np.zeros(len(values) - 1)])
        precision = np.array([_PRIOR_PRECISION[0], *[_PRIOR_PRECISION[1]] * (len(values) - 1)])
        loss = -(weight * (chances * hit).sum(axis=1)).sum() + (precision * distance**2).sum() / 2
        return float(loss), np.concatenate([[(error * away).sum()], error.sum(axis=0)]) + precision * distance

    begin = np.array([1.0, *np.zeros(scores.shape[2])])
    found = minimize(surprise, begin, jac=True, method="L-BFGS-B").x
    return float(found[0]), tuple(float(one) for one in found[1:])


def _moved(scores: Floats, starts: Floats, slope: float, shifts: Floats) -> Floats:
    moved: Floats = starts + slope * (scores - starts) + shifts
    return moved
