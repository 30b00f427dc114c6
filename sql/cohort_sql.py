"""A plan as one SQL query: a table expression for each node of the window tree, and the step at which a row is lost.

    code_in_use     every code of the data
    matching_code   those that some predicate matches, with a flag for each
    occurrence      events with such a code, and what else is asked for, one row per event
    moment          events of one subject at one time, counted by predicate
    running         the same with counts from the begin of the record
    at_trigger      one row per moment at which the trigger counts something
    at_1, at_2, ... one more node each: its time, and the counts up to it
    judged          every row with label, index time and the first rule that it breaks

A window's count is a difference of two running counts, so that a node costs one ordered (ASOF) join however many
events its window holds. For an engine without ASOF joins, `_join_latest` is the one place to change.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Final

import numpy as np
from sqlglot import exp

from ehr.tasks import ANY_EVENT, RECORD_END, RECORD_START, TRIGGER, Derived, Plain, Shift, ValueRange
from sql.cohort_plan import Exists, Matches, Node, Plan, Rule, Span
from sql.cohort_records import Records

LOST_AT: Final = "lost_at"
"""Column of the result: the number of the first rule that the row breaks, or null."""

_UNITS: Final = (("DAY", 86_400_000_000), ("HOUR", 3_600_000_000), ("MINUTE", 60_000_000), ("SECOND", 1_000_000))


def cohort_query(plan: Plan, records: Records, *, wide: bool) -> exp.Select:
    """Return the query of a cohort: subject_id, trigger, index_timestamp, label, and `lost_at`.

    A `wide` query also has `NODE@start`, `NODE@end` and `NODE#PREDICATE` for every node. Rows come in no order.
    """
    query = exp.select(*_result_columns(plan, wide=wide)).from_("judged")
    for name, body in _common_tables(plan, records):
        # Else DuckDB tests the pattern on every event, before it makes the codes distinct.
        materialized = True if name == "code_in_use" else None
        query = query.with_(exp.to_identifier(name), as_=body, materialized=materialized, copy=False)
    return query


def _common_tables(plan: Plan, records: Records) -> Iterable[tuple[str, exp.Query]]:
    if plan.plain or plan.static:
        yield "code_in_use", records.codes
    if plan.plain:
        yield "matching_code", _matching_code(plan)
        yield "occurrence", _occurrence(plan)
    yield "moment", _moment(plan, records)
    yield "running", _running(plan)
    for number, predicate in enumerate(plan.static, start=1):
        yield f"static_{number}", _static_subjects(predicate)
    yield "at_trigger", _at_trigger(plan)
    table = "at_trigger"
    for number, node in enumerate(plan.nodes, start=1):
        yield f"at_{number}", _at_node(plan, node, table)
        table = f"at_{number}"
    yield "judged", _judged(plan, table)


# ---- events to moments -------------------------------------------------------------------------------------------


def _matching_code(plan: Plan) -> exp.Query:
    """Select the codes in use that some predicate matches, with one flag per predicate."""
    flags = [_code_test(predicate).as_(predicate.name, quoted=True) for predicate in plan.plain]
    anything = exp.or_(*(_column(predicate.name) for predicate in plan.plain))
    flagged = exp.select("code", *flags).from_("code_in_use")
    return exp.select("*").from_(flagged.subquery("flagged")).where(anything)


def _code_test(predicate: Plain) -> exp.Expr:
    if predicate.regex is not None:
        return exp.RegexpLike(this=exp.column("code"), expression=exp.Literal.string(predicate.regex))
    if len(predicate.codes) == 1:
        return exp.column("code").eq(exp.Literal.string(predicate.codes[0]))
    return exp.column("code").isin(*(exp.Literal.string(code) for code in predicate.codes))


def _occurrence(plan: Plan) -> exp.Query:
    """Select the events with a matching code, with 1 or 0 for each predicate."""
    flags = [
        _one_if(exp.and_(_column(predicate.name, "matching_code"), *_row_tests(predicate, "event"))).as_(
            predicate.name, quoted=True
        )
        for predicate in plan.plain
    ]
    return (
        exp.select(exp.column("subject_id", "event"), exp.column("time", "event"), *flags)
        .from_("event")
        .join("matching_code", using="code")
        .where(exp.column("time", "event").is_(exp.null()).not_())
    )


def _row_tests(predicate: Plain, table: str) -> list[exp.Expr]:
    """Return the tests of a predicate on value and columns; SQL's null is no match."""
    tests = _value_tests(predicate.value, exp.column("numeric_value", table))
    for name, value in predicate.columns:
        tests.append(exp.false() if value is None else exp.column(name, table, quoted=True).eq(exp.convert(value)))
    return tests


