"""Rules for what is asked beside the first: groups, "and how many of them ...", "of how many patients"."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from sql.text.clauses import clauses
from sql.text.concepts import Absent
from sql.text.criterion import Died, Event, HasValue, all_of
from sql.text.figures import function_of
from sql.text.grouping import groups
from sql.text.measures import comparison
from sql.text.query import AgeOf, Ask, Count, LengthOf, Patients, Query, Records, Statistic, Stays
from sql.text.reader import Reader, phrases
from sql.text.scopes import settle
from sql.text.soundness import criteria_of
from sql.text.statistics import length_of, scope_of
from sql.text.terms import Kind
from sql.text.units import fit_unit

FORMATS: Final = frozenset({"omop", "fhir", "meds", "mimic", "eicu"})
TAILS: Final = phrases(
    """
    are|were there; is|was there; there are; there were; are|were there in total; in total; do we have; are in
    store|database|data|dataset|cohort; in store|database|data|dataset|cohort; in total; in all; do|does we|it have;
    are recorded; were recorded; exist; in this
    store|database|data|dataset; are in this store|database|data|dataset; are|were there in
    store|database|data|dataset; are|were there in this store|database|data|dataset; overall; altogether; have
    been recorded; are|were there altogether|overall; do you have; are known; on record; are on record; are
    stored; were charted; were measured; were given; were administered; were taken; have been given; have been
    measured; are charted; were done; did we have; have we; were made
    """
)  # fmt: skip


def tails(r: Reader, query: Query, at: int) -> Iterator[tuple[Query, int]]:
    """Add groups and further asks: "by sex", "and how many of them died", "of how many patients"."""
    for begin in dict.fromkeys((tail_end(r, at), r.skip(at, *TAILS), at)):
        for by, end in groups(r, begin, query.population):
            if isinstance(query.asks[0], Count) and len(query.asks) == 1:
                yield from _grouped_so(r, replace(query, by=by), r.skip(end, *TAILS))
                yield replace(query, by=by), end
        yield from _further(r, query, begin)
        yield query, begin


def _grouped_so(r: Reader, query: Query, at: int) -> Iterator[tuple[Query, int]]:
    """Read what is said behind the groups: "per month in 2016"."""
    if isinstance(query.population, Patients | Stays):
        for where, end in clauses(r, at, scope_of(query.population)):
            yield replace(query, where=settle(query.population, all_of(query.where, where))), end


def tail_end(r: Reader, at: int) -> int:
    """Return the position after all words that say no more than "are there"."""
    while (end := r.phrase(at, *TAILS)) is not None or (end := source_end(r, at)) is not None:
        at = end
    return at


def source_end(r: Reader, at: int) -> int | None:
    """Return the position after "in the OMOP set", which says no more where the store has nothing else."""
    start = r.phrase(at, "in|of|from|has|does|have")
    named = None if start is None else r.skip(start, "independent", "this", "our")
    if named is None or r.word(named) not in FORMATS:
        return None
    end = r.phrase(r.skip(named + 1, "iv", "demo"), "set|copy|data|dataset|store|records|import|demo|have", "has")
    if end is not None and r.index.formats != {r.word(named)}:
        r.trouble(end, Absent(r.text(named, end), r.text(named, end), "; it was made from something else"))
        return None
    return end


def _further(r: Reader, query: Query, at: int) -> Iterator[tuple[Query, int]]:
    yield from _out_of(r, query, at)
    start = r.phrase(at, ", and", "and", ",")
    if start is None:
        return
    for ask, end in _further_ask(r, start, query):
        yield from tails(r, replace(query, asks=(*query.asks, ask)), end)


def _out_of(r: Reader, query: Query, at: int) -> Iterator[tuple[Query, int]]:
    """Read ", of how many with a BMI": the first count becomes a part of a second one."""
    start = r.phrase(r.skip(at, ","), "of how many", "out of how many")
    if start is None or query.asks != (Count(),) or query.where is None or isinstance(query.population, Records):
        return
    scope = scope_of(query.population)
    for base, end in clauses(r, r.skip(start, "patients" if scope is None else "of them"), scope):
        if base is not None:
            whole = settle(query.population, base)
            yield Query(query.population, (Count("members", query.where), Count()), whole), end


def _further_ask(r: Reader, at: int, query: Query) -> Iterator[tuple[Ask, int]]:
    """Read one more ask: "how many of them died", "of how many patients", "their median length in hours"."""
    of_patients = r.phrase(
        at,
        "of|for|in|from|by how many patients|people|subjects",
        "how many patients",
        "number of patients",
        "how many different|distinct patients",
    )
    if of_patients is not None and not isinstance(query.population, Patients):
        yield Count("patients"), r.skip(of_patients, "were they", "was that", "are these")
    of_stays = r.phrase(at, "of|for|in|from|during how many stays|encounters", "how many stays|encounters")
    if of_stays is not None and isinstance(query.population, Records):
        yield Count("stays"), of_stays
    ages = r.phrase(at, "at what|which age|ages", "at what ages did they die", "their age|ages at death")
    if ages is not None and isinstance(query.population, Patients) and Died() in criteria_of(query.where):
        yield Statistic("each", AgeOf("death")), ages
    if isinstance(query.population, Records):
        yield from _further_records(r, at, query.population)
    if isinstance(query.population, Stays | Patients):
        scope = scope_of(query.population)
        start = r.phrase(
            at,
            *phrases(
                """
                how many of them|these|those; how many; of these|those how many; of those , how many; of these ,
                how many; of them how many; how many of those|these|them patients
                """
            ),
        )
        if start is not None and "of" not in r.text(at, start).split() and query.where is not None:
            r.trouble(start, "say whether of all or of those: 'and how many of them ...'")
        elif start is not None:
            for where, end in clauses(r, start, scope):
                if where is not None:
                    yield Count("members", settle(query.population, where)), end
    theirs = r.skip(at, "what is|was", "with")
    named = r.phrase(theirs, "their", "its", "what is|was their")
    if named is not None and isinstance(query.population, Stays):
        for function, after in function_of(r, named):
            for unit, end in length_of(r, after, query.population.kind):
                yield Statistic(function, LengthOf(unit)), end
    doses = r.phrase(
        at,
        *phrases(
            """
            in|with how many recorded doses|administrations; in|with how many doses|administrations; how many
            doses|administrations; how many recorded doses; how many doses did they receive
            """
        ),
    )
    given = _given(query)
    if doses is not None and given is not None:
        yield Count("records"), r.skip(doses, "in total", "were given", "in all")


def _further_records(r: Reader, at: int, found: Records) -> Iterator[tuple[Ask, int]]:
    """Read "and how many are above 130" after "how many heart rate values were charted"."""
    start = r.phrase(at, "how many of them are|were|is", "how many are|were", "how many of these|those are|were")
    concept = found.event.concept
    if start is not None and concept.kind is Kind.OBSERVATION:
        for bound, unit, end in comparison(r, start):
            fitted = fit_unit(r, concept, bound, unit, end)
            if fitted == concept:
                yield Count("members", HasValue(bound)), end


def _given(query: Query) -> Event | None:
    """Return the event that a count of patients is all about, if it is a medication given."""
    where = query.where
    is_dose = (
        isinstance(where, Event) and where.concept.kind is Kind.MEDICATION and where.mode in ("given", "ordered")
    )
    return where if is_dose and isinstance(where, Event) and isinstance(query.population, Patients) else None
