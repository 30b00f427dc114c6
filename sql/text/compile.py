"""A typed question as one SQL tree over the analyst views; nothing of the question's text gets into it.

Aliases: p a patient, e (e2, e3 inside) a stay, r a record that is counted; each event looked for has its own, v1, v2.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from sqlglot import exp

from ehr.events import SEPARATOR
from sql.text.matching import role_of
from sql.text.query import (
    Age,
    AgeAt,
    AgeOf,
    AllOf,
    AnyOf,
    Around,
    Calendar,
    Comparison,
    Concept,
    Count,
    Criterion,
    Died,
    DuringStay,
    Event,
    Ever,
    Kind,
    Length,
    LengthOf,
    Listing,
    Mode,
    Not,
    Patients,
    Query,
    Records,
    Relative,
    Returned,
    Sex,
    Share,
    Started,
    Statistic,
    Stay,
    StayKind,
    Stays,
    ValueOf,
    Which,
)

DIED: Final = "DIED"
SECONDS: Final = {"hours": 3600, "days": 86400}
_OPERATORS: Final[dict[str, type[exp.Binary]]] = {
    ">": exp.GT, ">=": exp.GTE, "<": exp.LT, "<=": exp.LTE, "=": exp.EQ,
}  # fmt: skip
_ROLES: Final[dict[Mode, frozenset[str]]] = {
    "recorded": frozenset({"dose", "order", "infusion", "plain"}),
    "given": frozenset({"dose", "plain"}),
    "ordered": frozenset({"order", "plain"}),
    "infused": frozenset({"infusion"}),
}
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


def compile_query(query: Query) -> exp.Select:
    """Return the SQL of a question; total on the type, and the same for the same question."""
    names = Names()
    population = query.population
    if isinstance(population, Patients):
        here = Here(names, names.fresh("p"))
        select = exp.select().from_(_table("patient", here.patient))
        return _finish(query, select, here)
    if isinstance(population, Stays):
        here = Here(names, names.fresh("p"), names.fresh("e"), population.kind)
        assert here.stay is not None
        select = (
            exp.select()
            .from_(_table("encounter", here.stay))
            .join(
                _table("patient", here.patient), on=_col(here.stay, "subject_id").eq(_col(here.patient, "subject_id"))
            )
        )
        if population.kind is not StayKind.ANY:
            select = select.where(_col(here.stay, "class").eq(exp.Literal.string(population.kind)))
        return _finish(query, select, here)
    return _compile_records(query, population, names)


def _finish(query: Query, select: exp.Select, here: Here) -> exp.Select:
    if query.where is not None:
        select = select.where(_criterion(query.where, here))
    statistic = query.asks[0]
    if (
        isinstance(statistic, Statistic)
        and isinstance(statistic.measure, ValueOf)
        and statistic.measure.which != "any"
    ):
        return _value_statistic(statistic, statistic.measure, select, here)
    for place, ask in enumerate(query.asks):
        for column in _columns(ask, query, here, place):
            select = select.select(column)
    if isinstance(query.asks[0], Listing):
        keys = [_col(here.stay, "start_time"), _col(here.stay, "encounter_id")] if here.stay else []
        return select.order_by(_col(here.patient, "subject_id"), *keys)
    return _grouped(query, select, here)


def _grouped(query: Query, select: exp.Select, here: Here) -> exp.Select:
    """Split counts into groups, the largest first."""
    if query.by is None:
        return select
    key: exp.Expr = _col(here.patient, "sex")
    if query.by in ("type", "class") and here.stay:
        key = _col(here.stay, query.by)
    elif query.by == "year" and here.stay:
        key = exp.func("YEAR", _col(here.stay, "start_time"), dialect="duckdb")
    counts = select.expressions
    alias = {"type": "type", "class": "class", "year": "year", "sex": "sex"}[query.by]
    select = select.select(exp.alias_(key, alias), *counts, append=False).group_by(key.copy())
    return select.order_by(exp.column(counts[0].alias).desc(), exp.column(alias))


# --- what is asked ----------------------------------------------------------------------------------------


def _columns(ask: object, query: Query, here: Here, place: int) -> list[exp.Expr]:
    if isinstance(ask, Count):
        return [exp.alias_(_count(ask, query, here), _count_name(ask, query, place))]
    if isinstance(ask, Share):
        wanted = exp.Case().when(_criterion(ask.where, here), exp.Literal.number(1))
        share = exp.Mul(this=exp.Literal.number("100.0"), expression=exp.func("COUNT", wanted))
        members = exp.func("NULLIF", exp.Count(this=exp.Star()), exp.Literal.number(0))
        return [
            exp.alias_(_rounded(exp.Div(this=share, expression=members), 1), "percentage"),
            exp.alias_(exp.func("COUNT", wanted.copy()), "members"),
            exp.alias_(exp.Count(this=exp.Star()), "of_all"),
        ]
    if isinstance(ask, Listing):
        return _listed(here)
    assert isinstance(ask, Statistic)
    value = _measure(ask, here)
    suffix = "" if place == 0 else f"_{place + 1}"
    return [
        exp.alias_(_rounded(_aggregate(ask, value)), f"{ask.function}{suffix}"),
        exp.alias_(exp.func("COUNT", value.copy()), f"n{suffix}"),
    ]


def _listed(here: Here) -> list[exp.Expr]:
    if here.stay is None:
        names = ("subject_id", "sex", "birth_time", "died", "death_time", "last_time")
        return [_col(here.patient, name) for name in names]
    stay = [
        _col(here.stay, name) for name in ("encounter_id", "class", "type", "start_time", "end_time", "disposition")
    ]
    return [_col(here.stay, "subject_id"), *stay]


def _count_name(ask: Count, query: Query, place: int) -> str:
    if ask.of == "patients":
        name = "patients"
    elif ask.of == "records" or isinstance(query.population, Records):
        name = "records"
    else:
        name = "patients" if isinstance(query.population, Patients) else "stays"
    if ask.where is not None:
        name += "_of_them"
    return name if place == 0 or ask.where is None else f"{name}_{place}"


def _count(ask: Count, query: Query, here: Here) -> exp.Expr:
    if ask.of == "records":
        return _count_records(query, here)
    if ask.where is not None:
        return exp.func("COUNT", exp.Case().when(_criterion(ask.where, here), exp.Literal.number(1)))
    if ask.of == "patients":
        return exp.Count(this=exp.Distinct(expressions=[_col(here.stay or "r", "subject_id")]))
    return exp.Count(this=exp.Star())


def _count_records(query: Query, here: Here) -> exp.Expr:
    """Count the doses that a question about patients was about: the sum of each patient's."""
    assert isinstance(query.where, Event)
    alias, conditions, joins = _event_parts(query.where, here)
    counted = _select_events(query.where.concept, alias, conditions, joins, exp.Count(this=exp.Star()))
    return exp.func("SUM", exp.Subquery(this=counted))


