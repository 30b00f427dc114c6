"""The terms of a question in plain English: stays, concepts, bounds, lengths and windows of time."""

from datetime import datetime, timedelta
from typing import Final

from sql.text.criterion import AgeAt, Mode
from sql.text.matching import kept_codes
from sql.text.terms import Calendar, Comparison, Concept, DuringStay, Ever, Relative, StayKind, Window

STAYS: Final[dict[StayKind, str]] = {
    StayKind.INPATIENT: "hospital stay", StayKind.ICU: "ICU stay", StayKind.EMERGENCY: "emergency department visit",
    StayKind.AMBULATORY: "outpatient visit", StayKind.HOME: "home visit", StayKind.VIRTUAL: "virtual visit",
    StayKind.ANY: "encounter",
}  # fmt: skip
_OPERATORS: Final = {">": "above", ">=": "at least", "<": "below", "<=": "at most", "=": "of exactly"}


def named(concept: Concept, mode: Mode = "recorded") -> str:
    """Name a concept with the codes that mean it."""
    number = len(kept_codes(concept, mode))
    apart = "; infusions not counted" if mode == "given" and kept_codes(concept, "infused") else ""
    return f"{concept.name} ({concept.label}{apart}; {number} code{'s' if number != 1 else ''} in this store)"


def article(name: str) -> str:
    """Return the article of a name."""
    return "an" if name[0] in "aeio" else "a"


def compared(bound: Comparison, unit: str | None) -> str:
    """Say a bound: "above 2 mg/dL"."""
    after = f" {unit}" if unit else ""
    if bound.operator == "between":
        return f"between {bound.low:g} and {bound.high:g}{after}"
    return f"{_OPERATORS[bound.operator]} {bound.low:g}{after}"


def times(bound: Comparison) -> str:
    """Say how often: "at least 2"."""
    if bound.operator == "between":
        return f"between {bound.low:g} and {bound.high:g}"
    words = {">": "more than ", ">=": "at least ", "<": "fewer than ", "<=": "at most ", "=": "exactly "}
    return f"{words[bound.operator]}{bound.low:g}"


def ages(bound: Comparison) -> str:
    """Say a bound on an age: "65 or over"."""
    if bound.operator == "between":
        return f"{bound.low:g} to {bound.high:g}"
    return {
        ">": f"over {bound.low:g}",
        ">=": f"{bound.low:g} or over",
        "<": f"under {bound.low:g}",
        "<=": f"{bound.low:g} or under",
        "=": f"{bound.low:g}",
    }[bound.operator]


def age_at(at: AgeAt, scope: StayKind | None) -> str:
    """Say when an age counts; `scope` is the stay at hand."""
    if at == "start":
        return f" at the start of {'that ' + STAYS[scope] if scope else 'the stay'}"
    return " at death" if at == "death" else " at their last record"


def when(window: Window, scope: StayKind | None = None) -> str:
    """Say a window of time, with a space in front: " during that ICU stay"."""
    stay = f"that {STAYS[scope]}" if scope else "the stay"
    if isinstance(window, Ever):
        return ""
    if isinstance(window, DuringStay):
        return f" during {stay}"
    if isinstance(window, Calendar):
        return f" {span_of(window)}"
    if isinstance(window, Relative):
        limit = f"within {length_of(window.within)} " if window.within else ""
        return f" {limit}{window.side} the first record of {named(window.concept)}"
    edge = f"the {window.anchor} of {stay}"
    if window.inside:
        side = "first" if window.anchor == "start" else "last"
        return f" in the {side} {length_of(window.after or window.before)} of {stay}"
    if window.before:
        return f" in the {length_of(window.before)} before {edge}"
    return f" within {length_of(window.after)} after {edge}"


def length_of(length: timedelta) -> str:
    """Say a length of time: "24 hours", "3 days"."""
    hours = length.total_seconds() / 3600
    if hours and hours % 24 == 0 and hours > 48:
        return f"{hours / 24:g} days"
    return f"{hours:g} hour{'' if hours == 1 else 's'}" if hours >= 1 else f"{hours * 60:g} minutes"


def span_of(span: Calendar) -> str:
    """Say a calendar span: "in 2101"."""
    if span.since and span.until:
        if span.since == datetime(span.since.year, 1, 1) and span.until == datetime(span.since.year + 1, 1, 1):
            return f"in {span.since.year}"
        return f"from {span.since:%Y-%m-%d} until before {span.until:%Y-%m-%d}"
    return f"from {span.since:%Y-%m-%d} on" if span.since else f"before {span.until:%Y-%m-%d}"
