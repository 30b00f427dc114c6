"""The rules that drop rows: on a patient, on the trigger, on a window, and on a row among others.

A row is lost at the first rule that it breaks. `RowRule`s are judged for each row alone; a `Choice` picks among the
rows that the rules before it left.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from ehr.tasks import Controls, Has, Plain, Selection, Window
from sql.cohort.tree import Node, Span


@dataclass(frozen=True, slots=True)
class Matches:
    """The rule that a patient has a fact without a time."""

    predicate: Plain


@dataclass(frozen=True, slots=True)
class IsOfSex:
    """The rule that a patient is of a recorded sex."""

    sex: Literal["female", "male"]


@dataclass(frozen=True, slots=True)
class IsAged:
    """The rule that a patient is so many completed years old at the trigger; both bounds are inclusive."""

    minimum: int | None
    maximum: int | None


@dataclass(frozen=True, slots=True)
class IsFirst:
    """The rule that a trigger is the first, the last or a drawn one of all of its patient."""

    selection: Selection


@dataclass(frozen=True, slots=True)
class Clear:
    """The rule that a predicate counts nothing within some time before the trigger, in `span`."""

    predicate: str
    within: timedelta
    span: Span


@dataclass(frozen=True, slots=True)
class Exists:
    """The rule that an event to which a bound is tied exists."""

    node: Node


@dataclass(frozen=True, slots=True)
class Counts:
    """The rule that the count of a predicate in a window, the sum of those in `spans`, lies in a range."""

    window: Window
    spans: tuple[Span, ...]
    has: Has


@dataclass(frozen=True, slots=True)
class Kept:
    """Of the rows left of each patient, one stays: the first, the last or a drawn one."""

    selection: Selection


@dataclass(frozen=True, slots=True)
class Sampled:
    """Of the rows left, some are drawn: a number or a share."""

    selection: Selection


@dataclass(frozen=True, slots=True)
class WithoutCase:
    """Rows without the label stay when no row that is left of their patient has it."""


@dataclass(frozen=True, slots=True)
class OneControl:
    """Of the rows without the label that are left of each patient, a drawn one stays."""

    controls: Controls


@dataclass(frozen=True, slots=True)
class Paired:
    """Rows without the label stay when they are matched to a row with it."""

    controls: Controls


RowRule = Matches | IsOfSex | IsAged | IsFirst | Clear | Exists | Counts
Choice = Kept | Sampled | WithoutCase | OneControl | Paired
Rule = RowRule | Choice