def _measure(ask: Statistic, here: Here) -> exp.Expr:
    measure = ask.measure
    if isinstance(measure, AgeOf):
        return _age(measure.at, here)
    assert isinstance(measure, LengthOf)
    assert here.stay is not None
    return exp.Div(this=_seconds(here.stay), expression=exp.Literal.number(f"{SECONDS[measure.unit]}.0"))


_AGGREGATES: Final = {"average": "AVG", "median": "MEDIAN", "minimum": "MIN", "maximum": "MAX", "total": "SUM"}


def _aggregate(ask: Statistic, value: exp.Expr) -> exp.Expr:
    return exp.func(_AGGREGATES[ask.function], value, dialect="duckdb")


def _rounded(value: exp.Expr, digits: int = 4) -> exp.Expr:
    return exp.func("ROUND", value, exp.Literal.number(digits))


def _value_statistic(ask: Statistic, measure: ValueOf, members: exp.Select, here: Here) -> exp.Select:
    """Take one value of each member, and sum these up."""
    event = Event(measure.concept, measure.window, which=measure.which)
    alias, conditions, joins = _event_parts(event, here)
    assert not joins, "an observation belongs to a stay by its time"
    key = _col(here.stay, "encounter_id") if here.stay else _col(here.patient, "subject_id")
    value = _value(measure.concept, alias)
    picked = members.join(_table(measure.concept.kind, alias), on=exp.and_(*conditions))
    picked = picked.where(exp.Is(this=_col(alias, "value"), expression=exp.Null()).not_()).select(
        exp.alias_(value, "value"), exp.alias_(_position(alias, key, measure.which), "position")
    )
    one = exp.column("position").eq(1)
    amount = exp.column("value")
    return (
        exp.select(
            exp.alias_(_rounded(_aggregate(ask, amount)), ask.function),
            exp.alias_(exp.func("COUNT", amount.copy()), "n"),
        )
        .from_(picked.subquery("picked"))
        .where(one)
    )


