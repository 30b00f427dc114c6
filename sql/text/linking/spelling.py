"""Spelling: the known word that an unknown one is most likely meant to be.

Words are found through their deletions (the symmetric deletion of SymSpell): two words within two edits mostly share
a text that each becomes when it loses at most one letter. The distance counts swapped neighbours as one edit
(optimal string alignment).
"""

from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

MIN_LENGTH: Final = 6
LONG: Final = 9


class Spelling:
    """The words that may be meant, by what is left of them when a letter is lost."""

    def __init__(self, words: Iterable[str]) -> None:
        kept = {word for word in words if len(word) >= MIN_LENGTH - 1 and word.isalpha()}
        self._by_rest: dict[str, list[str]] = defaultdict(list)
        for word in sorted(kept):
            for rest in _rests(word):
                self._by_rest[rest].append(word)

    def nearest(self, word: str) -> str | None:
        """Return the known word nearest to `word`: one edit away, two if long; None where that is open."""
        if len(word) < MIN_LENGTH or not word.isalpha():
            return None
        found = (known for rest in _rests(word) for known in self._by_rest.get(rest, ()))
        near = {known for known in found if known[0] == word[0]}
        ranked = sorted((edits(word, known), known) for known in near)
        limit = 2 if len(word) >= LONG else 1
        if not ranked or ranked[0][0] > limit or (len(ranked) > 1 and ranked[1][0] == ranked[0][0]):
            return None
        return ranked[0][1]


def _rests(word: str) -> set[str]:
    return {word} | {word[:place] + word[place + 1 :] for place in range(len(word))}


@lru_cache(maxsize=4096)
def edits(one: str, other: str) -> int:
    """Return how many letters must be put in, left out, replaced or swapped with their neighbour.

    >>> edits("spesis", "sepsis"), edits("hypotension", "hypertension")
    (1, 2)
    """
    before: list[int] = []
    last: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, last, row = last, row, [i]
        for j, wanted in enumerate(other, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (letter != wanted))
            if before and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
    return row[-1]
