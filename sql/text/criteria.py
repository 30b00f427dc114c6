"""Criteria as conditions of SQL on a patient, and on the stay at hand where there is one."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from sqlglot import exp

from sql.text.criterion import (
    Age,
    AgeAt,
    AllOf,
    AnyOf,
    Attribute,
    Changed,
    Criterion,
    Died,
    Event,
    Followed,
    HasValue,
    Identity,
    Length,
    Not,
    Ordinal,
    Returned,
    Sex,
    Started,
    Stay,
)
from sql.text.expressions import SECONDS, around, bounded, col, in_span, in_stay, number, plus, seconds_of, table
from sql.text.members import Here
from sql.text.recorded import compared_sql, event_parts, is_plain, position, select_events, value_sql
from sql.text.terms import Around, Calendar, Comparison, DuringStay, StayKind

DIED: Final = "DIED"


def criterion_sql(criterion: Criterion, here: Here) -> exp.Expr:
    """Return a criterion as a condition."""
    compiler = _COMPILERS[type(criterion)]
    return compiler(criterion, here)


def _all(criterion: AllOf, here: Here) -> exp.Expr:
    return exp.and_(*(criterion_sql(one, here) for one in criterion.criteria))


def _any(criterion: AnyOf, here: Here) -> exp.Expr:
    return exp.paren(exp.or_(*(criterion_sql(one, here) for one in criterion.criteria)), copy=False)


def _not(criterion: Not, here: Here) -> exp.Expr:
    """Negate; what is unknown counts as not so."""
    inner = criterion_sql(criterion.criterion, here)
    if isinstance(inner, exp.Exists):
        return exp.not_(inner)
    return exp.not_(exp.func("COALESCE", exp.paren(inner), exp.false()))


def _sex(criterion: Sex, here: Here) -> exp.Expr:
    return col(here.patient, "sex").eq(exp.Literal.string(criterion.value))


def _age_criterion(criterion: Age, here: Here) -> exp.Expr:
    return bounded(age_sql(criterion.at, here), criterion.comparison)


def age_sql(at: AgeAt, here: Here) -> exp.Expr:
    """Age in whole years: complete years between birth and the time."""
    birth = col(here.patient, "birth_time")
    death = col(here.patient, "death_time")
    time: exp.Expr = exp.func("LEAST", col(here.patient, "last_time"), death)
    if at == "death":
        time = death
    elif at == "start" and here.stay is not None:
        time = col(here.stay, "start_time")
    return exp.Anonymous(this="DATE_SUB", expressions=[exp.Literal.string("year"), birth, time])


def _died(criterion: Died, here: Here) -> exp.Expr:
    death = col(here.patient, "death_time")
    window = criterion.window
    if isinstance(window, Calendar):
        return in_span(death, window)
    if isinstance(window, DuringStay) and here.stay is not None:
        # A death date without a time would fall into a stay that ended alive that day: the disposition decides.
        disposition = col(here.stay, "disposition")
        unknown = exp.and_(exp.Is(this=disposition, expression=exp.Null()), in_stay(death, here.stay))
        return exp.paren(exp.or_(disposition.copy().eq(exp.Literal.string(DIED)), unknown), copy=False)
    if isinstance(window, Around) and here.stay is not None:
        return around(death, window, here.stay)
    return col(here.patient, "died")


def _stay(criterion: Stay, here: Here) -> exp.Expr:
    alias = here.names.fresh("e")
    inner = replace(here, stay=alias, kind=criterion.kind)
    conditions: list[exp.Expr] = []
    if criterion.of == "stay" and here.stay is not None:
        conditions.append(col(alias, "parent_id").eq(col(here.stay, "encounter_id")))
    else:
        conditions.append(col(alias, "subject_id").eq(col(here.patient, "subject_id")))
    if criterion.kind is not StayKind.ANY:
        conditions.append(col(alias, "class").eq(exp.Literal.string(criterion.kind)))
    if criterion.where is not None:
        conditions.append(criterion_sql(criterion.where, inner))
    found = exp.select().from_(table("encounter", alias)).where(*conditions)
    if criterion.times is None:
        return exp.Exists(this=found.select(exp.Literal.number(1)))
    return bounded(exp.Subquery(this=found.select(exp.Count(this=exp.Star()))), criterion.times)


def _length(criterion: Length, here: Here) -> exp.Expr:
    assert here.stay is not None
    factor = SECONDS[criterion.unit]
    bound = criterion.comparison
    high = None if bound.high is None else bound.high * factor
    return bounded(seconds_of(here.stay), Comparison(bound.operator, bound.low * factor, high))


def _started(criterion: Started, here: Here) -> exp.Expr:
    assert here.stay is not None
    return in_span(col(here.stay, "start_time"), criterion.span)


def _returned(criterion: Returned, here: Here) -> exp.Expr:
    """Ask for an earlier stay of the same class that ended no longer ago than the limit."""
    assert here.stay is not None
    alias, stay = here.names.fresh("e"), here.stay
    ended, begins = col(alias, "end_time"), col(stay, "start_time")
    found = (
        exp.select(exp.Literal.number(1))
        .from_(table("encounter", alias))
        .where(
            col(alias, "subject_id").eq(col(stay, "subject_id")),
            col(alias, "class").eq(col(stay, "class")),
            col(alias, "encounter_id").neq(col(stay, "encounter_id")),
            exp.LTE(this=ended, expression=begins),
            exp.LTE(this=begins.copy(), expression=plus(ended.copy(), criterion.within)),
        )
    )
    return exp.Exists(this=found)


def _followed(criterion: Followed, here: Here) -> exp.Expr:
    """Ask for a later stay of the same class that began no later than the limit after the end of this one."""
    assert here.stay is not None
    alias, stay = here.names.fresh("e"), here.stay
    ended, begins = col(stay, "end_time"), col(alias, "start_time")
    found = (
        exp.select(exp.Literal.number(1))
        .from_(table("encounter", alias))
        .where(
            col(alias, "subject_id").eq(col(stay, "subject_id")),
            col(alias, "class").eq(col(stay, "class")),
            col(alias, "encounter_id").neq(col(stay, "encounter_id")),
            exp.Between(this=begins, low=ended, high=plus(ended.copy(), criterion.within)),
        )
    )
    return exp.Exists(this=found)


def _identity(criterion: Identity, here: Here) -> exp.Expr:
    return col(here.patient, "subject_id").eq(number(criterion.subject_id))


def _attribute(criterion: Attribute, here: Here) -> exp.Expr:
    assert here.stay is not None
    named = [exp.Literal.string(value) for value in criterion.values]
    return col(here.stay, criterion.column).isin(*named)


def _ordinal(criterion: Ordinal, here: Here) -> exp.Expr:
    """Ask that there is no other stay of the patient and class before it, or after it."""
    assert here.stay is not None
    alias, stay = here.names.fresh("e"), here.stay
    own = [col(stay, name) for name in ("start_time", "encounter_id")]
    other = [col(alias, name) for name in ("start_time", "encounter_id")]
    compared = exp.LT if criterion.which == "first" else exp.GT
    further = compared(this=exp.Tuple(expressions=other), expression=exp.Tuple(expressions=own))
    found = (
        exp.select(exp.Literal.number(1))
        .from_(table("encounter", alias))
        .where(
            col(alias, "subject_id").eq(col(stay, "subject_id")), col(alias, "class").eq(col(stay, "class")), further
        )
    )
    return exp.not_(exp.Exists(this=found))


def _changed(criterion: Changed, here: Here) -> exp.Expr:
    """Compare the last value of the member with its first one."""
    alias, conditions, joins = event_parts(Event(criterion.concept, criterion.window), here)
    conditions.append(exp.Is(this=col(alias, "value"), expression=exp.Null()).not_())
    value = value_sql(criterion.concept, alias)
    order = exp.Anonymous(this="ROW", expressions=[col(alias, "start_time"), col(alias, "value")])
    last = exp.func("ARG_MAX", value, order, dialect="duckdb")
    first = exp.func("ARG_MIN", value.copy(), order.copy(), dialect="duckdb")
    compared = exp.GT if criterion.direction == "rose" else exp.LT
    differs = compared(this=last, expression=first)
    return exp.paren(
        exp.Subquery(this=select_events(criterion.concept, alias, conditions, joins, differs)), copy=False
    )


def _event(criterion: Event, here: Here) -> exp.Expr:
    if criterion.which != "any" and criterion.comparison is not None:
        return _picked_event(criterion, here)
    alias, conditions, joins = event_parts(criterion, here)
    return exp.Exists(this=select_events(criterion.concept, alias, conditions, joins, exp.Literal.number(1)))


def _picked_event(criterion: Event, here: Here) -> exp.Expr:
    """Compare the first, last, highest or lowest value of each patient or stay."""
    assert criterion.comparison is not None
    inner = replace(here, patient=here.names.fresh("q"), stay=here.names.fresh("e") if here.stay else None)
    alias, conditions, joins = event_parts(replace(criterion, comparison=None), inner)
    key = col(inner.stay, "encounter_id") if inner.stay else col(alias, "subject_id")
    value = value_sql(criterion.concept, alias)
    select = exp.select(
        exp.alias_(key, "key"),
        exp.alias_(value, "value"),
        exp.alias_(position(alias, key, criterion.which), "position"),
    ).from_(table(criterion.concept.kind, alias))
    select = select.join(
        table("patient", inner.patient), on=col(alias, "subject_id").eq(col(inner.patient, "subject_id"))
    )
    if inner.stay:
        select = select.join(
            table("encounter", inner.stay), on=col(alias, "subject_id").eq(col(inner.stay, "subject_id"))
        )
    for joined, on in joins:
        select = select.join(joined, on=on, join_type="LEFT" if joined.alias.startswith("s") else "")
    select = select.where(*conditions, exp.Is(this=col(alias, "value"), expression=exp.Null()).not_())
    name = here.names.fresh("k")
    outer = (
        exp.select(col(name, "key"))
        .from_(select.subquery(name))
        .where(
            col(name, "position").eq(1),
            bounded(col(name, "value"), criterion.comparison, as_float=is_plain(criterion.concept)),
        )
    )
    own = col(here.stay, "encounter_id") if here.stay else col(here.patient, "subject_id")
    return exp.In(this=own, query=exp.Subquery(this=outer))


def _has_value(criterion: HasValue, here: Here) -> exp.Expr:
    assert here.record is not None
    assert here.concept is not None
    return compared_sql(here.concept, here.record, criterion.comparison)


_COMPILERS: Final[dict[type, Callable[..., exp.Expr]]] = {
    AllOf: _all, AnyOf: _any, Not: _not, Sex: _sex, Age: _age_criterion, Died: _died, Stay: _stay, Length: _length,
    Started: _started, Returned: _returned, Event: _event, HasValue: _has_value, Followed: _followed,
    Identity: _identity, Attribute: _attribute, Ordinal: _ordinal, Changed: _changed,
}  # fmt: skip
