"""Measures as SQL: a number, a time or a word for each member, NULL where a member has none."""

from collections.abc import Callable
from typing import Final

from sqlglot import exp

from sql.text.criteria import age_sql
from sql.text.criterion import Event, Unit, Which
from sql.text.expressions import SECONDS, col, seconds_between, seconds_of, table
from sql.text.members import Here
from sql.text.query import (
    AgeOf,
    ChangeOf,
    CountOf,
    LengthOf,
    Measure,
    MomentOf,
    SexOf,
    TimeInside,
    TimeToDeath,
    TimeToEvent,
    ValueOf,
)
from sql.text.recorded import event_parts, select_events, value_sql
from sql.text.terms import StayKind

_PICKED: Final[dict[Which, str]] = {"first": "ARG_MIN", "last": "ARG_MAX", "highest": "MAX", "lowest": "MIN"}


def amount_sql(measure: Measure, here: Here) -> exp.Expr:
    """Return the measure of the member at hand as one expression."""
    return _AMOUNTS[type(measure)](measure, here)


def picked_sql(alias: str, value: exp.Expr, which: Which) -> exp.Expr:
    """Return the first, last, highest or lowest of values; at one time the lowest is first and the highest last."""
    name = _PICKED[which]
    if which in ("highest", "lowest"):
        return exp.func(name, value, dialect="duckdb")
    order = exp.Anonymous(this="ROW", expressions=[col(alias, "start_time"), col(alias, "value")])
    return exp.func(name, value, order, dialect="duckdb")


def changes(alias: str, value: exp.Expr) -> tuple[exp.Expr, exp.Expr]:
    """Return the last and the first of values."""
    return picked_sql(alias, value, "last"), picked_sql(alias, value.copy(), "first")


def _age(measure: AgeOf, here: Here) -> exp.Expr:
    return age_sql(measure.at, here)


def _length(measure: LengthOf, here: Here) -> exp.Expr:
    assert here.stay is not None
    return _in_unit(seconds_of(here.stay), measure.unit)


def _value(measure: ValueOf, here: Here) -> exp.Expr:
    alias, conditions, joins = event_parts(Event(measure.concept, measure.window), here)
    conditions.append(_is_known(alias))
    what = picked_sql(alias, value_sql(measure.concept, alias), measure.which)
    return exp.Subquery(this=select_events(measure.concept, alias, conditions, joins, what))


def _change(measure: ChangeOf, here: Here) -> exp.Expr:
    alias, conditions, joins = event_parts(Event(measure.concept, measure.window), here)
    conditions.append(_is_known(alias))
    last, first = changes(alias, value_sql(measure.concept, alias))
    difference = exp.Sub(this=last, expression=first)
    return exp.Subquery(this=select_events(measure.concept, alias, conditions, joins, difference))


def _is_known(alias: str) -> exp.Expr:
    return exp.Is(this=col(alias, "value"), expression=exp.Null()).not_()


def _count(measure: CountOf, here: Here) -> exp.Expr:
    alias = here.names.fresh("e")
    counted = (
        exp.select(exp.Count(this=exp.Star()))
        .from_(table("encounter", alias))
        .where(col(alias, "subject_id").eq(col(here.patient, "subject_id")))
    )
    if measure.kind is not StayKind.ANY:
        counted = counted.where(col(alias, "class").eq(exp.Literal.string(measure.kind)))
    return exp.Subquery(this=counted)


def _to_event(measure: TimeToEvent, here: Here) -> exp.Expr:
    assert here.stay is not None
    alias, conditions, joins = event_parts(measure.event, here)
    earliest = exp.func("MIN", col(alias, "start_time"))
    conditions.append(exp.GTE(this=col(alias, "start_time"), expression=col(here.stay, "start_time")))
    first = exp.Subquery(this=select_events(measure.event.concept, alias, conditions, joins, earliest))
    return _in_unit(seconds_between(col(here.stay, "start_time"), first), measure.unit)


def _to_death(measure: TimeToDeath, here: Here) -> exp.Expr:
    assert here.stay is not None
    since = col(here.stay, "start_time" if measure.anchor == "start" else "end_time")
    death = col(here.patient, "death_time")
    seconds = seconds_between(since, death)
    later = exp.GTE(this=death.copy(), expression=since.copy())
    return exp.Case().when(later, _in_unit(seconds, measure.unit))


def _inside(measure: TimeInside, here: Here) -> exp.Expr:
    assert here.stay is not None
    alias = here.names.fresh("e")
    around = (
        exp.select(exp.func("MIN", col(alias, "start_time")))
        .from_(table("encounter", alias))
        .where(col(alias, "encounter_id").eq(col(here.stay, "parent_id")))
    )
    return _in_unit(seconds_between(exp.Subquery(this=around), col(here.stay, "start_time")), measure.unit)


def _moment(measure: MomentOf, here: Here) -> exp.Expr:
    if measure.at == "death":
        return col(here.patient, "death_time")
    assert here.stay is not None
    return col(here.stay, f"{measure.at}_time")


def _sex(measure: SexOf, here: Here) -> exp.Expr:
    return col(here.patient, "sex")


def _in_unit(seconds: exp.Expr, unit: Unit) -> exp.Expr:
    return exp.Div(this=seconds, expression=exp.Literal.number(f"{SECONDS[unit]}.0"))


_AMOUNTS: Final[dict[type, Callable[..., exp.Expr]]] = {
    AgeOf: _age, LengthOf: _length, ValueOf: _value, ChangeOf: _change, CountOf: _count, TimeToEvent: _to_event,
    TimeToDeath: _to_death, TimeInside: _inside, MomentOf: _moment, SexOf: _sex,
}  # fmt: skip


def is_number(measure: Measure) -> bool:
    """Say whether a measure is a number, and no time or word."""
    return not isinstance(measure, MomentOf | SexOf)


def is_whole(measure: Measure) -> bool:
    """Say whether a measure is a whole number."""
    return isinstance(measure, AgeOf | CountOf)
