"""What the source says of stays in its own words: their type, where patients came from and where they went."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final

from sql.text.concepts import Unclear
from sql.text.criterion import Attribute, Criterion, Stay, StayColumn
from sql.text.reader import MAX_SPAN, Reader, phrases
from sql.text.terms import StayKind
from sql.text.words import stems

Stems = tuple[str, ...]
MAX_NAMED: Final = 6
_BRACKETS: Final = re.compile(r"\(([^)]*)\)")
# Words that tell no value of a column from another.
_COMMON: Final = frozenset(
    stems("unit care hospital stay admission icu intensive emergency patient facility from in or")
)
_OTHER_NAMES: Final[dict[StayColumn, dict[str, str]]] = {
    "type": {},
    "disposition": {
        "snf": "skilled nursing facility", "nursing home": "skilled nursing facility",
        "nursing facility": "skilled nursing facility", "rehabilitation": "rehab", "rehab facility": "rehab",
        "medical advice": "against advice", "home health": "home health care",
    },
    "admit_source": {
        "er": "emergency room", "ed": "emergency room", "emergency department": "emergency room",
        "another hospital": "transfer from hospital", "other hospital": "transfer from hospital",
        "outside hospital": "transfer from hospital", "clinic": "clinic referral",
        "physician": "physician referral", "skilled nursing facility": "transfer from skilled nursing facility",
    },
}  # fmt: skip
_WENT: Final = phrases(
    """
    discharged to; were|was|are discharged to; were|was|are discharged; ended with|in discharge to; ending with|in
    discharge to; with discharge to; were sent to; went to; left for; transferred on discharge to; discharged
    """
)
_LEFT: Final = ("left against", "left hospital against", "were|was discharged against", "discharged against")
_CAME: Final = phrases(
    """
    came in through; came through|via|from; came in via|from; admitted through|via|from; were|was admitted
    through|via|from; transferred from; were|was transferred from; were|was transfers|transfer from; coming
    from|through
    """
)
_IN: Final = ("in", "on", "at", "to", "in|on|at unit")


def attribute(r: Reader, at: int, kind: StayKind, column: StayColumn) -> Iterator[tuple[Attribute, int]]:
    """Yield the values of a column that a phrase from here names, the longest phrase first."""
    named = _values(r, kind, column)
    last = min(len(r.tokens), at + MAX_SPAN)
    for end in range(last, at, -1):
        words = stems(r.text(at, end))
        other = _other_names(column).get(words)
        found = named.get(other or words)
        if found:
            yield Attribute(column, found), r.reached(end)
            return
    for end in range(last, at, -1):
        words = stems(r.text(at, end))
        found = _holding(named, words)
        if len(found) > 1 and set(words) - _COMMON:
            r.trouble(end, Unclear(r.text(at, end), found[:MAX_NAMED]))
            return
        if found and set(words) - _COMMON:
            yield Attribute(column, found), r.reached(end)
            return


def typed_stay(r: Reader, at: int) -> Iterator[tuple[StayKind, Criterion, int]]:
    """Yield stays by the words of their type: "elective admissions", "observation admits"."""
    for kind in StayKind:
        named = _values(r, kind, "type")
        for end in range(min(len(r.tokens), at + MAX_SPAN), at, -1):
            found = named.get(stems(r.text(at, end)))
            if not found:
                continue
            yield from _named_so(r, r.reached(end), kind, Attribute("type", found))


def _named_so(r: Reader, at: int, kind: StayKind, found: Attribute) -> Iterator[tuple[StayKind, Criterion, int]]:
    from sql.text.windows import stay_name

    for named, end in stay_name(r, at):
        if named is kind:
            yield kind, found, end
    if r.word(at - 1) in {"admission", "admissions", "admit", "admits"}:
        yield kind, found, at


def said_attribute(r: Reader, at: int, scope: StayKind | None) -> Iterator[tuple[Criterion, int]]:
    """Yield "discharged to rehab", "admitted through the emergency room", "in the CCU", "were elective"."""
    hospital = scope or StayKind.INPATIENT
    rules: list[tuple[tuple[str, ...], StayKind, StayColumn]] = [
        (_WENT, hospital, "disposition"), (_LEFT, hospital, "disposition"), (_CAME, hospital, "admit_source"),
    ]  # fmt: skip
    for words, kind, column in rules:
        start = r.phrase(at, *words)
        for found, end in attribute(r, start, kind, column) if start is not None else ():
            yield (found if scope is kind else Stay(kind, found)), end
    wards = r.phrase(at, *_IN) if scope is StayKind.ICU else None
    wards = r.phrase(at, "were|was|been in", "were|was admitted|transferred to") if scope is None else wards
    if wards is not None:
        for found, end in attribute(r, wards, StayKind.ICU, "type"):
            yield (found if scope is StayKind.ICU else Stay(StayKind.ICU, found)), end
    were = r.phrase(at, "were|was|are|is", "of type", "with type")
    if were is not None and scope is not None:
        for kind, criterion, end in typed_stay(r, were):
            if kind is scope:
                yield criterion, end
        yield from attribute(r, were, scope, "type")
        yield from _transfers(r, were, scope)


def _transfers(r: Reader, at: int, scope: StayKind) -> Iterator[tuple[Criterion, int]]:
    start = r.phrase(at, "transfers|transfer from")
    if start is not None:
        yield from attribute(r, start, scope, "admit_source")


def _values(r: Reader, kind: StayKind, column: StayColumn) -> Mapping[Stems, tuple[str, ...]]:
    kinds = list(StayKind) if kind is StayKind.ANY else [kind]
    values = [value for one in kinds for value in r.index.attributes.get((one, column), ())]
    return aliases(tuple(dict.fromkeys(values)))


@lru_cache(maxsize=256)
def aliases(values: tuple[str, ...]) -> Mapping[Stems, tuple[str, ...]]:
    """Return the values by the ways to say them: whole, without what stands in brackets, and that alone.

    >>> aliases(("Coronary Care Unit (CCU)",))[("ccu",)]
    ('Coronary Care Unit (CCU)',)
    """
    named: dict[Stems, dict[str, None]] = defaultdict(dict)
    for value in values:
        ways = [value, _BRACKETS.sub(" ", value), *_BRACKETS.findall(value)]
        for way in ways:
            if stems(way):
                named[stems(way)][value] = None
    return {words: tuple(found) for words, found in named.items()}


@lru_cache(maxsize=8)
def _other_names(column: StayColumn) -> Mapping[Stems, Stems]:
    return {stems(name): stems(value) for name, value in _OTHER_NAMES[column].items()}


def _holding(named: Mapping[Stems, tuple[str, ...]], words: Stems) -> tuple[str, ...]:
    """Return the values whose names have the words in a row."""
    if not words:
        return ()
    found: dict[str, None] = {}
    for name, values in named.items():
        if any(name[place : place + len(words)] == words for place in range(len(name) - len(words) + 1)):
            found.update(dict.fromkeys(values))
    return tuple(found)
