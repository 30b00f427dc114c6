"""What may follow: the grammar of the output as a protocol, and its masks over the vocabulary, kept by prefix."""

from collections.abc import Collection, Sequence
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from ehr.errors import ModelError
from models.translator.pairs import slot_parts

END: Final = "<end>"
"""Stands in what a grammar allows after a prefix that is complete."""
_MOST_KEPT: Final = 100_000


class Grammar(Protocol):
    """The language of the output tokens."""

    def allowed(self, prefix: Sequence[str]) -> Collection[str]:
        """Return the tokens, slots among them, that may follow a prefix which the grammar itself allowed.

        END is one of them where the prefix is complete.
        """


class Masks:
    """The output vocabulary seen through a grammar: which of its tokens may follow a prefix."""

    def __init__(self, grammar: Grammar, tokens: Sequence[str]) -> None:
        self.grammar = grammar
        self._ids = {token: place for place, token in enumerate(tokens)}
        self._kept: dict[tuple[str, ...], tuple[NDArray[np.int64], frozenset[str]]] = {}

    def legal(self, prefix: tuple[str, ...], slots: Sequence[str]) -> NDArray[np.int64]:
        """Return the indices that may follow: of tokens of the vocabulary, then of `slots`, counted on from them."""
        if prefix not in self._kept:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            allowed = self.grammar.allowed(prefix)
            fixed = sorted(self._ids[token] for token in allowed if token in self._ids)
            self._kept[prefix] = (
                np.array(fixed, np.int64),
                frozenset(token for token in allowed if slot_parts(token) is not None),
            )
        fixed_ids, allowed_slots = self._kept[prefix]
        own = [len(self._ids) + place for place, slot in enumerate(slots) if slot in allowed_slots]
        return np.concatenate([fixed_ids, np.array(own, np.int64)]) if own else fixed_ids


def accepts(grammar: Grammar, tokens: Sequence[str]) -> bool:
    """Say whether the tokens, followed by the end, belong to the language of the grammar."""
    return refused_at(grammar, tokens) is None


def refused_at(grammar: Grammar, tokens: Sequence[str]) -> int | None:
    """Return the place of the first token that the grammar does not allow, len(tokens) for the end, or None."""
    whole = (*tokens, END)
    for place, token in enumerate(whole):
        if token not in grammar.allowed(whole[:place]):
            return place
    return None


def require_accepted(grammar: Grammar, tokens: Sequence[str], where: str) -> None:
    """Raise ModelError, naming the token, when the grammar does not accept the tokens."""
    place = refused_at(grammar, tokens)
    if place is not None:
        token = (*tokens, END)[place]
        before = " ".join(tokens[:place]) or "nothing"
        raise ModelError(
            f"{where}: the grammar does not allow {token!r} after {before}; train the translator with this grammar"
        )
