"""Rules for lists of events: "AKI and sepsis in the same admission", "without heparin or warfarin"."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

from sql.text.criterion import AllOf, AnyOf, Criterion, Event, Mode, Not, Stay
from sql.text.events import Said, event, negate
from sql.text.reader import EVENTS, Reader
from sql.text.terms import DuringStay, Kind, StayKind
from sql.text.windows import stay_name

_JOINTS: Final = {
    ", and": "and", ", or": "or", "and": "and", "or": "or", ",": ",", "and/or": "or", "as well as": "and",
    "together with": "and", "plus": "and", "&": "and",
}  # fmt: skip


def events(
    r: Reader,
    at: int,
    scope: StayKind | None,
    kinds: Sequence[Kind] = EVENTS,
    mode: Mode = "recorded",
    *,
    negative: bool = False,
    least: int = 1,
) -> Iterator[tuple[Criterion, int]]:
    """Yield a list of events joined by "and" or "or", negated as a whole where `negative`."""
    yield from _together(r, at, scope, kinds, mode, negative=negative)
    for items, joints, end in _items(r, at, scope, kinds, mode, least):
        criterion = _joined(r, items, joints, end, scope, negative=negative)
        if criterion is not None:
            yield criterion, end


def _together(
    r: Reader, at: int, scope: StayKind | None, kinds: Sequence[Kind], mode: Mode, *, negative: bool
) -> Iterator[tuple[Criterion, int]]:
    """Yield "AKI and sepsis in the same admission": what is said of patients holds in one stay of theirs."""
    if scope is not None or negative or not any(token.word == "same" for token in r.tokens[at:]):
        return
    for kind in (StayKind.INPATIENT, StayKind.ICU, StayKind.EMERGENCY):
        for items, joints, end in _items(r, at, kind, kinds, mode, 1):
            start = r.phrase(end, "in|during|within|on same", "both in|during same")
            named = [after for found, after in stay_name(r, start) if found is kind] if start is not None else []
            if not named or len(items) < 2 or any(item.has_window for item in items):
                continue
            criterion = _joined(r, items, joints, end, kind, negative=False)
            if criterion is not None:
                yield Stay(kind, criterion), named[0]


def _items(
    r: Reader, at: int, scope: StayKind | None, kinds: Sequence[Kind], mode: Mode, least: int
) -> Iterator[tuple[list[Said], list[str], int]]:
    for said, end in _item(r, at, scope, kinds, mode, least):
        for word, joint in _JOINTS.items():
            start = r.phrase(end, word)
            if start is None:
                continue
            start = r.skip(start, "either", "also", "both")
            for rest, joints, last in _items(r, start, scope, kinds, mode, least):
                yield [said, *rest], [joint, *joints], last
        yield [said], [], end


def _item(
    r: Reader, at: int, scope: StayKind | None, kinds: Sequence[Kind], mode: Mode, least: int
) -> Iterator[tuple[Said, int]]:
    start = r.skip(at, "both", "either")
    denied = r.phrase(start, "no", "not", "without")
    if denied is None:
        yield from event(r, start, scope, kinds, mode, least=least)
        return
    for said, end in event(r, r.skip(denied, "any"), scope, kinds, mode, least=least):
        criterion = negate(r, said.criterion, end)
        if criterion is not None:
            yield replace(said, criterion=criterion), end


def _joined(
    r: Reader, items: list[Said], joints: list[str], at: int, scope: StayKind | None, *, negative: bool
) -> Criterion | None:
    kind = joint_of(r, joints, at)
    if kind is None:
        return None
    for early, late in pairwise(items):
        is_open = late.has_window and not early.has_window and early.kind is not Kind.CONDITION
        if is_open and not (scope is not None and _is_whole_stay(late.criterion)):
            r.trouble(at, "give the time window for each of the findings, since it may mean the last or all of them")
            return None
    criteria = [item.criterion for item in items]
    if not negative:
        return (
            criteria[0] if len(criteria) == 1 else AnyOf(tuple(criteria)) if kind == "or" else AllOf(tuple(criteria))
        )
    if kind == "and" and len(criteria) > 1:
        r.trouble(at, "'without A and B' may mean neither of them or not both; write 'without A or B' for neither")
        return None
    negated = [negate(r, criterion, at) for criterion in criteria]
    kept = [criterion for criterion in negated if criterion is not None]
    if len(kept) < len(negated):
        return None
    return kept[0] if len(kept) == 1 else AllOf(tuple(kept))


def _is_whole_stay(criterion: Criterion) -> bool:
    """Say whether a window is that which an event in a stay has without any: the stay at hand."""
    inner = criterion.criterion if isinstance(criterion, Not) else criterion
    return isinstance(inner, Event) and isinstance(inner.window, DuringStay)


def joint_of(r: Reader, joints: list[str], at: int) -> str | None:
    """Return "and" or "or" for a list; a mixture has several meanings, and commas follow the last word."""
    words = {joint for joint in joints if joint != ","}
    if len(words) > 1:
        r.trouble(at, "'and' beside 'or' has several meanings; ask in two questions or repeat the common part")
        return None
    return words.pop() if words else "and"
