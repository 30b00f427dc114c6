"""Small parts of SQL: columns, numbers, spans of time."""

from datetime import datetime, timedelta
from typing import Final

from sqlglot import exp

from sql.text.terms import Around, Calendar, Comparison

SECONDS: Final = {"hours": 3600, "days": 86400}


_OPERATORS: Final[dict[str, type[exp.Binary]]] = {
    ">": exp.GT, ">=": exp.GTE, "<": exp.LT, "<=": exp.LTE, "=": exp.EQ,
}  # fmt: skip


def col(table: str | None, name: str) -> exp.Column:
    """Return a column of an alias."""
    return exp.column(name, table=table)


def table(name: str, alias: str) -> exp.Expr:
    """Return a table under an alias."""
    return exp.alias_(exp.to_table(name), alias, table=True)


def number(value: float) -> exp.Expr:
    """Return a number as SQL writes it."""
    text = str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))
    return exp.Neg(this=exp.Literal.number(text[1:])) if text.startswith("-") else exp.Literal.number(text)


def bounded(value: exp.Expr, bound: Comparison, *, as_float: bool = False) -> exp.Expr:
    """Compare with a bound; stored numbers are 32 bits wide, so 1.1 is compared as the 1.1 that they can hold."""

    def literal(limit: float) -> exp.Expr:
        return exp.cast(number(limit), exp.DType.FLOAT) if as_float else number(limit)

    if bound.operator == "between":
        assert bound.high is not None
        return exp.Between(this=value, low=literal(bound.low), high=literal(bound.high))
    return _OPERATORS[bound.operator](this=value, expression=literal(bound.low))


def plus(time: exp.Expr, length: timedelta) -> exp.Expr:
    """Add a length of time, written in the largest unit that fits."""
    seconds = round(length.total_seconds())
    if not seconds:
        return time
    amount, unit = abs(seconds), "SECOND"
    for size, name in ((86400, "DAY"), (3600, "HOUR"), (60, "MINUTE")):
        if amount % size == 0:
            amount, unit = amount // size, name
            break
    interval = exp.Interval(this=exp.Literal.string(str(amount)), unit=exp.var(unit))
    return exp.Add(this=time, expression=interval) if seconds > 0 else exp.Sub(this=time, expression=interval)


def timestamp(time: datetime) -> exp.Expr:
    """Return a point in time."""
    return exp.cast(exp.Literal.string(time.isoformat(sep=" ")), exp.DType.TIMESTAMP)


def in_span(time: exp.Expr, span: Calendar) -> exp.Expr:
    """Say that a time lies in a span of the calendar."""
    conditions: list[exp.Expr] = []
    if span.since is not None:
        conditions.append(exp.GTE(this=time, expression=timestamp(span.since)))
    if span.until is not None:
        conditions.append(exp.LT(this=time.copy(), expression=timestamp(span.until)))
    return exp.and_(*conditions) if conditions else exp.true()


def in_stay(time: exp.Expr, stay: str) -> exp.Expr:
    """From the start to the end of the stay; one that has no end lasts on."""
    end = col(stay, "end_time")
    ended = exp.or_(exp.Is(this=end, expression=exp.Null()), exp.LTE(this=time.copy(), expression=end.copy()))
    return exp.and_(exp.GTE(this=time, expression=col(stay, "start_time")), exp.paren(ended))


def around(time: exp.Expr, window: Around, stay: str) -> exp.Expr:
    """Say that a time lies near the start or end of the stay."""
    fixed = col(stay, "start_time" if window.anchor == "start" else "end_time")
    between = exp.Between(this=time, low=plus(fixed, -window.before), high=plus(fixed.copy(), window.after))
    return exp.and_(between, in_stay(time.copy(), stay)) if window.inside else between


def seconds_of(stay: str) -> exp.Expr:
    """Return the length of a stay in seconds."""
    return seconds_between(col(stay, "start_time"), col(stay, "end_time"))


def seconds_between(since: exp.Expr, until: exp.Expr) -> exp.Expr:
    """Return the seconds from one time to another."""
    return exp.DateDiff(this=until, expression=since, unit=exp.var("SECOND"))


def rounded(value: exp.Expr, digits: int = 4) -> exp.Expr:
    """Round to so many digits, as DOUBLE: a REAL such as 7.7 would be shown as 7.699999809265137."""
    return exp.func("ROUND", exp.cast(value, "DOUBLE"), exp.Literal.number(digits))
