"""Rules for questions about whether there is any, about one patient, and about moments."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, Literal

from sql.text.changes import change_of
from sql.text.clauses import clauses, said_as_question
from sql.text.criterion import Criterion, Died, Identity, Ordinal, Unit, all_of
from sql.text.events import WHICH
from sql.text.people import age_time
from sql.text.populations import one_patient, population
from sql.text.query import (
    AgeOf,
    ChangeOf,
    Exists,
    LengthOf,
    Measure,
    MomentOf,
    Patients,
    Population,
    Query,
    Ranking,
    Records,
    SexOf,
    Show,
    Statistic,
    Stays,
    ValueOf,
)
from sql.text.reader import Reader, phrases
from sql.text.scopes import settle
from sql.text.statistics import scope_of
from sql.text.terms import Ever, Kind, StayKind
from sql.text.windows import place, stay_name

_THERE: Final = phrases(
    """
    is|are|was|were there; is|are|was|were there any; do|did we have; do|did we have any; are|is there at least one;
    any; do you have; do you have any
    """
)
_AUXILIARY: Final = phrases("did; do; does; has; have; had; was; were; is; are")
_ANYONE: Final = phrases("anyone; anybody; any patient|patients|pts|person|people; any of patients; some patient")
_OF: Final = phrases("of; for; in; from; belonging to")
_NOUNS: Final = phrases("value|level|result|measurement|reading")
_SUMMED: Final = {"first": "minimum", "earliest": "minimum", "last": "maximum", "latest": "maximum",
                  "most recent": "maximum", "very first": "minimum", "very last": "maximum"}  # fmt: skip
_KINDS: Final = {
    "diagnoses|conditions|diagnosis": Kind.CONDITION,
    "diagnosis|icd codes": Kind.CONDITION,
    "procedures|procedure": Kind.PROCEDURE,
}


def existing(r: Reader, at: int) -> Iterator[tuple[Query, int]]:
    """Read "is there any patient with both cirrhosis and dementia", "did patient 10014354 receive vancomycin"."""
    there = r.phrase(at, *_THERE)
    for found, base, end in population(r, there) if there is not None else ():
        if isinstance(found, Patients | Stays):
            for where, last in clauses(r, end, scope_of(found)):
                yield Query(found, (Exists(),), settle(found, all_of(base, where))), last
    start = r.phrase(at, *_AUXILIARY)
    if start is None:
        return
    for base, end in _subject(r, start):
        for said, last in said_as_question(r, end, r.word(at)):
            yield Query(Patients(), (Exists(),), settle(Patients(), all_of(base, said))), last


def _subject(r: Reader, at: int) -> Iterator[tuple[Criterion | None, int]]:
    end = r.phrase(at, *_ANYONE)
    if end is not None:
        yield None, end
    for number, after in one_patient(r, at):
        yield Identity(number), after


# --- one patient --------------------------------------------------------------------------------------------


def of_one(r: Reader, at: int) -> Iterator[tuple[Query, int]]:
    """Read "the last creatinine of patient 10014354", "when did patient 10014354 die" and the like."""
    for build in (_value, _own_value, _change, _sex, _age, _moment, _length, _codes):
        yield from build(r, at)


def _one(r: Reader, at: int | None) -> Iterator[tuple[Identity, int]]:
    for number, end in one_patient(r, at) if at is not None else ():
        yield Identity(number), end


def _shown(measure: Measure, *said: Criterion, over: Population | None = None) -> Query:
    return Query(over or Patients(), (Show(measure),), all_of(*said))


def _value(r: Reader, at: int) -> Iterator[tuple[Query, int]]:
    for measure, end in _picked(r, at):
        for who, last in _one(r, r.phrase(end, *_OF)):
            yield _shown(measure, who), last


def _own_value(r: Reader, at: int) -> Iterator[tuple[Query, int]]:
    for who, end in _one(r, at):
        for measure, last in _picked(r, end):
            yield _shown(measure, who), last


def _picked(r: Reader, at: int) -> Iterator[tuple[ValueOf, int]]:
    for word, which in WHICH.items():
        start = r.phrase(at, word)
        if start is None or word == "admission":
            continue
        for concept, end in r.concepts(r.skip(start, "recorded", "measured", "known"), (Kind.OBSERVATION,)):
            yield ValueOf(concept, which, Ever()), r.skip(end, *_NOUNS)


def _change(r: Reader, at: int) -> Iterator[tuple[Query, int]]:
    """Read "change in hemoglobin of patient 10014354 from the first to the last measurement"."""
    opening = r.phrase(at, "change|changes|difference in|of")
    for concept, end in r.concepts(opening, (Kind.OBSERVATION,)) if opening is not None else ():
        for who, after in _one(r, r.phrase(end, *_OF)):
            last = r.phrase(after, *_FROM_FIRST)
            if last is not None:
                yield _shown(ChangeOf(concept, Ever()), who), last
    for concept, end in change_of(r, at):
        for who, after in _one(r, r.phrase(end, *_OF)):
            yield _shown(ChangeOf(concept, Ever()), who), after
    much = r.phrase(at, "by how much did|has", "how much did|has")
    for concept, end in r.concepts(much, (Kind.OBSERVATION,)) if much is not None else ():
        for who, after in _one(r, r.phrase(end, *_OF)):
            verb = r.phrase(after, "change|changed|differ")
            last = None if verb is None else r.phrase(verb, *_FROM_FIRST)
            if last is not None:
                yield _shown(ChangeOf(concept, Ever()), who), last


_FROM_FIRST: Final = phrases(
    """
    from first to last; between first and last; from first to last measurement|value|result|reading; between first and
    last measurement|value|result; from first measurement|value to last; from first measurement|value to last one
    """
)


def _sex(r: Reader, at: int) -> Iterator[tuple[Query, int]]:
    for who, end in _one(r, r.phrase(at, "sex|gender of|for")):
        yield _shown(SexOf(), who), end
    for who, end in _one(r, r.phrase(at, "is|was")):
        last = r.phrase(end, "male or female", "female or male", "man or woman", "woman or man")
        if last is not None:
            yield _shown(SexOf(), who), last


def _age(r: Reader, at: int) -> Iterator[tuple[Query, int]]:
    """Read "how old was patient 10014354 at her first hospital admission"."""
    for who, end in _one(r, r.phrase(at, "how old was|is", "age of", "what age was|is")):
        first = r.phrase(end, "at|on|during first", "at|on|during his|her|their first")
        last = r.phrase(end, "at|on|during last", "at|on|during his|her|their last")
        for opening, which in ((first, "first"), (last, "last")):
            for kind, after in stay_name(r, opening) if opening is not None else ():
                yield _shown(AgeOf("start"), who, _nth(which), over=Stays(kind)), after
        death = r.phrase(end, "when he|she|they died", "at death", "at his|her|their death", "at time of death")
        if death is not None:
            yield _shown(AgeOf("death"), who), death
        for (moment, stay), after in age_time(r, end, None):
            if moment == "last" and stay is None and after > end:
                yield _shown(AgeOf("last"), who), after


def _nth(which: str) -> Ordinal:
    return Ordinal("first" if which == "first" else "last")


def _moment(r: Reader, at: int) -> Iterator[tuple[Query, int]]:
    """Read "when was patient 10014354 last admitted to the ICU", "when did patient 10014354 die"."""
    for who, end in _one(r, r.phrase(at, "when did", "when was", "what date did", "on what|which day|date did|was")):
        died = r.phrase(end, "die|died|pass|expire", "pass away")
        if died is not None:
            yield _shown(MomentOf("death"), who), died
        for word, which in (("first", "first"), ("last", "last"), ("most recently", "last")):
            for verb, side in (("admitted", "start"), ("discharged", "end"), ("hospitalized", "start")):
                after = r.phrase(end, f"{word} {verb}", f"get {word} {verb}", f"{verb} {word}")
                for kind, last in _where(r, after) if after is not None else ():
                    moment = MomentOf("end" if side == "end" else "start")
                    yield _shown(moment, who, _nth(which), over=Stays(kind)), last


def _where(r: Reader, at: int) -> Iterator[tuple[StayKind, int]]:
    start = r.phrase(at, "to|from|in|into")
    found = None if start is None else place(r, start)
    if found is not None:
        yield found
    elif start is None:
        yield StayKind.INPATIENT, at


def _length(r: Reader, at: int) -> Iterator[tuple[Query, int]]:
    """Read "how long was the last hospital stay of patient 10014354, in days"."""
    start = r.phrase(at, "how long was|is", "length|duration of")
    which = None if start is None else r.phrase(start, "first|last|latest", "most recent")
    if start is None or which is None:
        return
    first = r.word(start) == "first"
    for kind, end in stay_name(r, which):
        for who, after in _one(r, r.phrase(end, *_OF)):
            usual: Unit = "hours" if kind is StayKind.EMERGENCY else "days"
            query = _shown(LengthOf(usual), who, Ordinal("first" if first else "last"), over=Stays(kind))
            yield query, after
            unit = r.phrase(r.skip(after, ","), "in hours|days")
            if unit is not None:
                named: Unit = "hours" if r.word(unit - 1) == "hours" else "days"
                yield replace(query, asks=(Show(LengthOf(named)),)), unit


def _codes(r: Reader, at: int) -> Iterator[tuple[Query, int]]:
    """Read "list the diagnoses of patient 10014354", "what procedures did patient 10014354 undergo"."""
    start = r.skip(at, "list", "show", "show me", "what|which", "what are", "give me", "all")
    start = r.skip(start, "all", "all of")
    for words, kind in _KINDS.items():
        end = r.phrase(start, words)
        if end is None or start == at:
            continue
        for who, last in _one(r, r.phrase(end, *_OF)):
            yield Query(Patients(), (Ranking(kind),), who), last
        for who, after in _one(r, r.phrase(end, "did|does|has|have")):
            verb = r.phrase(after, "have|had|get|undergo|undergone|receive|received")
            if verb is not None:
                yield Query(Patients(), (Ranking(kind),), who), verb


# --- moments ------------------------------------------------------------------------------------------------


def moments(r: Reader, at: int) -> Iterator[tuple[Query, int]]:
    """Read "when was the first ICU stay", "when did the earliest and the latest encounter begin"."""
    start = r.phrase(at, "when was|is|were", "when did", "date of")
    if start is None:
        return
    for functions, end in _which(r, r.skip(start, "very")):
        death = r.phrase(end, "death", "recorded death", "deaths")
        if death is not None:
            asks = tuple(Statistic(function, MomentOf("death")) for function in functions)
            yield Query(Patients(), asks, Died()), r.skip(death, *_HAPPEN)
        for found, base, after in population(r, end):
            if isinstance(found, Records | Patients) or not isinstance(found, Stays):
                continue
            for where, last in clauses(r, after, found.kind):
                side, final = _side(r, last)
                asks = tuple(Statistic(function, MomentOf(side)) for function in functions)
                yield Query(found, asks, settle(found, all_of(base, where))), final


_HAPPEN: Final = phrases("happen; occur; take place; recorded; on record")


def _side(r: Reader, at: int) -> tuple[Literal["start", "end"], int]:
    ended = r.phrase(at, "end|finish|ended")
    end = ended if ended is not None else r.skip(at, "begin|start|began|started|occur|happen", "take place")
    return ("end" if ended is not None else "start"), r.skip(end, ", in utc", "in utc")


def _which(r: Reader, at: int) -> Iterator[tuple[tuple[Literal["minimum", "maximum"], ...], int]]:
    for first, one in _SUMMED.items():
        end = r.phrase(at, first)
        if end is None:
            continue
        yield (_function(one),), end
        both = r.phrase(end, "and")
        for second, other in _SUMMED.items() if both is not None else ():
            after = r.phrase(both or end, second)
            if after is not None:
                yield (_function(one), _function(other)), after


def _function(name: str) -> Literal["minimum", "maximum"]:
    return "minimum" if name == "minimum" else "maximum"
