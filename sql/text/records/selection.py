"""Which records a question is about: of whom, from when, with what in them.

Equal questions are equal values: the parts of a selection stand in one order, and each sort of them once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Literal, get_args

from ehr.errors import QuestionError
from sql.text.records.values import Value

# --- of whom --------------------------------------------------------------------------------------------

Which = Literal["first", "last", "current"]


@dataclass(frozen=True, slots=True)
class Patient:
    """One patient, by the number of the database."""

    subject: Value


@dataclass(frozen=True, slots=True)
class Aged:
    """Patients of an age, or in a range of ages, in the hospital stay that a record belongs to."""

    ages: Value


@dataclass(frozen=True, slots=True)
class OfSex:
    """Patients of a sex."""

    sex: Value


@dataclass(frozen=True, slots=True)
class SameAge:
    """Stays at the age that a patient had in the first, last or current hospital stay."""

    subject: Value
    stay: Which


Person = Patient | Aged | OfSex | SameAge

# --- when -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Span:
    """In, since or until a date: a year (2100), a month (2100-05) or a day (2100-05-12)."""

    side: Literal["since", "until", "in"]
    date: Value


@dataclass(frozen=True, slots=True)
class At:
    """At an exact time, `2100-05-12 14:00:00`."""

    moment: Value


@dataclass(frozen=True, slots=True)
class Calendar:
    """The year, month or day of the clock, or that before it (`back` 1).

    `part` narrows it: a month ("08") or a day of a month ("08-15") of the year, a day ("15") of the month.
    """

    unit: Literal["year", "month", "day"]
    back: Literal[0, 1]
    part: Value | None = None


@dataclass(frozen=True, slots=True)
class Ago:
    """Since a duration before the clock."""

    duration: Value


@dataclass(frozen=True, slots=True)
class InStay:
    """In the first, last or current stay of the patient: in hospital, or in intensive care.

    First and last look at the stays that have ended, current at those that have not.
    """

    of: Literal["stay", "icu"]
    which: Which


Window = Span | At | Calendar | Ago | InStay

# --- which records --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Match:
    """A field of the record has one of the values; without values, it has any."""

    field: str
    values: tuple[Value, ...]


Operator = Literal["above", "below", "at_least", "at_most", "equal"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The number of the record compared with one of the question."""

    operator: Operator
    number: Value


@dataclass(frozen=True, slots=True)
class Normality:
    """The number of the record lies in, outside, above or below the normal range of its name in the catalogue."""

    side: Literal["normal", "abnormal", "above_normal", "below_normal"]


@dataclass(frozen=True, slots=True)
class Times:
    """There are so many of these records: of the patient where patients are counted, else of the listed value."""

    operator: Literal["exactly", "at_least"]
    number: Value


@dataclass(frozen=True, slots=True)
class Pick:
    """One of the records: the first, second ... from either end of time, or among those with the extreme number."""

    end: Literal["first", "last"]
    place: Literal[1, 2, 3] = 1
    extreme: Literal["highest", "lowest"] | None = None


@dataclass(frozen=True, slots=True)
class Within:
    """After the other record and no more than a duration later."""

    duration: Value


@dataclass(frozen=True, slots=True)
class Same:
    """After the other record, on the same day, in the same month or in the same stay; `time` is the same instant."""

    unit: Literal["day", "month", "stay", "time"]


@dataclass(frozen=True, slots=True)
class Later:
    """At any time after the other record."""


Relation = Within | Same | Later


@dataclass(frozen=True, slots=True)
class Following:
    """The records come after others of the same patient; patient and windows of the question bind these too."""

    relation: Relation
    kind: str
    matches: tuple[Match, ...] = ()

    def __post_init__(self) -> None:
        """Bring the matches into their order."""
        object.__setattr__(self, "matches", _ordered(self.matches, "matches"))


@dataclass(frozen=True, slots=True)
class Records:
    """Records of one kind; without any restriction all of them. Equal questions are equal values: order is fixed."""

    kind: str
    matches: tuple[Match, ...] = ()
    who: tuple[Person, ...] = ()
    when: tuple[Window, ...] = ()
    value: Comparison | Normality | None = None
    times: Times | None = None
    pick: Pick | None = None
    following: Following | None = None

    def __post_init__(self) -> None:
        """Bring matches, people and windows into their order; raises QuestionError for two of one sort."""
        for name in ("matches", "who", "when"):
            object.__setattr__(self, name, _ordered(getattr(self, name), name))


@dataclass(frozen=True, slots=True)
class Moment:
    """The windows and the pick of the other side of a comparison, whose records are else the same."""

    when: tuple[Window, ...] = ()
    pick: Pick | None = None

    def __post_init__(self) -> None:
        """Bring the windows into their order."""
        object.__setattr__(self, "when", _ordered(self.when, "when"))


# --- their order ----------------------------------------------------------------------------------------

_SIDES: Final = {"since": 0, "until": 1, "in": 2}
_PERSONS: Final[tuple[type, ...]] = get_args(Person)
_WINDOWS: Final[tuple[type, ...]] = get_args(Window)


def _key(part: Match | Person | Window) -> tuple[int, int | str]:
    if isinstance(part, Match):
        return (0, part.field)
    if isinstance(part, Span):
        return (0, _SIDES[part.side])
    if type(part) in _PERSONS:
        return (_PERSONS.index(type(part)), 0)
    return (1 + _WINDOWS.index(type(part)), part.of if isinstance(part, InStay) else 0)


def _ordered(parts: Iterable[Any], name: str) -> tuple[Any, ...]:
    """Return parts in their order, each sort once."""
    ordered = tuple(sorted(parts, key=_key))
    for one, two in pairwise(ordered):
        if _key(one) == _key(two):
            raise QuestionError(f"{name}: {type(two).__name__} stands twice; give it once")
    return ordered
