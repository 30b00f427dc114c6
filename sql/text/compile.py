"""A typed question as one SQL tree over the analyst views; nothing of the question's text gets into it.

Aliases: p a patient, e (e2, e3 inside) a stay, r a record that is counted; each event looked for has its own, v1, v2.
"""

from typing import Final

from sqlglot import exp

from sql.text.amounts import amount_sql, is_number
from sql.text.criteria import age_sql, criterion_sql
from sql.text.criterion import Event
from sql.text.expressions import col, number, rounded, table
from sql.text.holdings import held_sql
from sql.text.members import Here, Names, from_members
from sql.text.query import (
    Beside,
    Best,
    By,
    Count,
    Exists,
    Listing,
    Patients,
    Query,
    Ranking,
    Records,
    Share,
    Show,
    Statistic,
    ValueOf,
)
from sql.text.rankings import best_sql, ranking_sql, shown_sql
from sql.text.recorded import codes_sql, compared_sql, event_parts, position, select_events, value_sql, window_sql
from sql.text.stored import Held, Holdings


def compile_query(query: Query) -> exp.Select:
    """Return the SQL of a question; total on the type, and the same for the same question."""
    population, first = query.population, query.asks[0]
    if isinstance(first, Held):
        return held_sql(first)
    assert not isinstance(population, Holdings), "of the store itself only what it was made from can be asked"
    if isinstance(population, Records):
        return _compile_records(query, population, Names())
    if isinstance(first, Ranking):
        return ranking_sql(first, population, query)
    here, select = from_members(population)
    return _finish(query, select, here)


def _finish(query: Query, select: exp.Select, here: Here) -> exp.Select:
    if query.where is not None:
        select = select.where(criterion_sql(query.where, here))
    first = query.asks[0]
    if isinstance(first, Show):
        return shown_sql(first, select, here)
    if isinstance(first, Best):
        return best_sql(first, select, here)
    statistic = first
    if (
        isinstance(statistic, Statistic)
        and isinstance(statistic.measure, ValueOf)
        and statistic.measure.which != "any"
    ):
        return _value_statistic(query, statistic.measure, select, here)
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
    key = _group_key(query.by, here)
    figures = select.expressions
    select = select.select(exp.alias_(key, query.by), *figures, append=False).group_by(key.copy())
    if query.by in ("year", "month", "age"):
        return select.order_by(exp.column(query.by))
    return select.order_by(exp.column(figures[0].alias).desc(), exp.column(query.by))


_GROUP_COLUMNS: Final = {"type": "type", "class": "class", "disposition": "disposition", "source": "admit_source"}


def _group_key(by: By, here: Here) -> exp.Expr:
    if by == "sex":
        return col(here.patient, "sex")
    if by == "age":
        years = age_sql("start" if here.stay else "last", here)
        return exp.Mul(this=exp.paren(exp.IntDiv(this=years, expression=number(10))), expression=number(10))
    assert here.stay is not None, "patients have no stay to be grouped by"
    started = col(here.stay, "start_time")
    if by == "year":
        return exp.func("YEAR", started, dialect="duckdb")
    if by == "month":
        return exp.Anonymous(this="STRFTIME", expressions=[started, exp.Literal.string("%Y-%m")])
    return col(here.stay, _GROUP_COLUMNS[by])


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
    if isinstance(ask, Exists):
        return [exp.alias_(exp.GT(this=exp.Count(this=exp.Star()), expression=number(0)), "answer")]
    if isinstance(ask, Beside):
        counted = exp.Subquery(this=compile_query(ask.query))
        return [exp.alias_(exp.func("MAX", counted), f"{_member_name(ask.query)}_{place + 1}")]
    assert isinstance(ask, Statistic)
    return _summed(ask, amount_sql(ask.measure, here), query, place)


def _summed(ask: Statistic, value: exp.Expr, query: Query, place: int) -> list[exp.Expr]:
    """Return a figure, and over how many members it is; figures of one measure share the number behind the last."""
    suffix = "" if place == 0 else f"_{place + 1}"
    total = exp.alias_(_figure(ask, value), f"{ask.function}{suffix}")
    after = query.asks[place + 1] if place + 1 < len(query.asks) else None
    if isinstance(after, Statistic) and after.measure == ask.measure:
        return [total]
    return [total, exp.alias_(exp.func("COUNT", value.copy()), f"n{suffix}")]


def _figure(ask: Statistic, value: exp.Expr) -> exp.Expr:
    figure = _aggregate(ask, value)
    return rounded(figure) if is_number(ask.measure) and ask.function != "each" else figure


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


_AGGREGATES: Final = {
    "average": "AVG", "median": "MEDIAN", "minimum": "MIN", "maximum": "MAX", "total": "SUM",
    "deviation": "STDDEV_SAMP",
}  # fmt: skip


def _aggregate(ask: Statistic, value: exp.Expr) -> exp.Expr:
    if ask.function == "percentile":
        part = exp.Literal.number(f"{(ask.percent or 0.0) / 100:g}")
        return exp.Anonymous(this="QUANTILE_CONT", expressions=[value, part])
    if ask.function == "each":
        return exp.Anonymous(this="LIST_SORT", expressions=[exp.Anonymous(this="LIST", expressions=[value])])
    return exp.func(_AGGREGATES[ask.function], value, dialect="duckdb")


def _value_statistic(query: Query, measure: ValueOf, members: exp.Select, here: Here) -> exp.Select:
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
    asks = [other for other in query.asks if isinstance(other, Statistic)]
    figures = [column for place, other in enumerate(asks) for column in _summed(other, amount, query, place)]
    return exp.select(*figures).from_(picked.subquery("picked")).where(one)


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
            select = select.select(*_summed(ask, value_sql(event.concept, alias), query, place))
        else:
            for column in _columns(ask, query, here, place):
                select = select.select(column)
    return _grouped(query, select, here)
