"""The criteria of a typed question: what must hold of a patient, of the stay at hand or of the record at hand.

These are values; `criteria` turns them into SQL, and `reading` into English.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from sql.text.terms import Calendar, Comparison, Concept, Ever, StayKind, Window

Mode = Literal["recorded", "given", "ordered", "infused"]
Which = Literal["any", "first", "last", "highest", "lowest"]
_ANY_TIME: Final = Ever()


@dataclass(frozen=True, slots=True)
class Event:
    """There is a record of the concept in the window, with a value that satisfies the comparison.

    `mode` tells what counts for a medication: any record of an order, dose or infusion, doses that are charted as
    given, orders, or infusions. `which` picks the one measurement in the window that the comparison is about.
    """

    concept: Concept
    window: Window = _ANY_TIME
    comparison: Comparison | None = None
    mode: Mode = "recorded"
    which: Which = "any"


@dataclass(frozen=True, slots=True)
class Sex:
    """The patient's sex as recorded."""

    value: Literal["female", "male"]


AgeAt = Literal["start", "last", "death"]
Unit = Literal["hours", "days"]


@dataclass(frozen=True, slots=True)
class Age:
    """Age in whole years at the start of the stay at hand, at the patient's last record, or at death."""

    comparison: Comparison
    at: AgeAt


@dataclass(frozen=True, slots=True)
class Died:
    """The patient died, in the window."""

    window: Window = _ANY_TIME


@dataclass(frozen=True, slots=True)
class Stay:
    """There is a stay of the kind that satisfies `where`: any of the patient, or one within the stay at hand.

    `times` bounds how many such stays there are.
    """

    kind: StayKind
    where: "Criterion | None" = None
    times: Comparison | None = None
    of: Literal["patient", "stay"] = "patient"


@dataclass(frozen=True, slots=True)
class Length:
    """The stay at hand lasted so long; bounds in `unit`."""

    comparison: Comparison
    unit: Unit


@dataclass(frozen=True, slots=True)
class Started:
    """The stay at hand began in the span."""

    span: Calendar


@dataclass(frozen=True, slots=True)
class Returned:
    """The stay at hand began no later than `within` after the end of an earlier stay of its kind."""

    within: timedelta


@dataclass(frozen=True, slots=True)
class Followed:
    """A later stay of its kind began no later than `within` after the end of the stay at hand."""

    within: timedelta


@dataclass(frozen=True, slots=True)
class Identity:
    """The patient has this number."""

    subject_id: int


StayColumn = Literal["type", "admit_source", "disposition"]


@dataclass(frozen=True, slots=True)
class Attribute:
    """What the source says of the stay at hand in a column is one of `values`, in the words of the source."""

    column: StayColumn
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ordinal:
    """The stay at hand is the patient's first or last of its kind."""

    which: Literal["first", "last"]


@dataclass(frozen=True, slots=True)
class Changed:
    """The last value of an observation in the window is above ("rose") or below ("fell") the first one."""

    concept: Concept
    direction: Literal["rose", "fell"]
    window: Window = _ANY_TIME


@dataclass(frozen=True, slots=True)
class HasValue:
    """The value of the record at hand satisfies the comparison."""

    comparison: Comparison


@dataclass(frozen=True, slots=True)
class Not:
    """The criterion does not hold."""

    criterion: "Criterion"


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every one of the criteria holds."""

    criteria: "tuple[Criterion, ...]"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of the criteria holds."""

    criteria: "tuple[Criterion, ...]"


Criterion = (
    Event
    | Sex
    | Age
    | Died
    | Stay
    | Length
    | Started
    | Returned
    | Followed
    | Identity
    | Attribute
    | Ordinal
    | Changed
    | HasValue
    | Not
    | AllOf
    | AnyOf
)


def all_of(*criteria: Criterion | None) -> Criterion | None:
    """Join criteria by "and", flat; None stands for no criterion."""
    flat: list[Criterion] = []
    for criterion in criteria:
        if isinstance(criterion, AllOf):
            flat.extend(criterion.criteria)
        elif criterion is not None:
            flat.append(criterion)
    if not flat:
        return None
    return flat[0] if len(flat) == 1 else AllOf(tuple(flat))
