"""The criteria of a question in plain English: what is said of patients, stays and records."""

from typing import Final

from sql.text.criterion import (
    Age,
    AllOf,
    AnyOf,
    Attribute,
    Changed,
    Criterion,
    Died,
    Event,
    Followed,
    HasValue,
    Identity,
    Length,
    Not,
    Ordinal,
    Returned,
    Sex,
    Started,
    Stay,
)
from sql.text.reading_terms import STAYS, age_at, ages, article, compared, length_of, named, span_of, times, when
from sql.text.terms import DuringStay, Ever, Kind, StayKind, Window

_ATTRIBUTES: Final = {"type": "of the type", "admit_source": "from", "disposition": "that ended with"}


def said(criterion: Criterion | None, scope: StayKind | None) -> str:
    """Say a criterion on the members of a population; `scope` is the stay that they are, None for others."""
    if criterion is None:
        return ""
    if isinstance(criterion, AllOf):
        return " and ".join(said(one, scope) for one in criterion.criteria)
    if isinstance(criterion, AnyOf):
        return "either " + " or ".join(said(one, scope) for one in criterion.criteria)
    if isinstance(criterion, Not):
        return _denied(criterion.criterion, scope)
    return _positive(criterion, scope)


def _denied(criterion: Criterion, scope: StayKind | None) -> str:
    text = said(criterion, scope)
    if isinstance(criterion, Event | Stay | Died) and " with " in f" {text}":
        before, _, after = f" {text}".partition(" with ")
        return f"{before} without {after}".strip()
    return f"for whom this does not hold: {text}"


def _positive(criterion: Criterion, scope: StayKind | None) -> str:
    of = "" if scope is None else "of patients "
    if isinstance(criterion, Event):
        return _event(criterion, scope)
    if isinstance(criterion, Sex):
        return f"{of}who are {criterion.value}"
    if isinstance(criterion, Age):
        return f"{of}aged {ages(criterion.comparison)}{age_at(criterion.at, scope)}"
    if isinstance(criterion, Died):
        return _died(criterion, scope)
    if isinstance(criterion, Stay):
        return _stay(criterion, scope)
    if isinstance(criterion, Length):
        return f"with a length {compared(criterion.comparison, criterion.unit)}"
    if isinstance(criterion, Started):
        return f"that began {span_of(criterion.span)}"
    if isinstance(criterion, HasValue):
        return f"with a value {compared(criterion.comparison, None)}"
    if isinstance(criterion, Identity):
        return f"{of}with the number {criterion.subject_id}"
    if isinstance(criterion, Attribute):
        return f"{_ATTRIBUTES[criterion.column]} {' or '.join(criterion.values)}"
    if isinstance(criterion, Ordinal):
        return f"that are the patient's {criterion.which} of their kind"
    if isinstance(criterion, Changed):
        side = "above" if criterion.direction == "rose" else "below"
        return f"whose last {named(criterion.concept)}{when(criterion.window, scope)} is {side} the first"
    if isinstance(criterion, Followed):
        return f"followed within {length_of(criterion.within)} after its end by a later one of the same patient"
    assert isinstance(criterion, Returned)
    return f"that began within {length_of(criterion.within)} after the end of an earlier one of the same patient"


def _event(event: Event, scope: StayKind | None) -> str:
    name = named(event.concept, event.mode)
    at = when(event.window, scope)
    of = "of patients " if scope is not None and isinstance(event.window, Ever) else ""
    if event.comparison is not None:
        which = f"a {event.which}" if event.which != "any" else article(name)
        ever = " at any time" if isinstance(event.window, Ever) else at
        return f"{of}with {which} {name} {compared(event.comparison, event.concept.unit)}{ever}"
    if event.concept.kind is Kind.CONDITION:
        return f"{of}with a diagnosis of {name}{_diagnosed_when(event.window, scope)}"
    if event.concept.kind is Kind.MEDICATION:
        what = {
            "given": "a charted dose of",
            "ordered": "an order of",
            "infused": "an infusion of",
            "recorded": "an order, charted dose or infusion of",
        }
        return f"{of}with {what[event.mode]} {name}{at}"
    what_else = "a measurement of" if event.concept.kind is Kind.OBSERVATION else "the procedure"
    return f"{of}with {what_else} {name}{at}"


def _diagnosed_when(window: Window, scope: StayKind | None) -> str:
    if isinstance(window, Ever):
        return ""
    if isinstance(window, DuringStay) and scope:
        around = "" if scope is StayKind.INPATIENT else " or of the hospital stay around it"
        return f" among the diagnoses of that {STAYS[scope]}{around}"
    return when(window, scope)


def _died(criterion: Died, scope: StayKind | None) -> str:
    if isinstance(criterion.window, Ever):
        return ("of patients " if scope else "") + "with a recorded death"
    if isinstance(criterion.window, DuringStay):
        return "with a death that ended the stay"
    return f"with a death{when(criterion.window, scope)}"


def _stay(stay: Stay, scope: StayKind | None) -> str:
    name = STAYS[stay.kind]
    many = f"{times(stay.times)} {name}s" if stay.times else f"a{'n' if name[0] in 'aeIio' else ''} {name}"
    within = " as a part of it" if stay.of == "stay" else ""
    of = "of patients " if scope is not None and stay.of == "patient" else ""
    if stay.where is None:
        return f"{of}with {many}{within}"
    joint = "each" if stay.times else "one and the same" if isinstance(stay.where, AllOf) else ""
    what = f"{many}{within}" if not joint or stay.times else f"one and the same {name}{within}"
    return f"{of}with {what} ({said(stay.where, stay.kind)})"
