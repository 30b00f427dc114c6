"""The rows of the plain predicates: events that pass their tests, and their values where something looks at them.

occurrence      events with a code that some predicate matches, one row each, with 1 or 0 for each predicate
value_1, ...    the rows of one predicate with their values: of each whose rows are compared with earlier ones or with
                those of another predicate, or whose values are asked for

A predicate is told from `occurrence` alone unless it looks at several rows (rise, fall, per); of those the flag in
`occurrence` says only that code and columns match, and value_N has the rows that pass.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from sqlglot import exp

from ehr.tasks import Endpoint, Plain, ValueRange
from sql.cohort.changes import change_test, with_earlier_value, with_quotient
from sql.cohort.codes import KEY, key_of_event
from sql.cohort.conversions import Conversions, value_in, with_conversion
from sql.cohort.expressions import column, one_if
from sql.cohort.plan import Plan
from sql.cohort.records import Records, in_code_order

OCCURRENCE: Final = "occurrence"
"""To be materialized: DuckDB else takes the few events that match for a fifth of all, and plans for so many."""
VALUE: Final = "value"


@dataclass(frozen=True, slots=True)
class ValueTable:
    """Where the rows of a plain predicate lie: subject_id, time, and the value in `column`, null without one."""

    table: str
    column: str


def looks_at_several_rows(predicate: Plain) -> bool:
    """Say whether one event does not tell whether it passes."""
    return predicate.change is not None or (predicate.per is not None and not predicate.value.is_open)


def value_table(plan: Plan, predicate: str, unit: str | None = None) -> ValueTable:
    """Return where the rows of a plain predicate lie that pass all its tests, with their values in `unit`.

    Without a unit the values are in that of the predicate, or as they are. There is a table for each predicate that
    an endpoint takes values of, in the unit of the endpoint.
    """
    own = next(one for one in plan.plain if one.name == predicate)
    number = _valued(plan).index(own) + 1
    return ValueTable(f"value_{number}", VALUE if unit in (None, own.unit) else f"{VALUE} in {unit}")


def asked_units(plan: Plan) -> dict[str, list[str]]:
    """Return the units in which something looks at the values of each predicate."""
    others = _units_of_endpoints(plan)
    predicates = (*plan.plain, *plan.static)
    return {one.name: [*([one.unit] if one.unit else []), *others.get(one.name, [])] for one in predicates}


def occurrence_tables(
    plan: Plan, records: Records, conversions: Conversions, kept: Sequence[str] = ()
) -> Iterable[tuple[str, exp.Query]]:
    """Yield the named queries from events to the rows of plain predicates, in the order in which they build up.

    All rows also keep the columns `kept` of their events.
    """
    yield OCCURRENCE, _occurrence(plan, records, conversions, kept)
    for predicate in _valued(plan):
        yield from _value_tables(plan, predicate, kept)


def row_tests(predicate: Plain, conversions: Conversions) -> list[exp.Expr]:
    """Return the tests of a predicate on an event by itself, its code aside; SQL's null is no match."""
    tests = [] if looks_at_several_rows(predicate) else _value_tests(predicate, conversions)
    for name, value in predicate.columns:
        tests.append(exp.false() if value is None else column(name, "event").eq(exp.convert(value)))
    return tests


def _valued(plan: Plan) -> list[Plain]:
    """Return the predicates whose rows are needed with their values, those that others are divided by first."""
    divisors = {one.per.name for one in plan.plain if one.per}
    asked = {source.name for one in _endpoints(plan) for source in plan.task.plain_inputs(one.predicate)}
    return [one for one in plan.plain if looks_at_several_rows(one) or one.name in divisors | asked]


def _endpoints(plan: Plan) -> list[Endpoint]:
    return [endpoint for endpoint in plan.task.endpoints if endpoint.kind in ("value", "ordinal")]


def _units_of_endpoints(plan: Plan) -> Mapping[str, list[str]]:
    """Return the units in which endpoints ask for the values of each predicate, beside its own."""
    asked: dict[str, list[str]] = {}
    for endpoint in _endpoints(plan):
        for source in plan.task.plain_inputs(endpoint.predicate):
            if endpoint.unit and endpoint.unit != source.unit:
                asked.setdefault(source.name, []).append(endpoint.unit)
    return {name: list(dict.fromkeys(units)) for name, units in asked.items()}


def _occurrence(plan: Plan, records: Records, conversions: Conversions, kept: Sequence[str]) -> exp.Query:
    flags = [_flag(predicate, conversions).as_(predicate.name, quoted=True) for predicate in plan.plain]
    units = [unit for one in _valued(plan) for unit in (one.unit, *_units_of_endpoints(plan).get(one.name, []))]
    values = [value_in(unit, conversions).as_(_value_name(unit), quoted=True) for unit in dict.fromkeys(units)]
    query = (
        exp.select(exp.column("subject_id", "event"), exp.column("time", "event"), *flags, *values)
        .select(*(exp.column(name, "event") for name in kept))
        .from_("event")
        .join("matching_code", on=exp.column(KEY, "matching_code").eq(key_of_event(records)))
        .where(exp.column("time", "event").is_(exp.null()).not_())
    )
    return in_code_order(with_conversion(query, records) if conversions.asked else query, records)


def _value_name(unit: str | None) -> str:
    return f"{VALUE} in {unit}" if unit else VALUE


def _flag(predicate: Plain, conversions: Conversions) -> exp.Expr:
    """Return 1 where a row passes the tests of a predicate, 0 where it does not."""
    matches, tests = column(predicate.name, "matching_code"), row_tests(predicate, conversions)
    return one_if(exp.and_(matches.eq(exp.Literal.number(1)), *tests)) if tests else matches


def _value_tests(predicate: Plain, conversions: Conversions) -> list[exp.Expr]:
    if predicate.value.is_open:
        return []
    return bounds_test(predicate.value, value_in(predicate.unit, conversions))


def bounds_test(value: ValueRange, number: exp.Expr) -> list[exp.Expr]:
    """Return the tests that a number lies within bounds, compared as 32-bit floats."""
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


def _value_tables(plan: Plan, predicate: Plain, kept: Sequence[str]) -> Iterable[tuple[str, exp.Query]]:
    """Yield the rows of a predicate that pass, with the value in its own unit, and in others that are asked for."""
    table = value_table(plan, predicate.name).table
    others = [*(_value_name(unit) for unit in _units_of_endpoints(plan).get(predicate.name, [])), *kept]
    value = column(_value_name(predicate.unit)).as_(VALUE, quoted=True)
    rows = exp.select("subject_id", "time", value, *map(column, others)).from_(OCCURRENCE)
    rows = rows.where(column(predicate.name).eq(exp.Literal.number(1)))
    tests = bounds_test(predicate.value, column(VALUE)) if looks_at_several_rows(predicate) else []
    if predicate.per:
        yield f"{table}_rows", rows
        divisor = value_table(plan, predicate.per.name)
        rows = with_quotient(exp.to_table(f"{table}_rows"), predicate.per, divisor.table, others)
    if predicate.change:
        rows = with_earlier_value(rows, predicate.change, others)
        tests.append(change_test(predicate.change))
    if tests:
        names = ["subject_id", "time", VALUE, *others]
        rows = exp.select(*map(column, names)).from_(rows.subquery("passing")).where(*tests)
    yield table, rows
