"""How familiar a question and its meaning are: what training questions with an answer say in these words.

Counts of words and of pairs of neighbours with the tokens of the meanings they stand in. A word that no question
with an answer held, a token that no word of the question speaks for, and a token missing that a word has always stood
with, each speak against an answer.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from sql.text.answering.examples import Example
from sql.text.answering.folds import core_of

OFTEN: Final = 6
"""Questions that must hold a word before it can demand a token."""
ALWAYS: Final = 0.97
"""The share of them whose meaning must have the token."""
_WORD: Final = re.compile(r"\[[a-z_0-9+]+\]|[^\W\d_]+|\d+")
_NUMBER: Final = re.compile(r"_\d+\b")


def features_of(text: str) -> tuple[list[str], list[str]]:
    """Return the words of a question, slots without their numbers, and the pairs of neighbours."""
    words = ["<", *(_NUMBER.sub("", word) for word in _WORD.findall(text.lower())), ">"]
    return words[1:-1], [f"{one} {two}" for one, two in pairwise(words)]


def marks_of(tokens: Iterable[str]) -> set[str]:
    """Return the tokens of a meaning without the numbers of slots."""
    return {_NUMBER.sub("", token) for token in tokens}


def meaning_of(tokens: Sequence[str]) -> str:
    """Return the meaning of tokens without windows and values, as one text; nothing for none."""
    return " ".join(core_of(tokens)) if tokens else ""


@dataclass(frozen=True, slots=True)
class Familiarity:
    """How many questions hold a word or pair, and in how many of these the meaning has a token."""

    counts: Mapping[str, int]
    joint: Mapping[str, Mapping[str, int]]
    meanings: Mapping[str, int]
    """How many questions have a meaning, windows and values aside."""

    def signals(self, text: str, tokens: Sequence[str]) -> dict[str, float]:
        """Return what is strange in a question with this meaning; 0 is familiar, of `support` 1 is best."""
        words, pairs = features_of(text)
        meaning = meaning_of(tokens)
        plain = [word for word in words if not word.startswith("[")]
        marks = marks_of(tokens)
        shares = [
            (self.joint.get(feature, {}), self.counts[feature])
            for feature in {*words, *pairs}
            if self.counts.get(feature, 0) >= OFTEN
        ]
        support = [max((joint.get(mark, 0) / count for joint, count in shares), default=0.0) for mark in marks]
        missing = {
            mark for joint, count in shares for mark, n in joint.items() if n / count >= ALWAYS and mark not in marks
        }
        return {
            "new_words": float(sum(word not in self.counts for word in plain)),
            "rare_words": float(sum(self.counts.get(word, 0) < 3 for word in plain)),
            "new_pairs": sum(pair not in self.counts for pair in pairs) / max(1, len(pairs)),
            "least_support": min(support, default=0.0),
            "missing_tokens": float(min(len(missing), 3)),
            "new_meaning": float(meaning not in self.meanings),
            "known_meaning": math.log1p(self.meanings.get(meaning, 0)),
        }

    def as_mapping(self) -> dict[str, Any]:
        """Return the counts as plain values."""
        joint = {key: dict(value) for key, value in self.joint.items()}
        return {"counts": dict(self.counts), "joint": joint, "meanings": dict(self.meanings)}


def familiarity_of(examples: Sequence[Example]) -> Familiarity:
    """Count the words of the questions that have an answer."""
    counts: Counter[str] = Counter()
    joint: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for one in examples:
        if not one.tokens:
            continue
        words, pairs = features_of(one.text)
        marks = marks_of(one.tokens)
        for feature in {*words, *pairs}:
            counts[feature] += 1
            joint[feature].update(marks)
    kept = {feature: joint[feature] for feature, count in counts.items() if count >= OFTEN}
    meanings = Counter(meaning_of(one.tokens) for one in examples if one.tokens)
    return Familiarity(dict(counts), kept, dict(meanings))


def familiarity_from(values: Mapping[str, Any]) -> Familiarity:
    """Return what `as_mapping` gave."""
    return Familiarity(values["counts"], values["joint"], values["meanings"])
