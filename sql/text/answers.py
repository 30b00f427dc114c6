"""An answer in words: the figures of the result put into a sentence."""

from datetime import datetime

from sql.disclosure import MIN_SUBJECTS
from sql.query import Result
from sql.text.query import AgeOf, Ask, Count, LengthOf, Listing, Population, Query, Share, Statistic
from sql.text.reading import noun


def sentence_of(query: Query, result: Result) -> str:
    """Say the result of a question in a sentence; for groups and lists say how many rows there are."""
    if query.by is not None:
        return f"{result.table.num_rows} groups"
    if isinstance(query.asks[0], Listing):
        more = "more than " if result.truncated else ""
        return f"{more}{result.table.num_rows:,} {noun(query.population, plural=result.table.num_rows != 1)}"
    values = [next(iter(column), None) for column in result.table.to_pydict().values()]
    if result.notes and None in values:
        return f"too few patients to be told: fewer than {MIN_SUBJECTS}, or all but fewer"
    parts = []
    for ask in query.asks:
        width = 1 if isinstance(ask, Count) else 3 if isinstance(ask, Share) else 2
        parts.append(_part(ask, query.population, values[:width]))
        values = values[width:]
    return "; ".join(parts)


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
    assert isinstance(ask, Statistic)
    if not values[1]:
        return f"no {noun(population)} with a value"
    over = noun(population, plural=values[1] != 1)
    return f"{ask.function} {_number(values[0])}{_unit(ask)} over {values[1]:,} {over}"


def _number(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.4f}".rstrip("0").rstrip(".")
    return value.isoformat(sep=" ") if isinstance(value, datetime) else f"{value}"


def _unit(ask: Statistic) -> str:
    if isinstance(ask.measure, AgeOf):
        return " years"
    if isinstance(ask.measure, LengthOf):
        return f" {ask.measure.unit}"
    return f" {ask.measure.concept.unit}" if ask.measure.concept.unit else ""
