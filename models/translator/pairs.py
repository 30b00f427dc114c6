"""Training pairs: a slotted question and the linear tokens that it means, and how pairs are held out."""

import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

SLOT: Final = r"([a-z][a-z0-9]*(?:_[a-z][a-z0-9]*)*)_([1-9][0-9]*)"
"""A reference to a slot, among the tokens and in a question: its kind and its number, such as `lab_1`.

A question may also hold it in brackets, with one reference for each kind that it may be of: `[lab_1+vital_1]`.
"""
_SLOT: Final = re.compile(SLOT)
Reference = tuple[str, int]
"""Kind and number of a slot."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A question whose values are slots, and its linear tokens; without tokens it is a question with no answer."""

    question: str
    tokens: tuple[str, ...]
    weight: float = 1.0

    @property
    def answerable(self) -> bool:
        """Whether the question has an answer."""
        return bool(self.tokens)


def slot_parts(token: str) -> Reference | None:
    """Return kind and number of a slot, or None for any other token.

    >>> slot_parts("lab_item_2"), slot_parts("count")
    (('lab_item', 2), None)
    """
    found = _SLOT.fullmatch(token)
    return (found[1], int(found[2])) if found else None


def held_out(
    pairs: Sequence[Pair], share: float, seed: int = 0, key: Callable[[Pair], Hashable] | None = None
) -> tuple[list[Pair], list[Pair]]:
    """Part pairs in training and held-out ones, at random or, with a `key`, by whole groups of pairs of one key.

    Grouping by (kind, operation, window) holds out compositions; the same share and seed always part alike, whatever
    other pairs there are.
    """
    training: list[Pair] = []
    apart: list[Pair] = []
    for pair in pairs:
        what = (pair.question, pair.tokens) if key is None else key(pair)
        digest = sha256(f"{seed}:{what!r}".encode()).digest()
        (apart if int.from_bytes(digest[:4], "big") < share * 2**32 else training).append(pair)
    return training, apart