def _position(alias: str, key: exp.Expr, which: Which) -> exp.Expr:
    """Number the values of each member so that the one wanted is the first."""
    time, value = _col(alias, "start_time"), _col(alias, "value")
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


def _compile_records(query: Query, population: Records, names: Names) -> exp.Select:
    alias, patient = names.fresh("r"), names.fresh("p")
    here = Here(names, patient)
    event = population.event
    select = (
        exp.select()
        .from_(_table(event.concept.kind, alias))
        .join(_table("patient", patient), on=_col(alias, "subject_id").eq(_col(patient, "subject_id")))
    )
    for condition in (_codes(event, alias), _window(event, alias, here)):
        if condition is not None:
            select = select.where(condition)
    if event.comparison is not None:
        select = select.where(_compared(event.concept, alias, event.comparison))
    if query.where is not None:
        select = select.where(_criterion(query.where, here))
    for place, ask in enumerate(query.asks):
        if isinstance(ask, Statistic):
            value = _value(event.concept, alias)
            select = select.select(
                exp.alias_(_rounded(_aggregate(ask, value)), ask.function),
                exp.alias_(exp.func("COUNT", _col(alias, "value")), "n"),
            )
        else:
            for column in _columns(ask, query, here, place):
                select = select.select(column)
    return select


# --- criteria ---------------------------------------------------------------------------------------------


def _criterion(criterion: Criterion, here: Here) -> exp.Expr:
    compiler = _COMPILERS[type(criterion)]
    return compiler(criterion, here)


def _all(criterion: AllOf, here: Here) -> exp.Expr:
    return exp.and_(*(_criterion(one, here) for one in criterion.criteria))


def _any(criterion: AnyOf, here: Here) -> exp.Expr:
    return exp.paren(exp.or_(*(_criterion(one, here) for one in criterion.criteria)), copy=False)


def _not(criterion: Not, here: Here) -> exp.Expr:
    """Negate; what is unknown counts as not so."""
    inner = _criterion(criterion.criterion, here)
    if isinstance(inner, exp.Exists):
        return exp.not_(inner)
    return exp.not_(exp.func("COALESCE", exp.paren(inner), exp.false()))


def _sex(criterion: Sex, here: Here) -> exp.Expr:
    return _col(here.patient, "sex").eq(exp.Literal.string(criterion.value))


def _age_criterion(criterion: Age, here: Here) -> exp.Expr:
    return _bounded(_age(criterion.at, here), criterion.comparison)


def _age(at: AgeAt, here: Here) -> exp.Expr:
    """Age in whole years: complete years between birth and the time."""
    birth = _col(here.patient, "birth_time")
    death = _col(here.patient, "death_time")
    time: exp.Expr = exp.func("LEAST", _col(here.patient, "last_time"), death)
    if at == "death":
        time = death
    elif at == "start" and here.stay is not None:
        time = _col(here.stay, "start_time")
    return exp.Anonymous(this="DATE_SUB", expressions=[exp.Literal.string("year"), birth, time])


