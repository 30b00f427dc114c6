"""Refining the last question: "and only women?", "by year", "what about men?", "how many of them died?".

A follow-up is read with the rules of the grammar, from its first to its last word, and changes one part of the
`Query` before it: a criterion is added, or put in the place of another; the same members are listed, counted or
summed up; a count is split into groups. What it leaves as it was, it leaves untouched. "Them" are the members of the
population, not the part of them that was counted last.
"""

from collections.abc import Iterator
from functools import partial
from typing import Final

from sql.text.clauses import clauses
from sql.text.concepts import Index
from sql.text.criterion import Criterion, Event, all_of
from sql.text.figures import function_of
from sql.text.followups.edits import Edit, Unfit, add, ask_for, at_time, group, members_of, put_in_place, with_kind
from sql.text.grouping import groups
from sql.text.parse import of_trouble
from sql.text.populations import patients, stays
from sql.text.query import AgeOf, Ask, By, Count, LengthOf, Listing, Patients, Query, Records, Share, Statistic, Stays
from sql.text.reader import Reader, TooHard, phrases
from sql.text.refuse import Refusal
from sql.text.scopes import settle
from sql.text.soundness import flaw
from sql.text.statistics import length_of, scope_of
from sql.text.terms import Calendar, StayKind
from sql.text.windows import calendar, date_span
from sql.text.words import MAX_TOKENS, tokenize

EXAMPLES: Final = "'and only women?', 'what about men?', 'by sex', 'how many of them died?' or 'show me the patients'"

_JOINTS: Final = phrases("and; ok; okay; now; then; so; ,; also; but; and now; and then; and also; ok and; please")
_ONLY: Final = phrases("only; just; only those; only for; only in; only the ones; restrict to; limit to; keep only")
_ABOUT: Final = phrases(
    """
    what about; how about; and what about; and how about; what about only; same for; same with; same question for;
    same but for; instead; what of; and for; now for; repeat for; repeat it for
    """
)
_THEM: Final = ("them", "these", "those", "they", "ones", "of them|these|those", "of ones")
_SHOW: Final = phrases(
    "show; show me; list; list me; give me; display; let me see; i want to see; see; get; who are; which are; which"
)
_COUNTED: Final = phrases(
    """
    how many; how many are there; how many are they; how many are these|those; how many were there; how many of them
    are there; count them; count these|those; and count; how many is that; number of them; how many patients is that
    """
)
_OF_THEM: Final = phrases(
    """
    how many of them|these|those; of them|these|those how many; of them|these|those , how many; how many of
    those|these patients|stays|admissions; and of them how many; number of them; how many among them|these|those
    """
)
_SHARE: Final = phrases(
    """
    what percentage|percent|proportion|share|fraction of them|these|those; percentage|percent|proportion|share of
    them|these|those; what % of them|these|those; of them|these|those what percentage|percent|proportion|share
    """
)
_OF_STAYS: Final[dict[str, By]] = {
    "year": "year", "month": "month", "type": "type", "admission type": "type", "class": "class",
}  # fmt: skip
"""Groups that stays have and patients have not: read all the same, to say so."""

_PEOPLE: Final = "patients|patient|people|persons|subjects|individuals"


def refine(question: str, previous: Query, index: Index) -> Query | Refusal | None:
    """Return the last question changed as a follow-up says, why it cannot be, or None for what is no follow-up."""
    tokens = tokenize(question)
    if not tokens or len(tokens) > MAX_TOKENS or not isinstance(previous.population, Patients | Stays | Records):
        return None
    reader = Reader(tokens, index)
    problem: str | None = None
    try:
        for edit, end in _edits(reader, previous):
            if not _is_end(reader, end):
                continue
            try:
                found = edit(previous)
            except Unfit as error:
                problem = problem or str(error)
                continue
            problem = problem or flaw(found)
            if flaw(found) is None:
                return found
    except TooHard:
        return Refusal("LOW_CONFIDENCE", f"the follow-up has too many parts; a follow-up is such as {EXAMPLES}")
    if problem is not None:
        return Refusal("AMBIGUOUS", f"the last question cannot be changed so: {problem}")
    return _unread(reader)


