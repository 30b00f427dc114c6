"""Rules for rates: "in-hospital mortality by sex", "30 day readmission rate", "share of women among ..."."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from sql.text.clauses import clauses
from sql.text.criterion import Criterion, Died, Event, Followed, Not, all_of
from sql.text.grouping import groups
from sql.text.measures import hours
from sql.text.populations import patients, population
from sql.text.query import Patients, Query, Share, Stays
from sql.text.reader import Reader, phrases
from sql.text.scopes import settle
from sql.text.terms import DuringStay, Kind, StayKind

_DEATH_RATE: Final = phrases("mortality; mortality rate; death rate; case fatality; fatality rate; rate of death")
_PLACES: Final = {
    "in hospital": StayKind.INPATIENT, "inhospital": StayKind.INPATIENT, "hospital": StayKind.INPATIENT,
    "inpatient": StayKind.INPATIENT, "icu": StayKind.ICU, "in icu": StayKind.ICU,
}  # fmt: skip
_OF: Final = phrases("of; among; for; in; across; amongst")
_RETURNS: Final = phrases("readmission rate; rate of readmission; readmissions rate; rehospitalization rate")
_PERCENT: Final = phrases("in percent; ( % ); in %; as percentage; as percent; , in percent")


def rating(r: Reader, at: int) -> Iterator[tuple[Query, int]]:
    """Yield the questions for the share of stays that ended in death, or that were followed by another."""
    start = r.skip(at, "what is|was", "overall", "rate of")
    for build in (_mortality, _readmission):
        for query, end in build(r, start):
            after = r.skip(end, *_PERCENT)
            for by, last in groups(r, after, query.population):
                yield Query(query.population, query.asks, query.where, by), r.skip(last, *_PERCENT)
            yield query, after


def _mortality(r: Reader, at: int) -> Iterator[tuple[Query, int]]:
    _timed_mortality(r, at)
    for words, kind in _PLACES.items():
        named = r.phrase(at, *(f"{words} {rate}" for rate in _DEATH_RATE))
        if named is not None:
            yield from _of_stays(r, named, kind, Share(Died(DuringStay())))
    plain = r.phrase(at, *_DEATH_RATE)
    if plain is None:
        return
    behind = r.phrase(plain, *_OF)
    for found, base, end in population(r, behind) if behind is not None else ():
        if isinstance(found, Stays):
            for where, last in clauses(r, end, found.kind):
                yield Query(found, (Share(Died(DuringStay())),), settle(found, all_of(base, where))), last
    r.trouble(
        len(r.tokens),
        "say mortality of what and until when: 'in-hospital mortality', 'mortality of ICU stays' or "
        "'what percentage of patients with sepsis died'",
    )


def _readmission(r: Reader, at: int) -> Iterator[tuple[Query, int]]:
    early = hours(r, at)
    named = r.phrase(at if early is None else early[1], *_RETURNS)
    if named is None:
        return
    within = r.phrase(named, "within", "in", "at", "after")
    late = hours(r, within) if within is not None else None
    span, end = early if early is not None and late is None else late if late is not None else (None, named)
    end = named if late is None else end
    if span is None or (early is not None and late is not None):
        r.trouble(named, "say within how many days: '30 day readmission rate'")
        return
    ask = Share(Followed(timedelta(hours=span)))
    end = r.skip(end, "of discharge", "after discharge")
    yield from _of_stays(r, end, StayKind.INPATIENT, ask, Not(Died(DuringStay())))


def _timed_mortality(r: Reader, at: int) -> None:
    """Refuse "30 day mortality" with the ways to say from when the days count."""
    length = hours(r, at)
    named = None if length is None else r.phrase(length[1], *_DEATH_RATE)
    if length is not None and named is not None:
        span = f"{r.text(at, length[1]).removesuffix('s')}s"
        r.trouble(
            len(r.tokens),
            f"say from when the {span} count: 'what percentage of ICU stays was followed by death within {span} of "
            f"ICU admission', or 'within {span} after discharge'",
        )


def _of_stays(r: Reader, at: int, kind: StayKind, ask: Share, *said: Criterion) -> Iterator[tuple[Query, int]]:
    """Read "of admissions with sepsis" or "for sepsis" behind a rate, or nothing, which stands for all."""
    start = r.phrase(at, *_OF)
    for found, base, end in population(r, start) if start is not None else ():
        if found == Stays(kind):
            for where, last in clauses(r, end, kind):
                yield Query(found, (ask,), settle(found, all_of(base, where, *said))), last
        elif isinstance(found, Patients):
            r.trouble(
                end,
                "say whether of stays or of patients: 'of admissions with ...', "
                "or 'what percentage of patients with ...'",
            )
    for concept, end in r.concepts(start, (Kind.CONDITION,), least=2) if start is not None else ():
        yield Query(Stays(kind), (ask,), all_of(Event(concept, DuringStay()), *said)), end
    yield Query(Stays(kind), (ask,), all_of(*said)), at


def parts(r: Reader, at: int) -> Iterator[tuple[Query, int]]:
    """Read "women among patients with heart failure" behind "share of"."""
    for part, end in patients(r, at):
        start = r.phrase(end, "among", "amongst", "out of", "in")
        if part is None or start is None:
            continue
        for found, base, middle in population(r, start):
            if isinstance(found, Patients):
                for where, last in clauses(r, middle, None):
                    yield Query(found, (Share(part),), settle(found, all_of(base, where))), last