def _died(criterion: Died, here: Here) -> exp.Expr:
    death = _col(here.patient, "death_time")
    window = criterion.window
    if isinstance(window, Calendar):
        return _in_span(death, window)
    if isinstance(window, DuringStay) and here.stay is not None:
        # A death date without a time would fall into a stay that ended alive that day: the disposition decides.
        disposition = _col(here.stay, "disposition")
        unknown = exp.and_(exp.Is(this=disposition, expression=exp.Null()), _in_stay(death, here.stay))
        return exp.paren(exp.or_(disposition.copy().eq(exp.Literal.string(DIED)), unknown), copy=False)
    if isinstance(window, Around) and here.stay is not None:
        return _around(death, window, here.stay)
    return _col(here.patient, "died")


def _stay(criterion: Stay, here: Here) -> exp.Expr:
    alias = here.names.fresh("e")
    inner = replace(here, stay=alias, kind=criterion.kind)
    conditions: list[exp.Expr] = []
    if criterion.of == "stay" and here.stay is not None:
        conditions.append(_col(alias, "parent_id").eq(_col(here.stay, "encounter_id")))
    else:
        conditions.append(_col(alias, "subject_id").eq(_col(here.patient, "subject_id")))
    if criterion.kind is not StayKind.ANY:
        conditions.append(_col(alias, "class").eq(exp.Literal.string(criterion.kind)))
    if criterion.where is not None:
        conditions.append(_criterion(criterion.where, inner))
    found = exp.select().from_(_table("encounter", alias)).where(*conditions)
    if criterion.times is None:
        return exp.Exists(this=found.select(exp.Literal.number(1)))
    return _bounded(exp.Subquery(this=found.select(exp.Count(this=exp.Star()))), criterion.times)


def _length(criterion: Length, here: Here) -> exp.Expr:
    assert here.stay is not None
    factor = SECONDS[criterion.unit]
    bound = criterion.comparison
    high = None if bound.high is None else bound.high * factor
    return _bounded(_seconds(here.stay), Comparison(bound.operator, bound.low * factor, high))


def _started(criterion: Started, here: Here) -> exp.Expr:
    assert here.stay is not None
    return _in_span(_col(here.stay, "start_time"), criterion.span)


def _returned(criterion: Returned, here: Here) -> exp.Expr:
    """Ask for an earlier stay of the same class that ended no longer ago than the limit."""
    assert here.stay is not None
    alias, stay = here.names.fresh("e"), here.stay
    ended, begins = _col(alias, "end_time"), _col(stay, "start_time")
    found = (
        exp.select(exp.Literal.number(1))
        .from_(_table("encounter", alias))
        .where(
            _col(alias, "subject_id").eq(_col(stay, "subject_id")),
            _col(alias, "class").eq(_col(stay, "class")),
            _col(alias, "encounter_id").neq(_col(stay, "encounter_id")),
            exp.LTE(this=ended, expression=begins),
            exp.LTE(this=begins.copy(), expression=_plus(ended.copy(), criterion.within)),
        )
    )
    return exp.Exists(this=found)


def _event(criterion: Event, here: Here) -> exp.Expr:
    if criterion.which != "any" and criterion.comparison is not None:
        return _picked_event(criterion, here)
    alias, conditions, joins = _event_parts(criterion, here)
    return exp.Exists(this=_select_events(criterion.concept, alias, conditions, joins, exp.Literal.number(1)))


def _select_events(
    concept: Concept,
    alias: str,
    conditions: Sequence[exp.Expr],
    joins: Sequence[tuple[exp.Expr, exp.Expr]],
    what: exp.Expr,
) -> exp.Select:
    select = exp.select(what).from_(_table(concept.kind, alias))
    for table, on in joins:
        select = select.join(table, on=on, join_type="LEFT" if table.alias.startswith("s") else "")
    return select.where(*conditions)


