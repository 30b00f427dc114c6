"""The terms of a typed question: concepts with the codes that mean them, bounds on numbers, windows of time.

Every time window is closed at both ends, but for calendar spans, which are half-open.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal


class Kind(StrEnum):
    """What a concept is, named as the analyst view that holds it."""

    CONDITION = "condition"
    MEDICATION = "medication"
    PROCEDURE = "procedure"
    OBSERVATION = "observation"


class StayKind(StrEnum):
    """Class of an encounter; ANY stands for all of them."""

    INPATIENT = "inpatient"
    ICU = "icu"
    EMERGENCY = "emergency"
    AMBULATORY = "ambulatory"
    HOME = "home"
    VIRTUAL = "virtual"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class StoredCode:
    """A code of the store; a value of it in the unit of its concept is `value * scale + shift`."""

    code: str
    scale: float = 1.0
    shift: float = 0.0


@dataclass(frozen=True, slots=True)
class Concept:
    """A clinical concept and the codes of the store that mean it.

    `label` says in a few words how the codes were found ("ICD-10 I50*, ICD-9 428*"); `unit` is that of its
    values, None where they have none. `below` are concepts of code systems, where the question named them: then every
    record counts of which any code lies at or below one of them, not only those with `codes`.
    """

    kind: Kind
    name: str
    codes: tuple[StoredCode, ...]
    label: str
    unit: str | None = None
    below: tuple[str, ...] = ()


Operator = Literal[">", ">=", "<", "<=", "=", "between"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A bound on a number; `high` belongs to "between", which includes both ends."""

    operator: Operator
    low: float
    high: float | None = None


# --- when -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ever:
    """At any time in the record."""


@dataclass(frozen=True, slots=True)
class DuringStay:
    """In the stay at hand: the record names the stay, or lies between its start and its end."""


@dataclass(frozen=True, slots=True)
class Around:
    """From `before` ahead of the start or end of the stay at hand until `after` past it.

    `inside` cuts the window at the end of the stay ("in the first 48 hours of the stay").
    """

    anchor: Literal["start", "end"]
    before: timedelta = timedelta(0)
    after: timedelta = timedelta(0)
    inside: bool = False


@dataclass(frozen=True, slots=True)
class Calendar:
    """From `since` until just before `until`; None leaves an end open."""

    since: datetime | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Relative:
    """Before or after the first record of another concept, no further from it than `within`."""

    side: Literal["before", "after"]
    concept: Concept
    within: timedelta | None = None


Window = Ever | DuringStay | Around | Calendar | Relative
