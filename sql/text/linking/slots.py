"""Slots: the typed values found in a question, and the question with them taken out."""

from collections import Counter
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from sql.text.records.values import Plain

# Kinds of slots that are read from the form of the text, as `sql.text.records.tokens` names them; all others are the
# kinds of the columns of names and ids.
MOMENT: Final = "moment"  # 2100-05-12 13:00:00
DATE: Final = "date"  # a day, month or year: 2100-05-12, 2100-05, 2100
MONTH_DAY: Final = "month_day"  # 05-12, of a year that the words around it name
MONTH: Final = "month"  # 05, of a year that the words around it name
DAY: Final = "day"  # 12, of a month that the words around it name
DURATION: Final = "duration"  # 2 months
AGE: Final = "age"  # a range of years: "60 or above", "20s"
NUMBER: Final = "number"  # how many, which of the top, or what a measurement is compared with
FORMS: Final = (MOMENT, DATE, MONTH_DAY, MONTH, DAY, DURATION, AGE, NUMBER)


class How(StrEnum):
    """How the text of a slot agrees with the value, the surest first."""

    EXACT = "exact"  # the name as stored, but for case and spaces; or a form that reads in one way only
    VARIANT = "variant"  # the name but for plural, marks or spelling
    SYNONYM = "synonym"  # another name of the value
    CORRECTED = "corrected"  # the name once a spelling error is put right
    PARTIAL = "partial"  # some words of the name
    UNKNOWN = "unknown"  # an id that the database does not hold


@dataclass(frozen=True, slots=True)
class Candidate:
    """A value that a slot may mean, with a score in (0, 1]; `column` is empty for values read from their form."""

    kind: str
    value: Plain
    score: float
    how: How = How.EXACT
    column: str = ""
    records: int = 0


@dataclass(frozen=True, slots=True)
class Slot:
    """A typed value at `[start, end)` of a question.

    `candidates` stand best first; `kinds` are those of the best ones, and `references` names the slot once for each
    kind (`lab_2`: the second slot that may be a lab).
    """

    start: int
    end: int
    surface: str
    kinds: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    references: tuple[str, ...] = ()

    @property
    def value(self) -> Plain:
        """The stored value that the slot most likely means."""
        return self.candidates[0].value

    @property
    def score(self) -> float:
        """The score of the best candidate."""
        return self.candidates[0].score

    @property
    def how(self) -> How:
        """How the best candidate agrees with the text."""
        return self.candidates[0].how

    @property
    def margin(self) -> float:
        """How far the best candidate stands above the best one of another value, from 0 to 1."""
        others = [one.score for one in self.candidates if one.value != self.value]
        return self.score - max(others, default=0.0)

    @property
    def placeholder(self) -> str:
        """What stands for the slot in the text: `[lab_1]`, or `[drug_1+lab_2]` where the kind is open."""
        return f"[{'+'.join(self.references)}]"

    def value_of(self, kind: str) -> Plain | None:
        """Return the value that the slot means if it is of this kind, or None when it cannot be."""
        return next((one.value for one in self.candidates if one.kind == kind), None)


@dataclass(frozen=True, slots=True)
class Linked:
    """A question with its slots, which are in order and never overlap.

    `unlinked` are words of names that no slot holds, and `unknown` those words that neither names nor the language of
    questions explain: both are signs that the question speaks of something that did not link.
    """

    question: str
    slots: tuple[Slot, ...]
    unlinked: tuple[str, ...] = field(default=())
    unknown: tuple[str, ...] = field(default=())

    @property
    def text(self) -> str:
        """The question with a placeholder for each slot."""
        return self.filled([slot.placeholder for slot in self.slots])

    def filled(self, surfaces: list[str]) -> str:
        """Return the question with these texts in place of its slots."""
        parts, position = [], 0
        for slot, surface in zip(self.slots, surfaces, strict=True):
            parts += [self.question[position : slot.start], surface]
            position = slot.end
        return "".join([*parts, self.question[position:]])

    def find(self, reference: str) -> Slot | None:
        """Return the slot that a reference such as `lab_1` names, or None."""
        return next((slot for slot in self.slots if reference in slot.references), None)

    def value(self, reference: str) -> Plain | None:
        """Return the stored value that a reference such as `lab_1` stands for, or None."""
        slot = self.find(reference)
        return slot.value_of(reference.rpartition("_")[0]) if slot else None


def numbered(slots: list[Slot]) -> tuple[Slot, ...]:
    """Put slots in order and give each its references, counted by kind."""
    seen: Counter[str] = Counter()
    found = []
    for slot in sorted(slots, key=lambda slot: slot.start):
        seen.update(slot.kinds)
        found.append(replace(slot, references=tuple(f"{kind}_{seen[kind]}" for kind in slot.kinds)))
    return tuple(found)
