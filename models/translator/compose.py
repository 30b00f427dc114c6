"""New training pairs by composition: what was seen in one place is put in another of the same kind.

Two training questions that differ in one stretch of words only show what that stretch does to the tokens; where both
stretches may stand for each other in one question, they may in others (Andreas, "Good-Enough Compositional Data
Augmentation", 2020). The grammar refuses what has no meaning.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np

from models.translator.grammar import Grammar, accepts
from models.translator.pairs import Pair, slot_parts
from models.translator.words import references_of, words_of

Words = tuple[str, ...]
LONGEST: Final = 6
"""Words of the longest stretch."""
_MOST_FILLERS: Final = 40
"""Stretches looked at of one frame; a frame with more says little about each."""


@dataclass(frozen=True, slots=True)
class Swap:
    """A stretch of words that becomes another, and the tokens that become others with it."""

    words: Words
    to_words: Words
    tokens: Words
    to_tokens: Words
    support: int = 1
    """How many frames of training questions show it."""

    def reversed(self) -> "Swap":
        """Return the swap the other way round."""
        return Swap(self.to_words, self.words, self.to_tokens, self.tokens, self.support)


def learn_swaps(pairs: Sequence[Pair], least: int = 2, share: float = 0.75) -> list[Swap]:
    """Learn swaps from questions that differ in one stretch, both ways round.

    A swap needs the support of `least` frames and of a `share` of those that show its words; swaps that change no
    token are paraphrases. Swaps of a whole question, and those that only drop or add tokens, are left out.
    """
    frames: defaultdict[tuple[Words, Words], dict[Words, Words]] = defaultdict(dict)
    for pair in pairs:
        if pair.answerable:
            words = tuple(words_of(pair.question))
            for start, end in _stretches(len(words)):
                frames[words[:start], words[end:]].setdefault(words[start:end], pair.tokens)
    shown: defaultdict[tuple[Words, Words], Counter[tuple[Words, Words]]] = defaultdict(Counter)
    for fillers in frames.values():
        for (one, tokens), (two, to_tokens) in combinations(sorted(fillers.items())[:_MOST_FILLERS], 2):
            if one[0] != two[0] and one[-1] != two[-1]:
                shown[one, two][_difference(tokens, to_tokens)] += 1
    swaps = []
    for (one, two), changes in shown.items():
        (tokens, to_tokens), support = changes.most_common(1)[0]
        if support >= least and support >= share * changes.total() and bool(tokens) == bool(to_tokens):
            swap = Swap(one, two, tokens, to_tokens, support)
            swaps += [swap, swap.reversed()]
    return sorted(swaps, key=lambda swap: (-swap.support, swap.words, swap.to_words))


def compose(
    pairs: Sequence[Pair],
    swaps: Sequence[Swap],
    grammar: Grammar,
    count: int,
    *,
    seed: int = 0,
    weight: float = 1.0,
    key: Callable[[Words], object] | None = None,
    keep: Callable[[Pair], bool] | None = None,
) -> list[Pair]:
    """Return up to `count` new pairs, each by one or two swaps, spread evenly over what is new in them.

    `key` of the tokens says what makes them alike (by default, themselves without the numbers of slots); those whose
    key no training pair has come first, each key in its turn. `keep` may refuse a pair, for example one that its
    caller cannot compile.
    """
    key = key or _without_numbers
    chance = np.random.default_rng(seed)
    known = {pair.question for pair in pairs}
    seen = {key(pair.tokens) for pair in pairs}
    found: defaultdict[tuple[bool, object], list[Pair]] = defaultdict(list)
    first = list(_swapped(pairs, swaps, grammar, known, keep))
    second = [first[place] for place in chance.permutation(len(first))[: len(pairs)]]
    for pair in (*first, *_swapped(second, swaps, grammar, known, keep)):
        what = key(pair.tokens)
        found[what in seen, what].append(Pair(pair.question, pair.tokens, weight * pair.weight))
    return _in_turn(found, count, chance)


def _in_turn(found: dict[tuple[bool, object], list[Pair]], count: int, chance: np.random.Generator) -> list[Pair]:
    """Take one pair of each key after another, at random within a key, keys that are new before the others."""
    out: list[Pair] = []
    for old in (False, True):
        groups = [
            list(chance.permutation(np.array(group, object))) for (was, _), group in found.items() if was is old
        ]
        while groups and len(out) < count:
            out += [group.pop() for group in groups][: count - len(out)]
            groups = [group for group in groups if group]
    return out


def _swapped(
    pairs: Sequence[Pair],
    swaps: Sequence[Swap],
    grammar: Grammar,
    known: set[str],
    keep: Callable[[Pair], bool] | None,
) -> Iterator[Pair]:
    by_words: defaultdict[Words, list[Swap]] = defaultdict(list)
    for swap in swaps:
        by_words[swap.words].append(swap)
    for pair in pairs:
        if pair.answerable:
            words = tuple(words_of(pair.question))
            for start, end in _stretches(len(words)):
                for swap in by_words.get(words[start:end], ()):
                    new = _apply(pair, words, start, swap)
                    if new and new.question not in known and accepts(grammar, new.tokens) and (not keep or keep(new)):
                        known.add(new.question)
                        yield new


def _apply(pair: Pair, words: Words, start: int, swap: Swap) -> Pair | None:
    """Return the pair with a stretch of its words swapped, or None where that leaves its meaning open."""
    before, after = words[:start], words[start + len(swap.words) :]
    if _slots(before + after) & _slots(swap.to_words):
        return None
    tokens = pair.tokens
    if swap.tokens:
        places = [at for at in range(len(tokens)) if tokens[at : at + len(swap.tokens)] == swap.tokens]
        if len(places) != 1:
            return None
        tokens = tokens[: places[0]] + swap.to_tokens + tokens[places[0] + len(swap.tokens) :]
    whole = before + swap.to_words + after
    used = {token for token in tokens if slot_parts(token)}
    old = {token for token in pair.tokens if slot_parts(token)}
    if not used <= _slots(whole) or len(_slots(whole) - used) > len(_slots(words) - old):
        return None
    return Pair(" ".join(whole), tokens, pair.weight)


def _difference(one: Words, two: Words) -> tuple[Words, Words]:
    """Return what is left of both when their common beginning and end are taken off."""
    start = 0
    while start < min(len(one), len(two)) and one[start] == two[start]:
        start += 1
    end = 0
    while end < min(len(one), len(two)) - start and one[-1 - end] == two[-1 - end]:
        end += 1
    return one[start : len(one) - end], two[start : len(two) - end]


def _stretches(length: int) -> Iterator[tuple[int, int]]:
    for start in range(length):
        for end in range(start + 1, min(length, start + LONGEST) + 1):
            if end - start < length:
                yield start, end


def _slots(words: Collection[str]) -> set[str]:
    return {f"{kind}_{number}" for word in words for kind, number in references_of(word)}


def _without_numbers(tokens: Words) -> object:
    parts = ((token, slot_parts(token)) for token in tokens)
    return tuple(token if slot is None else slot[0] for token, slot in parts)
