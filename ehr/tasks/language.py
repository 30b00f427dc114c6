"""What a task says: whom it looks at, from when, over which windows of time, and what is to be foreseen.

The language is that of ACES task configurations (https://eventstreamaces.readthedocs.io); `ehr.tasks.reader` reads it
from YAML, `sql.cohort` compiles it to SQL. Data rows of one subject at one time form one moment: a plain predicate
counts the rows of the moment that match, a derived one is 1 or 0 at it.

Ours beyond ACES, each optional: concepts (`<<`), units, `Change`, `per`, `Near`, `Score`, `Who`, `Selection`,
`Endpoint`, `Controls`.
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
    """Bounds on numeric_value, compared as 32-bit floats; None is no bound, and a null value fails any bound.

    With a `unit` the value is first converted to it, by the unit of its row and what its code measures, and rounded
    to 32 bits; a row that cannot be converted has no value.
    """

    minimum: float | None = None
    maximum: float | None = None
    minimum_inclusive: bool = False
    maximum_inclusive: bool = False
    unit: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is no bound at all."""
        return self.minimum is None and self.maximum is None


@dataclass(frozen=True, slots=True)
class Change:
    """A row passes when its value lies that far from the lowest (for a fall: highest) value not long before.

    Values before are those of rows of the same predicate, its value bounds left aside, of the same subject within
    the span `within` before the row (a value exactly so long before counts), the row's own time not included; without
    one no change is known. A `rise` of `by` means value - lowest >= by, of `ratio` value / lowest >= ratio; a fall
    means highest - value >= by, or highest / value >= ratio. One of the two is given. Values that are not finite take
    no part, and in a ratio none that is not above 0. What is recorded as 1.3 and 1.0 in 32 bits differs by 0.3: both
    comparisons allow for an error of one step of such floats in each value.
    """

    rise: bool
    within: timedelta
    by: float | None = None
    ratio: float | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Per:
    """The value of a row is divided by the last value of predicate `name` within the span `within` before or at it.

    Values are those of rows that pass all tests of `name`, in its unit where it has one, as far as they are finite;
    of several at one time it is the lowest. Without one, or when it is zero, the row has no value. `scale` multiplies
    the quotient (100 for percent), which is rounded to 32 bits. A unit of the row's own predicate is that of its
    value before the division.
    """

    name: str
    within: timedelta
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Plain:
    """Counts the rows that pass all tests, the one on codes and those on values and further columns.

    A row passes the first when its code is one of `codes`, lies at or below one of `concepts`, or holds `regex`
    somewhere, which stands alone. A concept is written as ehr.hierarchy names it, such as ICD10//E11; a row lies
    below it when any of the codes of its record does (column `codings`). `columns` are equality tests on further
    columns; null never matches, on either side.
    A `static` predicate looks at the rows without a time and filters subjects. Codes of an `optional` one need not
    occur: it is written for several sources, of which each has some of them.
    """

    name: str
    codes: tuple[str, ...] = ()
    concepts: tuple[str, ...] = ()
    regex: str | None = None
    value: ValueRange = ValueRange()
    columns: tuple[tuple[str, Scalar | None], ...] = ()
    static: bool = False
    optional: bool = False
    change: Change | None = None
    per: Per | None = None

    @property
    def inputs(self) -> tuple[str, ...]:
        """The predicates that it rests on: the one whose values its own are divided by."""
        return (self.per.name,) if self.per else ()

    @property
    def unit(self) -> str | None:
        """The unit of its values, for its bounds and its change alike; None for that of each row."""
        return self.value.unit or (self.change.unit if self.change else None)