def seems_to_follow(question: str) -> bool:
    """Say whether a question has a mark of a follow-up, whatever it follows.

    >>> seems_to_follow("and only women?"), seems_to_follow("how many patients have sepsis?")
    (True, False)
    """
    words = [token.word for token in tokenize(question)]
    opens = words[:1] in (["and"], ["only"], ["just"], ["by"], ["per"], ["instead"]) or words[1:2] == ["about"]
    return opens or bool({"them", "those", "these", "their", "they"} & set(words))


def _unread(reader: Reader) -> Refusal | None:
    """Say why a follow-up was not read, where its opening shows that it is one."""
    marked = reader.phrase(0, *_ABOUT, *_OF_THEM, *_SHARE, *_ONLY) or reader.phrase(reader.skip(0, *_JOINTS), *_ONLY)
    if marked is None:
        return None
    end, trouble = max(reader.troubles, key=lambda pair: pair[0], default=(-1, ""))
    if trouble and end >= marked:
        return of_trouble(trouble, reader.index)
    rest = reader.text(marked, len(reader.tokens)).strip(" ?.!")
    return Refusal("LOW_CONFIDENCE", f"'{rest}' was not understood as a follow-up; ask for example {EXAMPLES}")


def _is_end(reader: Reader, at: int) -> bool:
    while (end := reader.phrase(at, "?", ".", "!", ",", "please", "then", "thanks", "instead", "too")) is not None:
        at = end
    return at == len(reader.tokens)


# --- the rules ------------------------------------------------------------------------------------------------


def _edits(r: Reader, query: Query) -> Iterator[tuple[Edit, int]]:
    """Yield the ways to read a follow-up, as changes of the last question."""
    for start in dict.fromkeys((0, _skipped(r, 0))):
        yield from _listing(r, start, query)
        yield from _counting(r, start, query)
        yield from _grouping(r, start, query)
        yield from _summing(r, start, query)
        yield from _replacing(r, start, query)
        yield from _narrowing(r, start, query, is_joined=start > 0)


def _skipped(r: Reader, at: int) -> int:
    while (end := r.phrase(at, *_JOINTS)) is not None:
        at = end
    return at


def _listing(r: Reader, at: int, query: Query) -> Iterator[tuple[Edit, int]]:
    """Read "show me the patients", "list them", "who are they"."""
    start = r.phrase(at, *_SHOW)
    if start is None:
        if (end := r.phrase(at, "who are they", "who are these|those", "who", "which ones")) is not None:
            yield partial(_listed, kind=None), end
        return
    for named in dict.fromkeys((r.skip(start, "all", "all of", "me"), start)):
        if (end := r.phrase(named, *_THEM)) is not None:
            yield _asking(Listing()), end
        named = r.skip(named, "these|those", "all")
        if (end := r.phrase(named, _PEOPLE)) is not None:
            yield partial(_listed, kind=None), end
        for kind, criterion, end in stays(r, named):
            if criterion is None:
                yield partial(_listed, kind=kind), end


def _counting(r: Reader, at: int, query: Query) -> Iterator[tuple[Edit, int]]:
    """Read "how many of them died", "what percentage of those are women", "count them"."""
    if (end := r.phrase(at, *_COUNTED)) is not None:
        yield _asking(Count()), end
    if isinstance(query.population, Records):
        return
    for opening, make in ((_OF_THEM, _count_of), (_SHARE, Share)):
        start = r.phrase(at, *opening)
        if start is None:
            continue
        for where, end in clauses(r, start, scope_of(query.population)):
            part = settle(query.population, where)
            if part is not None:
                yield _asking(make(part)), end


def _listed(query: Query, kind: StayKind | None) -> Query:
    return ask_for(members_of(query, kind), (Listing(),))


def _asking(ask: Ask) -> Edit:
    return lambda query: ask_for(query, (ask,))


def _count_of(where: Criterion) -> Ask:
    return Count("members", where)


def _grouping(r: Reader, at: int, query: Query) -> Iterator[tuple[Edit, int]]:
    """Read "by sex", "split by admission type"; what these members have none of is said by name."""
    start = r.skip(
        at, "show", "show me", "show it", "give me", "count", "split", "split it", "split them", "break down"
    )
    start = r.skip(start, "it", "them", "these|those", "that", "numbers", "counts")
    for by, end in groups(r, start, query.population):
        yield partial(group, by=by), end
    plain = r.phrase(start, "by", "per", "split by", "for each", "of each", "grouped by", "in each", "broken down by")
    if plain is not None:
        for words, by in _OF_STAYS.items():
            if (stop := r.phrase(plain, words)) is not None:
                yield partial(group, by=by), stop