def _picked_event(criterion: Event, here: Here) -> exp.Expr:
    """Compare the first, last, highest or lowest value of each patient or stay."""
    assert criterion.comparison is not None
    inner = replace(here, patient=here.names.fresh("q"), stay=here.names.fresh("e") if here.stay else None)
    alias, conditions, joins = _event_parts(replace(criterion, comparison=None), inner)
    key = _col(inner.stay, "encounter_id") if inner.stay else _col(alias, "subject_id")
    value = _value(criterion.concept, alias)
    select = exp.select(
        exp.alias_(key, "key"),
        exp.alias_(value, "value"),
        exp.alias_(_position(alias, key, criterion.which), "position"),
    ).from_(_table(criterion.concept.kind, alias))
    select = select.join(
        _table("patient", inner.patient), on=_col(alias, "subject_id").eq(_col(inner.patient, "subject_id"))
    )
    if inner.stay:
        select = select.join(
            _table("encounter", inner.stay), on=_col(alias, "subject_id").eq(_col(inner.stay, "subject_id"))
        )
    for table, on in joins:
        select = select.join(table, on=on, join_type="LEFT" if table.alias.startswith("s") else "")
    select = select.where(*conditions, exp.Is(this=_col(alias, "value"), expression=exp.Null()).not_())
    name = here.names.fresh("k")
    outer = (
        exp.select(_col(name, "key"))
        .from_(select.subquery(name))
        .where(
            _col(name, "position").eq(1),
            _bounded(_col(name, "value"), criterion.comparison, as_float=_is_plain(criterion.concept)),
        )
    )
    own = _col(here.stay, "encounter_id") if here.stay else _col(here.patient, "subject_id")
    return exp.In(this=own, query=exp.Subquery(this=outer))


def _event_parts(event: Event, here: Here) -> tuple[str, list[exp.Expr], list[tuple[exp.Expr, exp.Expr]]]:
    """Return the alias of the event, its conditions, and the tables to join for them."""
    alias = here.names.fresh("v")
    conditions = [_col(alias, "subject_id").eq(_col(here.patient, "subject_id")), _codes(event, alias)]
    joins: list[tuple[exp.Expr, exp.Expr]] = []
    if event.comparison is not None:
        conditions.append(_compared(event.concept, alias, event.comparison))
    if isinstance(event.window, DuringStay) and here.stay and event.concept.kind is not Kind.OBSERVATION:
        named = here.names.fresh("s")
        joins.append((_table("encounter", named), _col(alias, "encounter_id").eq(_col(named, "encounter_id"))))
        conditions.append(_belongs(event.concept.kind, alias, named, here))
    elif isinstance(event.window, Relative):
        first = here.names.fresh("f")
        joins.append(
            (_first_times(event.window.concept, first), _col(first, "subject_id").eq(_col(alias, "subject_id")))
        )
        conditions.append(_ordered(event.window, _col(alias, "start_time"), _col(first, "first_time")))
    else:
        condition = _window(event, alias, here)
        if condition is not None:
            conditions.append(condition)
    return alias, conditions, joins


def _belongs(kind: Kind, alias: str, named: str, here: Here) -> exp.Expr:
    """Say that a record belongs to the stay at hand: it names the stay or one inside it, or lies in its time.

    Diagnoses are made for the hospital stay, so those of the stay around an ICU stay or emergency visit count; what
    is done belongs by time where the record names no stay, or only the one around it.
    """
    assert here.stay is not None
    own, around = _col(here.stay, "encounter_id"), _col(here.stay, "parent_id")
    ways: list[exp.Expr] = [_col(alias, "encounter_id").eq(own), _col(named, "parent_id").eq(own.copy())]
    unnamed: exp.Expr = exp.Is(this=_col(alias, "encounter_id"), expression=exp.Null())
    if kind is Kind.CONDITION:
        ways.append(_col(alias, "encounter_id").eq(around))
    else:
        unnamed = exp.or_(unnamed, _col(alias, "encounter_id").eq(around))
    ways.append(exp.and_(unnamed, _in_stay(_col(alias, "start_time"), here.stay)))
    return exp.paren(exp.or_(*ways), copy=False)


