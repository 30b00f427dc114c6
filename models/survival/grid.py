"""The intervals of time over which a hazard is told, and what is observed of a row in them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ehr.errors import ModelError

INTERVALS: Final = 20
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Grid:
    """Intervals from each of `edges` (J + 1, days, the first 0) to the next, and the `causes` that can end a row.

    `base` (J x C) is the log of each cause's share among training rows at risk over the share that went on.
    """

    edges: tuple[float, ...]
    causes: tuple[str, ...]
    base: tuple[tuple[float, ...], ...]

    def as_mapping(self) -> dict[str, Any]:
        """Return plain values for a file."""
        return asdict(self)

    @property
    def intervals(self) -> int:
        """How many intervals there are."""
        return len(self.edges) - 1

    @property
    def starts(self) -> Floats:
        """The base as an array (J, C)."""
        return np.array(self.base, dtype=np.float64)

    def observed(self, days: Floats, cause: Ints) -> tuple[Ints, Ints]:
        """Return how many intervals each row (n,) went through whole, and which cause ended it in the next one, or 0.

        A row that is censored within an interval counts as having gone through it when more than half of it was seen
        (Gensheimer and Narasimhan 2019). What ends a row after the last edge is censored there.
        """
        edges = np.array(self.edges)
        within = np.clip(np.searchsorted(edges[1:], days, side="left"), 0, self.intervals)
        ended = (cause > 0) & (within < self.intervals)
        middles = (edges[1:] + edges[:-1]) / 2
        survived = np.where(ended, within, np.searchsorted(middles, days, side="left"))
        return survived.astype(np.int64), np.where(ended, cause, 0).astype(np.int64)

    def encode(self, days: Floats, cause: Ints) -> Floats:
        """Return what is observed of each row as one number, which `decode` takes apart."""
        survived, ended = self.observed(days, cause)
        code: Floats = (survived * (len(self.causes) + 1) + ended).astype(np.float64)
        return code


def grid_from(values: Mapping[str, Any]) -> Grid:
    """Build a grid from what `as_mapping` gave."""
    return Grid(tuple(values["edges"]), tuple(values["causes"]), tuple(tuple(row) for row in values["base"]))


def fit_grid(days: Floats, cause: Ints, causes: tuple[str, ...], intervals: int = INTERVALS) -> Grid:
    """Choose intervals that hold equally many events of the training rows, up to the last time observed.

    Raises ModelError where nothing happened to anyone.
    """
    happened = days[cause > 0]
    if not len(happened):
        raise ModelError("no training row has the event or what competes with it, so no hazard can be learnt")
    inner = np.quantile(happened, np.arange(1, intervals) / intervals)
    last = float(days.max())
    edges = np.unique([0.0, *inner[(inner > 0) & (inner < last)], last if last > 0 else 1.0])
    grid = Grid(tuple(float(edge) for edge in edges), causes, ())
    survived, ended = grid.observed(days, cause)
    went_on = np.array([(survived > at).sum() for at in range(grid.intervals)])
    counts = np.array(
        [
            [((survived == at) & (ended == number)).sum() for number in range(1, len(causes) + 1)]
            for at in range(grid.intervals)
        ]
    )
    base = np.log((counts + 0.5) / (went_on + 0.5)[:, None])
    return Grid(grid.edges, causes, tuple(tuple(float(one) for one in row) for row in base))
