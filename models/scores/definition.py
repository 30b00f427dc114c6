"""What a clinical score is: a table of points by ranges of values, written as data.

A score is a sum over components. A component looks at one or several measures, each an input, how it is taken over
the time before the prediction, and the points of its values; `models.scores.inputs` says what the inputs are.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from math import exp, inf, log
from typing import Final, Literal

DAY: Final = timedelta(days=1)
EXACT: Final = 3
"""Decimals that values are rounded to where the publication says nothing of it, so that 0.1 of 32 bits is 0.1."""

Take = Literal["last", "worst", "sum", "ever"]
"""Over the window: the last value, the one of most points, or the sum; or the last value of the whole past."""
Choice = Literal["most", "first", "latest"]


@dataclass(frozen=True, slots=True)
class Ladder:
    """Points by value: `points[i]` from `lows[i]` on, up to the next; the first low is minus infinity."""

    lows: tuple[float, ...]
    points: tuple[int, ...]


def ladder(lowest: int, *steps: tuple[float, int]) -> Ladder:
    """Return the points of values: `lowest` below the first step, then those of each step from its value on.

    >>> ladder(3, (9, 1), (12, 0)).lows
    (-inf, 9, 12)
    """
    return Ladder((-inf, *(low for low, _ in steps)), (lowest, *(points for _, points in steps)))


def above(value: float) -> float:
    """Return where a step begins that the value itself does not belong to, given values of EXACT decimals.

    >>> above(0.1)
    0.101
    """
    return round(value + 10**-EXACT, EXACT)


@dataclass(frozen=True, slots=True)
class Measure:
    """An input, how it is taken, and the points of its values rounded to `digits` decimals, halves away from zero."""

    input: str
    take: Take
    ladder: Ladder
    digits: int = EXACT

    def points(self, value: float) -> int:
        """Return the points of one value.

        >>> Measure("respiratory_rate", "last", ladder(3, (9, 1), (12, 0)), digits=0).points(8.5)
        1
        """
        rounded = float(Decimal(repr(value)).quantize(Decimal(1).scaleb(-self.digits), ROUND_HALF_UP))
        return self.ladder.points[bisect_right(self.ladder.lows, rounded) - 1]


@dataclass(frozen=True, slots=True)
class Component:
    """A part of a score, whose points are those of one of its measures.

    `choice` tells which of several that have a value: the one of most points, the first that has one, or the one read
    last. Without any the component is missing; not so when it is not `required`, since nothing on record then means
    nothing there, such as a drug; or when it is required only `where` another input has a value.
    """

    name: str
    title: str
    measures: tuple[Measure, ...]
    choice: Choice = "most"
    required: bool = True
    where: str | None = None

    @property
    def most(self) -> int:
        """The most points that the component can have."""
        return max(points for measure in self.measures for points in measure.ladder.points)


@dataclass(frozen=True, slots=True)
class Mortality:
    """Published risk of death in hospital: logit = intercept + slope * score + log_slope * ln(score + 1)."""

    intercept: float
    slope: float
    log_slope: float

    def risk(self, score: float) -> float:
        """Return the probability of a score."""
        return 1 / (1 + exp(-(self.intercept + self.slope * score + self.log_slope * log(score + 1))))


@dataclass(frozen=True, slots=True)
class Score:
    """A published score; `source` is publication and table, `needs` are inputs without which there is none."""

    name: str
    title: str
    source: str
    components: tuple[Component, ...]
    window: timedelta = DAY
    needs: tuple[str, ...] = ()
    mortality: Mortality | None = None

    @property
    def most(self) -> int:
        """The highest score there is; the lowest one is 0."""
        return sum(component.most for component in self.components)

    def measures(self) -> Iterator[tuple[Component, int, Measure]]:
        """Yield every measure with its component and its place there."""
        for component in self.components:
            for place, measure in enumerate(component.measures):
                yield component, place, measure


def single(
    name: str, title: str, take: Take, points: Ladder, *, digits: int = EXACT, source: str | None = None
) -> Component:
    """Return a component of one measure, of the input `source`, or of the same name."""
    return Component(name, title, (Measure(source or name, take, points, digits),))
