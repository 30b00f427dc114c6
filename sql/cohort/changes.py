"""Values beside earlier ones: how far a value rose or fell, and what it is per a value of another predicate.

Set-based: earlier values come by a window over a span of time, divisors by an ordered join.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from sqlglot import exp

from ehr.tasks import Change, Per
from sql.cohort.expressions import column, interval, join_nearest

VALUE: Final = "value"
EARLIER: Final = "earlier value"
STEP: Final = 2.0**-23
"""The distance from 1 to the next 32-bit float: how far off a recorded value may be, relative to itself."""


def with_quotient(rows: exp.Expr, per: Per, divisors: str, others: Sequence[str]) -> exp.Select:
    """Return rows (subject_id, time, value, and the columns `others`) with their values divided as `per` says."""
    lowest = exp.Min(this=column(VALUE)).as_(VALUE, quoted=True)
    known = exp.select("subject_id", "time", lowest).from_(divisors).where(_is_finite(column(VALUE)))
    known = known.group_by("subject_id", "time")
    time, found = exp.column("time", "reached"), exp.column("time", "found")
    soon = exp.GTE(this=found, expression=exp.Sub(this=time.copy(), expression=interval(per.within)))
    divisor = exp.func("NULLIF", _double(column(VALUE, "found")), _number(0))
    quotient = exp.Div(this=_double(column(VALUE, "reached")), expression=divisor, typed=False, safe=False)
    scaled = exp.TryCast(this=exp.Mul(this=quotient, expression=_number(per.scale)), to=exp.DataType.build("FLOAT"))
    value = exp.Case(ifs=[exp.If(this=soon, true=scaled)]).as_(VALUE, quoted=True)
    query = exp.select(
        exp.column("subject_id", "reached"), time.copy(), value, *(column(name, "reached") for name in others)
    )
    query = query.from_(exp.alias_(rows, "reached", table=True))
    return join_nearest(query, known.subquery(), "found", exp.GTE(this=time.copy(), expression=found.copy()))


def with_earlier_value(rows: exp.Select, change: Change, others: Sequence[str]) -> exp.Select:
    """Add the lowest (for a fall: highest) value of the rows not long before each."""
    taken = _is_finite(column(VALUE))
    if change.ratio is not None:
        taken = exp.and_(taken, column(VALUE) > 0)
    value = exp.Case(ifs=[exp.If(this=taken, true=column(VALUE))])
    extreme = exp.Min(this=value) if change.rise else exp.Max(this=value)
    earlier = within_span(extreme, change.within, timedelta(microseconds=1)).as_(EARLIER, quoted=True)
    names = ["subject_id", "time", VALUE, *others]
    return exp.select(*map(column, names), earlier).from_(rows.subquery("valued"))


def change_test(change: Change) -> exp.Expr:
    """Return the test that a value is far enough from the earlier one."""
    value, earlier = _double(column(VALUE)), _double(column(EARLIER))
    higher, lower = (value, earlier) if change.rise else (earlier, value)
    is_number = _is_finite(column(VALUE))
    if change.ratio is not None:
        least = exp.Mul(this=lower, expression=_number(change.ratio * (1 - 2 * STEP)))
        return exp.and_(is_number, column(VALUE) > 0, exp.GTE(this=higher, expression=least))
    size = exp.paren(exp.Add(this=exp.Abs(this=value.copy()), expression=exp.Abs(this=earlier.copy())))
    difference = exp.Add(
        this=exp.Sub(this=higher, expression=lower), expression=exp.Mul(this=size, expression=_number(STEP))
    )
    return exp.and_(is_number, exp.GTE(this=difference, expression=_number(change.by or 0)))


def within_span(function: exp.Expr, since: timedelta, until: timedelta) -> exp.Window:
    """Run a function over the rows of a subject from `since` before the row's time to `until` before it.

    Both ends belong to it, and a negative span lies after the row.
    """
    order = exp.Order(expressions=[exp.Ordered(this=exp.column("time"), nulls_first=False)])
    (start, start_side), (end, end_side) = _edge(since), _edge(until)
    frame = exp.WindowSpec(kind="RANGE", start=start, start_side=start_side, end=end, end_side=end_side)
    return exp.Window(this=function, partition_by=[exp.column("subject_id")], order=order, spec=frame)


def _edge(span: timedelta) -> tuple[exp.Expr | str, str | None]:
    if not span:
        return "CURRENT ROW", None
    return interval(span), "PRECEDING" if span > timedelta(0) else "FOLLOWING"


def _is_finite(number: exp.Expr) -> exp.Expr:
    """Return the test that a number is neither infinite nor NaN, which SQL takes for the greatest of all."""
    infinity = [exp.cast(exp.Literal.string(text), "FLOAT") for text in ("-Infinity", "Infinity")]
    return exp.and_(exp.GT(this=number, expression=infinity[0]), exp.LT(this=number.copy(), expression=infinity[1]))


def _double(number: exp.Expr) -> exp.Expr:
    return exp.cast(number, "DOUBLE")


def _number(number: float) -> exp.Expr:
    """Write a number as a double, exactly."""
    return exp.cast(exp.Literal.string(repr(float(number))), "DOUBLE")
