"""The windows of a task file: their bounds, the criteria on them, and the tree that they form."""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from ehr.tasks.language import RECORD_END, RECORD_START, TRIGGER, Has, Seek, Shift, Side, Step, Window
from ehr.tasks.place import Place
from ehr.tasks.timespan import parse_timespan

REQUIRED: Final = ("start", "end", "start_inclusive", "end_inclusive")
KEYS: Final = (*REQUIRED, "has", "label", "index_timestamp")
REFERENCE: Final = re.compile(r"\w+|\w+\.(?:start|end)")

Bound = tuple[str | None, Step]
"""A side of a window as written: what it refers to (None for null), and the step from there."""


def read_windows(place: Place, document: Any) -> tuple[Window, ...]:
    """Read all windows; raises TaskError when one is wrong, or when two carry the label or the index time."""
    if document is None:
        return ()
    windows = tuple(
        read_window(place.at(str(name)), place.child_name(name), body)
        for name, body in place.mapping(document, None, "the windows").items()
    )
    for what, found in (
        ("label", [window.name for window in windows if window.label is not None]),
        ("index_timestamp", [window.name for window in windows if window.index_timestamp is not None]),
    ):
        if len(found) > 1:
            raise place.error(f"{what} stands in {' and '.join(found)}; keep it in one window")
    return windows


def read_window(place: Place, name: str, body: Any) -> Window:
    """Read one window; raises TaskError when its bounds, flags or criteria are wrong."""
    body = place.mapping(body, KEYS, "a window")
    for key in REQUIRED:
        if key not in body:
            what = "true or false" if "inclusive" in key else "a bound, or null for the edge of the record"
            raise place.at(key).error(f"is missing; write {what}")
    start = _bound(place.at("start"), body["start"], "start")
    end = _bound(place.at("end"), body["end"], "end")
    anchor, reference, to_anchor, to_bound = _tie(place, start, end)
    index = body.get("index_timestamp")
    index = None if index == "" else index
    if index not in (None, "start", "end"):
        raise place.at("index_timestamp").error(f"{index!r} is no side of a window; write start or end")
    label = body.get("label")
    window = Window(
        name=name,
        reference=reference,
        anchor=anchor,
        to_anchor=to_anchor,
        to_bound=to_bound,
        start_inclusive=place.at("start_inclusive").flag(body["start_inclusive"]),
        end_inclusive=place.at("end_inclusive").flag(body["end_inclusive"]),
        has=_has(place.at("has"), body["has"]) if "has" in body else (),
        label=place.at("label").name(label, "a predicate") if label not in (None, "") else None,
        index_timestamp=index,
    )
    _check_direction(place, window)
    if window.is_point and (window.label or window.index_timestamp):
        key = "label" if window.label else "index_timestamp"
        raise place.at(key).error(
            "this window starts and ends at one time, so it cannot carry it; name another window"
        )
    return window


def check_tree(place: Place, windows: Sequence[Window]) -> None:
    """Raise TaskError unless every window leads back to the trigger."""
    references = {window.name: window.reference for window in windows}
    for window in windows:
        seen = [window.name]
        reference = window.reference
        while reference != TRIGGER:
            target = reference.rpartition(".")[0]
            here = place.at(seen[-1])
            if not target:
                raise here.error(f"refers to {reference!r}; write trigger, or a side of a window, such as input.end")
            if target not in references:
                known = ", ".join(references)
                raise here.error(f"refers to {reference!r}, but there is no window {target}; windows: {known}")
            if target in seen:
                circle = " -> ".join((*seen, target))
                raise here.error(f"the windows refer in a circle ({circle}); tie one of them to trigger")
            seen.append(target)
            reference = references[target]


def _bound(place: Place, text: Any, side: Side) -> Bound:
    if text is None:
        return None, Seek(RECORD_START if side == "start" else RECORD_END, forward=side == "end")
    if not isinstance(text, str):
        raise place.error(f"{text!r} is no bound; write such as 'start + 24h', 'start -> discharge', trigger or null")
    arrow = re.fullmatch(r"(?P<reference>[^<>]*)(?P<arrow>->|<-)(?P<predicate>[^<>]*)", text.strip(), re.DOTALL)
    if arrow:
        return _reference(place, arrow["reference"]), _seek(place, arrow["predicate"].strip(), arrow["arrow"] == "->")
    shift = re.fullmatch(r"(?P<reference>[^+-]*)(?P<sign>[+-])(?P<span>[^+-]*)", text.strip(), re.DOTALL)
    if shift:
        try:
            span = parse_timespan(shift["span"])
        except ValueError as error:
            raise place.error(str(error)) from error
        return _reference(place, shift["reference"]), Shift(span if shift["sign"] == "+" else -span)
    return _reference(place, text), Shift(timedelta(0))


def _reference(place: Place, text: str) -> str:
    reference = text.strip()
    if not REFERENCE.fullmatch(reference):
        raise place.error(
            f"{reference!r} is nothing to start from; write trigger, start, end or a side of a window (input.end), "
            "then at most one step, such as '+ 24h' or '-> discharge'"
        )
    return reference


def _seek(place: Place, predicate: str, forward: bool) -> Seek:
    if not predicate:
        raise place.error("the arrow points to nothing; name a predicate after it")
    if predicate == (RECORD_START if forward else RECORD_END):
        raise place.error(f"{predicate} never lies {'ahead' if forward else 'behind'}; turn the arrow round")
    return Seek(predicate, forward)


def _tie(place: Place, start: Bound, end: Bound) -> tuple[Side, str, Step, Step]:
    """Return which side is tied to the outside, to what, by which step, and the step from it to the other side."""
    if start[0] is None and end[0] is None:
        raise place.error("start and end are both null; tie one side to trigger or to another window")
    start_refers = start[0] in (None, "end")
    end_refers = end[0] in (None, "start")
    if start_refers == end_refers:
        both = "each other" if start_refers else "something else"
        raise place.error(
            f"start and end refer to {both}; write one of them from the other, as in 'end: start + 24h'"
        )
    if start_refers:
        return "end", str(end[0]), end[1], start[1]
    return "start", str(start[0]), start[1], end[1]


def _check_direction(place: Place, window: Window) -> None:
    step = window.to_bound
    forward = step.forward if isinstance(step, Seek) else step.offset >= timedelta(0)
    backward = not step.forward if isinstance(step, Seek) else step.offset <= timedelta(0)
    if not (forward if window.bound == "end" else backward):
        instead = "'start + ...' or 'start -> ...'" if window.bound == "end" else "'end - ...' or 'end <- ...'"
        raise place.at(window.bound).error(f"the window would end before it starts; write {instead}")


def _has(place: Place, document: Any) -> tuple[Has, ...]:
    found = []
    for name, text in place.mapping(document, None, "has").items():
        here = place.at(str(name))
        here.name(name, "a predicate")
        low, high = _counts(here, text)
        if low is not None and high is not None and high < low:
            raise here.error(f"the lower bound {low} is above the upper bound {high}")
        found.append(Has(name, low, high))
    return tuple(found)


def _counts(place: Place, text: Any) -> tuple[int | None, int | None]:
    """Read `(1, None)`: the brackets may be left out, and a bound that is empty or None is open."""
    bounds = text.strip().strip("()").split(",") if isinstance(text, str) else []
    try:
        low, high = (None if bound.strip() in ("", "None") else int(bound) for bound in bounds)
    except ValueError:
        low, high = None, None
    if low is None and high is None:
        raise place.error(
            f'{text!r} is no range of counts; write "(1, None)", in quotes, with a number on one side or on both'
        )
    return low, high
