"""The typed question about records: which records, of whom, when, and what of them is asked. Frozen values.

    RecordsQuery
    ├── ask       Exists | Count | List | Aggregate | Top | Change | Since | Cost | ...
    └── records   Records: kind, matches, who, when, value, times, pick, following

Kinds and fields are keys of a catalogue ("lab", "name"); the meaning in SQL is in `compile`, that in English in
`reading`. Records are described in `selection`, the values that a question holds in `values`.
"""

from dataclasses import dataclass
from typing import Literal

from sql.text.records.selection import Moment, Records
from sql.text.records.values import Value

Function = Literal["sum", "avg", "min", "max"]
Per = Literal["day", "month", "year"]


@dataclass(frozen=True, slots=True)
class Exists:
    """Whether there is such a record or, `negated`, whether there is none."""

    negated: bool = False


@dataclass(frozen=True, slots=True)
class Count:
    """How many records, patients with such a record, or hospital stays with one."""

    of: Literal["records", "patients", "stays"]


@dataclass(frozen=True, slots=True)
class List:
    """A field of each record, or each different value once."""

    field: str
    distinct: bool = False


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A function of a numeric field: one number, or one for each day, month or year with records."""

    function: Function
    field: str
    per: Per | None = None


@dataclass(frozen=True, slots=True)
class Frequency:
    """A function of the number of hospital stays with such a record per day, month or year that has any."""

    function: Function
    per: Per


@dataclass(frozen=True, slots=True)
class Top:
    """The `n` most frequent values of a field; equally frequent ones share a place."""

    n: Value
    field: str


@dataclass(frozen=True, slots=True)
class Mortality:
    """The `n` values of a field with the highest share of patients who died within a span of their first record."""

    n: Value
    within: Value
    field: str


@dataclass(frozen=True, slots=True)
class Survival:
    """The share, from 0 to 1, of patients who lived for a span from the first record that these records follow."""

    within: Value


@dataclass(frozen=True, slots=True)
class Change:
    """A field compared with that of the same records at another time: by how much, or whether more or less."""

    how: Literal["difference", "greater", "less"]
    field: str
    other: Moment


@dataclass(frozen=True, slots=True)
class New:
    """The values of a field that the same records at another time do not have."""

    field: str
    other: Moment


@dataclass(frozen=True, slots=True)
class Balance:
    """The total of the records less that of another kind, of the same patients and windows."""

    other: str


@dataclass(frozen=True, slots=True)
class Length:
    """How many days the record lasted."""


@dataclass(frozen=True, slots=True)
class Since:
    """How many hours or days have passed since the record."""

    unit: Literal["hours", "days"]


@dataclass(frozen=True, slots=True)
class Cost:
    """What such a record costs: the different amounts charged."""


@dataclass(frozen=True, slots=True)
class StayCost:
    """A function of the total cost of each hospital stay that has such a record; windows bind the charges."""

    function: Function


@dataclass(frozen=True, slots=True)
class Percentile:
    """The percentile rank of a number among those of the records."""

    number: Value


Ask = (
    Exists | Count | List | Aggregate | Frequency | Top | Mortality | Survival
    | Change | New | Balance | Length | Since | Cost | StayCost | Percentile
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RecordsQuery:
    """A whole question about records."""

    ask: Ask
    records: Records
