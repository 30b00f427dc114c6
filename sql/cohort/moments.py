"""From events to moments: what happened to a subject at one time, counted by predicate, with running counts.

conversion      how values get to the units that the task asks for (sql.cohort.conversions)
matching_code   the codes that some predicate matches, with a flag for each (sql.cohort.codes)
occurrence      events with such a code, and more of that kind (sql.cohort.occurrences)
moment          the rows of the plain predicates, counted by subject and time, with the predicates that rest on them
running         the same with counts from the begin of the record
every_moment    all times of a subject, numbered: the running count of any event
static_1, ...   subjects with a fact without a time
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from sqlglot import exp

from ehr.tasks import ANY_EVENT, RECORD_END, RECORD_START, Plain
from sql.cohort.codes import CodeTable, code_relation, is_one_of, key_of_event, matching_codes
from sql.cohort.composed import with_composed
from sql.cohort.conversions import (
    CONVERSION,
    Conversions,
    conversion_relation,
    find_conversions,
    with_conversion,
)
from sql.cohort.expressions import column, in_order, integer, is_known
from sql.cohort.occurrences import (
    OCCURRENCE,
    asked_units,
    looks_at_several_rows,
    occurrence_tables,
    row_tests,
    value_table,
)
from sql.cohort.plan import Plan
from sql.cohort.records import Records, in_code_order

RUNNING: Final = "running"
EVERY_MOMENT: Final = "every_moment"


def moment_tables(plan: Plan, records: Records, kept: Sequence[str] = ()) -> Iterable[tuple[str, exp.Query]]:
    """Yield the named queries from events to running counts, in the order in which they build on each other.

    Occurrences also keep the columns `kept` of their events.
    """
    codes = matching_codes((*plan.plain, *plan.static), records)
    conversions = find_conversions(asked_units(plan), codes, records)
    if conversions.asked:
        yield CONVERSION, conversion_relation(conversions)
    if plan.plain:
        yield "matching_code", code_relation(plan.plain, codes)
        yield from occurrence_tables(plan, records, conversions, kept)
    markers = plan.built_in() - {ANY_EVENT}
    if plan.plain or markers or plan.has_constant():
        yield "moment", _moment(plan, records)
        yield RUNNING, _running(plan)
    if ANY_EVENT in plan.built_in():
        yield EVERY_MOMENT, _every_moment()
    for number, predicate in enumerate(plan.static, start=1):
        yield f"static_{number}", _static_subjects(predicate, records, codes, conversions)


def table_of(predicate: str) -> str:
    """Return the table that has the running count of a predicate."""
    return EVERY_MOMENT if predicate == ANY_EVENT else RUNNING


def moments_with(predicate: str) -> exp.Subquery:
    """Return the moments at which a predicate counts something, with all running counts."""
    return exp.select("*").from_(table_of(predicate)).where(column(predicate) > 0).subquery()


def so_far(predicate: str) -> str:
    """Return the name of the column with the running count of a predicate, its moment included."""
    return f"{predicate} so far"


def _moment(plan: Plan, records: Records) -> exp.Query:
    """Select one row per subject and time, with the count of every predicate."""
    names = [predicate.name for predicate in plan.plain]
    markers: list[str] = [name for name in (RECORD_START, RECORD_END) if name in plan.built_in()]
    parts = []
    several = [predicate.name for predicate in plan.plain if looks_at_several_rows(predicate)]
    alone = {name: column(name) for name in names if name not in several}
    if alone:
        parts.append(_part(exp.to_table(OCCURRENCE), "time", alone, names + markers))
    for name in several:
        rows = exp.to_table(value_table(plan, name).table)
        parts.append(_part(rows, "time", {name: exp.Literal.number(1)}, names + markers))
    if plan.has_constant():
        parts.append(_part(_times().subquery("timed"), "time", {}, names + markers))
    for name in markers:
        edge = "first_time" if name == RECORD_START else "last_time"
        spans = exp.select("*").from_(records.spans.subquery("span")).where(is_known(edge))
        parts.append(_part(spans.subquery("span"), edge, {name: exp.Literal.number(1)}, names + markers))
    together: exp.Query = parts[0]
    for part in parts[1:]:
        together = exp.union(together, part, distinct=False, copy=False)
    sums = [integer(exp.Sum(this=column(name))).as_(name, quoted=True) for name in names + markers]
    counted = exp.select("subject_id", "time", *sums).from_(together.subquery("part")).group_by("subject_id", "time")
    return with_composed(counted, plan.composed, {predicate.name for predicate in plan.static}, set(names))


def _part(source: exp.Expr, time: str, given: Mapping[str, exp.Expr], names: list[str]) -> exp.Select:
    cells = [given.get(name, exp.Literal.number(0)).as_(name, quoted=True) for name in names]
    return exp.select("subject_id", exp.column(time).as_("time"), *cells).from_(source)


def _running(plan: Plan) -> exp.Query:
    """Select the moments with running counts: `p`, and `p so far` with this moment included."""
    names = dict.fromkeys((plan.task.trigger, *sorted(plan.sought), *plan.counted))
    sums = [
        integer(in_order(exp.Sum(this=column(name)))).as_(so_far(name), quoted=True)
        for name in plan.counted
        if name != ANY_EVENT
    ]
    return exp.select("subject_id", "time", *(column(name) for name in names if name != ANY_EVENT), *sums).from_(
        "moment"
    )


def _every_moment() -> exp.Query:
    """Select all times of each subject, numbered in order: `_ANY_EVENT` is 1 at each."""
    number = in_order(exp.RowNumber()).as_(so_far(ANY_EVENT), quoted=True)
    one = exp.Literal.number(1).as_(ANY_EVENT, quoted=True)
    return exp.select("subject_id", "time", one, number).from_(_times().subquery("timed"))


def _times() -> exp.Select:
    return exp.select("subject_id", "time").distinct().from_("event").where(is_known("time"))


def _static_subjects(predicate: Plain, records: Records, codes: CodeTable, conversions: Conversions) -> exp.Query:
    """Select the subjects with a fact without a time that matches."""
    has_code = is_one_of(key_of_event(records), predicate.name, codes)
    tests = [exp.column("time", "event").is_(exp.null()), has_code, *row_tests(predicate, conversions)]
    query = exp.select(exp.column("subject_id", "event")).distinct().from_("event").where(*tests)
    return in_code_order(with_conversion(query, records) if predicate.unit else query, records)
