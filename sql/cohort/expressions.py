"""Small expressions that the queries of a cohort are built from."""

from datetime import timedelta
from typing import Final

from sqlglot import exp

_UNITS: Final = (("DAY", 86_400_000_000), ("HOUR", 3_600_000_000), ("MINUTE", 60_000_000), ("SECOND", 1_000_000))


def column(name: str, table: str | None = None) -> exp.Column:
    """Return a quoted column."""
    return exp.column(name, table, quoted=True)


def is_known(name: str) -> exp.Expr:
    """Return the test that a column is not null."""
    return exp.column(name).is_(exp.null()).not_()


def integer(expression: exp.Expr) -> exp.Expr:
    """Cast a sum, which DuckDB makes 128 bits wide, to 64 bits."""
    return exp.cast(expression, "BIGINT")


def one_if(test: exp.Expr) -> exp.Expr:
    """Return 1 where a test is true and 0 where it is false or null."""
    return exp.Case(ifs=[exp.If(this=test, true=exp.Literal.number(1))], default=exp.Literal.number(0))


def interval(span: timedelta) -> exp.Interval:
    """Write the length of a span, without its sign, in the largest unit that divides it."""
    microseconds = abs(span // timedelta(microseconds=1))
    unit, size = next((pair for pair in _UNITS if microseconds % pair[1] == 0), ("MICROSECOND", 1))
    return exp.Interval(this=exp.Literal.string(str(microseconds // size)), unit=exp.var(unit))


def in_order(function: exp.Expr) -> exp.Window:
    """Run a window function over the moments of a subject in order of time, up to the row itself."""
    order = exp.Order(expressions=[exp.Ordered(this=exp.column("time"), nulls_first=False)])
    frame = exp.WindowSpec(kind="ROWS", start="UNBOUNDED", start_side="PRECEDING", end="CURRENT ROW")
    if isinstance(function, exp.RowNumber):
        return exp.Window(this=function, partition_by=[exp.column("subject_id")], order=order)
    return exp.Window(this=function, partition_by=[exp.column("subject_id")], order=order, spec=frame)


def join_nearest(query: exp.Select, source: exp.Expr, alias: str, condition: exp.Expr) -> exp.Select:
    """Join to the rows `reached` that of `source` of the same subject whose time is nearest under `condition`.

    Where there is none, its columns are null. For an engine without ASOF joins, this is the one place to change.
    """
    same_subject = exp.column("subject_id", "reached").eq(exp.column("subject_id", alias))
    aliased = exp.alias_(source, alias, table=True)
    return query.join(exp.Join(this=aliased, method="ASOF", side="LEFT", on=exp.and_(same_subject, condition)))
