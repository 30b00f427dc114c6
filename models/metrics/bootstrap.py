"""The bootstrap over subjects: one set of draws for everything that is compared, so that differences are paired."""

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from models.metrics.rows import Floats, number

LEVEL: Final = 0.95
"""Share of the replicates that an interval covers."""
_CELLS_AT_ONCE: Final = 250_000

Key = TypeVar("Key", bound=Hashable)
Statistic = Callable[[Floats], Mapping[str, Floats]]
"""Named values (b,) of weightings (b, n) of all rows; NaN where they cannot be told."""


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
class Sample:
    """Named values of the rows as they are, and of every replicate (b,)."""

    value: dict[str, float]
    drawn: dict[str, Floats]

    def estimates(self) -> dict[str, Estimate]:
        """Return every value with its interval."""
        return {name: estimate(value, self.drawn[name]) for name, value in self.value.items()}

    def minus(self, other: "Sample") -> dict[str, Estimate]:
        """Return the paired differences of the values that both have."""
        return {
            name: estimate(value - other.value[name], self.drawn[name] - other.drawn[name])
            for name, value in self.value.items()
            if name in other.value
        }


class Draws:
    """How often each subject was drawn in each replicate; a subject comes with all its rows."""

    def __init__(self, subjects: npt.ArrayLike, replicates: int = 1000, seed: int = 0) -> None:
        """Draw as many subjects as there are, `replicates` times."""
        distinct, self._place = np.unique(np.asarray(subjects), return_inverse=True)
        rng = np.random.default_rng(seed)
        share = np.full(len(distinct), 1 / len(distinct))
        self._counts = np.empty((replicates, len(distinct)), dtype=np.uint16)
        for replicate in range(replicates):
            self._counts[replicate] = rng.multinomial(len(distinct), share)
        self.rows = len(self._place)
        self.replicates = replicates
        self.seed = seed

    def weights(self) -> Iterator[Floats]:
        """Yield the weights (b, n) of the rows, as many replicates at once as stay near the processor."""
        at_once = max(1, _CELLS_AT_ONCE // self.rows)
        for begin in range(0, self.replicates, at_once):
            yield np.take(self._counts[begin : begin + at_once], self._place, axis=1).astype(np.float64)


def sample(draws: Draws, statistics: Mapping[Key, Statistic]) -> dict[Key, Sample]:
    """Return every statistic of the rows as they are, and of every replicate; all see the same replicates."""
    whole = np.ones((1, draws.rows))
    values = {key: statistic(whole) for key, statistic in statistics.items()}
    drawn = {key: {name: np.full(draws.replicates, np.nan) for name in named} for key, named in values.items()}
    begin = 0
    with threadpool_limits(1):  # threads spin longer than these sums take
        for weights in draws.weights():
            for key, statistic in statistics.items():
                for name, result in statistic(weights).items():
                    drawn[key][name][begin : begin + len(weights)] = result
            begin += len(weights)
    return {
        key: Sample({name: float(result[0]) for name, result in named.items()}, drawn[key])
        for key, named in values.items()
    }


def estimate(value: float, drawn: Floats) -> Estimate:
    """Return a value with the percentile interval of its replicates."""
    known = drawn[np.isfinite(drawn)]
    undefined = 1 - len(known) / len(drawn) if len(drawn) else 1.0
    if not np.isfinite(value) or not len(known):
        return Estimate(number(value), None, None, undefined)
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(number(value), float(low), float(high), undefined)


def mean_of(values: npt.ArrayLike) -> Statistic:
    """Return the statistic `mean` of one value per row."""
    numbers = np.asarray(values, dtype=np.float64)
    return lambda weights: {"mean": (weights @ numbers) / weights.sum(axis=1)}


def mean(values: npt.ArrayLike, draws: Draws) -> Estimate:
    """Return the mean of one value per row, with its interval."""
    return sample(draws, {"mean": mean_of(values)})["mean"].estimates()["mean"]
