"""The typed question: what is asked, about whom, under which criteria. Frozen values; the meaning is in `compile`.

A parser (the grammar of `parse` now, a learned one later) fills a `Query`; `compile` turns it into SQL and `reading`
into English. Both follow from the value alone: the same `Query` always gives the same SQL and the same sentence.

    Query
    ├── population   Patients() | Stays(kind) | Records(event) | Holdings()
    ├── where        a criterion, or None
    └── asks         Count, Exists, Share, Listing, Statistic, Show, Best or Ranking over the same population, one
                     or several; Beside another question; of Holdings what the store itself was made from

Every time window is closed at both ends, but for calendar spans, which are half-open.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from sql.text.stored import Held, Holdings


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


# --- criteria ---------------------------------------------------------------------------------------------

Mode = Literal["recorded", "given", "ordered", "infused"]
Which = Literal["any", "first", "last", "highest", "lowest"]


@dataclass(frozen=True, slots=True)
class Event:
    """There is a record of the concept in the window, with a value that satisfies the comparison.

    `mode` tells what counts for a medication: any record of an order, dose or infusion, doses that are charted as
    given, orders, or infusions. `which` picks the one measurement in the window that the comparison is about.
    """

    concept: Concept
    window: Window = Ever()
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

    window: Window = Ever()


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
    window: Window = Ever()


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


# --- what is asked ----------------------------------------------------------------------------------------


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
