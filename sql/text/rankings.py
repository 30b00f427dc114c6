"""Rankings as SQL: the members with the most of something, and the codes that most members have."""

from sqlglot import exp

from sql.text.amounts import amount_sql, is_number, is_whole
from sql.text.criteria import criterion_sql
from sql.text.expressions import col, rounded, table
from sql.text.members import Here, from_members
from sql.text.query import Best, Patients, Query, Ranking, Show, Stays
from sql.text.recorded import belongs_sql
from sql.text.terms import Kind


def shown_sql(ask: Show, members: exp.Select, here: Here) -> exp.Select:
    """Give the measure of each member, beside who it is."""
    amount = amount_sql(ask.measure, here)
    value = rounded(amount) if is_number(ask.measure) and not is_whole(ask.measure) else amount
    inner = members.select(exp.alias_(value, "value"), *_keys(here)).subquery("shown")
    known = exp.Is(this=exp.column("value"), expression=exp.Null()).not_()
    names = ["value", "subject_id", *(["encounter_id"] if here.stay else [])]
    return exp.select(*names).from_(inner).where(known).order_by(*names[1:])


def best_sql(ask: Best, members: exp.Select, here: Here) -> exp.Select:
    """Give the members with the highest or lowest measure, and all level with the last of them."""
    inner = members.select(*_keys(here), exp.alias_(amount_sql(ask.measure, here), "value")).subquery("measured")
    order = exp.Ordered(this=exp.column("value"), desc=ask.order == "highest", nulls_first=False)
    place = exp.Window(this=exp.Anonymous(this="RANK"), order=exp.Order(expressions=[order]))
    names = ["subject_id", *(["encounter_id"] if here.stay else [])]
    ranked = (
        exp.select(*names, "value", exp.alias_(place, "place"))
        .from_(inner)
        .where(exp.Is(this=exp.column("value"), expression=exp.Null()).not_())
        .subquery("ranked")
    )
    value = exp.column("value")
    shown = exp.alias_(rounded(value), "value") if is_number(ask.measure) and not is_whole(ask.measure) else value
    within = exp.LTE(this=exp.column("place"), expression=exp.Literal.number(ask.limit))
    return exp.select(*names, shown).from_(ranked).where(within).order_by(exp.column("place"), *names)


def ranking_sql(ask: Ranking, population: Patients | Stays, query: Query) -> exp.Select:
    """Count the members for each code of a kind; ends of spans are no records of their own."""
    here, select = from_members(population)
    alias = here.names.fresh("r")
    joined = select.join(table(ask.kind, alias), on=col(alias, "subject_id").eq(col(here.patient, "subject_id")))
    if here.stay:
        named = here.names.fresh("s")
        on = col(alias, "encounter_id").eq(col(named, "encounter_id"))
        joined = joined.join(table("encounter", named), on=on, join_type="LEFT")
        joined = joined.where(belongs_sql(ask.kind, alias, named, here))
    if query.where is not None:
        joined = joined.where(criterion_sql(query.where, here))
    member = col(here.stay, "encounter_id") if here.stay else col(here.patient, "subject_id")
    code, words, what = col(alias, "code"), col(alias, "description"), "stays" if here.stay else "patients"
    counted = exp.Count(this=exp.Distinct(expressions=[member]))
    if ask.kind is Kind.PROCEDURE:
        ends = exp.Like(this=code.copy(), expression=exp.Literal.string("PROCEDURE//END//%"))
        joined = joined.where(exp.not_(ends))
    ranked = (
        joined.select(code, exp.alias_(counted, what), words)
        .group_by(code.copy(), words.copy())
        .order_by(exp.column(what).desc(), exp.column("code"))
    )
    return ranked if ask.limit is None else ranked.limit(ask.limit)


def _keys(here: Here) -> list[exp.Expr]:
    if here.stay is None:
        return [col(here.patient, "subject_id")]
    return [col(here.stay, "subject_id"), col(here.stay, "encounter_id")]
