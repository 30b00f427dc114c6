"""The restrictions of the linear form: their order, what begins each, and the rule for the rest of it."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, cast

from sql.text.records import selection
from sql.text.records.options import Options, Shape, Step, names_of, one_value, values_of
from sql.text.records.tokens import CALENDAR, PICKS, SLOTS, is_value, value_of
from sql.text.records.values import Value

Found = dict[str, Any]
"""The parts of records that were read, by the names of their fields."""


@dataclass(frozen=True, slots=True)
class Clause:
    """A restriction: its place in the order, the tokens that begin it, and the rule for the rest of it.

    The rule is handed the first token, what may follow the restriction and the parts read so far; it adds its own
    and returns the next token.
    """

    rank: tuple[int, str]
    begins: Options
    rule: Callable[[str, Options, Found], Step[str]]
    again: bool = False


def _match_clauses(kind: str, shape: Shape) -> list[Clause]:
    names = shape.fields(kind, "match")
    rule = partial(_match, kind, shape)
    if names is None:
        return [Clause((0, ""), Options(any_name=True), rule, again=True)]
    return [Clause((0, name), Options(frozenset({name})), rule) for name in sorted(names)]


def _match(kind: str, shape: Shape, first: str, follow: Options, found: Found) -> Step[str]:
    options = values_of(shape.slots(kind, first))
    values: list[Value] = []
    token = yield options | follow if shape.may_lack(kind, first) else options
    while is_value(token):
        values.append(value_of(token))
        token = yield options | follow
    found["matches"] = (*found.get("matches", ()), selection.Match(first, tuple(values)))
    return token


def _simple(name: str, make: Callable[[Value], Any], what: str, many: bool = True) -> Callable[..., Step[str]]:
    """Return the rule of a restriction that has one value."""

    def rule(first: str, follow: Options, found: Found) -> Step[str]:
        part = make((yield from one_value(what)))
        found[name] = (*found.get(name, ()), part) if many else part
        return (yield follow)

    return rule


def _same_age(first: str, follow: Options, found: Found) -> Step[str]:
    subject = yield from one_value("patient")
    stay = yield Options(frozenset(f"{which}_stay" for which in _WHICH))
    which = cast(selection.Which, stay.removesuffix("_stay"))
    found["who"] = (*found.get("who", ()), selection.SameAge(subject, which))
    return (yield follow)


def _calendar(first: str, follow: Options, found: Found) -> Step[str]:
    unit, back = CALENDAR[first]
    part: Value | None = None
    options = Options() if unit == "day" else values_of(SLOTS[f"{unit} part"])
    token = yield options | follow
    if is_value(token):
        part = value_of(token)
        token = yield follow
    found["when"] = (*found.get("when", ()), selection.Calendar(unit, back, part))
    return token


def _in_stay(first: str, follow: Options, found: Found) -> Step[str]:
    which, _, of = first.partition("_")
    window = selection.InStay(cast(Any, of), cast(selection.Which, which))
    found["when"] = (*found.get("when", ()), window)
    return (yield follow)


def _normality(first: str, follow: Options, found: Found) -> Step[str]:
    found["value"] = selection.Normality(cast(Any, first))
    return (yield follow)


def _pick(first: str, follow: Options, found: Found) -> Step[str]:
    extreme = None
    if first in _EXTREMES:
        extreme = first
        first = yield Options(frozenset({"first", "last"}))
    end, place = PICKS[first]
    found["pick"] = selection.Pick(end, place, cast(Any, extreme))
    return (yield follow)


def _following(shape: Shape, first: str, follow: Options, found: Found) -> Step[str]:
    relation: selection.Relation = selection.Later()
    if first == "within":
        relation = selection.Within((yield from one_value("duration")))
    elif first != "after":
        relation = selection.Same(cast(Any, first.removeprefix("same_")))
    kind = yield names_of(shape.followed())
    inner: Found = {}
    token = yield from read_clauses(_match_clauses(kind, shape), follow, inner)
    found["following"] = selection.Following(relation, kind, inner.get("matches", ()))
    return token


_WHICH: Final = ("first", "last", "current")
_EXTREMES: Final = frozenset({"highest", "lowest"})
_OPERATORS: Final = ("above", "below", "at_least", "at_most", "equal")
_NORMAL: Final = frozenset({"normal", "abnormal", "above_normal", "below_normal"})
_RELATIONS: Final = frozenset({"within", "same_day", "same_month", "same_stay", "same_time", "after"})
_SPANS: Final = ("since", "until", "in")
_WITH_PICK: Final = frozenset(
    {"exists", "list", "length", "hours_since", "days_since", "difference", "greater", "less", "any"}
)
_WITH_TIMES: Final = frozenset({"list_distinct", "count_patients", "any"})
_WITH_FOLLOWING: Final = frozenset(
    {"exists", "list", "list_distinct", "top", "count_records", "count_patients", "count_stays", "any", "survival"}
)


def _word(rank: int, order: str, token: str, rule: Callable[..., Step[str]]) -> Clause:
    return Clause((rank, order), Options(frozenset({token})), rule)


def _who_clauses(ask: str, traits: Collection[str]) -> list[Clause]:
    clauses = []
    if "of" in traits:
        clauses.append(_word(1, "0", "of", _simple("who", selection.Patient, "patient")))
    if "aged" in traits:
        clauses.append(_word(1, "1", "aged", _simple("who", selection.Aged, "age")))
    if "of_sex" in traits:
        clauses.append(_word(1, "2", "of_sex", _simple("who", selection.OfSex, "sex")))
    if "aged" in traits and ask in ("percentile", "any"):
        clauses.append(_word(1, "3", "same_age", _same_age))
    return clauses


def when_clauses(traits: Collection[str]) -> list[Clause]:
    """Return the windows that a kind of records knows."""
    clauses = []
    if "time" in traits:
        for place, side in enumerate(_SPANS):
            make = cast(Callable[[Value], Any], partial(selection.Span, cast(Any, side)))
            clauses.append(_word(2, str(place), side, _simple("when", make, "date")))
        clauses.append(_word(2, "3", "at", _simple("when", selection.At, "moment")))
        clauses.append(Clause((2, "4"), Options(frozenset(CALENDAR)), _calendar))
        clauses.append(_word(2, "5", "ago", _simple("when", selection.Ago, "duration")))
    for place, of in enumerate(("icu", "stay")):
        if of in traits:
            tokens = frozenset(f"{which}_{of}" for which in _WHICH)
            clauses.append(Clause((2, str(6 + place)), Options(tokens), _in_stay))
    return clauses


def pick_clause(traits: Collection[str]) -> Clause:
    """Return the choice of one record."""
    extremes = _EXTREMES if "value" in traits else frozenset[str]()
    return Clause((5, ""), Options(frozenset(PICKS) | extremes), _pick)


def record_clauses(kind: str, ask: str, shape: Shape) -> list[Clause]:
    """Return the restrictions that records of a kind may have in a question, in their order."""
    traits = shape.traits(kind)
    clauses = _match_clauses(kind, shape) + _who_clauses(ask, traits) + when_clauses(traits)
    if "value" in traits and ask != "percentile":
        for operator in _OPERATORS:
            make = cast(Callable[[Value], Any], partial(selection.Comparison, cast(Any, operator)))
            clauses.append(_word(3, "", operator, _simple("value", make, "number", many=False)))
        if "normal" in traits:
            clauses.append(Clause((3, ""), Options(_NORMAL), _normality))
    if ask in _WITH_TIMES:
        for operator in ("exactly", "at_least"):
            make = cast(Callable[[Value], Any], partial(selection.Times, cast(Any, operator)))
            clauses.append(_word(4, "", f"times_{operator}", _simple("times", make, "number", many=False)))
    if "time" in traits and ask in _WITH_PICK:
        clauses.append(pick_clause(traits))
    if "time" in traits and ask in _WITH_FOLLOWING:
        clauses.append(Clause((6, ""), Options(_RELATIONS), partial(_following, shape)))
    return clauses


def read_clauses(clauses: Sequence[Clause], follow: Options, found: Found) -> Step[str]:
    """Read restrictions in their order, each once, and return the first token that belongs to none."""
    rank = (-1, "")
    token = yield _after(clauses, rank) | follow
    while True:
        clause = next((one for one in _later(clauses, rank) if one.begins.holds(token)), None)
        if clause is None:
            return token
        rank = clause.rank
        token = yield from clause.rule(token, _after(clauses, rank) | follow, found)


def _later(clauses: Sequence[Clause], rank: tuple[int, str]) -> list[Clause]:
    return [one for one in clauses if one.rank > rank or (one.again and one.rank == rank)]


def _after(clauses: Sequence[Clause], rank: tuple[int, str]) -> Options:
    options = Options()
    for clause in _later(clauses, rank):
        options |= clause.begins
    return options
