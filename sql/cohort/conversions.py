"""Values in the unit that a task asks for: how each code and unit in use gets there, written into the query.

The way from a unit to another is worked out exactly for each pair of code and unit (`ehr.units`), because what a code
measures decides it: mg/dL of glucose are other mmol/L than those of urea. The query multiplies and adds.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from ehr.hierarchy import JOINT
from ehr.tasks import Plain
from ehr.units import Conversion, conversion_between, item_of, parse_unit, quantity_of, unit_in_code
from sql.cohort.codes import CodeTable, matching_codes
from sql.cohort.expressions import column
from sql.cohort.records import Records

CONVERSION: Final = "conversion"
MOST_SPELT: Final = 5
"""How many codes a remark names before it only counts them."""


@dataclass(frozen=True, slots=True)
class UsedUnit:
    """A unit in which numbers of a code came, None where they came without one, and how many did."""

    code: str
    unit: str | None
    n: int


@dataclass(frozen=True, slots=True)
class Conversions:
    """The units in use of the codes of a task, and the way of each to the units `asked` for, where there is one."""

    asked: tuple[str, ...]
    ways: Mapping[UsedUnit, Mapping[str, Conversion]]


def find_conversions(asked: Mapping[str, Sequence[str]], codes: CodeTable, records: Records) -> Conversions:
    """Return how the values of predicates get to the units that are `asked` for, by name of the predicate."""
    wanted: dict[str, set[str]] = {}
    for key, names in codes.items():
        units = {unit for name in names for unit in asked.get(name, ())}
        if units:
            wanted.setdefault(key.partition(JOINT)[0], set()).update(units)
    ways = {}
    titles = _titles(wanted, records)
    for used in _units_in_use(wanted, records):
        found = {unit: way for unit in sorted(wanted[used.code]) if (way := _way(used, titles.get(used.code), unit))}
        ways[used] = found
    return Conversions(tuple(dict.fromkeys(unit for units in asked.values() for unit in units)), ways)


def conversion_relation(conversions: Conversions) -> exp.Query:
    """Return code, unit ('' for none), and factor and shift to each unit that is asked for, as literals."""
    names = ["code", "unit"]
    for number in range(1, len(conversions.asked) + 1):
        names += [f"factor_{number}", f"shift_{number}"]
    tuples = []
    for used, ways in conversions.ways.items():
        cells: list[exp.Expr] = [exp.Literal.string(used.code), exp.Literal.string(used.unit or "")]
        for unit in conversions.asked:
            way = ways.get(unit)
            cells += [_double(float(way.factor)), _double(float(way.shift))] if way else [_no_number(), _no_number()]
        if ways:
            tuples.append(exp.Tuple(expressions=cells))
    if not tuples:
        texts = [exp.cast(exp.null(), "VARCHAR").as_(name) for name in names[:2]]
        return exp.select(*texts, *(_no_number().as_(name) for name in names[2:])).where(exp.false())
    alias = exp.TableAlias(this=exp.to_identifier("ways"), columns=[exp.to_identifier(name) for name in names])
    return exp.select("*").from_(exp.Values(expressions=tuples, alias=alias))


def with_conversion(query: exp.Select, records: Records) -> exp.Select:
    """Join the way of each event to a query of `event`."""
    same: exp.Expr = exp.column("code", CONVERSION).eq(exp.column("code", "event"))
    if "unit" in records.columns:
        unit = exp.func("COALESCE", exp.column("unit", "event"), exp.Literal.string(""))
        same = exp.and_(same, exp.column("unit", CONVERSION).eq(unit))
    return query.join(exp.Join(this=exp.to_table(CONVERSION), side="LEFT", on=same))


def value_in(unit: str | None, conversions: Conversions) -> exp.Expr:
    """Return the value of an event in a unit, rounded to 32 bits; null where there is none."""
    number = exp.column("numeric_value", "event")
    if unit is None:
        return number
    place = conversions.asked.index(unit) + 1
    factor, shift = column(f"factor_{place}", CONVERSION), column(f"shift_{place}", CONVERSION)
    return exp.TryCast(this=exp.cast(number, "DOUBLE") * factor + shift, to=exp.DataType.build("FLOAT"))


def unit_remarks(predicates: Sequence[Plain], records: Records) -> tuple[str, ...]:
    """Return a remark on each predicate that has values which cannot be converted to the unit of its bounds."""
    with_unit = [predicate for predicate in predicates if predicate.unit]
    if not with_unit:
        return ()
    codes = matching_codes(with_unit, records)
    asked = {predicate.name: [predicate.unit] for predicate in with_unit if predicate.unit}
    ways = find_conversions(asked, codes, records).ways
    remarks = []
    for name, (unit,) in asked.items():
        own = {key.partition(JOINT)[0] for key, names in codes.items() if name in names}
        lost = [used for used, found in ways.items() if used.code in own and unit not in found and used.n]
        if lost:
            do = "does" if sum(used.n for used in lost) == 1 else "do"
            remarks.append(f"{name}: {_lost_in_words(lost)} cannot be converted to {unit} and {do} not count")
    return tuple(remarks)


def _lost_in_words(lost: list[UsedUnit]) -> str:
    lost = sorted(lost, key=lambda used: -used.n)
    parts = [f"{_rows(used.n)} of {used.code} {_in_unit(used.unit)}" for used in lost[:MOST_SPELT]]
    rest = lost[MOST_SPELT:]
    if rest:
        parts.append(f"{_rows(sum(used.n for used in rest))} of {len(rest)} further codes or units")
    return ", ".join(parts)


def _rows(n: int) -> str:
    return "1 row" if n == 1 else f"{n:,} rows"


def _in_unit(unit: str | None) -> str:
    return "without a unit" if unit is None else f"in {unit!r}"


def _way(used: UsedUnit, title: str | None, asked: str) -> Conversion | None:
    """Return the way from a unit in use to the one that is asked for, by what the code measures."""
    written = used.unit or unit_in_code(used.code)
    unit, target = parse_unit(written) if written else None, parse_unit(asked)
    if unit is None or target is None:
        return None
    recognised = quantity_of(item_of(used.code, written), title)
    return conversion_between(unit, target, recognised.quantity if recognised else None)


def _units_in_use(codes: Iterable[str], records: Records) -> list[UsedUnit]:
    literals = [exp.Literal.string(code) for code in sorted(codes)]
    if not literals:
        return []
    has_unit = "unit" in records.columns
    query = records.units
    if query is None:
        count = exp.cast(exp.Count(this=exp.column("numeric_value")), "BIGINT")
        unit = exp.column("unit") if has_unit else exp.cast(exp.null(), "VARCHAR")
        query = (
            exp.select("code", unit.as_("unit"), count.as_("n"))
            .from_("event")
            .group_by("code", *(["unit"] * has_unit))
        )
        query = query.where(exp.In(this=exp.column("code"), expressions=literals), "numeric_value IS NOT NULL")
    found = exp.select("code", "unit", "n").from_(query.subquery("used"))
    found = found.where(exp.In(this=exp.column("code"), expressions=[literal.copy() for literal in literals]))
    n: dict[tuple[str, str | None], int] = {}
    for row in records.answer(found.order_by("code", "unit")).to_pylist():
        pair = row["code"], row["unit"] or None
        n[pair] = n.get(pair, 0) + int(row["n"])
    return [UsedUnit(code, unit, count) for (code, unit), count in n.items()]


def _titles(codes: Iterable[str], records: Records) -> dict[str, str]:
    literals = [exp.Literal.string(code) for code in sorted(codes)]
    if not literals or records.titles is None:
        return {}
    found = exp.select("code", "description").from_(records.titles.subquery("titled"))
    found = found.where(exp.In(this=exp.column("code"), expressions=literals), "description IS NOT NULL")
    rows = (records.codebook or records.con).execute(found.sql("duckdb")).fetchall()
    return dict(rows)


def _double(number: float) -> exp.Expr:
    """Write a number so that every engine reads it as a double, and as this one."""
    text = repr(abs(number))
    literal = exp.Literal.number(text if "e" in text else f"{text}e0")
    return exp.Neg(this=literal) if number < 0 else literal


def _no_number() -> exp.Expr:
    return exp.cast(exp.null(), "DOUBLE")
