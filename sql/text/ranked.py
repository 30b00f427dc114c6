"""Rules for rankings: "top 5 diagnoses of women", "who had the highest creatinine", "3 longest ICU stays"."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, Literal

from sql.text.clauses import clauses
from sql.text.criterion import Criterion, all_of
from sql.text.populations import patients, population
from sql.text.query import AgeOf, Best, CountOf, LengthOf, Patients, Population, Query, Ranking, Stays, ValueOf
from sql.text.reader import Reader, phrases
from sql.text.scopes import settle
from sql.text.statistics import scope_of
from sql.text.terms import Ever, Kind, StayKind
from sql.text.windows import place, stay_name

MANY: Final = 10
"""How many of the most frequent codes are told where the question does not say."""
MAX_LIMIT: Final = 100

Order = Literal["highest", "lowest"]
_CODES: Final = {
    "diagnosis": (Kind.CONDITION, 1), "diagnoses|conditions": (Kind.CONDITION, MANY),
    "diagnosis codes": (Kind.CONDITION, MANY), "condition": (Kind.CONDITION, 1), "procedure": (Kind.PROCEDURE, 1),
    "procedures": (Kind.PROCEDURE, MANY),
}  # fmt: skip
_OFTEN: Final = phrases(
    "most common|frequent|prevalent; most frequently|commonly|often recorded|diagnosed|coded|performed; commonest"
)
_MOST_HAVE: Final = phrases(
    "do most patients have; most patients have; that most patients have; most patients had; did most patients have"
)
_AMONG: Final = phrases("in; among; of; for; amongst; across")
_BY_NUMBER: Final = phrases("by number of patients; by patients; by patient count; by count")
_WHO: Final = phrases("which|what patient; which|what patients; who; which|what pt; patient; patients; pts")
_HAD: Final = phrases("has; have; had; with; has had; have had; that|who has|have|had")
_SORTED: Final[dict[str, Order]] = {
    "highest": "highest", "maximum": "highest", "peak": "highest", "greatest": "highest", "largest": "highest",
    "lowest": "lowest", "minimum": "lowest", "smallest": "lowest",
}  # fmt: skip
_LONG: Final[dict[str, Order]] = {"longest": "highest", "shortest": "lowest"}
_OLD: Final[dict[str, Order]] = {"oldest": "highest", "youngest": "lowest"}


def ranking(r: Reader, at: int) -> Iterator[tuple[Query, int]]:
    """Yield the questions for the most frequent codes, or for the members with the most of something."""
    start = r.skip(at, "list", "show me", "show", "what are|is", "what were|was")
    for begin in dict.fromkeys((start, at)):
        yield from _codes(r, begin)
        yield from _codes_asked(r, begin)
        yield from _most(r, begin)
        yield from _extreme(r, begin)


def _limit(r: Reader, at: int) -> tuple[int | None, int]:
    number = r.number(at)
    if number is None or not number.is_integer() or not 1 <= number <= MAX_LIMIT:
        return None, at
    return int(number), r.reached(at + 1)


def _codes(r: Reader, at: int) -> Iterator[tuple[Query, int]]:
    """Read "top 5 diagnoses by number of patients", "most common diagnosis among patients who died"."""
    top = r.phrase(at, "top")
    limit, end = _limit(r, at if top is None else top)
    often = r.phrase(end, *_OFTEN)
    if often is None and top is None:
        return
    late, start = _limit(r, end if often is None else often)
    for words, (kind, usual) in _CODES.items():
        named = r.phrase(start, words)
        if named is None or (limit is not None and late is not None):
            continue
        ask = Ranking(kind, limit or late or usual)
        for query, last in _ranked_among(r, r.skip(named, *_BY_NUMBER), ask):
            yield query, r.skip(last, *_BY_NUMBER)
            behind = r.phrase(r.skip(last, ","), "top")
            told, after = _limit(r, behind) if behind is not None else (None, last)
            if told is not None and limit is None and late is None:
                yield replace(query, asks=(replace(ask, limit=told),)), after


def _ranked_among(r: Reader, at: int, ask: Ranking) -> Iterator[tuple[Query, int]]:
    start = r.phrase(at, *_AMONG)
    for found, base, end in population(r, start) if start is not None else ():
        if isinstance(found, Patients | Stays):
            for where, last in clauses(r, end, scope_of(found)):
                yield Query(found, (ask,), settle(found, all_of(base, where))), last
    yield Query(Patients(), (ask,)), at


def _codes_asked(r: Reader, at: int) -> Iterator[tuple[Query, int]]:
    """Read "which 10 diagnoses do most patients have"."""
    limit, start = _limit(r, r.skip(at, "which", "what", "what are"))
    for words, (kind, usual) in _CODES.items():
        named = r.phrase(start, words)
        end = None if named is None else r.phrase(named, *_MOST_HAVE)
        if end is not None:
            yield Query(Patients(), (Ranking(kind, limit or usual),)), end


def _most(r: Reader, at: int) -> Iterator[tuple[Query, int]]:
    """Read "which three patients have the most admissions", "which patient had the highest creatinine"."""
    for limit, start in _who(r, at):
        had = r.phrase(start, *_HAD)
        most = None if had is None else r.phrase(had, "most", "highest|largest number of", "most number of")
        for kind, end in stay_name(r, most) if most is not None else ():
            yield Query(Patients(), (Best(CountOf(kind), "highest", limit),)), end
        for words, order in _SORTED.items():
            opening = None if had is None else r.phrase(had, words)
            for concept, end in r.concepts(opening, (Kind.OBSERVATION,)) if opening is not None else ():
                which: Literal["highest", "lowest"] = order
                last = r.skip(end, "value|level|result|measurement", "ever", "ever measured|recorded")
                yield Query(Patients(), (Best(ValueOf(concept, which, Ever()), order, limit),)), last
        stayed = r.phrase(start, "stayed|stay|was longest", "spent longest time")
        where = None if stayed is None else r.phrase(stayed, "in|at")
        found = None if where is None else place(r, where)
        if found is not None:
            yield Query(Stays(found[0]), (Best(LengthOf("days"), "highest", limit),)), found[1]


def _who(r: Reader, at: int) -> Iterator[tuple[int, int]]:
    """Yield how many are asked for: "which three patients", "the 5 patients", "who"."""
    end = r.phrase(at, *_WHO)
    if end is not None and r.word(end - 1) in {"patient", "who", "pt"}:
        yield 1, end
    limit, start = _limit(r, r.skip(at, "which", "what", "top"))
    people = None if limit is None else r.phrase(start, "patients", "pts", "people", "women|men")
    if limit is not None and people is not None and r.word(people - 1) not in {"women", "men"}:
        yield limit, people


def _extreme(r: Reader, at: int) -> Iterator[tuple[Query, int]]:
    """Read "3 longest ICU stays of women", "the 5 oldest patients"."""
    limit, start = _limit(r, r.skip(at, "which", "top"))
    if limit is None:
        return
    for words, order in _LONG.items():
        named = r.phrase(start, words)
        for kind, end in stay_name(r, named) if named is not None else ():
            ask = Best(LengthOf("hours" if kind is StayKind.EMERGENCY else "days"), order, limit)
            yield from _of(r, end, Stays(kind), ask)
    for words, order in _OLD.items():
        opening = r.phrase(start, words)
        for base, end in patients(r, opening) if opening is not None else ():
            for where, last in clauses(r, end, None):
                said = settle(Patients(), all_of(base, where))
                yield Query(Patients(), (Best(AgeOf("last"), order, limit),), said), last


def _of(r: Reader, at: int, found: Population, ask: Best) -> Iterator[tuple[Query, int]]:
    for where, last in clauses(r, at, scope_of(found)):
        said: Criterion | None = settle(found, where)
        yield Query(found, (ask,), said), last
