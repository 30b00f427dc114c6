"""The text side: a question is cut in words, and a word is read as itself and as the sum of its pieces.

Pieces are the character n-grams of a word with its ends marked, hashed into a table, so that a word that no training
question held is still read (Bojanowski, Grave, Joulin and Mikolov, "Enriching Word Vectors with Subword Information",
2017). A slot is one word; it is read as its kinds and its numbers.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from models.translator.pairs import SLOT, Reference, slot_parts
from models.translator.settings import Shape

_WORD: Final = re.compile(rf"\[{SLOT}(?:\+{SLOT})*\]|{SLOT}(?!\w)|[^\W\d_]+(?:'[a-z]+)?|\d+|[^\w\s]|_")
MOST_NUMBERS: Final = 16
"""Slots of a kind with a number above this share the last number."""
_MOST_KEPT: Final = 50_000


@dataclass(frozen=True, slots=True)
class Word:
    """What the network reads of a word: rows of the table, their weights, and what a slot can be referred to as.

    The first row is that of the word itself, 0 where it is not known.
    """

    text: str
    rows: NDArray[np.int64]
    weights: NDArray[np.float32]
    references: tuple[Reference, ...] = ()


def words_of(question: str) -> list[str]:
    """Cut a question in words, numbers, slots and marks, all in lower case.

    >>> words_of("What's the last [lab_1+vital_1] of patient_1?")
    ["what's", 'the', 'last', '[lab_1+vital_1]', 'of', 'patient_1', '?']
    """
    return [found[0] for found in _WORD.finditer(question.lower())]


def references_of(word: str) -> tuple[Reference, ...]:
    """Return the kinds and numbers of a slot, one for each kind that it may be of; none for any other word.

    >>> references_of("[lab_1+vital_2]"), references_of("lab_1"), references_of("last")
    ((('lab', 1), ('vital', 2)), (('lab', 1),), ())
    """
    parts = [slot_parts(part) for part in word.removeprefix("[").removesuffix("]").split("+")]
    return tuple(part for part in parts if part is not None)


@dataclass(frozen=True)
class Lexicon:
    """The words that training questions hold, and where in the table words, pieces and slot numbers stand.

    Rows: 0 an unknown word; then the words and kinds; then the slot numbers; then the pieces.
    """

    words: tuple[str, ...]
    kinds: tuple[str, ...]
    shape: Shape

    @cached_property
    def _row(self) -> dict[str, int]:
        names = (*(f"[{kind}]" for kind in self.kinds), *self.words)
        return {name: place for place, name in enumerate(names, start=1)}

    @cached_property
    def _read(self) -> dict[str, Word]:
        return {}

    @property
    def rows(self) -> int:
        """How many rows the table has."""
        return self._numbers + MOST_NUMBERS + self.shape.buckets

    @property
    def _numbers(self) -> int:
        return 1 + len(self.kinds) + len(self.words)

    def knows(self, word: str) -> bool:
        """Say whether the word is one of the lexicon's own."""
        return word in self._row

    def kind_row(self, kind: str) -> int:
        """Return the row of a kind of slots, 0 where it is not known."""
        return self._row.get(f"[{kind}]", 0)

    def read(self, question: str) -> list[Word]:
        """Return what the network reads of a question; words past the longest question are cut off."""
        return self.read_words(words_of(question))

    def read_words(self, words: Sequence[str]) -> list[Word]:
        """Return what the network reads of words that were cut already."""
        return [self._word(word) for word in words[: self.shape.longest_question]]

    def unseen_share(self, question: str) -> float:
        """Return the share of the words of a question, slots and marks left out, that the lexicon does not hold."""
        words = [word for word in words_of(question) if word[0].isalpha() and not references_of(word)]
        return sum(not self.knows(word) for word in words) / max(1, len(words))

    def slot(self, text: str, references: tuple[Reference, ...]) -> Word:
        """Return a slot that may be referred to in these ways; each has its share of the weight."""
        row = self._numbers - 1
        rows = [(self.kind_row(kind), row + min(number, MOST_NUMBERS)) for kind, number in references]
        flat = np.array(rows, np.int64).ravel()
        return Word(text, flat, np.full(len(flat), 1 / len(references), np.float32), references)

    def _word(self, text: str) -> Word:
        if text not in self._read:
            if len(self._read) >= _MOST_KEPT:
                self._read.clear()
            references = references_of(text)
            self._read[text] = self.slot(text, references) if references else self._plain(text)
        return self._read[text]

    def _plain(self, text: str) -> Word:
        pieces = self._pieces(text)
        rows = np.array([self._row.get(text, 0), *pieces], np.int64)
        weights = np.full(len(rows), len(pieces) ** -0.5, np.float32)
        weights[0] = 1
        return Word(text, rows, weights)

    def _pieces(self, word: str) -> list[int]:
        marked = f"<{word}>"
        start = self._numbers + MOST_NUMBERS
        sizes = range(self.shape.shortest_piece, self.shape.longest_piece + 1)
        cut = {marked[at : at + size] for size in sizes for at in range(len(marked) - size + 1)} or {marked}
        return sorted(start + crc32(piece.encode()) % self.shape.buckets for piece in cut)


def build_lexicon(questions: Iterable[str], shape: Shape, rarest: int) -> Lexicon:
    """Collect the words that at least `rarest` questions hold, and the kinds of all slots."""
    return lexicon_of((words_of(question) for question in questions), shape, rarest)


def lexicon_of(texts: Iterable[Sequence[str]], shape: Shape, rarest: int) -> Lexicon:
    """Collect the words that at least `rarest` texts, cut already, hold, and the kinds of all slots."""
    counts: Counter[str] = Counter()
    kinds: set[str] = set()
    for text in texts:
        for word in set(text):
            references = references_of(word)
            kinds.update(kind for kind, _ in references)
            counts[word] += not references
    kept = sorted(word for word, count in counts.items() if count >= rarest)
    return Lexicon(tuple(kept), tuple(sorted(kinds)), shape)


def renumbered(words: list[Word], lexicon: Lexicon, numbers: Mapping[Reference, int]) -> list[Word]:
    """Return the words with the slots read under other numbers, as `numbers` says; they are referred to as before."""
    read = []
    for word in words:
        if word.references:
            new = lexicon.slot(word.text, tuple((kind, numbers[kind, number]) for kind, number in word.references))
            word = Word(word.text, new.rows, new.weights, word.references)
        read.append(word)
    return read
