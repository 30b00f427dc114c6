"""Rules for what is asked beside the first: groups, "and how many of them ...", "of how many patients"."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from sql.text.clauses import clauses
from sql.text.events import fit_unit
from sql.text.measures import comparison
from sql.text.query import (
    Ask,
    By,
    Count,
    Event,
    HasValue,
    Kind,
    LengthOf,
    Patients,
    Population,
    Query,
    Records,
    Statistic,
    Stays,
)
from sql.text.reader import Reader, phrases
from sql.text.scopes import settle
from sql.text.statistics import function_of, length_of, scope_of

TAILS: Final = phrases(
    """
    are|were there; is|was there; there are; there were; are|were there in total; in total; do we have; are in
    store|database|data|dataset; in store|database|data|dataset; are recorded; were recorded; exist; in this
    store|database|data|dataset; are in this store|database|data|dataset; are|were there in
    store|database|data|dataset; are|were there in this store|database|data|dataset; overall; altogether; have
    been recorded; are|were there altogether|overall; do you have; are known; on record; are on record; are
    stored; were charted; were measured; were given; were administered; were taken; have been given; have been
    measured; are charted; were done; did we have; have we; were made
    """
)  # fmt: skip


def tails(r: Reader, query: Query, at: int) -> Iterator[tuple[Query, int]]:
    """Add groups and further asks: "by sex", "and how many of them died", "of how many patients"."""
    for begin in dict.fromkeys((r.skip(at, *TAILS), at)):
        for by, end in groups(r, begin, query.population):
            if isinstance(query.asks[0], Count) and len(query.asks) == 1:
                yield replace(query, by=by), end
        yield from _further(r, query, begin)
        yield query, begin


def groups(r: Reader, at: int, found: Population) -> Iterator[tuple[By, int]]:
    """Yield the groups that counts are split into: "by sex", "of each admission type"."""
    start = r.phrase(
        at,
        *phrases("by; per; of each; for each; in each; grouped by; split by; broken down by; of every; for every"),
    )
    if start is None:
        return
    options: dict[str, By] = {"sex": "sex", "gender": "sex"}
    if isinstance(found, Stays):
        options |= {
            "type": "type", "admission type": "type", "type of admission": "type", "encounter type": "type",
            "stay type": "type", "kind": "class", "class": "class", "encounter class": "class", "year": "year",
            "year of admission": "year", "calendar year": "year", "admission year": "year",
        }  # fmt: skip
    for words, by in options.items():
        end = r.phrase(start, words)
        if end is not None:
            yield by, end


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
