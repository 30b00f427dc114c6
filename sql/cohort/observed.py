"""The endpoints of a task as columns: what is observed of each row that is left."""

from collections.abc import Iterator, Mapping
from typing import Final

from sqlglot import exp

from ehr.errors import TaskError
from ehr.tasks import TRIGGER, Derived, Endpoint, Plain, Task
from sql.cohort.expressions import column, join_nearest
from sql.cohort.moments import moments_with
from sql.cohort.occurrences import bounds_test, value_table
from sql.cohort.plan import Plan
from sql.cohort.records import Records
from sql.cohort.tree import Span

OBSERVED: Final = "observed"
DAY: Final = 86_400_000_000
"""Microseconds of a day."""
RECORD_ENDS: Final = "record ends"


def endpoint_columns(endpoint: Endpoint) -> list[str]:
    """Return the names of the columns of an endpoint."""
    return [endpoint.name, f"{endpoint.name}_event"] if endpoint.kind == "time" else [endpoint.name]


def check_endpoints(task: Task) -> None:
    """Raise TaskError for an endpoint that takes values of a predicate that has none."""
    for endpoint in task.endpoints:
        if endpoint.kind in ("value", "ordinal") and not all(_sources(task, endpoint.predicate)):
            raise TaskError(
                f"{task.name}: endpoints.{endpoint.name}.predicate: {endpoint.predicate} has no values of its own; "
                "name a predicate on codes, or several joined with or(...)"
            )


def observation_tables(plan: Plan, table: str, records: Records) -> list[tuple[str, exp.Query]]:
    """Return the queries that add to the rows of `table` what endpoints look for; without any there are none.

    Times that are found stand in `NAME found` and `NAME competing`, values in `NAME value`; the last is `observed`.
    """
    tables: list[tuple[str, exp.Query]] = []

    def add(query: exp.Query) -> None:
        nonlocal table
        table = f"observed_{len(tables) + 1}"
        tables.append((table, query))

    for endpoint, (span, *_others) in plan.observed:
        if endpoint.kind == "time":
            add(_with_first(endpoint.predicate, f"{endpoint.name} found", span, table))
            if endpoint.competing is not None:
                add(_with_first(endpoint.competing, f"{endpoint.name} competing", span, table))
        elif endpoint.kind in ("value", "ordinal"):
            if endpoint.take in ("first", "last"):
                add(_with_one_value(plan, endpoint, span, table))
            else:
                tables.append((f"values_{len(tables) + 1}", _all_values(plan, endpoint, span, table)))
                add(_with_all_values(endpoint, tables[-1][0], table))
    if any(endpoint.kind == "time" for endpoint, _spans in plan.observed):
        add(_with_end(table, records))
    return [*tables[:-1], (OBSERVED, tables[-1][1])] if tables else []


def endpoint_cells(plan: Plan, counts: Mapping[str, exp.Expr]) -> Iterator[tuple[str, exp.Expr]]:
    """Yield the columns of all endpoints by name; `counts` has the counts of those that are counted."""
    for endpoint, (span, *_others) in plan.observed:
        if endpoint.kind == "count":
            yield endpoint.name, counts[endpoint.name]
        elif endpoint.kind == "boolean":
            yield endpoint.name, counts[endpoint.name] > 0
        elif endpoint.kind == "value":
            yield endpoint.name, exp.cast(column(f"{endpoint.name} value"), "DOUBLE")
        elif endpoint.kind == "ordinal":
            yield endpoint.name, _level(endpoint)
        else:
            yield from _time(endpoint, span)


# ---- the first moment of a predicate -----------------------------------------------------------------------------


def _with_first(predicate: str, name: str, span: Span, table: str) -> exp.Query:
    """Add the first moment of a predicate in the window, or null."""
    time = column("time", "found")
    query = join_nearest(_reached(table), moments_with(predicate), "found", _since(time, span))
    return query.select(_where(time, _until(time, span)).as_(name, quoted=True))


def _with_end(table: str, records: Records) -> exp.Query:
    """Add the end of the record, where a time is censored at the latest."""
    same = exp.column("subject_id", "reached").eq(exp.column("subject_id", "record"))
    ends = exp.column("last_time", "record").as_(RECORD_ENDS, quoted=True)
    return _reached(table).select(ends).join(records.spans.subquery("record"), on=same, join_type="left")


def _time(endpoint: Endpoint, span: Span) -> Iterator[tuple[str, exp.Expr]]:
    """Yield the days until the first event, and which it was: 1, 2 (competing) or 0 (censored)."""
    found = column(f"{endpoint.name} found")
    cases: list[tuple[exp.Expr, exp.Expr]] = [(_is_there(found), found)]
    if endpoint.competing is not None:
        other = column(f"{endpoint.name} competing")
        is_first = exp.or_(other.is_(exp.null()), exp.LTE(this=found.copy(), expression=other.copy()))
        cases = [(exp.and_(_is_there(found), is_first), found), (_is_there(other), other)]
    time, cause = exp.Case(), exp.Case()
    for number, (test, at) in enumerate(cases, start=1):
        time = time.when(test, _days(at))
        cause = cause.when(test.copy(), exp.Literal.number(number))
    end = exp.Least(this=column(span.last), expressions=[column(RECORD_ENDS)], ignore_nulls=True)
    yield endpoint.name, time.else_(_days(end))
    yield f"{endpoint.name}_event", cause.else_(exp.Literal.number(0))


