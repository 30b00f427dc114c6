"""The records of an event in SQL: their codes, values and windows as conditions on one record.

`criteria` asks with these whether there is such a record; figures are read from the same records.
"""

from collections.abc import Sequence
from typing import Final

from sqlglot import exp

from sql.functions import DESCENDS_FROM
from sql.text.criterion import Event, Which
from sql.text.expressions import around, bounded, col, in_span, in_stay, number, plus, rounded, table
from sql.text.matching import kept_codes, role_of_code
from sql.text.members import Here
from sql.text.terms import Around, Calendar, Comparison, Concept, DuringStay, Ever, Kind, Relative

_RECORDS: Final = {"given": "MedicationAdministration/", "ordered": "MedicationRequest/"}


def select_events(
    concept: Concept,
    alias: str,
    conditions: Sequence[exp.Expr],
    joins: Sequence[tuple[exp.Expr, exp.Expr]],
    what: exp.Expr,
) -> exp.Select:
    """Select something of the events that satisfy the conditions."""
    select = exp.select(what).from_(table(concept.kind, alias))
    for joined, on in joins:
        select = select.join(joined, on=on, join_type="LEFT" if joined.alias.startswith("s") else "")
    return select.where(*conditions)


def position(alias: str, key: exp.Expr, which: Which) -> exp.Expr:
    """Number the values of each member so that the one wanted is the first."""
    time, value = col(alias, "start_time"), col(alias, "value")
    order: dict[str, list[exp.Expr]] = {
        "first": [_asc(time), _asc(value)],
        "last": [_desc(time), _desc(value)],
        "highest": [_desc(value)],
        "lowest": [_asc(value)],
    }
    return exp.Window(
        this=exp.RowNumber(), partition_by=[key.copy()], order=exp.Order(expressions=order.get(which, [_asc(time)]))
    )


def _asc(value: exp.Expr) -> exp.Ordered:
    return exp.Ordered(this=value, nulls_first=False)


def _desc(value: exp.Expr) -> exp.Ordered:
    return exp.Ordered(this=value, desc=True, nulls_first=False)


def event_parts(event: Event, here: Here) -> tuple[str, list[exp.Expr], list[tuple[exp.Expr, exp.Expr]]]:
    """Return the alias of the event, its conditions, and the tables to join for them."""
    alias = here.names.fresh("v")
    conditions = [col(alias, "subject_id").eq(col(here.patient, "subject_id")), codes_sql(event, alias)]
    joins: list[tuple[exp.Expr, exp.Expr]] = []
    if event.comparison is not None:
        conditions.append(compared_sql(event.concept, alias, event.comparison))
    if isinstance(event.window, DuringStay) and here.stay and event.concept.kind is not Kind.OBSERVATION:
        named = here.names.fresh("s")
        joins.append((table("encounter", named), col(alias, "encounter_id").eq(col(named, "encounter_id"))))
        conditions.append(belongs_sql(event.concept.kind, alias, named, here))
    elif isinstance(event.window, Relative):
        first = here.names.fresh("f")
        joins.append(
            (_first_times(event.window.concept, first), col(first, "subject_id").eq(col(alias, "subject_id")))
        )
        conditions.append(_ordered(event.window, col(alias, "start_time"), col(first, "first_time")))
    else:
        condition = window_sql(event, alias, here)
        if condition is not None:
            conditions.append(condition)
    return alias, conditions, joins


def belongs_sql(kind: Kind, alias: str, named: str, here: Here) -> exp.Expr:
    """Say that a record belongs to the stay at hand: it names the stay or one inside it, or lies in its time.

    Diagnoses are made for the hospital stay, so those of the stay around an ICU stay or emergency visit count; what
    is done belongs by time where the record names no stay, or only the one around it.
    """
    assert here.stay is not None
    own, around = col(here.stay, "encounter_id"), col(here.stay, "parent_id")
    ways: list[exp.Expr] = [col(alias, "encounter_id").eq(own), col(named, "parent_id").eq(own.copy())]
    unnamed: exp.Expr = exp.Is(this=col(alias, "encounter_id"), expression=exp.Null())
    if kind is Kind.CONDITION:
        ways.append(col(alias, "encounter_id").eq(around))
    else:
        unnamed = exp.or_(unnamed, col(alias, "encounter_id").eq(around))
    ways.append(exp.and_(unnamed, in_stay(col(alias, "start_time"), here.stay)))
    return exp.paren(exp.or_(*ways), copy=False)


