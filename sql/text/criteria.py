"""Criteria as conditions of SQL on a patient, and on the stay at hand where there is one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from sqlglot import exp

from sql.functions import DESCENDS_FROM
from sql.text.criterion import (
    Age,
    AgeAt,
    AllOf,
    AnyOf,
    Attribute,
    Changed,
    Criterion,
    Died,
    Event,
    Followed,
    HasValue,
    Identity,
    Length,
    Not,
    Ordinal,
    Returned,
    Sex,
    Started,
    Stay,
    Which,
)
from sql.text.expressions import (
    SECONDS,
    around,
    bounded,
    col,
    in_span,
    in_stay,
    number,
    plus,
    rounded,
    seconds_of,
    table,
)
from sql.text.matching import kept_codes, role_of_code
from sql.text.query import Patients, Stays
from sql.text.terms import Around, Calendar, Comparison, Concept, DuringStay, Ever, Kind, Relative, StayKind

DIED: Final = "DIED"


_RECORDS: Final = {"given": "MedicationAdministration/", "ordered": "MedicationRequest/"}


@dataclass(slots=True)
class Names:
    """Aliases that are not in use yet."""

    used: dict[str, int] = field(default_factory=dict)

    def fresh(self, letter: str) -> str:
        """Return the next alias with this letter."""
        self.used[letter] = self.used.get(letter, 0) + 1
        number = self.used[letter]
        return letter if number == 1 and letter in "epr" else f"{letter}{number}"


@dataclass(frozen=True, slots=True)
class Here:
    """Where a criterion is compiled: the alias of the patient, and of the stay at hand with its kind."""

    names: Names
    patient: str
    stay: str | None = None
    kind: StayKind | None = None
    record: str | None = None
    concept: Concept | None = None


def from_members(population: Patients | Stays) -> tuple[Here, exp.Select]:
    """Return the patients or stays of a population as a FROM clause, and the aliases that they have there."""
    names = Names()
    patient = names.fresh("p")
    if isinstance(population, Patients):
        return Here(names, patient), exp.select().from_(table("patient", patient))
    here = Here(names, patient, names.fresh("e"), population.kind)
    same = col(here.stay, "subject_id").eq(col(patient, "subject_id"))
    select = exp.select().from_(table("encounter", here.stay or "e")).join(table("patient", patient), on=same)
    if population.kind is not StayKind.ANY:
        select = select.where(col(here.stay, "class").eq(exp.Literal.string(population.kind)))
    return here, select


def criterion_sql(criterion: Criterion, here: Here) -> exp.Expr:
    """Return a criterion as a condition."""
    compiler = _COMPILERS[type(criterion)]
    return compiler(criterion, here)


def _all(criterion: AllOf, here: Here) -> exp.Expr:
    return exp.and_(*(criterion_sql(one, here) for one in criterion.criteria))


def _any(criterion: AnyOf, here: Here) -> exp.Expr:
    return exp.paren(exp.or_(*(criterion_sql(one, here) for one in criterion.criteria)), copy=False)


def _not(criterion: Not, here: Here) -> exp.Expr:
    """Negate; what is unknown counts as not so."""
    inner = criterion_sql(criterion.criterion, here)
    if isinstance(inner, exp.Exists):
        return exp.not_(inner)
    return exp.not_(exp.func("COALESCE", exp.paren(inner), exp.false()))


def _sex(criterion: Sex, here: Here) -> exp.Expr:
    return col(here.patient, "sex").eq(exp.Literal.string(criterion.value))


def _age_criterion(criterion: Age, here: Here) -> exp.Expr:
    return bounded(age_sql(criterion.at, here), criterion.comparison)


def age_sql(at: AgeAt, here: Here) -> exp.Expr:
    """Age in whole years: complete years between birth and the time."""
    birth = col(here.patient, "birth_time")
    death = col(here.patient, "death_time")
    time: exp.Expr = exp.func("LEAST", col(here.patient, "last_time"), death)
    if at == "death":
        time = death
    elif at == "start" and here.stay is not None:
        time = col(here.stay, "start_time")
    return exp.Anonymous(this="DATE_SUB", expressions=[exp.Literal.string("year"), birth, time])


def _died(criterion: Died, here: Here) -> exp.Expr:
    death = col(here.patient, "death_time")
    window = criterion.window
    if isinstance(window, Calendar):
        return in_span(death, window)
    if isinstance(window, DuringStay) and here.stay is not None:
        # A death date without a time would fall into a stay that ended alive that day: the disposition decides.
        disposition = col(here.stay, "disposition")
        unknown = exp.and_(exp.Is(this=disposition, expression=exp.Null()), in_stay(death, here.stay))
        return exp.paren(exp.or_(disposition.copy().eq(exp.Literal.string(DIED)), unknown), copy=False)
    if isinstance(window, Around) and here.stay is not None:
        return around(death, window, here.stay)
    return col(here.patient, "died")


def _stay(criterion: Stay, here: Here) -> exp.Expr:
    alias = here.names.fresh("e")
    inner = replace(here, stay=alias, kind=criterion.kind)
    conditions: list[exp.Expr] = []
    if criterion.of == "stay" and here.stay is not None:
        conditions.append(col(alias, "parent_id").eq(col(here.stay, "encounter_id")))
    else:
        conditions.append(col(alias, "subject_id").eq(col(here.patient, "subject_id")))
    if criterion.kind is not StayKind.ANY:
        conditions.append(col(alias, "class").eq(exp.Literal.string(criterion.kind)))
    if criterion.where is not None:
        conditions.append(criterion_sql(criterion.where, inner))
    found = exp.select().from_(table("encounter", alias)).where(*conditions)
    if criterion.times is None:
        return exp.Exists(this=found.select(exp.Literal.number(1)))
    return bounded(exp.Subquery(this=found.select(exp.Count(this=exp.Star()))), criterion.times)


def _length(criterion: Length, here: Here) -> exp.Expr:
    assert here.stay is not None
    factor = SECONDS[criterion.unit]
    bound = criterion.comparison
    high = None if bound.high is None else bound.high * factor
    return bounded(seconds_of(here.stay), Comparison(bound.operator, bound.low * factor, high))


def _started(criterion: Started, here: Here) -> exp.Expr:
    assert here.stay is not None
    return in_span(col(here.stay, "start_time"), criterion.span)


def _returned(criterion: Returned, here: Here) -> exp.Expr:
    """Ask for an earlier stay of the same class that ended no longer ago than the limit."""
    assert here.stay is not None
    alias, stay = here.names.fresh("e"), here.stay
    ended, begins = col(alias, "end_time"), col(stay, "start_time")
    found = (
        exp.select(exp.Literal.number(1))
        .from_(table("encounter", alias))
        .where(
            col(alias, "subject_id").eq(col(stay, "subject_id")),
            col(alias, "class").eq(col(stay, "class")),
            col(alias, "encounter_id").neq(col(stay, "encounter_id")),
            exp.LTE(this=ended, expression=begins),
            exp.LTE(this=begins.copy(), expression=plus(ended.copy(), criterion.within)),
        )
    )
    return exp.Exists(this=found)


def _followed(criterion: Followed, here: Here) -> exp.Expr:
    """Ask for a later stay of the same class that began no later than the limit after the end of this one."""
    assert here.stay is not None
    alias, stay = here.names.fresh("e"), here.stay
    ended, begins = col(stay, "end_time"), col(alias, "start_time")
    found = (
        exp.select(exp.Literal.number(1))
        .from_(table("encounter", alias))
        .where(
            col(alias, "subject_id").eq(col(stay, "subject_id")),
            col(alias, "class").eq(col(stay, "class")),
            col(alias, "encounter_id").neq(col(stay, "encounter_id")),
            exp.Between(this=begins, low=ended, high=plus(ended.copy(), criterion.within)),
        )
    )
    return exp.Exists(this=found)


def _identity(criterion: Identity, here: Here) -> exp.Expr:
    return col(here.patient, "subject_id").eq(number(criterion.subject_id))


def _attribute(criterion: Attribute, here: Here) -> exp.Expr:
    assert here.stay is not None
    named = [exp.Literal.string(value) for value in criterion.values]
    return col(here.stay, criterion.column).isin(*named)


def _ordinal(criterion: Ordinal, here: Here) -> exp.Expr:
    """Ask that there is no other stay of the patient and class before it, or after it."""
    assert here.stay is not None
    alias, stay = here.names.fresh("e"), here.stay
    own = [col(stay, name) for name in ("start_time", "encounter_id")]
    other = [col(alias, name) for name in ("start_time", "encounter_id")]
    compared = exp.LT if criterion.which == "first" else exp.GT
    further = compared(this=exp.Tuple(expressions=other), expression=exp.Tuple(expressions=own))
    found = (
        exp.select(exp.Literal.number(1))
        .from_(table("encounter", alias))
        .where(
            col(alias, "subject_id").eq(col(stay, "subject_id")), col(alias, "class").eq(col(stay, "class")), further
        )
    )
    return exp.not_(exp.Exists(this=found))


def _changed(criterion: Changed, here: Here) -> exp.Expr:
    """Compare the last value of the member with its first one."""
    alias, conditions, joins = event_parts(Event(criterion.concept, criterion.window), here)
    conditions.append(exp.Is(this=col(alias, "value"), expression=exp.Null()).not_())
    value = value_sql(criterion.concept, alias)
    order = exp.Anonymous(this="ROW", expressions=[col(alias, "start_time"), col(alias, "value")])
    last = exp.func("ARG_MAX", value, order, dialect="duckdb")
    first = exp.func("ARG_MIN", value.copy(), order.copy(), dialect="duckdb")
    compared = exp.GT if criterion.direction == "rose" else exp.LT
    differs = compared(this=last, expression=first)
    return exp.paren(
        exp.Subquery(this=select_events(criterion.concept, alias, conditions, joins, differs)), copy=False
    )


def _event(criterion: Event, here: Here) -> exp.Expr:
    if criterion.which != "any" and criterion.comparison is not None:
        return _picked_event(criterion, here)
    alias, conditions, joins = event_parts(criterion, here)
    return exp.Exists(this=select_events(criterion.concept, alias, conditions, joins, exp.Literal.number(1)))


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


def _picked_event(criterion: Event, here: Here) -> exp.Expr:
    """Compare the first, last, highest or lowest value of each patient or stay."""
    assert criterion.comparison is not None
    inner = replace(here, patient=here.names.fresh("q"), stay=here.names.fresh("e") if here.stay else None)
    alias, conditions, joins = event_parts(replace(criterion, comparison=None), inner)
    key = col(inner.stay, "encounter_id") if inner.stay else col(alias, "subject_id")
    value = value_sql(criterion.concept, alias)
    select = exp.select(
        exp.alias_(key, "key"),
        exp.alias_(value, "value"),
        exp.alias_(position(alias, key, criterion.which), "position"),
    ).from_(table(criterion.concept.kind, alias))
    select = select.join(
        table("patient", inner.patient), on=col(alias, "subject_id").eq(col(inner.patient, "subject_id"))
    )
    if inner.stay:
        select = select.join(
            table("encounter", inner.stay), on=col(alias, "subject_id").eq(col(inner.stay, "subject_id"))
        )
    for joined, on in joins:
        select = select.join(joined, on=on, join_type="LEFT" if joined.alias.startswith("s") else "")
    select = select.where(*conditions, exp.Is(this=col(alias, "value"), expression=exp.Null()).not_())
    name = here.names.fresh("k")
    outer = (
        exp.select(col(name, "key"))
        .from_(select.subquery(name))
        .where(
            col(name, "position").eq(1),
            bounded(col(name, "value"), criterion.comparison, as_float=is_plain(criterion.concept)),
        )
    )
    own = col(here.stay, "encounter_id") if here.stay else col(here.patient, "subject_id")
    return exp.In(this=own, query=exp.Subquery(this=outer))


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


def _has_value(criterion: HasValue, here: Here) -> exp.Expr:
    assert here.record is not None
    assert here.concept is not None
    return compared_sql(here.concept, here.record, criterion.comparison)


_COMPILERS: Final[dict[type, Callable[..., exp.Expr]]] = {
    AllOf: _all, AnyOf: _any, Not: _not, Sex: _sex, Age: _age_criterion, Died: _died, Stay: _stay, Length: _length,
    Started: _started, Returned: _returned, Event: _event, HasValue: _has_value, Followed: _followed,
    Identity: _identity, Attribute: _attribute, Ordinal: _ordinal, Changed: _changed,
}  # fmt: skip
# fmt: skip
