"""Rules for figures: "average age of ...", "median length of ICU stay", "first potassium of each admission"."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from sql.text.changes import change_of
from sql.text.clauses import clauses
from sql.text.criterion import AgeAt, Criterion, Died, Event, Ordinal, Unit, Which, all_of
from sql.text.events import WHICH
from sql.text.figures import Figure, figures
from sql.text.grouping import groups
from sql.text.people import age_time
from sql.text.populations import population, stays
from sql.text.query import (
    AgeOf,
    ChangeOf,
    CountOf,
    LengthOf,
    Measure,
    Patients,
    Population,
    Query,
    Records,
    Statistic,
    Stays,
    TimeToDeath,
    ValueOf,
)
from sql.text.reader import Reader, phrases
from sql.text.scopes import lift, settle
from sql.text.terms import Around, Calendar, Concept, DuringStay, Ever, Kind, StayKind
from sql.text.times import time_between
from sql.text.windows import PLACES, stay_name, window

Figures = tuple[Figure, ...]


def _of(asked: Figures, measure: Measure) -> tuple[Statistic, ...]:
    return tuple(figure.of(measure) for figure in asked)


_OF_EACH: Final = phrases(
    """
    of each; per; of every; for each; for every; in each; of all; of; for; across; among; in; during; during each;
    within; over
    """
)
_LENGTH: Final = phrases(
    """
    length of stay; length of stays; los; stay length; duration of stay; duration; length; time spent; stay;
    lengths of stay
    """
)


_UNITS: Final[tuple[Unit, ...]] = ("hours", "days")


_TIMES_IN: Final = phrases(
    """
    length|duration|lengths of PLACE; length|duration|lengths of PLACE stays|stay|admission|admissions|visit|visits;
    length|duration of stay|stays in|at|for|of PLACE; time spent in|at PLACE; time in|at PLACE; stay in|at PLACE
    """
)


_STAY_WORDS: Final[dict[str, StayKind]] = {
    "admission|admissions|hospitalization|hospitalizations|hospitalisation": StayKind.INPATIENT,
    "outpatient|ambulatory visit|visits|encounter|encounters": StayKind.AMBULATORY,
    "emergency|ed|er visit|visits|encounter|encounters": StayKind.EMERGENCY,
    "inpatient stay|stays|encounter|encounters": StayKind.INPATIENT,
    "encounter|encounters": StayKind.ANY,
}


def summing(r: Reader, at: int) -> Iterator[tuple[Query, int]]:
    """Yield the questions for figures over ages, lengths of stay, values, numbers of stays, changes or times."""
    for asked, start in figures(r, at):
        for build in (_ages, _lengths, _values, _numbers, _changes, _times):
            for query, end in build(r, start, asked):
                yield from _grouped(r, query, end)
    yield from _time_first(r, at)
    aged = r.phrase(at, "how old is|was", "age of")
    for asked, start in figures(r, aged) if aged is not None else ():
        yield from _oldest(r, start, asked)


def _grouped(r: Reader, query: Query, at: int) -> Iterator[tuple[Query, int]]:
    """Split a figure into groups, with the unit behind them: "by admission type, in days"."""
    first = query.asks[0]
    assert isinstance(first, Statistic)
    if not (isinstance(first.measure, ValueOf) and first.measure.which != "any"):
        for by, end in groups(r, at, query.population):
            for unit, after in _unit_phrase(r, end):
                measure = first.measure
                if unit and not isinstance(measure, LengthOf):
                    continue
                changed = replace(measure, unit=unit) if unit and isinstance(measure, LengthOf) else measure
                asks = tuple(replace(ask, measure=changed) for ask in query.asks if isinstance(ask, Statistic))
                yield replace(query, asks=asks, by=by), after
    yield query, at


def _numbers(r: Reader, at: int, asked: Figures) -> Iterator[tuple[Query, int]]:
    """Read "number of hospital admissions per patient"."""
    start = r.phrase(at, "number of", "count of", "no . of")
    for kind, end in stay_name(r, start) if start is not None else ():
        per = r.phrase(end, "per patient|person|subject", "of each patient", "for each patient", "a patient")
        if per is not None:
            yield Query(Patients(), _of(asked, CountOf(kind))), per
            for where, last in clauses(r, per, None):
                if where is not None:
                    yield Query(Patients(), _of(asked, CountOf(kind)), settle(Patients(), where)), last


def _changes(r: Reader, at: int, asked: Figures) -> Iterator[tuple[Query, int]]:
    """Read "change in creatinine from the first to the last value of a hospital stay"."""
    for concept, end in change_of(r, at):
        start = r.phrase(end, *_OF_EACH)
        for found, base, after in population(r, start) if start is not None else ():
            if isinstance(found, Patients | Stays):
                measure = ChangeOf(concept, Ever() if isinstance(found, Patients) else DuringStay())
                for where, last in clauses(r, after, scope_of(found)):
                    yield Query(found, _of(asked, measure), settle(found, all_of(base, where))), last


def _times(r: Reader, at: int, asked: Figures) -> Iterator[tuple[Query, int]]:
    """Read "time from hospital admission to ICU admission in hours", "days from discharge to death"."""
    for measure, found, end in time_between(r, at):
        for unit, after in _unit_phrase(r, end):
            final = replace(measure, unit=unit) if unit else measure
            for where, last in _among(r, after, found):
                for late, over in _unit_phrase(r, last):
                    if unit and late:
                        continue
                    chosen = replace(final, unit=late) if late else final
                    yield Query(found, _of(asked, chosen), all_of(where, _last_of(chosen))), over


def _last_of(measure: Measure) -> Criterion | None:
    """Death comes after every stay of a patient; the time to it is told from the last one."""
    return Ordinal("last") if isinstance(measure, TimeToDeath) else None


def _among(r: Reader, at: int, found: Stays) -> Iterator[tuple[Criterion | None, int]]:
    for named, where, end in _over(r, at, found):
        if named == found:
            yield where, end


def _time_first(r: Reader, at: int) -> Iterator[tuple[Query, int]]:
    """Read "time to first lactate after ICU admission, median hours": the figure is said last."""
    start = r.phrase(at, "how many hours|days", "hours|days")
    for measure, found, end in time_between(r, at):
        behind = r.phrase(end, ",", "( ", "on")
        for asked, after in figures(r, behind) if behind is not None else ():
            unit = r.phrase(after, "hours", "days")
            named = measure if unit is None else replace(measure, unit=_unit_of(r.word(unit - 1)))
            if unit is not None or start is not None:
                yield Query(found, _of(asked, named), _last_of(named)), after if unit is None else unit


def _unit_of(word: str) -> Unit:
    return "hours" if word.startswith("hour") else "days"


def _ages(r: Reader, at: int, asked: Figures) -> Iterator[tuple[Query, int]]:
    end = r.phrase(at, "age", "patient age", "ages", "age in years")
    if end is None:
        yield from _oldest(r, at, asked)
        return
    for (moment, kind), after in age_time(r, end, None):
        over: Population = Patients() if kind is None else Stays(kind)
        for found, where, last in _over(r, after, over):
            dead = Died() if moment == "death" and where != Died() else None
            yield Query(found, _of(asked, AgeOf(_moment(moment, found))), all_of(where, dead)), last


def _oldest(r: Reader, at: int, asked: Figures) -> Iterator[tuple[Query, int]]:
    """Read "oldest patient" as an age, behind "how old is" or "age of"."""
    before = {r.word(place) for place in (at - 2, at - 3, at - 4) if place >= 0}
    if r.word(at - 1) in {"oldest", "youngest"} and before & {"old", "age"}:
        for found, base, end in population(r, at):
            if isinstance(found, Patients):
                for where, last in clauses(r, end, None):
                    yield Query(found, _of(asked, AgeOf("last")), settle(found, all_of(base, where))), last


def _moment(moment: AgeAt, found: Population) -> AgeAt:
    return "start" if isinstance(found, Stays) and moment == "last" else moment


def _over(r: Reader, at: int, over: Population) -> Iterator[tuple[Population, Criterion | None, int]]:
    """Yield the population that a statistic is taken over: "of women with sepsis", "for ICU stays in 2150", or all.

    A statistic of stays that is said of patients is taken over their stays; one of patients, over the stays named.
    """
    start = r.phrase(at, "of", "for", "among", "in", "across", "over", "at", "by")
    if start is not None:
        for named, base, end in population(r, start):
            if isinstance(named, Records) or (isinstance(named, Stays) and isinstance(over, Stays) and named != over):
                continue
            found = over if isinstance(named, Patients) else named
            for where, last in clauses(r, end, scope_of(named)):
                said = all_of(base, where)
                if isinstance(found, Stays) and isinstance(named, Patients):
                    said = lift(found.kind, said)
                yield found, settle(found, said), last
    for where, last in clauses(r, at, scope_of(over)):
        yield over, settle(over, where), last


def _lengths(r: Reader, at: int, asked: Figures) -> Iterator[tuple[Query, int]]:
    """Read "median length of hospital stay in days", "average time in the ICU", "hours in the ED"."""
    for kind, unit, end in _stay_length(r, at):
        for unit_before, after in _unit_phrase(r, end):
            for found, where, last in _over(r, after, Stays(kind)):
                for unit_after, final in _unit_phrase(r, last):
                    if unit_before and unit_after:
                        continue
                    chosen = unit or unit_before or unit_after or _usual(kind)
                    if isinstance(found, Stays):
                        yield Query(found, _of(asked, LengthOf(chosen)), where), final


def _usual(kind: StayKind) -> Unit:
    return "days" if kind in (StayKind.INPATIENT, StayKind.ICU) else "hours"


def _unit_phrase(r: Reader, at: int) -> Iterator[tuple[Unit | None, int]]:
    for words in _UNITS:
        end = r.phrase(at, f"in {words}", f"( {words} )", f", in {words}", f"( in {words} )")
        if end is not None:
            yield words, end
    yield None, at


def _stay_length(r: Reader, at: int) -> Iterator[tuple[StayKind, Unit | None, int]]:
    """Yield (kind of stay, unit if it is said, end)."""
    for kind, places in PLACES.items():
        for word in (*places, *(f"{name} stay" for name in places)):
            yield from _time_in(r, at, kind, word)
    for stay, kind in _STAY_WORDS.items():
        end = r.phrase(at, f"length|duration|lengths of {stay}", f"{stay} length|duration")
        if end is not None:
            yield kind, None, end
    plain = r.phrase(at, "length of stay", "length of stays", "los", "duration of stay", "lengths of stay")
    if plain is not None:
        for unit, end in _unit_phrase(r, plain):
            start = r.phrase(end, "of", "for", "in", "among")
            named = [kind for kind, _, _ in stays(r, start)] if start is not None else []
            for kind in named or [StayKind.INPATIENT]:
                yield kind, unit, end


def _time_in(r: Reader, at: int, kind: StayKind, word: str) -> Iterator[tuple[StayKind, Unit | None, int]]:
    """Read the ways to say how long one was at a place."""
    for noun in _LENGTH:
        end = r.phrase(at, f"{word} {noun}")
        if end is not None and (noun != "stay" or _is_over(r, end)):
            yield kind, None, end
    end = r.phrase(at, *(way.replace("PLACE", word) for way in _TIMES_IN))
    if end is not None:
        yield kind, None, end
    for unit in _UNITS:
        end = r.phrase(
            at, *(f"{opening}{unit} {verb}in|at {word}" for opening in ("", "number of ") for verb in ("", "spent "))
        )
        if end is not None:
            yield kind, unit, end


def _is_over(r: Reader, end: int) -> bool:
    """Say whether "hospital stay" stands for its length, as in "longest hospital stay"."""
    return end == len(r.tokens) or r.word(end) in {"?", "of", "for", "in", "among", "(", ","}


def length_of(r: Reader, at: int, kind: StayKind) -> Iterator[tuple[Unit, int]]:
    """Yield the units of "length", "length of stay in hours"."""
    end = r.phrase(at, *_LENGTH)
    if end is None:
        return
    for unit, after in _unit_phrase(r, end):
        yield unit or _usual(kind), after


def _values(r: Reader, at: int, asked: Figures) -> Iterator[tuple[Query, int]]:
    """Read "first potassium of each admission", "creatinine of patients with sepsis"."""
    for which, start in _which(r, at):
        for concept, end in r.concepts(start, (Kind.OBSERVATION,)):
            end = r.skip(
                end,
                "level|levels|value|values|result|results|measurement|measurements|reading|readings|concentration",
            )
            if which == "any":
                yield from _all_values(r, end, asked, concept)
            else:
                yield from _one_value_each(r, end, asked, concept, which)


def _which(r: Reader, at: int) -> Iterator[tuple[Which, int]]:
    start = r.skip(at, "recorded", "measured")
    for word, which in WHICH.items():
        end = r.phrase(start, word)
        if end is not None:
            yield which, end
    yield "any", start


def _all_values(r: Reader, at: int, asked: Figures, concept: Concept) -> Iterator[tuple[Query, int]]:
    end = r.skip(
        at,
        *phrases(
            "ever recorded; recorded; measured; ever measured; ever; on record; in store; in this store; in data; "
            "ever seen; seen; ever observed; observed; ever found"
        ),
    )
    measure: Measure = ValueOf(concept, "any", Ever())
    found = Records(Event(concept))
    for span, after in [*_calendar(r, end), (None, end)]:
        event = found.event if span is None else Event(concept, span)
        for where, last in of_records(r, after, found):
            yield Query(Records(event), _of(asked, measure), settle(Patients(), where)), last


def _calendar(r: Reader, at: int) -> list[tuple[Calendar, int]]:
    return [(timed.window, end) for timed, end in window(r, at, None) if isinstance(timed.window, Calendar)]


def _one_value_each(
    r: Reader, at: int, asked: Figures, concept: Concept, which: Which
) -> Iterator[tuple[Query, int]]:
    for timed, after in [*window(r, at, None), (None, at)]:
        if timed is not None and (timed.stay is None or not isinstance(timed.window, Around | DuringStay)):
            continue
        start = r.phrase(after, *_OF_EACH)
        kinds: list[tuple[Population, Criterion | None, int]] = []
        if start is not None:
            kinds = list(population(r, start))
        elif timed is not None and timed.stay is not None:
            kinds = [(Stays(timed.stay), None, after)]
        for found, base, end in kinds:
            if isinstance(found, Records) or (isinstance(found, Patients) and timed is not None):
                continue
            if isinstance(found, Stays) and timed is not None and timed.stay is not found.kind:
                continue
            span = Ever() if isinstance(found, Patients) else timed.window if timed else DuringStay()
            asks = _of(asked, ValueOf(concept, which, span))
            for where, last in clauses(r, end, scope_of(found)):
                yield Query(found, asks, settle(found, all_of(base, where))), last


def of_records(r: Reader, at: int, found: Records) -> Iterator[tuple[Criterion | None, int]]:
    """Yield what is said of the patients of records: "in patients with sepsis"."""
    yield None, at
    start = r.phrase(at, "of|in|for|among|to|from")
    if start is None:
        return
    for people, base, end in population(r, start):
        if isinstance(people, Patients):
            for where, last in clauses(r, end, None):
                yield all_of(base, where), last


def scope_of(found: Population) -> StayKind | None:
    """Return the kind of stay of a population, None for patients."""
    return found.kind if isinstance(found, Stays) else None
