"""What a parser of slotted questions must do; its implementation is handed in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a question may mean, the likeliest first, with the log-probability of each, and signals of trust by name.

    Without a reading the parser found no way to put the question.
    """

    readings: tuple[tuple[str, ...], ...]
    scores: tuple[float, ...]
    signals: Mapping[str, float]


class Parser(Protocol):
    """Reads questions with placeholders for their slots as tokens of the linear form."""

    def __call__(self, texts: Sequence[str]) -> Sequence[Parsed]:
        """Return what each of the questions may mean."""
