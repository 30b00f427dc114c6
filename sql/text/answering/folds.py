"""Parting training questions in folds so that a held-out fold is as new as a test: in part of meanings never trained.

Questions of a part of the meanings (time windows and values aside) all go to one fold, the others to any. A parser
that is trained without a fold then meets in it both known and unknown meanings. Some meanings go together with all
that ask alike of other kinds of records, so that not even the way of asking is known. Which meanings those are is
drawn, and some draws are easier than others, so questions are parted several times over.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from sql.text.answering.examples import Example
from sql.text.records.linear import delinearize, linearize
from sql.text.records.tokens import RESERVED

UNKNOWN: Final = 0.25
"""Share of the questions whose meaning is in one fold only."""
ALIKE: Final = 0.4
"""Share of the words of two questions that they have in common when they are taken for one request."""
_NUMBER: Final = re.compile(r"_\d+$")
_NEXT_DRAW: Final = 1000
"""What is added to the seed for each further draw."""


@dataclass(frozen=True, slots=True)
class Parting:
    """How questions are parted: in so many folds, so many times over; parts are numbered through all draws."""

    folds: int = 2
    draws: int = 1
    seed: int = 0

    @property
    def parts(self) -> int:
        """Return the number of parts, each of which is kept from a parser."""
        return self.folds * self.draws

    @property
    def seeds(self) -> range:
        """Return the seed of each draw."""
        return range(self.seed, self.seed + _NEXT_DRAW * self.draws, _NEXT_DRAW)

    def parts_of(self, places: Sequence[int]) -> tuple[int, ...]:
        """Return the parts of a question from its fold in each draw.

        >>> Parting(folds=2, draws=3).parts_of([1, 0, 1])
        (1, 2, 5)
        """
        return tuple(draw * self.folds + place for draw, place in enumerate(places))


def core_of(tokens: Sequence[str]) -> tuple[str, ...]:
    """Return the tokens of a meaning without its windows of time and the numbers of its slots.

    >>> core_of(["count_records", "lab", "name", "lab_1", "of", "patient_1", "this_year"])
    ('count_records', 'lab', 'name', 'lab', 'of', 'patient')
    """
    query = delinearize(tokens)
    bare = linearize(replace(query, records=replace(query.records, when=())))
    return tuple(_NUMBER.sub("", token) for token in bare)


def folds(examples: Sequence[Example], count: int, seed: int = 0) -> list[int]:
    """Return the fold of each example, from 0; the same for the same examples, count and seed.

    Examples without an answer that share most of their words stay together.
    """
    families = [_family(core_of(one.tokens), seed) if one.tokens else () for one in examples]
    apart = _apart(families, seed)
    alike = iter(_alike([one.text for one in examples if not one.tokens]))
    found = []
    for one, family in zip(examples, families, strict=True):
        name = next(alike) if not one.tokens else repr(family) if family in apart else one.text
        found.append(_hash(f"{seed}:fold:{name}") % count)
    return found


def _family(core: tuple[str, ...], seed: int) -> tuple[str, ...]:
    """Return what stays together with a meaning: half of the ways of asking do so for all kinds of records."""
    shape = ("*", *(token for token in core if token in RESERVED))
    return shape if _hash(f"{seed}:shape:{shape!r}") % 2 else core


def _alike(texts: Sequence[str]) -> list[str]:
    """Return for each text the first one that it shares most of its words with, or itself."""
    leaders: list[tuple[str, frozenset[str]]] = []
    found = []
    for text in texts:
        words = frozenset(_NUMBER.sub("", word) for word in text.lower().rstrip("?.").split())
        leader = next((name for name, own in leaders if len(words & own) >= ALIKE * len(words | own)), None)
        if leader is None:
            leaders.append((text, words))
        found.append(leader or text)
    return found


def _apart(families: Sequence[tuple[str, ...]], seed: int) -> frozenset[tuple[str, ...]]:
    """Draw families of meanings that have about the wanted share of the questions."""
    counts = Counter(family for family in families if family)
    room = UNKNOWN * counts.total()
    chosen: set[tuple[str, ...]] = set()
    for family in sorted(counts, key=lambda family: _hash(f"{seed}:apart:{family!r}")):
        if counts[family] <= room:
            chosen.add(family)
            room -= counts[family]
    return frozenset(chosen)


def _hash(text: str) -> int:
    return int.from_bytes(sha256(text.encode()).digest()[:6], "big")
