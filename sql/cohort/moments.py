"""From events to moments: what happened to a subject at one time, counted by predicate, with running counts.

matching_code   the codes that some predicate matches, with a flag for each (sql.cohort.codes)
occurrence      events with such a code, one row each, with 1 or 0 for each predicate
moment          the same counted by subject and time, with the derived predicates
running         the same with counts from the begin of the record
every_moment    all times of a subject, numbered: the running count of any event
static_1, ...   subjects with a fact without a time
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
from sqlglot import exp

from ehr.tasks import ANY_EVENT, RECORD_END, RECORD_START, Derived, Plain, ValueRange
from sql.cohort.codes import KEY, CodeTable, code_relation, is_one_of, key_of_event, matching_codes
from sql.cohort.expressions import column, in_order, integer, is_known, one_if
from sql.cohort.plan import Plan
from sql.cohort.records import Records, in_code_order

OCCURRENCE: Final = "occurrence"
"""To be materialized: DuckDB else takes the few events that match for a fifth of all, and plans for so many."""
RUNNING: Final = "running"
EVERY_MOMENT: Final = "every_moment"


def moment_tables(plan: Plan, records: Records, kept: Sequence[str] = ()) -> Iterable[tuple[str, exp.Query]]:
    """Yield the named queries from events to running counts, in the order in which they build on each other.

    Occurrences also keep the columns `kept` of their events.
    """
    codes = matching_codes((*plan.plain, *plan.static), records)
    if plan.plain:
        yield "matching_code", code_relation(plan.plain, codes)
        yield OCCURRENCE, _occurrence(plan, records, kept)
    markers = plan.built_in() - {ANY_EVENT}
    if plan.plain or markers or plan.has_constant():
        yield "moment", _moment(plan, records)
        yield RUNNING, _running(plan)
    if ANY_EVENT in plan.built_in():
        yield EVERY_MOMENT, _every_moment()
    for number, predicate in enumerate(plan.static, start=1):
        yield f"static_{number}", _static_subjects(predicate, records, codes)


def table_of(predicate: str) -> str:
    """Return the table that has the running count of a predicate."""
    return EVERY_MOMENT if predicate == ANY_EVENT else RUNNING


def so_far(predicate: str) -> str:
    """Return the name of the column with the running count of a predicate, its moment included."""
    return f"{predicate} so far"


def _occurrence(plan: Plan, records: Records, kept: Sequence[str] = ()) -> exp.Query:
    flags = [_flag(predicate).as_(predicate.name, quoted=True) for predicate in plan.plain]
    query = (
        exp.select(*(exp.column(name, "event") for name in ("subject_id", "time", *kept)), *flags)
        .from_("event")
        .join("matching_code", on=exp.column(KEY, "matching_code").eq(key_of_event(records)))
        .where(is_known("time"))
    )
    return in_code_order(query, records)


def _flag(predicate: Plain) -> exp.Expr:
    """Return 1 where a row passes all tests of a predicate, 0 where it does not."""
    matches, tests = column(predicate.name, "matching_code"), _row_tests(predicate)
    return one_if(exp.and_(matches.eq(exp.Literal.number(1)), *tests)) if tests else matches


def _row_tests(predicate: Plain) -> list[exp.Expr]:
    """Return the tests of a predicate on value and columns; SQL's null is no match."""
    tests = _value_tests(predicate.value)
    for name, value in predicate.columns:
        tests.append(exp.false() if value is None else column(name, "event").eq(exp.convert(value)))
    return tests


def _value_tests(value: ValueRange) -> list[exp.Expr]:
    number = exp.column("numeric_value", "event")
    tests: list[exp.Expr] = []
    if value.minimum is not None:
        above = exp.GTE if value.minimum_inclusive else exp.GT
        tests.append(above(this=number.copy(), expression=_float32(value.minimum)))
    if value.maximum is not None:
        below = exp.LTE if value.maximum_inclusive else exp.LT
        tests.append(below(this=number.copy(), expression=_float32(value.maximum)))
    return tests


def _float32(number: float) -> exp.Expr:
    """Write a bound as the 32-bit float nearest to it, the type of the values; beyond their range it is infinite."""
    with np.errstate(over="ignore"):
        nearest = float(np.float32(number))
    written = {np.inf: "Infinity", -np.inf: "-Infinity"}.get(nearest)
    literal = exp.Literal.string(written) if written else exp.convert(number)
    return exp.cast(literal, "FLOAT")


def _moment(plan: Plan, records: Records) -> exp.Query:
    """Select one row per subject and time, with the count of every predicate."""
    names = [predicate.name for predicate in plan.plain]
    markers: list[str] = [name for name in (RECORD_START, RECORD_END) if name in plan.built_in()]
    parts = []
    if plan.plain:
        parts.append(_part(exp.to_table(OCCURRENCE), "time", {name: column(name) for name in names}, names + markers))
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
    return _with_derived(plan, counted)


def _part(source: exp.Expr, time: str, given: Mapping[str, exp.Expr], names: list[str]) -> exp.Select:
    cells = [given.get(name, exp.Literal.number(0)).as_(name, quoted=True) for name in names]
    return exp.select("subject_id", exp.column(time).as_("time"), *cells).from_(source)


def _with_derived(plan: Plan, moments: exp.Select) -> exp.Query:
    """Add the derived predicates, one layer of a query for each depth of derivation."""
    static = {predicate.name for predicate in plan.static}
    placed = static | {predicate.name for predicate in plan.plain}
    waiting = list(plan.derived)
    query = moments
    while waiting:
        layer = [one for one in waiting if placed.issuperset(one.inputs)]
        flags = [one_if(_derived_test(one, static)).as_(one.name, quoted=True) for one in layer]
        query = exp.select("*", *flags).from_(query.subquery("moments"))
        placed |= {one.name for one in layer}
        waiting = [one for one in waiting if one not in layer]
    return query


def _derived_test(predicate: Derived, static: set[str]) -> exp.Expr:
    """Return the test of a derived predicate; a static input is true of whoever is in the cohort."""
    tests: list[exp.Expr] = [exp.true() if name in static else column(name) > 0 for name in predicate.inputs]
    if predicate.operator == "unless":
        return exp.and_(tests[0], exp.not_(tests[1]))
    return exp.and_(*tests) if predicate.operator == "and" else exp.or_(*tests)


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


def _static_subjects(predicate: Plain, records: Records, codes: CodeTable) -> exp.Query:
    """Select the subjects with a fact without a time that matches."""
    has_code = is_one_of(key_of_event(records), predicate.name, codes)
    tests = [exp.column("time").is_(exp.null()), has_code, *_row_tests(predicate)]
    return in_code_order(exp.select("subject_id").distinct().from_("event").where(*tests), records)
