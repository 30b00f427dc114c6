"""A typed question as one SQL tree over the analyst views; nothing of the question's text gets into it.

Aliases: p a patient, e (e2, e3 inside) a stay, r a record that is counted; each event looked for has its own, v1, v2.
"""

from typing import Final

from sqlglot import exp

from sql.text.criteria import (
    Here,
    Names,
    age_sql,
    codes_sql,
    compared_sql,
    criterion_sql,
    event_parts,
    position,
    select_events,
    value_sql,
    window_sql,
)
from sql.text.expressions import SECONDS, col, rounded, seconds_of, table
from sql.text.query import (
    AgeOf,
    Count,
    Event,
    LengthOf,
    Listing,
    Patients,
    Query,
    Records,
    Share,
    Statistic,
    StayKind,
    Stays,
    ValueOf,
)


def compile_query(query: Query) -> exp.Select:
    """Return the SQL of a question; total on the type, and the same for the same question."""
    names = Names()
    population = query.population
    if isinstance(population, Patients):
        here = Here(names, names.fresh("p"))
        select = exp.select().from_(table("patient", here.patient))
        return _finish(query, select, here)
    if isinstance(population, Stays):
        here = Here(names, names.fresh("p"), names.fresh("e"), population.kind)
        assert here.stay is not None
        select = (
            exp.select()
            .from_(table("encounter", here.stay))
            .join(table("patient", here.patient), on=col(here.stay, "subject_id").eq(col(here.patient, "subject_id")))
        )
        if population.kind is not StayKind.ANY:
            select = select.where(col(here.stay, "class").eq(exp.Literal.string(population.kind)))
        return _finish(query, select, here)
    return _compile_records(query, population, names)


def _finish(query: Query, select: exp.Select, here: Here) -> exp.Select:
    if query.where is not None:
        select = select.where(criterion_sql(query.where, here))
    statistic = query.asks[0]
    if (
        isinstance(statistic, Statistic)
        and isinstance(statistic.measure, ValueOf)
        and statistic.measure.which != "any"
    ):
        return _value_statistic(statistic, statistic.measure, select, here)
    for place, ask in enumerate(query.asks):
        for column in _columns(ask, query, here, place):
            select = select.select(column)
    if isinstance(query.asks[0], Listing):
        keys = [col(here.stay, "start_time"), col(here.stay, "encounter_id")] if here.stay else []
        return select.order_by(col(here.patient, "subject_id"), *keys)
    return _grouped(query, select, here)


def _grouped(query: Query, select: exp.Select, here: Here) -> exp.Select:
    """Split counts into groups, the largest first."""
    if query.by is None:
        return select
    key: exp.Expr = col(here.patient, "sex")
    if query.by in ("type", "class") and here.stay:
        key = col(here.stay, query.by)
    elif query.by == "year" and here.stay:
        key = exp.func("YEAR", col(here.stay, "start_time"), dialect="duckdb")
    counts = select.expressions
    alias = {"type": "type", "class": "class", "year": "year", "sex": "sex"}[query.by]
    select = select.select(exp.alias_(key, alias), *counts, append=False).group_by(key.copy())
    return select.order_by(exp.column(counts[0].alias).desc(), exp.column(alias))


def _columns(ask: object, query: Query, here: Here, place: int) -> list[exp.Expr]:
    if isinstance(ask, Count):
        return [exp.alias_(_count(ask, query, here), _count_name(ask, query, place))]
    if isinstance(ask, Share):
        wanted = exp.Case().when(criterion_sql(ask.where, here), exp.Literal.number(1))
        share = exp.Mul(this=exp.Literal.number("100.0"), expression=exp.func("COUNT", wanted))
        members = exp.func("NULLIF", exp.Count(this=exp.Star()), exp.Literal.number(0))
        return [
            exp.alias_(rounded(exp.Div(this=share, expression=members), 1), "percentage"),
            exp.alias_(exp.func("COUNT", wanted.copy()), "members"),
            exp.alias_(exp.Count(this=exp.Star()), "of_all"),
        ]
    if isinstance(ask, Listing):
        return _listed(here)
    assert isinstance(ask, Statistic)
    value = _measure(ask, here)
    suffix = "" if place == 0 else f"_{place + 1}"
    return [
        exp.alias_(rounded(_aggregate(ask, value)), f"{ask.function}{suffix}"),
        exp.alias_(exp.func("COUNT", value.copy()), f"n{suffix}"),
    ]