def _first_times(concept: Concept, alias: str) -> exp.Expr:
    inner = exp.select("subject_id", exp.alias_(exp.func("MIN", exp.column("start_time")), "first_time"))
    codes = exp.column("code").isin(*(exp.Literal.string(code) for code in _kept(concept, "recorded")))
    return inner.from_(exp.to_table(concept.kind)).where(codes).group_by("subject_id").subquery(alias)


def _ordered(window: Relative, time: exp.Expr, first: exp.Expr) -> exp.Expr:
    if window.side == "after":
        later = exp.GT(this=time, expression=first)
        return (
            later
            if window.within is None
            else exp.and_(later, exp.LTE(this=time.copy(), expression=_plus(first.copy(), window.within)))
        )
    earlier = exp.LT(this=time, expression=first)
    return (
        earlier
        if window.within is None
        else exp.and_(earlier, exp.GTE(this=time.copy(), expression=_plus(first.copy(), -window.within)))
    )


def _codes(event: Event, alias: str) -> exp.Expr:
    """Say that a record has a code of the concept, and is an order or a dose where that was asked."""
    kept = _kept(event.concept, event.mode)
    prefix = _RECORDS.get(event.mode)
    plain = (
        [code for code in kept if event.concept.kind is Kind.MEDICATION and _role(code) == "plain"] if prefix else []
    )
    certain = [code for code in kept if code not in plain]
    ways: list[exp.Expr] = []
    if certain or not plain:
        ways.append(_col(alias, "code").isin(*(exp.Literal.string(code) for code in certain or kept)))
    if plain and prefix:
        listed = _col(alias, "code").isin(*(exp.Literal.string(code) for code in plain))
        ways.append(
            exp.and_(
                listed,
                exp.func("STARTS_WITH", _col(alias, "record_id"), exp.Literal.string(prefix), dialect="duckdb"),
            )
        )
    return ways[0] if len(ways) == 1 else exp.paren(exp.or_(*ways), copy=False)


def _kept(concept: Concept, mode: Mode) -> list[str]:
    if concept.kind is not Kind.MEDICATION:
        return [code.code for code in concept.codes]
    return [code.code for code in concept.codes if _role(code.code) in _ROLES[mode]]


def _role(code: str) -> str:
    return role_of(code.split(SEPARATOR))


# --- values and times -------------------------------------------------------------------------------------


def _is_plain(concept: Concept) -> bool:
    return all(code.scale == 1 and code.shift == 0 for code in concept.codes)


def _value(concept: Concept, alias: str) -> exp.Expr:
    """Return the value in the unit of the concept; converted ones are rounded to hide the binary tail."""
    value = _col(alias, "value")
    if _is_plain(concept):
        return value
    factors: dict[tuple[float, float], list[str]] = {}
    for code in concept.codes:
        factors.setdefault((code.scale, code.shift), []).append(code.code)
    case = exp.Case()
    for (scale, shift), codes in factors.items():
        converted = exp.Add(
            this=exp.Mul(this=value.copy(), expression=_number(scale)), expression=exp.paren(_number(shift))
        )
        case = case.when(_col(alias, "code").isin(*(exp.Literal.string(code) for code in codes)), converted)
    return _rounded(case)


def _compared(concept: Concept, alias: str, bound: Comparison) -> exp.Expr:
    return _bounded(_value(concept, alias), bound, as_float=_is_plain(concept))


