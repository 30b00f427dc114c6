"""Rules for whole questions: what is asked, about whom, and what is said of them."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from sql.text.asking import existing, moments, of_one
from sql.text.clauses import clause, clauses, sentence
from sql.text.criterion import Criterion, all_of
from sql.text.further import TAILS, tail_end, tails
from sql.text.grouping import groups
from sql.text.holding_rules import of_store
from sql.text.populations import population
from sql.text.query import Beside, Count, Listing, Patients, Population, Query, Records, Share, Stays
from sql.text.ranked import ranking
from sql.text.rates import parts, rating
from sql.text.reader import Reader, phrases
from sql.text.scopes import settle
from sql.text.statistics import of_records, scope_of, summing

_POLITE: Final = phrases(
    """
    can|could|would you tell me; can|could|would you; tell me; i want|need|would like to know; i would like to
    see; i want to know; do you know; let me know; find out; we need to know; i need; i want; we want to know;
    could i know; hello; hi; so; now; ok; ,; calculate; compute; determine; report; in this store ,; in database
    ,; in this store; in our data ,; also; then; what is; what was; what are; what were; give me; give; show me;
    show
    """
)
_COUNT: Final = phrases("how many; number of; total number of; count of; count; counts of; what number of; amount of")
_LIST: Final = phrases(
    """
    list; list of; show; show me; which; display; find; get; give me; identify; who are; ids of; list ids of; give
    me list of; retrieve; list all; show all; find all; return; fetch
    """
)


def questions(r: Reader) -> Iterator[Query]:
    """Yield the ways to read the whole question."""
    for start in _openings(r):
        for query, end in _question(r, start):
            last = _closing(r, end)
            if last == len(r.tokens):
                yield query


def _openings(r: Reader) -> Iterator[int]:
    at = 0
    starts = [at]
    while (end := r.phrase(at, *_POLITE)) is not None:
        at = end
        starts.append(at)
    yield from reversed(starts)


def _closing(r: Reader, at: int) -> int:
    while (end := r.phrase(at, "?", ".", "!", "thanks", "thank you", ",")) is not None:
        at = end
    return at


def _question(r: Reader, at: int) -> Iterator[tuple[Query, int]]:
    for build in _BUILDERS:
        yield from build(r, at)


# --- counting ---------------------------------------------------------------------------------------------


def _counting(r: Reader, at: int) -> Iterator[tuple[Query, int]]:
    """Read "how many patients with heart failure died", and what is asked further of the same."""
    start = r.phrase(at, *_COUNT)
    if start is None:
        return
    for found, base, end in population(r, r.skip(start, "of")):
        for where, last in _said(r, end, found):
            yield from tails(r, Query(found, (Count(),), settle(found, all_of(base, where))), last)
        yield from _counting_two(r, found, base, end)
    if r.word(start) in _VERBS:
        for where, last in clauses(r, start, None):
            if where is not None:
                yield from tails(r, Query(Patients(), (Count(),), settle(Patients(), where)), last)


_VERBS: Final = frozenset(["have", "had", "got", "received", "died", "were", "are", "underwent", "survived"])
"""How many did so: patients are meant."""


def _counting_two(r: Reader, found: Population, base: Criterion | None, at: int) -> Iterator[tuple[Query, int]]:
    """Read "how many men and how many women", "how many women versus men were admitted", "persons and visits"."""
    joint = r.phrase(at, "and how many", ", and how many", "versus", "and how many", "compared with", "and")
    for other, also, end in population(r, joint) if joint is not None else ():
        if isinstance(found, Records) or isinstance(other, Records):
            continue
        is_each = r.text(at, joint or at).lower() != "and" or type(found) is not type(other)
        for where, last in _said(r, end, other):
            if where is not None and type(found) is not type(other):
                continue
            if not is_each:
                r.trouble(last, "say whether of both together or of each: 'how many men and how many women'")
                continue
            second = Query(other, (Count(),), settle(other, all_of(also, where)))
            yield Query(found, (Count(), Beside(second)), settle(found, all_of(base, where))), last


def _inner_counting(r: Reader, at: int) -> Iterator[tuple[Query, int]]:
    """Read "in how many ICU stays was there invasive ventilation"."""
    start = r.phrase(at, "in|during|for|on|to how many", "to|for what number of")
    if start is None:
        return
    for found, base, end in population(r, start):
        scope = scope_of(found)
        if isinstance(found, Records):
            continue
        for said, last in sentence(r, end, scope):
            for more, after in clauses(r, last, scope):
                criterion = settle(found, all_of(base, said, more))
                yield from tails(r, Query(found, (Count(),), criterion), after)


_HOW_MANY: Final = phrases(
    """
    , how many; : how many; how many; , number; , how many of them; how many of them; : how many of them; , count; , n
    """
)


def _counted_late(r: Reader, at: int) -> Iterator[tuple[Query, int]]:
    """Read "patients on statins - how many", "of the patients with a lactate above 4, how many died"."""
    start = r.skip(at, "of", "among", "out of")
    for found, base, end in population(r, start):
        if not isinstance(found, Patients | Stays):
            continue
        scope = scope_of(found)
        for where, middle in clauses(r, end, scope):
            asked = r.phrase(middle, *_HOW_MANY)
            if asked is None:
                continue
            yield Query(found, (Count(),), settle(found, all_of(base, where))), tail_end(r, asked)
            for said, last in clauses(r, asked, scope):
                if said is not None:
                    yield Query(found, (Count(),), settle(found, all_of(base, where, said))), last


def _said(r: Reader, at: int, found: Population) -> Iterator[tuple[Criterion | None, int]]:
    """Yield what is said of a population; existential words may stand before or after it."""
    scope = scope_of(found)
    for begin in dict.fromkeys((tail_end(r, at), r.skip(at, *TAILS), at)):
        if isinstance(found, Records):
            yield from of_records(r, begin, found)
            continue
        yield from clauses(r, begin, scope)


# --- listing and shares -----------------------------------------------------------------------------------


def _listing(r: Reader, at: int) -> Iterator[tuple[Query, int]]:
    """Read "list the women with sepsis", "which patients were given furosemide", or just "patients with COPD"."""
    start = r.phrase(at, *_LIST)
    opening = at if start is None else r.skip(start, "me", "all", "ids of", "all of", "list of")
    for found, base, end in population(r, opening):
        if isinstance(found, Records):
            continue
        for where, last in _said(r, end, found):
            criterion = settle(found, all_of(base, where))
            if start is None:
                for by, grouped in groups(r, last, found):
                    yield Query(found, (Count(),), criterion, by), grouped
            if start is not None or at > 0 or criterion is not None:
                yield Query(found, (Listing(),), criterion), last


def _sharing(r: Reader, at: int) -> Iterator[tuple[Query, int]]:
    """Read "what percentage of patients with heart failure died": the last thing said is what the share is of."""
    start = r.phrase(
        at,
        *phrases(
            """
            percentage of; percent of; proportion of; share of; fraction of; what
            percentage|percent|proportion|share|fraction of; % of; what % of; rate of; which
            percentage|percent|share|proportion of
            """
        ),
    )
    if start is None:
        return
    for query, end in (*_shared(r, start), *parts(r, start)):
        yield query, end
        for by, last in groups(r, end, query.population):
            yield replace(query, by=by), last


def _shared(r: Reader, start: int) -> Iterator[tuple[Query, int]]:
    """Read "patients with heart failure died": the last thing said is what the share is of."""
    for found, base, end in population(r, start):
        if isinstance(found, Records):
            continue
        scope = scope_of(found)
        for where, middle in clauses(r, end, scope):
            who = r.phrase(middle, "who", "that", "which") if where is not None else None
            for share, last in clauses(r, who, scope) if who is not None else ():
                if share is not None:
                    yield (
                        Query(found, (Share(settle(found, share) or share),), settle(found, all_of(base, where))),
                        last,
                    )
            if r.word(middle) in _NOT_PREDICATES:
                continue
            for share, last in clauses(r, middle, scope):
                part = settle(found, share)
                if part is not None:
                    yield Query(found, (Share(part),), settle(found, all_of(base, where))), last
        yield from _part(r, found, base, end)


def _part(r: Reader, found: Population, base: Criterion | None, at: int) -> Iterator[tuple[Query, int]]:
    """Read "admissions that included an ICU stay": the one thing that is said of all."""
    scope = scope_of(found)
    for first, end in clause(r, at, scope):
        yield Query(found, (Share(settle(found, first) or first),), base), end


_NOT_PREDICATES: Final = frozenset(
    {"with", "without", "who", "whose", "that", "which", "aged", "of", "in", "on", "and", "or", ","}
)


_BUILDERS: Final = (
    of_store,
    _counting,
    _inner_counting,
    _counted_late,
    rating,
    _sharing,
    of_one,
    summing,
    ranking,
    moments,
    existing,
    _listing,
)
