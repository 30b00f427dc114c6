"""Rules for whole questions: what is asked, about whom, and what is said of them."""

from collections.abc import Iterator
from typing import Final

from sql.text.clauses import clauses, sentence
from sql.text.further import TAILS, groups, tails
from sql.text.populations import population
from sql.text.query import (
    Count,
    Criterion,
    Listing,
    Population,
    Query,
    Records,
    Share,
    all_of,
)
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
    for build in (_counting, _inner_counting, _sharing, summing, _listing):
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


def _said(r: Reader, at: int, found: Population) -> Iterator[tuple[Criterion | None, int]]:
    """Yield what is said of a population; existential words may stand before or after it."""
    scope = scope_of(found)
    for begin in dict.fromkeys((r.skip(at, *TAILS), at)):
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
            percentage|percent|proportion|share|fraction of; % of; what % of; rate of
            """
        ),
    )
    if start is None:
        return
    for found, base, end in population(r, start):
        if isinstance(found, Records):
            continue
        scope = scope_of(found)
        for where, middle in clauses(r, end, scope):
            if r.word(middle) in _NOT_PREDICATES:
                continue
            for share, last in clauses(r, middle, scope):
                part = settle(found, share)
                if part is not None:
                    yield Query(found, (Share(part),), settle(found, all_of(base, where))), last


_NOT_PREDICATES: Final = frozenset(
    {"with", "without", "who", "whose", "that", "which", "aged", "of", "in", "on", "and", "or", ","}
)


# --- statistics -------------------------------------------------------------------------------------------
