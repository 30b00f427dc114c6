"""Rules for the figures that sum up a measure: average, median, percentiles, standard deviation."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sql.text.query import Function, Measure, Statistic
from sql.text.reader import Reader, phrases

_FUNCTIONS: Final[dict[str, Function]] = {
    "average": "average", "mean": "average", "avg": "average", "median": "median",
    "minimum": "minimum", "min": "minimum", "lowest": "minimum", "smallest": "minimum", "shortest": "minimum",
    "youngest": "minimum", "maximum": "maximum", "max": "maximum", "highest": "maximum", "largest": "maximum",
    "greatest": "maximum", "longest": "maximum", "oldest": "maximum",
    "total": "total", "sum of": "total", "combined": "total",
    "standard deviation": "deviation", "std deviation": "deviation", "std dev": "deviation", "stdev": "deviation",
    "sd": "deviation", "std": "deviation", "std . dev .": "deviation",
}  # fmt: skip
_RANGES: Final = {"interquartile range": (25.0, 75.0), "iqr": (25.0, 75.0), "quartiles": (25.0, 50.0, 75.0)}
_SHORT_PERCENTILE: Final = re.compile(r"p(\d{1,2})")
_ORDINAL: Final = phrases("th|st|nd|rd")
_PERCENTILE: Final = phrases("percentile|percentiles")


@dataclass(frozen=True, slots=True)
class Figure:
    """A function, and which percentile it is where it is one."""

    function: Function
    percent: float | None = None

    def of(self, measure: Measure) -> Statistic:
        """Return the figure of a measure."""
        return Statistic(self.function, measure, self.percent)


def figures(r: Reader, at: int) -> Iterator[tuple[tuple[Figure, ...], int]]:
    """Yield the figures that the words may name, one or several of the same measure."""
    for function, end in function_of(r, at):
        yield (Figure(function),), end
    for words, percents in _RANGES.items():
        after = r.phrase(at, words)
        if after is not None:
            yield tuple(Figure("percentile", percent) for percent in percents), r.skip(after, "of")
    yield from _percentiles(r, at)


def function_of(r: Reader, at: int) -> Iterator[tuple[Function, int]]:
    """Yield the functions that the words may name: average, median, ..."""
    for words, function in _FUNCTIONS.items():
        end = r.phrase(at, words)
        if end is not None:
            yield function, r.skip(end, "of", "for", "in")


def _percentiles(r: Reader, at: int) -> Iterator[tuple[tuple[Figure, ...], int]]:
    """Read "90th percentile of", "p90 of", "25th and 75th percentile of"."""
    percents: list[float] = []
    place = at
    while (found := _percent(r, place)) is not None:
        percents.append(found[0])
        end = r.phrase(found[1], *_PERCENTILE)
        if end is None and _SHORT_PERCENTILE.fullmatch(r.word(place)):
            end = found[1]
        if end is not None:
            yield tuple(Figure("percentile", percent) for percent in percents), r.skip(end, "of", "for", "in")
            return
        place = r.skip(found[1], "and", ",", ", and", "to")


def _percent(r: Reader, at: int) -> tuple[float, int] | None:
    short = _SHORT_PERCENTILE.fullmatch(r.word(at))
    if short:
        return float(short[1]), r.reached(at + 1)
    number = r.number(at)
    end = None if number is None else r.phrase(at + 1, *_ORDINAL)
    if number is None or end is None or not 0 < number < 100:
        return None
    return number, end
