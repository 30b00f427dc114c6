"""Rules for spans of time: "time from hospital admission to ICU admission", "hours to the first lactate"."""

from collections.abc import Iterator
from typing import Final

from sql.text.criterion import Unit
from sql.text.events import in_stay_event
from sql.text.query import Stays, TimeInside, TimeToDeath, TimeToEvent
from sql.text.reader import EVENTS, Reader, phrases
from sql.text.terms import Kind, StayKind
from sql.text.windows import Anchor, anchor

Measure = TimeInside | TimeToDeath | TimeToEvent
_TIME: Final[dict[str, Unit]] = {"time": "hours", "interval": "hours", "hours": "hours", "days": "days"}
_FIRST: Final = phrases("first; first dose of; first dose; first measurement of; first measured; first recorded")
_DEATH: Final = phrases("death; their death; death of patient; dying")


def time_between(r: Reader, at: int) -> Iterator[tuple[Measure, Stays, int]]:
    """Yield what lies between two moments: the measure, the stays that it belongs to, and the end."""
    for word, unit in _TIME.items():
        start = r.phrase(at, word, f"number of {word}", f"how many {word}", f"length of {word}")
        if start is None:
            continue
        for joints in (("from", "to"), ("between", "and"), ("after|from|since", "until|to|was")):
            opening = r.phrase(start, joints[0])
            for since, middle in anchor(r, opening, None) if opening is not None else ():
                joint = r.phrase(middle, joints[1])
                if joint is not None:
                    yield from _until(r, joint, since, unit)
        yield from _first_after(r, start, unit)


def _until(r: Reader, at: int, since: Anchor, unit: Unit) -> Iterator[tuple[Measure, Stays, int]]:
    death = r.phrase(at, *_DEATH)
    if death is not None:
        yield TimeToDeath(since.side, unit), Stays(since.stay), death
    for until, end in anchor(r, at, None):
        if since == Anchor("start", StayKind.INPATIENT) and until == Anchor("start", StayKind.ICU):
            yield TimeInside(unit), Stays(StayKind.ICU), end
    if since.side == "start":
        for measure, end in _first(r, at, unit):
            yield measure, Stays(since.stay), end


def _first(r: Reader, at: int, unit: Unit) -> Iterator[tuple[TimeToEvent, int]]:
    """Read "the first dose of vancomycin given"."""
    start = r.phrase(at, *_FIRST)
    if start is None:
        return
    dosed = "dose" in r.text(at, start)
    kinds = (Kind.MEDICATION,) if dosed else tuple(kind for kind in EVENTS if kind is not Kind.CONDITION)
    for event, end in in_stay_event(r, start, kinds, "given" if dosed else "recorded"):
        yield TimeToEvent(event, unit), end


def _first_after(r: Reader, at: int, unit: Unit) -> Iterator[tuple[Measure, Stays, int]]:
    """Read "to the first lactate after ICU admission"."""
    start = r.phrase(at, "to", "until")
    for measure, end in _first(r, start, unit) if start is not None else ():
        behind = r.phrase(end, "after", "from", "following", "since")
        for since, last in anchor(r, behind, None) if behind is not None else ():
            if since.side == "start":
                yield measure, Stays(since.stay), last
