"""Whether what a language model made of a question holds the question, and nothing else.

The grammar takes in every word, so its reading needs no such check. Here each number, each known concept and each
telling word of the question has to be in the reading, and each number of the reading in the question.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Final

from sqlglot import exp

from sql.text.concepts import Absent, Index, Unclear
from sql.text.criterion import Age, Died, Event, HasValue, Sex
from sql.text.endpoint.found import Candidate, Linked, concepts_of
from sql.text.measures import hours, unit
from sql.text.parse import of_trouble
from sql.text.parts import mapped, parts_of
from sql.text.query import AgeOf, Query, Records
from sql.text.reader import Reader
from sql.text.refuse import Refusal
from sql.text.soundness import flaw
from sql.text.terms import Comparison, Concept, Kind, StayKind, StoredCode
from sql.text.units import fit_unit

FREE: Final = frozenset({0.0, 1.0})
"""Numbers that need no word: any is at least one."""

_IMPLIED: Final = {
    "adult": 18, "adults": 18, "pediatric": 18, "paediatric": 18, "children": 18, "minors": 18, "once": 1, "twice": 2,
    "day": 24, "week": 168, "hour": 1, "overnight": 24,
}  # fmt: skip
_MONTHS: Final = re.compile(r"\b(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)", re.IGNORECASE)
_DATE: Final = re.compile(r"\d{4}-\d{1,2}-\d{1,2}")


def _has(*types: type) -> Callable[[Query], bool]:
    return lambda query: any(isinstance(part, types) for part in parts_of(query))


def _has_sex(value: str) -> Callable[[Query], bool]:
    return lambda query: Sex(value) in parts_of(query) or query.by == "sex"  # type: ignore[arg-type]


def _has_stay(kind: StayKind) -> Callable[[Query], bool]:
    return lambda query: any(part is kind for part in parts_of(query))


_TELLING: Final[tuple[tuple[frozenset[str], Callable[[Query], bool]], ...]] = (
    (frozenset({"women", "woman", "female", "females"}), _has_sex("female")),
    (frozenset({"men", "man", "male", "males"}), _has_sex("male")),
    (frozenset({"died", "dead", "deceased", "death", "deaths", "survived", "alive"}), _has(Died, AgeOf, Age)),
    (frozenset({"icu", "icus"}), _has_stay(StayKind.ICU)),
    (frozenset({"emergency", "ed"}), _has_stay(StayKind.EMERGENCY)),
)
"""Words that say one thing only, and what then has to be in a reading."""


def refusal_of(linked: Linked, index: Index) -> Refusal | None:
    """Return why a question is not put to a model: it names what is unclear or not in the store."""
    if isinstance(linked.trouble, Unclear | Absent):
        return of_trouble(linked.trouble, index)
    return None


def checked(query: Query, linked: Linked, index: Index, previous: Query | None = None) -> Query | Refusal:
    """Return the query with its concepts in the units of the question, or why it is not the question.

    Numbers and times may come from the `previous` question as well.
    """
    fault = flaw(query) or _concept_left_out(query, linked) or _telling_left_out(query, linked)
    fault = fault or _numbers_differ(query, linked, index, previous)
    if fault is not None:
        return Refusal("LOW_CONFIDENCE", fault)
    reader = Reader(linked.tokens, index)
    fitted = mapped(query, lambda part: _fitted(part, reader, query))
    if reader.troubles:
        return of_trouble(reader.troubles[0][1], index)
    return fitted


def _concept_left_out(query: Query, linked: Linked) -> str | None:
    used = set(concepts_of(query))
    return _left_out(linked, lambda candidate: candidate.concept in used)


def _left_out(linked: Linked, is_used: Callable[[Candidate], bool]) -> str | None:
    places: dict[int, list[Candidate]] = {}
    for candidate in linked.candidates:
        if candidate.is_certain:
            places.setdefault(candidate.place, []).append(candidate)
    for candidates in places.values():
        if not any(is_used(candidate) for candidate in candidates):
            return f"'{candidates[0].words}' of the question is left out"
    return None


def _telling_left_out(query: Query, linked: Linked) -> str | None:
    for place, token in enumerate(linked.tokens):
        for words, is_in in _TELLING:
            if token.word in words and place not in linked.covered and not is_in(query):
                return f"'{token.text}' of the question is left out"
    return None


# --- numbers --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Said:
    """The numbers of a question: each with what it may stand for, and all of them together."""

    each: tuple[tuple[str, frozenset[float]], ...]
    all: frozenset[float]
    years: frozenset[int]
    dates: frozenset[date]
    has_month: bool


def _numbers_differ(query: Query, linked: Linked, index: Index, previous: Query | None) -> str | None:
    said = _said(linked, index)
    numbers = set(_numbers(query))
    earlier = set(_values(previous))
    for time in (part for part in _values(query) if isinstance(part, datetime)):
        if time not in earlier and not _is_said(time, said):
            return f"the question does not say {time:%Y-%m-%d}"
        numbers |= {float(time.year), float(time.year - 1), float(time.month), float(time.day)}
    strange = sorted(set(_numbers(query)) - said.all - set(_numbers(previous)) - FREE)
    if strange:
        return f"the question does not say {strange[0]:g}"
    for text, meanings in said.each:
        if not meanings & numbers and not meanings & FREE:
            return f"'{text}' of the question is left out"
    return None


def _numbers(value: object) -> Iterator[float]:
    """Yield the numbers and lengths of time (in hours) of a query, without those of concepts and dates."""
    for part in _values(value):
        if isinstance(part, timedelta):
            if part:
                yield round(abs(part.total_seconds()) / 3600, 6)
        elif isinstance(part, int | float) and not isinstance(part, bool):
            yield float(part)


def _values(value: object) -> Iterator[object]:
    if isinstance(value, StoredCode | Concept):
        return
    if isinstance(value, tuple):
        for one in value:
            yield from _values(one)
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from _values(getattr(value, field.name))
    else:
        yield value


def _said(linked: Linked, index: Index) -> _Said:
    reader = Reader(linked.tokens, index)
    each: list[tuple[str, frozenset[float]]] = []
    everything: set[float] = set()
    dates: set[date] = set()
    for place, token in enumerate(linked.tokens):
        if _DATE.fullmatch(token.word):
            dates |= _days(token.word)
        if token.word in _IMPLIED:
            everything.add(float(_IMPLIED[token.word]))
        if token.number is None:
            continue
        length = hours(reader, place)
        meanings = {token.number} | ({round(length[0], 6)} if length else set())
        everything |= meanings
        if place not in linked.covered:
            each.append((token.text, frozenset(meanings)))
    years = {int(number) for number in everything if number.is_integer()} | {day.year for day in dates}
    has_month = any(_MONTHS.match(token.word) for token in linked.tokens)
    return _Said(tuple(each), frozenset(everything), frozenset(years), frozenset(dates), has_month)


def _days(text: str) -> set[date]:
    year, month, day = map(int, text.split("-"))
    try:
        found = date(year, month, day)
        return {found, found + timedelta(days=1)}
    except (ValueError, OverflowError):
        return set()


def _is_said(time: datetime, said: _Said) -> bool:
    if time.date() in said.dates:
        return True
    if not {time.year, time.year - 1} & said.years:
        return False
    return (time.month, time.day) == (1, 1) or (said.has_month and (time.day == 1 or float(time.day) in said.all))


# --- units ----------------------------------------------------------------------------------------------------


def _fitted(part: object, reader: Reader, query: Query) -> object:
    """Bring the concept of a comparison to the unit that stands behind its number."""
    if isinstance(part, Event) and part.comparison is not None:
        return replace(part, concept=_in_said_unit(part.concept, part.comparison, reader))
    if isinstance(part, HasValue) and isinstance(query.population, Records):
        concept = query.population.event.concept
        if concept.kind is Kind.OBSERVATION and _in_said_unit(concept, part.comparison, reader) != concept:
            reader.trouble(0, f"give the value of {concept.name} in {concept.unit}")
    return part


def _in_said_unit(concept: Concept, bound: Comparison, reader: Reader) -> Concept:
    numbers = {bound.low, bound.high}
    found: str | None = None
    for place, token in enumerate(reader.tokens):
        if token.number is not None and token.number in numbers and found is None:
            found = unit(reader, place + 1)[0]
    return fit_unit(reader, concept, bound, found, 0) or concept


# --- SQL ------------------------------------------------------------------------------------------------------


def sql_left_out(tree: exp.Expr, linked: Linked, index: Index) -> str | None:
    """Say which concept or number of the question does not occur in SQL, or None when all do."""
    texts = [str(node.this) for node in tree.find_all(exp.Literal) if node.is_string]
    written = {
        float(found)
        for node in tree.find_all(exp.Literal)
        for found in re.findall(r"\d+(?:\.\d+)?", str(node.this))
        if len(found) < 16
    }
    fault = _left_out(linked, lambda candidate: _is_in(candidate, texts))
    if fault is not None:
        return fault
    for text, meanings in _said(linked, index).each:
        if not meanings & (written | FREE):
            return f"'{text}' of the question is left out"
    return None


def _is_in(candidate: Candidate, texts: list[str]) -> bool:
    names = [candidate.concept.name.lower(), (candidate.words or "").lower()]
    for text in texts:
        pattern = text.replace("[", "[[]").replace("*", "[*]").replace("%", "*").replace("_", "?")
        if any(fnmatchcase(code.code, pattern) for code in candidate.concept.codes) and text.strip("%_"):
            return True
        if any(name and name in text.lower() for name in names):
            return True
    return False