@dataclass(frozen=True, slots=True)
class Derived:
    """Is 1 at a moment when all (`and`) or some (`or`) of its inputs count something there, else 0.

    `unless(a, b)`, which ACES does not have, is 1 when `a` counts something there and `b` does not.
    """

    name: str
    operator: Literal["and", "or", "unless"]
    inputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Near:
    """Is 1 at a moment of `first` when a moment of `second` lies within the span before or after it, else 0.

    Written `followed(first, second, 72h)` (`after`: 0 <= second - first <= within) or
    `preceded(first, second, 24h)` (0 <= first - second <= within); both look at events with a time. What follows is
    not known at the moment itself.
    """

    name: str
    first: str
    second: str
    within: timedelta
    after: bool

    @property
    def inputs(self) -> tuple[str, str]:
        """The predicates that it rests on."""
        return self.first, self.second


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a score, such as an organ system: the most points of its predicates that held lately count."""

    name: str
    points: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Score:
    """Is 1 at a moment when a score of several parts is high enough, or has risen enough, else 0.

    The score of a moment is the sum over the parts of the most points of a predicate seen at it or within the span
    `within` before it; a part without any is 0, and no points are below 0. `minimum` asks for a score of at least so
    much; `rise` for one that much above the lowest score of the moments within `over` before it, which is 0 where
    there are none. With both, both are asked for. Moments are those at which one of its predicates counts something,
    also one of 0 points, which serves to tell that a score has fallen.
    """

    name: str
    parts: tuple[Part, ...]
    within: timedelta
    minimum: float | None = None
    rise: float | None = None
    over: timedelta | None = None

    @property
    def inputs(self) -> tuple[str, ...]:
        """The predicates that it rests on."""
        return tuple(dict.fromkeys(name for part in self.parts for name, _points in part.points))


Predicate = Plain | Derived | Near | Score
Composed = Derived | Near | Score
"""Predicates that rest on others."""


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
class Who:
    """Whom the triggers are about: age in completed years at the trigger, both bounds inclusive, and recorded sex.

    A patient without a birth time fails any bound of age, one without a recorded sex any sex.
    """

    minimum_age: int | None = None
    maximum_age: int | None = None
    sex: Literal["female", "male"] | None = None
    words: str = ""


Keep = Literal["all", "first", "last", "random"]
Trait = Literal["age", "sex", "index_year"]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which triggers of a patient count.

    `washout`: none of `washed_out` (the trigger, when None) within that span before the trigger, its moment not
    included. `keep`: the first, last or a random trigger of each patient, of those that every rule left when
    `eligible`, else of all. `rows` or `share` samples what all rules left. Chance is the order of the MD5 of seed,
    subject and trigger time, so that any engine draws the same.
    """

    keep: Keep = "all"
    eligible: bool = True
    washout: timedelta | None = None
    washed_out: str | None = None
    rows: int | None = None
    share: float | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Level:
    """A step of an ordinal endpoint: its name, and the values that belong to it."""

    name: str
    value: ValueRange


Kind = Literal["boolean", "count", "value", "time", "ordinal"]
Take = Literal["first", "last", "min", "max", "mean"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Something that is observed of `predicate` in `window`.

    boolean: whether it counts anything. count: how often. value: the `take` of its numeric values, in `unit` where
    one is given, null without one. ordinal: the number, from 0, of the first of `levels` that the `take` falls in,
    null outside all. time: the days from the prediction time to its first moment in the window, or, when there is
    none, to the end of the window or of the record, whichever is earlier (censored); with `competing`, its first
    moment ends the observation too, and is cause 2.
    """

    name: str
    window: str
    predicate: str
    kind: Kind
    take: Take = "first"
    unit: str | None = None
    levels: tuple[Level, ...] = ()
    competing: str | None = None


@dataclass(frozen=True, slots=True)
class Controls:
    """Rows without the label that are matched to rows with it: at most `ratio` for each, none used twice.

    `on` names what must agree: age (in bands of `age_band` years at the trigger), sex, index_year. Patients with the
    label in any row are no controls. Who is matched to whom is drawn with `seed` as in Selection; cases without a
    control stay.
    """

    ratio: int = 1
    on: tuple[Trait, ...] = ("age", "sex")
    age_band: int = 5
    seed: int = 0


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
    who: Who | None = None
    selection: Selection = Selection()
    endpoints: tuple[Endpoint, ...] = ()
    controls: Controls | None = None

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
        """Yield the plain predicates that the predicate of that name rests on, itself first if it is plain."""
        predicate = self.predicate(name)
        if isinstance(predicate, Plain):
            yield predicate
        for source in predicate.inputs:
            yield from self.plain_inputs(source)
