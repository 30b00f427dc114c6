"""Pieces: the words and numbers of a text with their places, and the keys under which names are found."""

import re
from dataclasses import dataclass
from typing import Final

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