def _value_tests(value: ValueRange, column: exp.Column) -> list[exp.Expr]:
    tests: list[exp.Expr] = []
    if value.minimum is not None:
        kind = exp.GTE if value.minimum_inclusive else exp.GT
        tests.append(kind(this=column.copy(), expression=_float32(value.minimum)))
    if value.maximum is not None:
        kind_below = exp.LTE if value.maximum_inclusive else exp.LT
        tests.append(kind_below(this=column.copy(), expression=_float32(value.maximum)))
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
    parts = []
    counted = [predicate.name for predicate in plan.plain]
    built_in = [name for name in (ANY_EVENT, RECORD_START, RECORD_END) if name in plan.built_in()]
    columns = [*counted, *built_in]
    if plan.plain:
        parts.append(_part("occurrence", exp.column("time"), {name: _column(name) for name in counted}, columns))
    if plan.needs_every_moment():
        timed = (
            exp.select("subject_id", "time")
            .distinct()
            .from_("event")
            .where(exp.column("time").is_(exp.null()).not_())
        )
        one: dict[str, exp.Expr] = {ANY_EVENT: exp.Literal.number(1)} if ANY_EVENT in built_in else {}
        parts.append(_part(timed.subquery("timed"), exp.column("time"), one, columns))
    for name, edge in ((RECORD_START, "first_time"), (RECORD_END, "last_time")):
        if name in built_in:
            spans = (
                exp.select("*").from_(records.spans.subquery("span")).where(exp.column(edge).is_(exp.null()).not_())
            )
            parts.append(_part(spans.subquery("span"), exp.column(edge), {name: exp.Literal.number(1)}, columns))
    together: exp.Query = parts[0]
    for part in parts[1:]:
        together = exp.union(together, part, distinct=False, copy=False)
    sums = [_integer(exp.Sum(this=_column(name))).as_(name, quoted=True) for name in columns]
    plain = exp.select("subject_id", "time", *sums).from_(together.subquery("part")).group_by("subject_id", "time")
    return _with_derived(plan, plain)


def _part(
    source: str | exp.Subquery, time: exp.Column, given: Mapping[str, exp.Expr], columns: list[str]
) -> exp.Select:
    cells = [given.get(name, exp.Literal.number(0)).as_(name, quoted=True) for name in columns]
    return exp.select("subject_id", time.as_("time"), *cells).from_(source)


def _with_derived(plan: Plan, moments: exp.Select) -> exp.Query:
    """Add the derived predicates, one layer of a query for each depth of derivation."""
    static = {predicate.name for predicate in plan.static}
    placed: set[str] = static | {predicate.name for predicate in plan.plain}
    waiting = list(plan.derived)
    query = moments
    while waiting:
        layer = [one for one in waiting if placed.issuperset(one.inputs)]
        flags = [_one_if(_derived_test(one, static)).as_(one.name, quoted=True) for one in layer]
        query = exp.select("*", *flags).from_(query.subquery("moments"))
        placed |= {one.name for one in layer}
        waiting = [one for one in waiting if one not in layer]
    return query


def _derived_test(predicate: Derived, static: set[str]) -> exp.Expr:
    """Return the test of a derived predicate; a static input is true of whoever is in the cohort."""
    tests = [exp.true() if name in static else _column(name) > 0 for name in predicate.inputs]
    return exp.and_(*tests) if predicate.operator == "and" else exp.or_(*tests)