def _first_times(concept: Concept, alias: str) -> exp.Expr:
    inner = exp.select("subject_id", exp.alias_(exp.func("MIN", exp.column("start_time")), "first_time"))
    codes = exp.column("code").isin(*(exp.Literal.string(code) for code in kept_codes(concept, "recorded")))
    wanted = _is_below(concept, exp.column("code")) if concept.below else codes
    return inner.from_(exp.to_table(concept.kind)).where(wanted).group_by("subject_id").subquery(alias)


def _ordered(window: Relative, time: exp.Expr, first: exp.Expr) -> exp.Expr:
    if window.side == "after":
        later = exp.GT(this=time, expression=first)
        return (
            later
            if window.within is None
            else exp.and_(later, exp.LTE(this=time.copy(), expression=plus(first.copy(), window.within)))
        )
    earlier = exp.LT(this=time, expression=first)
    return (
        earlier
        if window.within is None
        else exp.and_(earlier, exp.GTE(this=time.copy(), expression=plus(first.copy(), -window.within)))
    )


def codes_sql(event: Event, alias: str) -> exp.Expr:
    """Say that a record has a code of the concept, and is an order or a dose where that was asked.

    A plain medication code (FHIR) stands for both; there the record that it came from tells.
    """
    if event.concept.below:
        return _is_below(event.concept, col(alias, "code"))
    kept = kept_codes(event.concept, event.mode)
    prefix = _RECORDS.get(event.mode) if event.concept.kind is Kind.MEDICATION else None
    plain = [code for code in kept if prefix and role_of_code(code) == "plain"]
    certain = [code for code in kept if code not in plain]
    ways: list[exp.Expr] = []
    if certain:
        ways.append(_is_one_of(alias, certain))
    if plain and prefix:
        record = exp.func("STARTS_WITH", col(alias, "record_id"), exp.Literal.string(prefix), dialect="duckdb")
        ways.append(exp.and_(_is_one_of(alias, plain), record))
    if not ways:
        return exp.false()
    return ways[0] if len(ways) == 1 else exp.paren(exp.or_(*ways), copy=False)


def _is_below(concept: Concept, code: exp.Expr) -> exp.Expr:
    names = [exp.Literal.string(name) for name in concept.below]
    return exp.Anonymous(this=DESCENDS_FROM, expressions=[code, *names])


def _is_one_of(alias: str, codes: Sequence[str]) -> exp.Expr:
    return col(alias, "code").isin(*(exp.Literal.string(code) for code in codes))


def is_plain(concept: Concept) -> bool:
    """Say whether the values of a concept need no conversion."""
    return all(code.scale == 1 and code.shift == 0 for code in concept.codes)


def value_sql(concept: Concept, alias: str) -> exp.Expr:
    """Return the value in the unit of the concept; converted ones are rounded to hide the binary tail."""
    value = col(alias, "value")
    if is_plain(concept):
        return value
    factors: dict[tuple[float, float], list[str]] = {}
    for code in concept.codes:
        factors.setdefault((code.scale, code.shift), []).append(code.code)
    case = exp.Case()
    for (scale, shift), codes in factors.items():
        converted = exp.Add(
            this=exp.Mul(this=value.copy(), expression=number(scale)), expression=exp.paren(number(shift))
        )
        case = case.when(col(alias, "code").isin(*(exp.Literal.string(code) for code in codes)), converted)
    return rounded(case)


def compared_sql(concept: Concept, alias: str, bound: Comparison) -> exp.Expr:
    """Compare the value of a record."""
    return bounded(value_sql(concept, alias), bound, as_float=is_plain(concept))


def window_sql(event: Event, alias: str, here: Here) -> exp.Expr | None:
    """Say that an event lies in its window; None for any time."""
    time, window = col(alias, "start_time"), event.window
    if isinstance(window, Calendar):
        return in_span(time, window)
    if isinstance(window, Ever) or here.stay is None:
        return None
    if isinstance(window, Around):
        return around(time, window, here.stay)
    return in_stay(time, here.stay)