def _summing(r: Reader, at: int, query: Query) -> Iterator[tuple[Edit, int]]:
    """Read "and their average age?", "median length of stay of those"."""
    asked = r.skip(at, "what is|was|are|were", "give me", "show me")
    theirs = r.phrase(asked, "their", "his", "her", "its")
    for function, start in function_of(r, r.skip(asked, "their", "his", "her", "its")):
        if (named := r.phrase(start, "age", "ages")) is not None:
            moment = "start" if isinstance(query.population, Stays) else "last"
            ask = Statistic(function, AgeOf("start" if moment == "start" else "last"))
            yield from _of_those(r, named, ask, is_marked=theirs is not None or at > 0)
        if isinstance(query.population, Stays):
            for unit, end in length_of(r, start, query.population.kind):
                ask = Statistic(function, LengthOf(unit))
                yield from _of_those(r, end, ask, is_marked=theirs is not None or at > 0)


def _of_those(r: Reader, at: int, ask: Ask, *, is_marked: bool) -> Iterator[tuple[Edit, int]]:
    end = r.phrase(at, "of them|these|those", "for them|these|those")
    if end is not None or is_marked:
        yield _asking(ask), end if end is not None else at


def _replacing(r: Reader, at: int, query: Query) -> Iterator[tuple[Edit, int]]:
    """Read "what about men?", "how about sepsis?", "same for 2151"."""
    start = r.phrase(at, *_ABOUT)
    if start is None:
        return
    start = r.skip(start, "only", "in|of|for|among", "just", "those|these|ones", "for those|these", "only those")
    for span, end in _spans(r, start):
        yield partial(at_time, span=span), end
    for criterion, end in _said(r, start, query, named=True):
        yield partial(put_in_place, said=criterion), end
    for concept, end in r.concepts(start):
        yield partial(put_in_place, said=Event(concept)), end
    yield from _other_stays(r, start)


def _other_stays(r: Reader, at: int) -> Iterator[tuple[Edit, int]]:
    for kind, described, end in stays(r, at):
        if described is None and (kind is StayKind.ANY or kind in r.index.stays):
            yield partial(with_kind, kind=kind), end


def _narrowing(r: Reader, at: int, query: Query, *, is_joined: bool) -> Iterator[tuple[Edit, int]]:
    """Read "and only women?", "in 2101", "without sepsis", "and men?"."""
    only = r.phrase(at, *_ONLY)
    start = at if only is None else only
    for span, end in _spans(r, start):
        if only is not None or is_joined or end > start + 1:
            yield partial(at_time, span=span), end
    for criterion, end in _said(r, start, query, named=is_joined or only is not None):
        closing = r.phrase(end, "only")
        stop = end if closing is None else closing
        strict = only is not None or closing is not None
        yield partial(add, said=criterion, strict=strict), stop
    if only is None and is_joined:
        for concept, end in r.concepts(start):
            yield partial(_either, name=concept.name), end
        yield from _other_stays(r, start)


def _either(query: Query, name: str) -> Query:
    raise Unfit(f"say 'what about {name}?' to ask it in place of the last, or 'and with {name}?' for both")


def _spans(r: Reader, at: int) -> Iterator[tuple[Calendar, int]]:
    yield from calendar(r, at)
    found = date_span(r, at)
    if found is not None:
        yield found


def _said(r: Reader, at: int, query: Query, *, named: bool) -> Iterator[tuple[Criterion, int]]:
    """Yield what is said of the members: "men over 65", "with sepsis", "given furosemide".

    With `named` the patients may be named with it: "diabetic patients"; else that is the beginning of a new question.
    """
    for criterion, end in clauses(r, at, scope_of(query.population)):
        settled = settle(query.population, criterion)
        if settled is not None:
            yield settled, end
    for described, after in patients(r, at) if named else ():
        for more, end in clauses(r, after, None):
            settled = settle(query.population, all_of(described, more))
            if settled is not None:
                yield settled, end