def _listed(here: Here) -> list[exp.Expr]:
    if here.stay is None:
        names = ("subject_id", "sex", "birth_time", "died", "death_time", "last_time")
        return [col(here.patient, name) for name in names]
    stay = [
        col(here.stay, name) for name in ("encounter_id", "class", "type", "start_time", "end_time", "disposition")
    ]
    return [col(here.stay, "subject_id"), *stay]


def _count_name(ask: Count, query: Query, place: int) -> str:
    name = _member_name(query) if ask.of == "members" else str(ask.of)
    if ask.where is None:
        return name
    return f"{name}_of_them" if place == 0 else f"{name}_of_them_{place}"


def _member_name(query: Query) -> str:
    if isinstance(query.population, Records):
        return "records"
    return "patients" if isinstance(query.population, Patients) else "stays"


def _count(ask: Count, query: Query, here: Here) -> exp.Expr:
    if ask.of == "records":
        return _count_records(query, here)
    if ask.where is not None:
        return exp.func("COUNT", exp.Case().when(criterion_sql(ask.where, here), exp.Literal.number(1)))
    if ask.of == "stays":
        return exp.Count(this=exp.Distinct(expressions=[col("r", "encounter_id")]))
    if ask.of == "patients":
        return exp.Count(this=exp.Distinct(expressions=[col(here.stay or "r", "subject_id")]))
    return exp.Count(this=exp.Star())


def _count_records(query: Query, here: Here) -> exp.Expr:
    """Count the doses that a question about patients was about: the sum of each patient's."""
    assert isinstance(query.where, Event)
    alias, conditions, joins = event_parts(query.where, here)
    counted = select_events(query.where.concept, alias, conditions, joins, exp.Count(this=exp.Star()))
    return exp.func("SUM", exp.Subquery(this=counted))


def _measure(ask: Statistic, here: Here) -> exp.Expr:
    measure = ask.measure
    if isinstance(measure, AgeOf):
        return age_sql(measure.at, here)
    assert isinstance(measure, LengthOf)
    assert here.stay is not None
    return exp.Div(this=seconds_of(here.stay), expression=exp.Literal.number(f"{SECONDS[measure.unit]}.0"))


_AGGREGATES: Final = {"average": "AVG", "median": "MEDIAN", "minimum": "MIN", "maximum": "MAX", "total": "SUM"}


def _aggregate(ask: Statistic, value: exp.Expr) -> exp.Expr:
    return exp.func(_AGGREGATES[ask.function], value, dialect="duckdb")


def _value_statistic(ask: Statistic, measure: ValueOf, members: exp.Select, here: Here) -> exp.Select:
    """Take one value of each member, and sum these up."""
    event = Event(measure.concept, measure.window, which=measure.which)
    alias, conditions, joins = event_parts(event, here)
    assert not joins, "an observation belongs to a stay by its time"
    key = col(here.stay, "encounter_id") if here.stay else col(here.patient, "subject_id")
    value = value_sql(measure.concept, alias)
    picked = members.join(table(measure.concept.kind, alias), on=exp.and_(*conditions))
    picked = picked.where(exp.Is(this=col(alias, "value"), expression=exp.Null()).not_()).select(
        exp.alias_(value, "value"), exp.alias_(position(alias, key, measure.which), "position")
    )
    one = exp.column("position").eq(1)
    amount = exp.column("value")
    return (
        exp.select(
            exp.alias_(rounded(_aggregate(ask, amount)), ask.function),
            exp.alias_(exp.func("COUNT", amount.copy()), "n"),
        )
        .from_(picked.subquery("picked"))
        .where(one)
    )


def _compile_records(query: Query, population: Records, names: Names) -> exp.Select:
    alias, patient = names.fresh("r"), names.fresh("p")
    event = population.event
    here = Here(names, patient, record=alias, concept=event.concept)
    select = (
        exp.select()
        .from_(table(event.concept.kind, alias))
        .join(table("patient", patient), on=col(alias, "subject_id").eq(col(patient, "subject_id")))
    )
    for condition in (codes_sql(event, alias), window_sql(event, alias, here)):
        if condition is not None:
            select = select.where(condition)
    if event.comparison is not None:
        select = select.where(compared_sql(event.concept, alias, event.comparison))
    if query.where is not None:
        select = select.where(criterion_sql(query.where, here))
    for place, ask in enumerate(query.asks):
        if isinstance(ask, Statistic):
            value = value_sql(event.concept, alias)
            select = select.select(
                exp.alias_(rounded(_aggregate(ask, value)), ask.function),
                exp.alias_(exp.func("COUNT", col(alias, "value")), "n"),
            )
        else:
            for column in _columns(ask, query, here, place):
                select = select.select(column)
    return select
