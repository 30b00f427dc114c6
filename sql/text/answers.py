"""An answer in words: the figures of the result put into a sentence."""

from datetime import datetime
from typing import Final

from sql.disclosure import MIN_SUBJECTS
from sql.query import Result
from sql.text.query import (
    AgeOf,
    Ask,
    Beside,
    Best,
    ChangeOf,
    Count,
    Exists,
    LengthOf,
    Listing,
    MomentOf,
    Population,
    Query,
    Ranking,
    Share,
    Show,
    Statistic,
    TimeInside,
    TimeToDeath,
    TimeToEvent,
    ValueOf,
)
from sql.text.reading import noun, read
from sql.text.stored import Holdings


def sentence_of(query: Query, result: Result) -> str:
    """Say the result of a question in a sentence; for groups and lists say how many rows there are."""
    if query.by is not None:
        return f"{result.table.num_rows} groups"
    first = query.asks[0]
    if isinstance(first, Show | Best | Ranking) or isinstance(query.population, Holdings):
        return _told(result)
    if isinstance(first, Exists):
        answer = next(iter(result.table.column(0).to_pylist()), None)
        return "not to be told" if answer is None else "yes" if answer else "no"
    if isinstance(first, Listing):
        more = "more than " if result.truncated else ""
        return f"{more}{result.table.num_rows:,} {noun(query.population, plural=result.table.num_rows != 1)}"
    values = [next(iter(column), None) for column in result.table.to_pydict().values()]
    if result.notes and None in values:
        return f"too few patients to be told: fewer than {MIN_SUBJECTS}, or all but fewer"
    parts = []
    for place, ask in enumerate(query.asks):
        width = 1 if isinstance(ask, Count | Beside) else 3 if isinstance(ask, Share) else 2
        if _shares_number(query.asks, place):
            members = values[_next_number(query.asks, place)]
            parts.append(_part(ask, query.population, [values[0], members]))
            values = values[1:]
            continue
        parts.append(_part(ask, query.population, values[:width]))
        values = values[width:]
    return "; ".join(parts)


def _shares_number(asks: tuple[Ask, ...], place: int) -> bool:
    """Say whether the number of members of a figure stands behind a later figure of the same measure."""
    own, after = asks[place], asks[place + 1] if place + 1 < len(asks) else None
    return isinstance(own, Statistic) and isinstance(after, Statistic) and own.measure == after.measure


def _next_number(asks: tuple[Ask, ...], place: int) -> int:
    end = place
    while _shares_number(asks, end):
        end += 1
    return end - place + 1


def _told(result: Result) -> str:
    """Tell a single row whole, and of several how many there are."""
    rows = result.table.to_pylist()
    if len(rows) != 1:
        return f"{'more than ' if result.truncated else ''}{len(rows):,} rows" if rows else "nothing is recorded"
    return ", ".join(f"{name.replace('_', ' ')} {_number(value)}" for name, value in rows[0].items())


def _part(ask: Ask, population: Population, values: list[object]) -> str:
    if isinstance(ask, Count):
        count = int(str(values[0] or 0))
        if ask.of == "patients":
            return f"{count:,} patient{'' if count == 1 else 's'}"
        if ask.of == "stays":
            return f"{count:,} stay{'' if count == 1 else 's'}"
        if ask.of == "records":
            return f"{count:,} record{'' if count == 1 else 's'}"
        return f"{count:,} {noun(population, plural=count != 1)}" + (" of them" if ask.where else "")
    if isinstance(ask, Share):
        return (
            "no members, so no percentage"
            if values[0] is None
            else f"{values[0]:g} % ({values[1]:,} of {values[2]:,})"
        )
    if isinstance(ask, Beside):
        return _part(ask.query.asks[0], ask.query.population, values) + f" ({read(ask.query)[:-1].lower()})"
    assert isinstance(ask, Statistic)
    if not values[1]:
        return f"no {noun(population)} with a value"
    over = noun(population, plural=values[1] != 1)
    if isinstance(ask.measure, MomentOf):
        side = "earliest" if ask.function == "minimum" else "latest"
        return f"{side} {_number(values[0])} of {values[1]:,} {over}"
    named = (
        f"{ask.percent or 0:g}th percentile"
        if ask.function == "percentile"
        else _NAMES.get(ask.function, ask.function)
    )
    return f"{named} {_number(values[0])}{_unit(ask)} over {values[1]:,} {over}"


def _number(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.4f}".rstrip("0").rstrip(".")
    return value.isoformat(sep=" ") if isinstance(value, datetime) else f"{value}"


_NAMES: Final = {"deviation": "standard deviation", "each": "values"}


def _unit(ask: Statistic) -> str:
    measure = ask.measure
    if isinstance(measure, AgeOf):
        return " years"
    if isinstance(measure, LengthOf | TimeToEvent | TimeToDeath | TimeInside):
        return f" {measure.unit}"
    return f" {measure.concept.unit}" if isinstance(measure, ValueOf | ChangeOf) and measure.concept.unit else ""