def _days(until: exp.Expr) -> exp.Expr:
    """Return the days from the prediction time on."""
    microseconds = exp.DateDiff(
        this=until.copy(), expression=exp.column("index_timestamp"), unit=exp.var("MICROSECOND")
    )
    return exp.cast(microseconds, "DOUBLE") / exp.cast(exp.Literal.number(DAY), "DOUBLE")


# ---- values ------------------------------------------------------------------------------------------------------


def _with_one_value(plan: Plan, endpoint: Endpoint, span: Span, table: str) -> exp.Query:
    """Add the first or last value in the window, the lowest of several at one time, or null."""
    lowest = exp.Min(this=column("value")).as_("value", quoted=True)
    by_moment = (
        exp.select("subject_id", "time", lowest)
        .from_(_values(plan, endpoint).subquery("single"))
        .group_by("subject_id", "time")
    )
    time = column("time", "found")
    since, until = _since(time, span), _until(time, span)
    near, far = (since, until) if endpoint.take == "first" else (until, since)
    query = join_nearest(_reached(table), by_moment.subquery(), "found", near)
    return query.select(_where(column("value", "found"), far).as_(f"{endpoint.name} value", quoted=True))


def _all_values(plan: Plan, endpoint: Endpoint, span: Span, table: str) -> exp.Query:
    """Select the lowest, highest or mean value in the window of each row that has one."""
    function = {"min": exp.Min, "max": exp.Max, "mean": exp.Avg}[endpoint.take]
    time = column("time", "found")
    same = exp.column("subject_id", "reached").eq(exp.column("subject_id", "found"))
    value = function(this=exp.cast(column("value", "found"), "DOUBLE")).as_("value", quoted=True)
    row = [exp.column("subject_id", "reached"), exp.column(TRIGGER, "reached")]
    return (
        exp.select(*row, value)
        .from_(exp.to_table(table, alias="reached"))
        .join(_values(plan, endpoint).subquery("found"), on=exp.and_(same, _since(time, span), _until(time, span)))
        .group_by(*(cell.copy() for cell in row))
    )


def _with_all_values(endpoint: Endpoint, values: str, table: str) -> exp.Query:
    same = [exp.column(name, "reached").eq(exp.column(name, "taken")) for name in ("subject_id", TRIGGER)]
    value = column("value", "taken").as_(f"{endpoint.name} value", quoted=True)
    return (
        _reached(table).select(value).join(exp.to_table(values, alias="taken"), on=exp.and_(*same), join_type="left")
    )


def _values(plan: Plan, endpoint: Endpoint) -> exp.Query:
    """Select the values of the predicate with subject and time; those that are no number are left out."""
    parts = []
    for name in _sources(plan.task, endpoint.predicate):
        source = value_table(plan, name or endpoint.predicate, endpoint.unit)
        value = column(source.column)
        is_number = exp.and_(value.is_(exp.null()).not_(), exp.not_(exp.IsNan(this=value.copy())))
        parts.append(
            exp.select("subject_id", "time", value.as_("value", quoted=True)).from_(source.table).where(is_number)
        )
    together: exp.Query = parts[0]
    for part in parts[1:]:
        together = exp.union(together, part, distinct=False, copy=False)
    return together


def _sources(task: Task, name: str) -> list[str | None]:
    """Return the plain predicates whose rows a predicate counts, with None for one that counts moments only."""
    predicate = task.predicate(name)
    if isinstance(predicate, Plain):
        return [None if predicate.static else name]
    if isinstance(predicate, Derived) and predicate.operator == "or":
        return [source for one in predicate.inputs for source in _sources(task, one)]
    return [None]


def _level(endpoint: Endpoint) -> exp.Expr:
    """Return the number, from 0, of the first level that the value falls in."""
    value = exp.cast(column(f"{endpoint.name} value"), "FLOAT")
    found = exp.Case()
    for number, level in enumerate(endpoint.levels):
        found = found.when(exp.and_(*bounds_test(level.value, value)), exp.Literal.number(number))
    return found


# ---- the window --------------------------------------------------------------------------------------------------


def _reached(table: str) -> exp.Select:
    return exp.select(exp.column(exp.Star(), table="reached")).from_(exp.to_table(table, alias="reached"))


def _since(time: exp.Expr, span: Span) -> exp.Expr:
    comparison = exp.GTE if span.first_inclusive else exp.GT
    return comparison(this=time.copy(), expression=column(span.first, "reached"))


def _until(time: exp.Expr, span: Span) -> exp.Expr:
    comparison = exp.LTE if span.last_inclusive else exp.LT
    return comparison(this=time.copy(), expression=column(span.last, "reached"))


def _where(cell: exp.Expr, test: exp.Expr) -> exp.Expr:
    return exp.Case().when(test, cell.copy())


def _is_there(time: exp.Expr) -> exp.Expr:
    return time.copy().is_(exp.null()).not_()