def _running(plan: Plan) -> exp.Query:
    """Select the moments with running counts: `p`, and `p so far` with this moment included."""
    kept = dict.fromkeys((plan.task.trigger, *sorted(plan.sought), *plan.counted))
    sums = [
        _integer(
            exp.Window(
                this=exp.Sum(this=_column(name)),
                partition_by=[exp.column("subject_id")],
                order=exp.Order(expressions=[exp.Ordered(this=exp.column("time"), nulls_first=False)]),
                spec=exp.WindowSpec(kind="ROWS", start="UNBOUNDED", start_side="PRECEDING", end="CURRENT ROW"),
            )
        ).as_(_so_far(name), quoted=True)
        for name in plan.counted
    ]
    return exp.select("subject_id", "time", *(_column(name) for name in kept), *sums).from_("moment")


# ---- moments to nodes --------------------------------------------------------------------------------------------


def _static_subjects(predicate: Plain) -> exp.Query:
    """Select the subjects with a fact without a time that matches."""
    codes = exp.select("code").from_("code_in_use").where(_code_test(predicate))
    return (
        exp.select("subject_id")
        .distinct()
        .from_("event")
        .where(
            exp.column("time").is_(exp.null()),
            exp.column("code").isin(query=codes),
            *_row_tests(predicate, "event"),
        )
    )


def _at_trigger(plan: Plan) -> exp.Query:
    columns: list[exp.Expr] = [exp.column("subject_id"), exp.column("time").as_(TRIGGER)]
    for name in plan.counted_at(TRIGGER):
        columns.append(_column(_so_far(name)).as_(_through(name, TRIGGER), quoted=True))
        columns.append((_column(_so_far(name)) - _column(name)).as_(_before(name, TRIGGER), quoted=True))
    return exp.select(*columns).from_("running").where(_column(plan.task.trigger) > 0)


def _at_node(plan: Plan, node: Node, table: str) -> exp.Query:
    """Add the time of a node to `table`, and the counts up to it."""
    parent = _column(node.parent, "reached")
    found = _column("time", "latest")
    time: exp.Expr = found
    source: exp.Expr = exp.to_table("running")
    if isinstance(node.step, Shift):
        time = _shifted(parent, node.step.offset)
        condition: exp.Expr = exp.GTE(this=time.copy(), expression=found.copy())
    else:
        source = exp.select("*").from_("running").where(_column(node.step.predicate) > 0).subquery()
        later, earlier = (found, parent) if node.step.forward else (parent, found)
        kind = exp.GT if node.strict else exp.GTE
        condition = kind(this=later.copy(), expression=earlier.copy())
    columns: list[exp.Expr] = [exp.column(exp.Star(), table="reached"), time.copy().as_(node.name, quoted=True)]
    for name in plan.counted_at(node.name):
        through = _column(_so_far(name), "latest")
        here: exp.Expr = _column(name, "latest")
        if isinstance(node.step, Shift):
            here = exp.Case(ifs=[exp.If(this=found.copy().eq(time.copy()), true=here)], default=exp.Literal.number(0))
        columns.append(_or_zero(through).as_(_through(name, node.name), quoted=True))
        columns.append(_or_zero(through.copy() - here).as_(_before(name, node.name), quoted=True))
    return _join_latest(exp.select(*columns).from_(exp.to_table(table, alias="reached")), source, condition)


def _join_latest(query: exp.Select, source: exp.Expr, condition: exp.Expr) -> exp.Select:
    """Join the row of `source` (as `latest`) of the same subject whose time is nearest under `condition`, if any."""
    same_subject = exp.column("subject_id", "reached").eq(exp.column("subject_id", "latest"))
    aliased = exp.alias_(source, "latest", table=True)
    return query.join(exp.Join(this=aliased, method="ASOF", side="LEFT", on=exp.and_(same_subject, condition)))