def _bounded(value: exp.Expr, bound: Comparison, *, as_float: bool = False) -> exp.Expr:
    """Compare with a bound; stored numbers are 32 bits wide, so 1.1 is compared as the 1.1 that they can hold."""

    def literal(number: float) -> exp.Expr:
        return exp.cast(_number(number), exp.DType.FLOAT) if as_float else _number(number)

    if bound.operator == "between":
        assert bound.high is not None
        return exp.Between(this=value, low=literal(bound.low), high=literal(bound.high))
    return _OPERATORS[bound.operator](this=value, expression=literal(bound.low))


def _number(number: float) -> exp.Expr:
    text = str(int(number)) if float(number).is_integer() and abs(number) < 1e15 else repr(float(number))
    return exp.Neg(this=exp.Literal.number(text[1:])) if text.startswith("-") else exp.Literal.number(text)


def _window(event: Event, alias: str, here: Here) -> exp.Expr | None:
    time, window = _col(alias, "start_time"), event.window
    if isinstance(window, Calendar):
        return _in_span(time, window)
    if isinstance(window, Ever) or here.stay is None:
        return None
    if isinstance(window, Around):
        return _around(time, window, here.stay)
    return _in_stay(time, here.stay)


def _in_stay(time: exp.Expr, stay: str) -> exp.Expr:
    """From the start to the end of the stay; one that has no end lasts on."""
    end = _col(stay, "end_time")
    ended = exp.or_(exp.Is(this=end, expression=exp.Null()), exp.LTE(this=time.copy(), expression=end.copy()))
    return exp.and_(exp.GTE(this=time, expression=_col(stay, "start_time")), exp.paren(ended))


def _around(time: exp.Expr, window: Around, stay: str) -> exp.Expr:
    fixed = _col(stay, "start_time" if window.anchor == "start" else "end_time")
    between = exp.Between(this=time, low=_plus(fixed, -window.before), high=_plus(fixed.copy(), window.after))
    return exp.and_(between, _in_stay(time.copy(), stay)) if window.inside else between


def _in_span(time: exp.Expr, span: Calendar) -> exp.Expr:
    conditions: list[exp.Expr] = []
    if span.since is not None:
        conditions.append(exp.GTE(this=time, expression=_timestamp(span.since)))
    if span.until is not None:
        conditions.append(exp.LT(this=time.copy(), expression=_timestamp(span.until)))
    return exp.and_(*conditions) if conditions else exp.true()


def _timestamp(time: datetime) -> exp.Expr:
    return exp.cast(exp.Literal.string(time.isoformat(sep=" ")), exp.DType.TIMESTAMP)


def _plus(time: exp.Expr, length: timedelta) -> exp.Expr:
    """Add a length of time, written in the largest unit that fits."""
    seconds = round(length.total_seconds())
    if not seconds:
        return time
    amount, unit = abs(seconds), "SECOND"
    for size, name in ((86400, "DAY"), (3600, "HOUR"), (60, "MINUTE")):
        if amount % size == 0:
            amount, unit = amount // size, name
            break
    interval = exp.Interval(this=exp.Literal.string(str(amount)), unit=exp.var(unit))
    return exp.Add(this=time, expression=interval) if seconds > 0 else exp.Sub(this=time, expression=interval)


def _seconds(stay: str) -> exp.Expr:
    return exp.DateDiff(this=_col(stay, "end_time"), expression=_col(stay, "start_time"), unit=exp.var("SECOND"))


def _col(table: str | None, name: str) -> exp.Column:
    return exp.column(name, table=table)


def _table(name: str, alias: str) -> exp.Table:
    return exp.alias_(exp.to_table(name), alias, table=True)


_COMPILERS: Final[dict[type, Callable[..., exp.Expr]]] = {
    AllOf: _all, AnyOf: _any, Not: _not, Sex: _sex, Age: _age_criterion, Died: _died, Stay: _stay, Length: _length,
    Started: _started, Returned: _returned, Event: _event,
}  # fmt: skip
