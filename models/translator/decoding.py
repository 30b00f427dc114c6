"""Beam search that writes nothing but what a grammar allows, for many questions and several networks at once.

The networks of an ensemble vote in every step: the probability of a token is the mean of theirs. The probabilities
are not scaled up to those tokens which the grammar allows, so that what it forbids lowers the score of an answer. A
slot of the question that an answer leaves out lowers it too: who names a value means it.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from models.translator.batches import Example, Question, collate
from models.translator.grammar import END, Masks
from models.translator.network import KeysValues, Network, Read

RETOLD_WEIGHT: Final = 0.5
"""What the log-probability of a question given an answer counts beside that of the answer given the question."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """An answer with, for each token and then its end, the log-probability and the entropy of the choice (nats)."""

    tokens: tuple[str, ...]
    logs: tuple[float, ...]
    entropies: tuple[float, ...]
    penalty: float = 0.0
    """What the slots that it leaves out cost (nats)."""
    retold: tuple[float, ...] = ()
    """The log-probability of each word of the question, and of its end, given the answer; none where nobody told."""

    @property
    def log(self) -> float:
        """The log-probability of the whole answer."""
        return sum(self.logs)

    @property
    def score(self) -> float:
        """What answers are ranked by: the log-probability less the penalty, and part of that of the question."""
        return self.log - self.penalty + RETOLD_WEIGHT * sum(self.retold)


@dataclass(frozen=True, slots=True)
class _Beam:
    """An unfinished answer: whose it is, the row it grew from, and its tokens also as indices."""

    owner: int
    row: int
    last: int
    score: float = 0.0
    tokens: tuple[str, ...] = ()
    logs: tuple[float, ...] = ()
    entropies: tuple[float, ...] = ()

    def grown(self, row: int, index: int, token: str, log: float, entropy: float) -> "_Beam":
        """Return the answer with one more token."""
        logs, entropies = (*self.logs, log), (*self.entropies, entropy)
        return _Beam(self.owner, row, index, self.score + log, (*self.tokens, token), logs, entropies)


@dataclass
class _Member:
    """A network and what it knows of the rows of the last step."""

    network: Network
    questions: Read
    owners: tuple[int, ...] = ()
    rows: Read | None = None
    past: tuple[KeysValues, ...] | None = None

    def step(self, beams: Sequence[_Beam]) -> NDArray[np.float64]:
        """Return the probabilities (rows, tokens + slots) of what follows each beam."""
        owners = tuple(beam.owner for beam in beams)
        if owners != self.owners or self.rows is None:
            self.owners, self.rows = owners, self.questions.rows(torch.tensor(owners))
        if self.past is not None:
            parents = torch.tensor([beam.row for beam in beams])
            self.past = tuple((keys[parents], values[parents]) for keys, values in self.past)
        last = torch.tensor([[beam.last] for beam in beams])
        logs, self.past = self.network.decode(last, self.rows, self.past)
        probabilities: NDArray[np.float64] = logs[:, -1].double().exp().numpy()
        return probabilities


@dataclass
class _Search:
    """The search for the answers of one batch of questions."""

    questions: Sequence[Question]
    masks: Masks
    vocabulary: Sequence[str]
    width: int
    unused_cost: float
    done: defaultdict[int, list[Hypothesis]] = field(default_factory=lambda: defaultdict(list))

    def grow(self, beams: Sequence[_Beam], probabilities: NDArray[np.float64]) -> list[_Beam]:
        """Return the best unfinished answers after one more token; finished ones move to `done`."""
        logs = np.log(np.maximum(probabilities, 1e-30))
        entropies = -(probabilities * logs).sum(-1)
        found: defaultdict[int, list[tuple[float, int, int]]] = defaultdict(list)
        for row, beam in enumerate(beams):
            legal = self.masks.legal(beam.tokens, self.questions[beam.owner].slots)
            scores = logs[row, legal]
            for place in np.argsort(-scores, kind="stable")[: self.width + 1]:
                found[beam.owner].append((beam.score + float(scores[place]), row, int(legal[place])))
        alive: list[_Beam] = []
        for owner, candidates in found.items():
            candidates.sort(key=lambda one: -one[0])
            grown = []
            for _, row, index in candidates[: self.width + 1]:
                token = self._token(owner, index)
                one = beams[row].grown(row, index, token, float(logs[row, index]), float(entropies[row]))
                if token == END:
                    unused = self.questions[owner].unused(one.tokens)
                    penalty = self.unused_cost * unused
                    self.done[owner].append(Hypothesis(one.tokens[:-1], one.logs, one.entropies, penalty))
                else:
                    grown.append(one)
            alive += self._promising(owner, grown[: self.width])
        return alive

    def _token(self, owner: int, index: int) -> str:
        fixed = len(self.vocabulary)
        return self.vocabulary[index] if index < fixed else self.questions[owner].slots[index - fixed]

    def _promising(self, owner: int, beams: list[_Beam]) -> list[_Beam]:
        """Return those that can still be among the best: an answer never gains from another token."""
        done = sorted((one.score for one in self.done[owner]), reverse=True)
        bar = done[self.width - 1] if len(done) >= self.width else -np.inf
        return [beam for beam in beams if beam.score > bar]


@torch.inference_mode()
def search(
    networks: Sequence[Network],
    questions: Sequence[Question],
    masks: Masks,
    vocabulary: Sequence[str],
    width: int,
) -> list[tuple[Hypothesis, ...]]:
    """Return the `width` best answers of each question, the best first; none where the grammar leaves no way.

    `vocabulary` are the output tokens without slots, by index. A width of 1 is greedy decoding. Where all answers ran
    into a lack of slots, which the grammar cannot foresee, the search is repeated wider.
    """
    found = _search(networks, questions, masks, vocabulary, width)
    for wider in (4 * width, 16 * width):
        lost = [place for place, answers in enumerate(found) if not answers]
        if lost:
            again = _search(networks, [questions[place] for place in lost], masks, vocabulary, wider)
            for place, answers in zip(lost, again, strict=True):
                found[place] = answers[:width]
    return found


def _search(
    networks: Sequence[Network],
    questions: Sequence[Question],
    masks: Masks,
    vocabulary: Sequence[str],
    width: int,
) -> list[tuple[Hypothesis, ...]]:
    batch = collate([Example(question, (), 1.0) for question in questions])
    members = [_Member(network, network.read(batch, network.states(batch))) for network in networks]
    work = _Search(questions, masks, vocabulary, width, networks[0].shape.unused_cost)
    beams = [_Beam(owner, owner, -1) for owner in range(len(questions))]
    for _ in range(networks[0].shape.longest_answer):
        if not beams:
            break
        beams = work.grow(beams, np.mean([member.step(beams) for member in members], axis=0))
    best = [sorted(work.done[owner], key=lambda one: -one.score) for owner in range(len(questions))]
    return [tuple(one[:width]) for one in best]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one network thinks of answers: would it write the same, how likely are they, and is there an answer."""

    same: NDArray[np.bool_]
    logs: NDArray[np.float64]
    answerable: NDArray[np.float64]


@torch.inference_mode()
def judged(network: Network, questions: Sequence[Question], targets: Sequence[tuple[int, ...]]) -> Judgement:
    """Let one network judge answers given as indices that end with that of END."""
    pairs = [Example(question, target, 1.0) for question, target in zip(questions, targets, strict=True)]
    batch = collate(pairs)
    logs, answerable = network(batch)
    held = batch.targets >= 0
    right = logs.gather(-1, batch.targets.clamp(min=0)[..., None])[..., 0]
    same = ((logs.argmax(-1) == batch.targets) | ~held).all(-1)
    total = (right.masked_fill(~held, 0)).sum(-1)
    return Judgement(same.numpy(), total.double().numpy(), answerable.double().sigmoid().numpy())
