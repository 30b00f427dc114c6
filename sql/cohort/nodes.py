"""A plan as one SQL query: a table expression for each node of the window tree, and the rule at which a row is lost.

    (the tables of sql.cohort.moments)
    at_trigger      one row per moment at which the trigger counts something
    at_1, at_2, ... one more node each: its time, and the counts up to it
    judged          every row with label, index time and the first rule that it breaks

A window's count is the difference of two running counts, so that a node costs one ordered (ASOF) join however many
events its window holds. For an engine without ASOF joins, `join_nearest` is the one place to change.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import reduce
from typing import Final

from sqlglot import exp

from ehr.tasks import TRIGGER, Shift
from sql.cohort.choices import IS_CASE, MATCH_ID, is_not_first, match_id, with_choice
from sql.cohort.expressions import column, interval, join_nearest
from sql.cohort.moments import moment_tables, moments_with, so_far, table_of
from sql.cohort.observed import OBSERVED, endpoint_cells, observation_tables
from sql.cohort.occurrences import OCCURRENCE
from sql.cohort.people import SEX, age_at_trigger, breaks, with_people
from sql.cohort.plan import COUNTED, LOST_AT, Plan
from sql.cohort.records import Records
from sql.cohort.rules import Choice, Clear, Counts, Exists, IsAged, IsFirst, IsOfSex, Matches, RowRule
from sql.cohort.tree import Edge, Node, Reading, Span

AGE: Final = "age at the trigger"
SEX_FOUND: Final = "recorded sex"
"""Columns of `fate_query` where a rule looks at the patient."""


def cohort_query(plan: Plan, records: Records, *, wide: bool) -> exp.Select:
    """Return the query of a cohort: subject_id, trigger, index_timestamp, label, and `lost_at`.

    A `wide` query also has `NODE@start`, `NODE@end` and `NODE#PREDICATE` for every node. Rows come in no order.
    The names in the plan must differ in more than case (`sql.cohort.names`).
    """
    columns = [cell.as_(name, quoted=True) for name, cell in _result_columns(plan, wide=wide)]
    return _with_tables(exp.select(*columns).from_(_last_table(plan)), plan, records)


def fate_query(plan: Plan, records: Records) -> exp.Select:
    """Return the query of what became of each trigger: subject_id, trigger, lost_at, and what the rules looked at.

    Columns in the order of `fate_names`: the time of every node, and for each rule on a count that count.
    """
    columns = [cell.as_(name, quoted=True) for name, cell in _fate_columns(plan)]
    return _with_tables(exp.select(*columns).from_(_last_table(plan)), plan, records)


def fate_names(plan: Plan) -> list[str]:
    """Return the names of the columns of `fate_query`: nodes by their names, counts as `rule N`, from 1."""
    return [name for name, _cell in _fate_columns(plan)]


def _fate_columns(plan: Plan) -> list[tuple[str, exp.Expr]]:
    columns: list[tuple[str, exp.Expr]] = [("subject_id", exp.column("subject_id")), (TRIGGER, exp.column(TRIGGER))]
    columns += [(node.name, column(node.name)) for node in (*plan.nodes, *plan.helpers)]
    for number, rule in enumerate(plan.rules, start=1):
        if isinstance(rule, Counts):
            columns.append((f"rule {number}", _count(plan, rule.has.predicate, rule.spans)))
        elif isinstance(rule, Clear):
            columns.append((f"rule {number}", _count(plan, rule.predicate, (rule.span,))))
    columns += [(AGE, age_at_trigger()), (SEX_FOUND, exp.column(SEX))] if plan.needs_people else []
    columns += [("label", exp.column("label"))] if plan.label is not None else []
    return [*columns, (LOST_AT, exp.column(plan.lost_at))]


def _with_tables(query: exp.Select, plan: Plan, records: Records) -> exp.Select:
    for name, body in (*moment_tables(plan, records), *_node_tables(plan, records)):
        materialized = True if name == OCCURRENCE else None
        query = query.with_(exp.to_identifier(name), as_=body, materialized=materialized, copy=False)
    return query


def _node_tables(plan: Plan, records: Records) -> Iterable[tuple[str, exp.Query]]:
    table = "at_trigger"
    yield table, _at_trigger(plan)
    if plan.needs_people:
        yield "with_person", with_people(table, records)
        table = "with_person"
    for number, node in enumerate((*plan.helpers, *plan.nodes), start=1):
        yield f"at_{number}", _at_node(plan, node, table)
        table = f"at_{number}"
    yield "judged", _judged(plan, table)
    table = "judged"
    for number, rule in plan.choices:
        yield f"chosen_{number}", with_choice(rule, number, table, plan.lost_before(number), plan)
        table = f"chosen_{number}"
    yield from observation_tables(plan, table, records)


def _last_table(plan: Plan) -> str:
    """Return the name of the table that has everything about each row."""
    if any(endpoint.kind not in COUNTED for endpoint in plan.task.endpoints):
        return OBSERVED
    return f"chosen_{plan.choices[-1][0]}" if plan.choices else "judged"


# ---- moments to nodes --------------------------------------------------------------------------------------------


def _at_trigger(plan: Plan) -> exp.Query:
    found = moments_with(plan.task.trigger)
    query = exp.select(exp.column("subject_id", "reached"), exp.column("time", "reached").as_(TRIGGER))
    query = query.from_(exp.alias_(found, "reached", table=True))
    return _with_counts(
        query, TRIGGER, plan.read_at(TRIGGER), exp.column("time", "reached"), table_of(plan.task.trigger), "reached"
    )


def _at_node(plan: Plan, node: Node, table: str) -> exp.Query:
    """Add the time of a node to `table`, and the running counts that are read there."""
    query = exp.select(exp.column(exp.Star(), table="reached")).from_(exp.to_table(table, alias="reached"))
    counts = plan.read_at(node.name)
    parent = column(node.parent, "reached")
    if isinstance(node.step, Shift):
        time: exp.Expr = _shifted(parent, node.step.offset)
        return _with_counts(query.select(time.as_(node.name, quoted=True)), node.name, counts, time, None, None)
    found = column("time", "found")
    later, earlier = (found, parent) if node.step.forward else (parent, found)
    comparison = exp.GT if node.strict else exp.GTE
    condition = comparison(this=later.copy(), expression=earlier.copy())
    query = join_nearest(query, moments_with(node.step.predicate), "found", condition)
    query = query.select(found.as_(node.name, quoted=True))
    return _with_counts(query, node.name, counts, found, table_of(node.step.predicate), "found")


def _with_counts(
    query: exp.Select, node: str, counts: list[tuple[str, Edge]], time: exp.Expr, own: str | None, alias: str | None
) -> exp.Select:
    """Add running counts at `time`: from the row `alias` of the table `own`, or from the last moment until then."""
    joined: dict[str | None, str | None] = {own: alias}
    for name, edge in counts:
        table = table_of(name)
        if table not in joined:
            joined[table] = f"last_{table}"
            until = exp.GTE(this=time.copy(), expression=column("time", joined[table]))
            query = join_nearest(query, exp.to_table(table), f"last_{table}", until)
        source = joined[table]
        count: exp.Expr = column(so_far(name), source)
        if edge == "before":
            here: exp.Expr = column(name, source)
            if table != own:
                is_here = column("time", source).eq(time.copy())
                here = exp.Case(ifs=[exp.If(this=is_here, true=here)], default=_zero())
            count = count - here
        query = query.select(exp.func("COALESCE", count, _zero()).as_(_count_column(name, node, edge), quoted=True))
    return query


def _shifted(time: exp.Expr, offset: timedelta) -> exp.Expr:
    step = interval(offset)
    return exp.Sub(this=time, expression=step) if offset < timedelta(0) else exp.Add(this=time, expression=step)


# ---- nodes to rows -----------------------------------------------------------------------------------------------


def _judged(plan: Plan, table: str) -> exp.Query:
    """Add label, index time, counts and the number of the first rule that a row breaks."""
    broken = exp.Case(
        ifs=[
            exp.If(this=_breaks(plan, rule), true=exp.Literal.number(number))
            for number, rule in enumerate(plan.rules, start=1)
            if not isinstance(rule, Choice)
        ]
    )
    columns: list[exp.Expr] = [exp.column(exp.Star())]
    if plan.index is not None:
        columns.append(column(plan.index).as_("index_timestamp"))
    if plan.label is not None:
        columns.append(_count(plan, *plan.label).as_("label"))
    columns.append((broken if broken.args["ifs"] else exp.cast(exp.null(), "INT")).as_(LOST_AT))
    return exp.select(*columns).from_(table)


def _breaks(plan: Plan, rule: RowRule) -> exp.Expr:
    if isinstance(rule, Matches):
        subjects = exp.select("subject_id").from_(f"static_{plan.static.index(rule.predicate) + 1}")
        return exp.column("subject_id").isin(query=subjects).not_()
    if isinstance(rule, Exists):
        return column(rule.node.name).is_(exp.null())
    if isinstance(rule, IsOfSex | IsAged):
        return breaks(rule)
    if isinstance(rule, IsFirst):
        return is_not_first(rule.selection)
    if isinstance(rule, Clear):
        return _count(plan, rule.predicate, (rule.span,)) > 0
    count = _count(plan, rule.has.predicate, rule.spans)
    tests: list[exp.Expr] = []
    if rule.has.minimum is not None:
        tests.append(count < rule.has.minimum)
    if rule.has.maximum is not None:
        tests.append(count.copy() > rule.has.maximum)
    return exp.or_(*tests)


def _count(plan: Plan, predicate: str, spans: Sequence[Span]) -> exp.Expr:
    """Return the count of a predicate in spans, each as a difference of running counts."""
    counts = [_count_between(plan, predicate, span) for span in spans if not span.is_empty]
    return exp.paren(reduce(lambda total, count: total + count, counts)) if counts else _zero()


def _count_between(plan: Plan, predicate: str, span: Span) -> exp.Expr:
    until, since = (_running_count(plan, predicate, reading) for reading in (span.until, span.since))
    return until if since == _zero() else until - since


def _running_count(plan: Plan, predicate: str, reading: Reading) -> exp.Expr:
    """Return the column of a running count, which is 0 before the record."""
    if reading.edge == "before" and reading.node in plan.begins:
        return _zero()
    return column(_count_column(predicate, reading.node, reading.edge))


def _count_column(predicate: str, node: str, edge: Edge) -> str:
    return f"{predicate} {edge} {node}"


def result_names(plan: Plan, *, wide: bool) -> list[str]:
    """Return the names of the columns of a cohort query."""
    return [name for name, _cell in _result_columns(plan, wide=wide)]


def _result_columns(plan: Plan, *, wide: bool) -> list[tuple[str, exp.Expr]]:
    names = ["subject_id", TRIGGER]
    if plan.index is not None:
        names.append("index_timestamp")
    if plan.label is not None:
        names.append("label")
    columns: list[tuple[str, exp.Expr]] = [(name, exp.column(name)) for name in names]
    counts = {one.name: _count(plan, one.predicate, spans) for one, spans in plan.observed if one.kind in COUNTED}
    columns += endpoint_cells(plan, counts)
    if plan.task.controls is not None:
        columns += [
            (MATCH_ID, match_id(plan.task.controls, plan.lost_at, plan)),
            (IS_CASE, exp.column(IS_CASE).eq(1)),
        ]
    for node in plan.nodes if wide else ():
        first, last = reported_times(node)
        columns += [(f"{node.name}@start", column(first)), (f"{node.name}@end", column(last))]
        columns += [(f"{node.name}#{name}", _count(plan, name, node.counted)) for name in plan.counted]
    return [*columns, (LOST_AT, exp.column(plan.lost_at))]


def reported_times(node: Node) -> tuple[str, str]:
    """Return the nodes whose times ACES reports as start and end: exchanged for a step back by a span of time."""
    if isinstance(node.step, Shift):
        return node.parent, node.name
    return node.span.first, node.span.last


def _zero() -> exp.Expr:
    return exp.Literal.number(0)
