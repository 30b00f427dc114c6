"""What a task says: whom it looks at, from when, over which windows of time, and what is to be foreseen.

The language is that of ACES task configurations (https://eventstreamaces.readthedocs.io); `ehr.tasks.reader` reads it
from YAML, `sql.cohort` compiles it to SQL. Data rows of one subject at one time form one moment: a plain predicate
counts the rows of the moment that match, a derived one is 1 or 0 at it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

TRIGGER: Final = "trigger"
ANY_EVENT: Final = "_ANY_EVENT"
RECORD_START: Final = "_RECORD_START"
RECORD_END: Final = "_RECORD_END"
BUILT_IN: Final = frozenset({ANY_EVENT, RECORD_START, RECORD_END})
"""Predicates that every task has: any moment, the first and the last moment of a subject."""

Side = Literal["start", "end"]
Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True)
class ValueRange:
    """Bounds on numeric_value, compared as 32-bit floats; None is no bound, and a null value fails any bound."""

    minimum: float | None = None
    maximum: float | None = None
    minimum_inclusive: bool = False
    maximum_inclusive: bool = False

    @property
    def is_open(self) -> bool:
        """Whether there is no bound at all."""
        return self.minimum is None and self.maximum is None


@dataclass(frozen=True, slots=True)
class Plain:
    """Counts the rows that pass all tests, the one on codes and those on values and further columns.

    A row passes the first when its code is one of `codes`, lies at or below one of `concepts`, or holds `regex`
    somewhere, which stands alone. A concept is written as ehr.hierarchy names it, such as ICD10//E11; a row lies
    below it when any of the codes of its record does (column `codings`). `columns` are equality tests on further
    columns; null never matches, on either side.
    A `static` predicate looks at the rows without a time and filters subjects.
    """

    name: str
    codes: tuple[str, ...] = ()
    concepts: tuple[str, ...] = ()
    regex: str | None = None
    value: ValueRange = ValueRange()
    columns: tuple[tuple[str, Scalar | None], ...] = ()
    static: bool = False


@dataclass(frozen=True, slots=True)
class Derived:
    """Is 1 at a moment when all (`and`) or some (`or`) of its inputs count something there, else 0."""

    name: str
    operator: Literal["and", "or"]
    inputs: tuple[str, ...]


Predicate = Plain | Derived


@dataclass(frozen=True, slots=True)
class Shift:
    """A step by a span of time, backward when negative; zero stays where it is."""

    offset: timedelta


@dataclass(frozen=True, slots=True)
class Seek:
    """A step to the next (`forward`) or the previous moment at which a predicate counts something.

    `null` in a task file is a step to RECORD_END or RECORD_START.
    """

    predicate: str
    forward: bool


Step = Shift | Seek


@dataclass(frozen=True, slots=True)
class Has:
    """A window stays when its count of a predicate lies between the bounds, both inclusive; None is no bound."""

    predicate: str
    minimum: int | None
    maximum: int | None


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time; one side (`anchor`) is reached from `reference`, the other one from the anchor.

    `reference` is "trigger" or a side of another window such as "input.end".
    """

    name: str
    reference: str
    anchor: Side
    to_anchor: Step
    to_bound: Step
    start_inclusive: bool
    end_inclusive: bool
    has: tuple[Has, ...] = ()
    label: str | None = None
    index_timestamp: Side | None = None

    @property
    def bound(self) -> Side:
        """The side that is reached from the anchor."""
        return "end" if self.anchor == "start" else "start"

    @property
    def node(self) -> str:
        """Name of the node of the window tree that closes this window, such as `input.end`."""
        return f"{self.name}.{self.bound}"

    @property
    def is_point(self) -> bool:
        """Whether both sides are one time, so that the window has no extent and is never counted."""
        return isinstance(self.to_bound, Shift) and not self.to_bound.offset

    @property
    def bound_inclusive(self) -> bool:
        """Whether a moment exactly at the bound belongs to the window."""
        return self.end_inclusive if self.bound == "end" else self.start_inclusive


@dataclass(frozen=True, slots=True)
class Task:
    """A whole task; `predicates` holds those that something refers to, inputs before what is derived of them.

    Every patient of the cohort matches all of `demographics`. `remarks` are what the author of the file should know.
    """

    name: str
    trigger: str
    predicates: tuple[Predicate, ...]
    windows: tuple[Window, ...]
    demographics: tuple[Plain, ...] = ()
    description: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def label_window(self) -> Window | None:
        """The window whose count is the label, or None when the task has no label."""
        return next((window for window in self.windows if window.label is not None), None)

    @property
    def index_window(self) -> Window | None:
        """The window that names the prediction time, or None when the task has none."""
        return next((window for window in self.windows if window.index_timestamp is not None), None)

    def predicate(self, name: str) -> Predicate:
        """Return the predicate or demographic of that name; raises KeyError for an unknown or built-in one."""
        for predicate in (*self.predicates, *self.demographics):
            if predicate.name == name:
                return predicate
        raise KeyError(name)

    def window(self, name: str) -> Window:
        """Return the window of that name; raises KeyError when there is none."""
        for window in self.windows:
            if window.name == name:
                return window
        raise KeyError(name)

    def plain_inputs(self, name: str) -> Iterator[Plain]:
        """Yield the plain predicates that the predicate of that name rests on, itself if it is plain."""
        predicate = self.predicate(name)
        if isinstance(predicate, Plain):
            yield predicate
        else:
            for source in predicate.inputs:
                yield from self.plain_inputs(source)
