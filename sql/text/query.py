"""The typed question: what is asked, about whom, under which criteria. Frozen values; the meaning is in `compile`.

A parser (the grammar of `parse` now, a learned one later) fills a `Query`; `compile` turns it into SQL and `reading`
into English. Both follow from the value alone: the same `Query` always gives the same SQL and the same sentence.

    Query
    ├── population   Patients() | Stays(kind) | Records(event) | Holdings()
    ├── where        a criterion, or None
    └── asks         Count, Exists, Share, Listing, Statistic, Show, Best or Ranking over the same population, one
                     or several; Beside another question; of Holdings what the store itself was made from

Concepts and windows are in `terms`, criteria in `criterion`.
"""

from dataclasses import dataclass
from typing import Literal

from sql.text.criterion import AgeAt, Criterion, Event, Unit, Which
from sql.text.stored import Held, Holdings
from sql.text.terms import Concept, Kind, StayKind, Window


@dataclass(frozen=True, slots=True)
class Patients:
    """All patients of the store."""


@dataclass(frozen=True, slots=True)
class Stays:
    """All stays of a kind."""

    kind: StayKind


@dataclass(frozen=True, slots=True)
class Records:
    """All records of an event: doses, measurements, diagnoses."""

    event: Event


Population = Patients | Stays | Records | Holdings


@dataclass(frozen=True, slots=True)
class Count:
    """How many: members of the population, the patients or stays of them, or the records their criterion is about.

    With `where` only those members that satisfy it.
    """

    of: Literal["members", "patients", "stays", "records"] = "members"
    where: Criterion | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """Which percentage of the members satisfy `where`."""

    where: Criterion


@dataclass(frozen=True, slots=True)
class Exists:
    """Whether there is any member."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The members, one row each."""


@dataclass(frozen=True, slots=True)
class AgeOf:
    """Age in whole years."""

    at: AgeAt


@dataclass(frozen=True, slots=True)
class LengthOf:
    """Length of the stay at hand, a fraction of a unit counts."""

    unit: Unit


@dataclass(frozen=True, slots=True)
class ValueOf:
    """One value of an observation for each member: the first, last, highest or lowest in the window.

    For a population of records the value of the record itself, with `which` "any".
    """

    concept: Concept
    which: Which
    window: Window


@dataclass(frozen=True, slots=True)
class ChangeOf:
    """The last value of an observation in the window less the first one."""

    concept: Concept
    window: Window


@dataclass(frozen=True, slots=True)
class CountOf:
    """How many stays of a kind the patient had."""

    kind: StayKind


@dataclass(frozen=True, slots=True)
class TimeToEvent:
    """Time from the start of the stay at hand to the first record of an event in it."""

    event: Event
    unit: Unit


@dataclass(frozen=True, slots=True)
class TimeToDeath:
    """Time from the start or end of the stay at hand to the death of the patient, where it came later."""

    anchor: Literal["start", "end"]
    unit: Unit


@dataclass(frozen=True, slots=True)
class TimeInside:
    """Time from the start of the stay around the one at hand to its own: hospital admission to ICU admission."""

    unit: Unit


@dataclass(frozen=True, slots=True)
class MomentOf:
    """When the stay at hand began or ended, or the patient died."""

    at: Literal["start", "end", "death"]


@dataclass(frozen=True, slots=True)
class SexOf:
    """The patient's sex as recorded."""


Measure = AgeOf | LengthOf | ValueOf | ChangeOf | CountOf | TimeToEvent | TimeToDeath | TimeInside | MomentOf | SexOf
Function = Literal["average", "median", "minimum", "maximum", "total", "deviation", "percentile", "each"]


@dataclass(frozen=True, slots=True)
class Statistic:
    """A number that sums up a measure over the members that have it.

    `percent` belongs to "percentile", interpolated between values; "deviation" is the standard deviation of a sample;
    "each" is no number but all the values, in order.
    """

    function: Function
    measure: Measure
    percent: float | None = None


@dataclass(frozen=True, slots=True)
class Show:
    """The measure of each member, one row each."""

    measure: Measure


@dataclass(frozen=True, slots=True)
class Best:
    """The members with the highest or lowest measure, `limit` of them and all that are level with the last."""

    measure: Measure
    order: Literal["highest", "lowest"]
    limit: int = 1


@dataclass(frozen=True, slots=True)
class Ranking:
    """The codes of a kind by the number of members that have a record of them, the most frequent first.

    `limit` cuts the list, with codes in alphabetical order among equals; None gives all.
    """

    kind: Kind
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Beside:
    """The figure of another question, in a column of its own; it counts one thing."""

    query: "Query"


Ask = Count | Exists | Share | Listing | Statistic | Show | Best | Ranking | Beside | Held
By = Literal["sex", "type", "class", "year", "month", "disposition", "source", "age"]


@dataclass(frozen=True, slots=True)
class Query:
    """A whole question. `by` splits figures into groups; `notes` are remarks on how it was understood."""

    population: Population
    asks: tuple[Ask, ...]
    where: Criterion | None = None
    by: By | None = None
    notes: tuple[str, ...] = ()
