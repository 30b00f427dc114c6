"""Pairs as tensors: questions as rows of the lexicon's table, answers as indices of tokens and slots."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ehr.errors import ModelError
from models.translator.grammar import END
from models.translator.pairs import Pair, Reference, slot_parts
from models.translator.settings import Work
from models.translator.words import Lexicon, Word, renumbered

IGNORED: Final = -100
"""Target of positions past the end of an answer."""


@dataclass(frozen=True)
class Outputs:
    """The output vocabulary without slots; END is its first token."""

    tokens: tuple[str, ...]

    @cached_property
    def ids(self) -> dict[str, int]:
        """Token -> its index."""
        return {token: place for place, token in enumerate(self.tokens)}

    def __len__(self) -> int:
        return len(self.tokens)


def build_outputs(pairs: Sequence[Pair]) -> Outputs:
    """Collect the tokens of all pairs that are no slots."""
    found = {token for pair in pairs for token in pair.tokens if slot_parts(token) is None}
    return Outputs((END, *sorted(found)))


@dataclass(frozen=True, slots=True)
class Question:
    """A question as it is read: its words, what its slots can be referred to as, and where each of these stands."""

    words: list[Word]
    slots: tuple[str, ...]
    places: tuple[int, ...]
    kinds: tuple[int, ...]
    """The row of the kind of each of `slots`."""

    def unused(self, tokens: Collection[str]) -> int:
        """Return how many different slots the tokens leave out; one reference of an open kind is enough."""
        ways = {word.references for word in self.words if word.references}
        return sum(not any(f"{kind}_{number}" in tokens for kind, number in way) for way in ways)


def read_question(question: str, lexicon: Lexicon) -> Question:
    """Read a question; one without a single word is read as a full stop."""
    return question_of(lexicon.read(question) or lexicon.read("."), lexicon)


def question_of(words: list[Word], lexicon: Lexicon) -> Question:
    """Find the slots among words that were read."""
    first: dict[Reference, int] = {}
    for place, word in enumerate(words):
        for reference in word.references:
            first.setdefault(reference, place)
    names = tuple(f"{kind}_{number}" for kind, number in first)
    return Question(words, names, tuple(first.values()), tuple(lexicon.kind_row(kind) for kind, _ in first))


@dataclass(frozen=True, slots=True)
class Example:
    """A pair ready for batches; the target ends with END and is empty for a question with no answer."""

    question: Question
    target: tuple[int, ...]
    weight: float


def example_of(pair: Pair, lexicon: Lexicon, outputs: Outputs) -> Example:
    """Make an example of a pair.

    Raises ModelError when a token is a slot that the question does not hold, or one the vocabulary does not hold.
    """
    question = read_question(pair.question, lexicon)
    known = {**outputs.ids, **{slot: len(outputs) + at for at, slot in enumerate(question.slots)}}
    missing = [token for token in pair.tokens if token not in known]
    if missing:
        kind = "slot" if slot_parts(missing[0]) else "token"
        raise ModelError(f"{kind} {missing[0]!r} is not in {pair.question!r} or the vocabulary; leave this pair out")
    target = tuple(known[token] for token in pair.tokens) + ((0,) if pair.tokens else ())
    return Example(question, target, pair.weight)


class Batch(NamedTuple):
    """Questions (b, t) with their slots (b, s) and targets (b, l).

    `rows`, `weights` and `offsets` are those of an embedding bag over b * t words.
    """

    rows: Tensor
    weights: Tensor
    offsets: Tensor
    read: Tensor
    """Which positions (b, t) hold a word."""
    slots: Tensor
    """Position (b, s) of each slot in the question."""
    kinds: Tensor
    """Row (b, s) of the kind of each slot."""
    has_slot: Tensor
    targets: Tensor
    """Indices of the vocabulary, then of the slots; IGNORED past the end, and everywhere without an answer."""
    answerable: Tensor
    importance: Tensor


def collate(examples: Sequence[Example], words: Sequence[Sequence[Word]] | None = None) -> Batch:
    """Make a batch; `words`, when given, are read in place of those of the questions."""
    texts = words if words is not None else [one.question.words for one in examples]
    b, t = len(examples), max(len(text) for text in texts)
    s = max(1, *(len(one.question.slots) for one in examples))
    length = max(1, *(len(one.target) for one in examples))
    read = np.zeros((b, t), bool)
    slots, kinds, has_slot = np.zeros((b, s), np.int64), np.zeros((b, s), np.int64), np.zeros((b, s), bool)
    targets = np.full((b, length), IGNORED, np.int64)
    sizes = np.zeros((b, t), np.int64)
    for at, (one, text) in enumerate(zip(examples, texts, strict=True)):
        read[at, : len(text)] = True
        sizes[at, : len(text)] = [len(word.rows) for word in text]
        slots[at, : len(one.question.places)] = one.question.places
        kinds[at, : len(one.question.kinds)] = one.question.kinds
        has_slot[at, : len(one.question.places)] = True
        targets[at, : len(one.target)] = one.target
    offsets = np.concatenate([[0], np.cumsum(sizes.ravel())[:-1]])
    return Batch(
        rows=torch.from_numpy(np.concatenate([word.rows for text in texts for word in text])),
        weights=torch.from_numpy(np.concatenate([word.weights for text in texts for word in text])),
        offsets=torch.from_numpy(offsets),
        read=torch.from_numpy(read),
        slots=torch.from_numpy(slots),
        kinds=torch.from_numpy(kinds),
        has_slot=torch.from_numpy(has_slot),
        targets=torch.from_numpy(targets),
        answerable=torch.tensor([float(bool(one.target)) for one in examples]),
        importance=torch.tensor([one.weight for one in examples]),
    )


def varied(question: Question, lexicon: Lexicon, work: Work, chance: np.random.Generator) -> list[Word]:
    """Return the words of a question as one training step reads them: some unknown, slots under other numbers."""
    words = question.words
    if question.slots and chance.random() < work.renumbering:
        words = renumbered(words, lexicon, _numbers(question, chance))
    hidden = chance.random(len(words)) < work.word_dropout
    return [
        _unknown(word) if hide and not word.references else word for word, hide in zip(words, hidden, strict=True)
    ]


def _numbers(question: Question, chance: np.random.Generator) -> dict[Reference, int]:
    """Draw new numbers for the slots of each kind."""
    old: defaultdict[str, list[int]] = defaultdict(list)
    for kind, number in sorted({reference for word in question.words for reference in word.references}):
        old[kind].append(number)
    return {
        (kind, number): int(new) + 1
        for kind, numbers in old.items()
        for number, new in zip(numbers, chance.permutation(len(numbers) + 3), strict=False)
    }


def _unknown(word: Word) -> Word:
    rows = word.rows.copy()
    rows[0] = 0
    return Word(word.text, rows, word.weights)


class Batches(Dataset[Batch]):
    """The batches of one pass: questions of a length together, in a random order and varied when `work` is given."""

    def __init__(
        self, examples: Sequence[Example], size: int, lexicon: Lexicon, work: Work | None = None, seed: int = 0
    ) -> None:
        self.examples, self.lexicon, self.work, self.seed = examples, lexicon, work, seed
        chance = np.random.default_rng(seed)
        lengths = np.array([len(one.question.words) + 2 * len(one.target) for one in examples], float)
        if work is not None:
            lengths += chance.uniform(0, 8, len(lengths))
        groups = np.array_split(np.argsort(lengths, kind="stable"), -(-len(examples) // size) or 1)
        order = chance.permutation(len(groups)) if work is not None else range(len(groups))
        self.groups = [groups[place] for place in order]

    def __len__(self) -> int:
        return len(self.groups)

    def __getitem__(self, place: int) -> Batch:
        chosen = [self.examples[at] for at in self.groups[place]]
        if self.work is None:
            return collate(chosen)
        chance = np.random.default_rng((self.seed, place))
        return collate(chosen, [varied(one.question, self.lexicon, self.work, chance) for one in chosen])
