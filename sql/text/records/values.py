"""The values that a question about records holds: texts, numbers, spans, and slots that stand for one.

A value is a plain one or, while a parser is trained or decodes, a `Slot` which `slots.fill` replaces.
"""

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Slot:
    """A place that a value of the question fills: its kind ("lab", "patient", "number") and its number, from 1."""

    kind: str
    number: int

    def __str__(self) -> str:
        """Return the slot as it stands in a question and among linear tokens, such as `lab_1`."""
        return f"{self.kind}_{self.number}"


@dataclass(frozen=True, slots=True)
class Range:
    """Whole years from `low` to `high`, both included; None leaves the end open."""

    low: int
    high: int | None = None


DurationUnit = Literal["minute", "hour", "day", "week", "month", "year"]


@dataclass(frozen=True, slots=True)
class Duration:
    """A span such as 2 months."""

    amount: int
    unit: DurationUnit

    @property
    def days(self) -> int:
        """The span in whole days: a year has 365, a month the twelfth of it, rounded down at the end."""
        if self.unit in ("month", "year"):
            return self.amount * (12 if self.unit == "year" else 1) * 365 // 12
        return self.amount * _MINUTES[self.unit] // _MINUTES["day"]


_MINUTES: Final = {"minute": 1, "hour": 60, "day": 1440, "week": 7 * 1440}

Plain = str | int | float | Range | Duration
Value = Plain | Slot
"""A value of the question: text and numbers as the database stores them, or a slot for one."""