def _shifted(time: exp.Expr, offset: timedelta) -> exp.Expr:
    microseconds = offset // timedelta(microseconds=1)
    unit, size = next((pair for pair in _UNITS if microseconds % pair[1] == 0), ("MICROSECOND", 1))
    interval = exp.Interval(this=exp.Literal.string(str(abs(microseconds) // size)), unit=exp.var(unit))
    return exp.Sub(this=time, expression=interval) if microseconds < 0 else exp.Add(this=time, expression=interval)


# ---- nodes to rows -----------------------------------------------------------------------------------------------


def _judged(plan: Plan, table: str) -> exp.Query:
    """Add label, index time, counts and the number of the first rule that a row breaks."""
    broken = exp.Case(
        ifs=[
            exp.If(this=_breaks(plan, rule), true=exp.Literal.number(number))
            for number, rule in enumerate(plan.rules, start=1)
        ]
    )
    columns: list[exp.Expr] = [exp.column(exp.Star())]
    if plan.index is not None:
        columns.append(_column(plan.index).as_("index_timestamp"))
    if plan.label is not None:
        columns.append(_count(*plan.label).as_("label"))
    columns.append((broken if plan.rules else exp.cast(exp.null(), "INT")).as_(LOST_AT))
    return exp.select(*columns).from_(table)


def _breaks(plan: Plan, rule: Rule) -> exp.Expr:
    if isinstance(rule, Matches):
        subjects = exp.select("subject_id").from_(f"static_{plan.static.index(rule.predicate) + 1}")
        return exp.column("subject_id").isin(query=subjects).not_()
    if isinstance(rule, Exists):
        return _column(rule.node.name).is_(exp.null())
    count = _count(rule.has.predicate, rule.span)
    tests: list[exp.Expr] = []
    if rule.has.minimum is not None:
        tests.append(count < rule.has.minimum)
    if rule.has.maximum is not None:
        tests.append(count.copy() > rule.has.maximum)
    return exp.or_(*tests)


def _count(predicate: str, span: Span) -> exp.Expr:
    """Return the count of a predicate between two nodes, as a difference of running counts."""
    if span.first == span.last and not (span.first_inclusive and span.last_inclusive):
        return exp.Literal.number(0)
    until = _through(predicate, span.last) if span.last_inclusive else _before(predicate, span.last)
    since = _before(predicate, span.first) if span.first_inclusive else _through(predicate, span.first)
    return exp.paren(_column(until) - _column(since))


def _result_columns(plan: Plan, *, wide: bool) -> list[exp.Expr]:
    names = ["subject_id", TRIGGER]
    if plan.index is not None:
        names.append("index_timestamp")
    if plan.label is not None:
        names.append("label")
    columns: list[exp.Expr] = [exp.column(name) for name in names]
    for node in plan.nodes if wide else ():
        first, last = reported_times(node)
        columns.append(_column(first).as_(f"{node.name}@start", quoted=True))
        columns.append(_column(last).as_(f"{node.name}@end", quoted=True))
        columns.extend(_count(name, node.span).as_(f"{node.name}#{name}", quoted=True) for name in plan.counted)
    return [*columns, exp.column(LOST_AT)]


def reported_times(node: Node) -> tuple[str, str]:
    """Return the nodes whose times ACES reports as start and end: exchanged for a step back by a span of time."""
    if isinstance(node.step, Shift):
        return node.parent, node.name
    return node.span.first, node.span.last


# ---- small things ------------------------------------------------------------------------------------------------


def _column(name: str, table: str | None = None) -> exp.Column:
    return exp.column(name, table, quoted=True)


def _integer(expression: exp.Expr) -> exp.Expr:
    return exp.cast(expression, "BIGINT")


def _or_zero(expression: exp.Expr) -> exp.Expr:
    return exp.func("COALESCE", expression, exp.Literal.number(0))


def _one_if(test: exp.Expr) -> exp.Expr:
    return exp.Case(ifs=[exp.If(this=test, true=exp.Literal.number(1))], default=exp.Literal.number(0))


def _so_far(predicate: str) -> str:
    return f"{predicate} so far"


def _through(predicate: str, node: str) -> str:
    return f"{predicate} through {node}"


def _before(predicate: str, node: str) -> str:
    return f"{predicate} before {node}"
