"""Pieces: the words and numbers of a text with their places, and the keys under which names are found."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from sql.text.words import stem

# A possessive 's is no word of a name; a number keeps its decimals and the letters that follow it ("0.9", "15mg").
_PIECE: Final = re.compile(r"(?P<possessive>(?<=[^\W_])['’]s(?![^\W_]))|\d+(?:\.\d+)?[^\W\d_]*|[^\W\d_][^\W_]*")
_SPACES: Final = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Piece:
    """A word or number at `[start, end)`: `word` in lower case, `stem` without plural and British spelling."""

    word: str
    stem: str
    start: int
    end: int


Span = tuple[int, int]
"""Where something begins in a text, and where what follows it begins."""


class Placed(Protocol):
    """Something with a place in a text."""

    @property
    def start(self) -> int:
        """Where it begins."""
        ...

    @property
    def end(self) -> int:
        """Where what follows it begins."""
        ...


def spans_of(placed: Iterable[Placed]) -> list[Span]:
    """Return the places of slots or words."""
    return [(one.start, one.end) for one in placed]


def is_in(one: Placed, spans: Iterable[Span]) -> bool:
    """Say whether something shares a letter with any of some places."""
    return any(one.start < end and start < one.end for start, end in spans)


def pieces(text: str) -> list[Piece]:
    """Cut a text into its words and numbers; marks and possessive endings are left out.

    >>> [piece.stem for piece in pieces("The patient's O2 levels: 0.9%")]
    ['the', 'patient', 'o2', 'level', '0.9']
    """
    found = []
    for match in _PIECE.finditer(text):
        if match.lastgroup != "possessive":
            word = match.group().lower()
            found.append(Piece(word, stem(word), match.start(), match.end()))
    return found


def key_of(name: str) -> str:
    """Return what names that differ in case, marks, plural and British spelling have in common.

    >>> key_of("Lymphs#"), key_of("Calcium, Total")
    ('lymph', 'calcium total')
    """
    return " ".join(piece.stem for piece in pieces(name))


def same_text(one: str, other: str) -> bool:
    """Say whether two texts are equal but for case and spaces."""
    return _SPACES.sub(" ", one.strip()).lower() == _SPACES.sub(" ", other.strip()).lower()
