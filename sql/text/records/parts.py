"""Parts of the SQL of questions: orders, ranks, periods, spans and the names of codes."""

from collections.abc import Sequence

from sqlglot import exp

from sql.text.records.catalogue import Field
from sql.text.records.filters import among, col, number, table, text
from sql.text.records.selection import Records
from sql.text.records.times import number_of


def order_key(key: exp.Expr, *, descending: bool) -> exp.Expr:
    """Order by a key; records without it count as the least, as in SQLite."""
    return exp.Ordered(this=key, desc=descending, nulls_first=not descending)


def different(column: exp.Expr) -> exp.Expr:
    """Return a column each of whose values counts once."""
    return exp.Distinct(expressions=[column])


def times_condition(records: Records, count: exp.Expr) -> exp.Expr:
    """Return the condition on how many records there are."""
    assert records.times is not None
    compared = exp.EQ if records.times.operator == "exactly" else exp.GTE
    return compared(this=count, expression=number(number_of(records.times.number)))


def period_of(time: exp.Expr, per: str) -> exp.Expr:
    """Return the begin of the day, month or year of a time."""
    return exp.TimestampTrunc(this=time, unit=exp.var(per.upper()))


def days_between(start: exp.Expr, end: exp.Expr) -> exp.Expr:
    """Return the days from one time to another, with fractions."""
    seconds = exp.DateDiff(this=_timestamp(end), expression=_timestamp(start), unit=exp.var("SECOND"))
    return exp.Div(this=seconds, expression=exp.Literal.number("86400.0"))


def _timestamp(time: exp.Expr) -> exp.Expr:
    return exp.cast(time, exp.DType.TIMESTAMP) if isinstance(time, exp.Literal) else time


def rank_over(function: exp.Expr, order: exp.Expr) -> exp.Expr:
    """Return a rank in an order."""
    return exp.Window(this=function, order=exp.Order(expressions=[order]))


def up_to_place(ranked: exp.Select, places: float) -> exp.Select:
    """Select the values that stand no lower than a place."""
    query = exp.select(exp.column("value")).from_(ranked.subquery("ranked"))
    return query.where(exp.LTE(this=exp.column("place"), expression=number(places)))


def names_of(field: Field, name: str, values: exp.Select) -> exp.Select:
    """Select values of a field as they are shown, from a query of them under the name `value`."""
    if field.lookup is None:
        return exp.select(exp.alias_(exp.column("value"), name)).from_(values.subquery("chosen"))
    lookup = field.lookup
    query = exp.select(exp.alias_(col("n", lookup.label), name)).from_(table(lookup.table, "n"))
    query = query.where(among(col("n", lookup.key), values))
    return query.where(*(col("n", column).eq(text(value)) for column, value in lookup.where.items()))


def with_names(query: exp.Select, field: Field, alias: str) -> exp.Select:
    """Join the names of the codes in a field, under the alias `n`."""
    lookup = field.lookup
    assert lookup is not None
    conditions: Sequence[exp.Expr] = [
        col("n", lookup.key).eq(col(alias, field.column)),
        *(col("n", column).eq(text(value)) for column, value in lookup.where.items()),
    ]
    return query.join(table(lookup.table, "n"), on=exp.and_(*conditions))
