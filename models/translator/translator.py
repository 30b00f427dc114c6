"""A trained translator: slotted questions in, the best linear tokens and the signals of their confidence out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

from models.learner import threads
from models.translator.batches import Outputs, read_question
from models.translator.decoding import Hypothesis, judged, search
from models.translator.grammar import Grammar, Masks, require_accepted
from models.translator.network import Network
from models.translator.retelling import Reteller
from models.translator.settings import TranslatorSettings
from models.translator.signals import Signals, signals_of
from models.translator.words import Lexicon

_AT_ONCE: Final = 64


@dataclass(frozen=True, slots=True)
class Translation:
    """What a question may mean, the likeliest first; nothing where the grammar leaves no way to put it."""

    question: str
    answers: tuple[Hypothesis, ...]
    signals: Signals

    @property
    def tokens(self) -> tuple[str, ...] | None:
        """The tokens of the best answer."""
        return self.answers[0].tokens if self.answers else None


@dataclass(frozen=True)
class Translator:
    """The members of an ensemble with the words they read, the tokens they write, and the grammar that binds them.

    `proof` are token sequences of the training pairs that together hold all output tokens; a grammar that accepts
    them is one that the translator fits.
    """

    settings: TranslatorSettings
    lexicon: Lexicon
    outputs: Outputs
    networks: tuple[Network, ...]
    grammar: Grammar
    proof: tuple[tuple[str, ...], ...]
    report: dict[str, Any]
    """What was measured in training: pairs, seconds, and error, passes and seconds of each member."""
    reteller: Reteller | None = None
    """Who tells how likely the words of a question are given an answer; without one that counts for nothing."""

    @cached_property
    def _masks(self) -> Masks:
        return Masks(self.grammar, self.outputs.tokens)

    @property
    def parameters(self) -> int:
        """How many numbers all members have learnt, and the reteller."""
        networks = (*self.networks, *([self.reteller.network] if self.reteller else []))
        return sum(one.numel() for network in networks for one in network.parameters())

    def single(self, place: int) -> "Translator":
        """Return the translator with one of its members only."""
        return replace(self, networks=(self.networks[place],))

    def with_grammar(self, grammar: Grammar) -> "Translator":
        """Return the translator bound by another grammar; raises ModelError when it does not fit that."""
        for tokens in self.proof:
            require_accepted(grammar, tokens, "the translator")
        return replace(self, grammar=grammar)

    def __call__(self, question: str, width: int = 4) -> Translation:
        """Translate one question."""
        return self.translate([question], width)[0]

    def translate(self, questions: Sequence[str], width: int = 4) -> list[Translation]:
        """Translate questions; each gets its `width` best answers. A width of 1 is fastest and knows no margin."""
        order = sorted(range(len(questions)), key=lambda place: len(questions[place]))
        out: dict[int, Translation] = {}
        with threads(self.settings.work.threads):
            for at in range(0, len(order), _AT_ONCE):
                places = order[at : at + _AT_ONCE]
                batch = self._batch([questions[place] for place in places], width)
                out.update(zip(places, batch, strict=True))
        return [out[place] for place in range(len(questions))]

    def _batch(self, questions: Sequence[str], width: int) -> list[Translation]:
        read = [read_question(question, self.lexicon) for question in questions]
        found = self._retold(questions, search(self.networks, read, self._masks, self.outputs.tokens, width))
        targets = []
        for one, answers in zip(read, found, strict=True):
            slots = {slot: len(self.outputs) + place for place, slot in enumerate(one.slots)}
            tokens = answers[0].tokens if answers else ()
            targets.append((*(slots[token] if token in slots else self.outputs.ids[token] for token in tokens), 0))
        judgements = [judged(network, read, targets) for network in self.networks]
        return [
            Translation(
                question, answers, signals_of(answers, judgements, place, self.lexicon.unseen_share(question))
            )
            for place, (question, answers) in enumerate(zip(questions, found, strict=True))
        ]

    def _retold(
        self, questions: Sequence[str], found: Sequence[tuple[Hypothesis, ...]]
    ) -> list[tuple[Hypothesis, ...]]:
        """Let the reteller have its say on the answers, and rank them again."""
        if self.reteller is None:
            return list(found)
        told = [(question, one.tokens) for question, answers in zip(questions, found, strict=True) for one in answers]
        logs = iter(self.reteller(told))
        heard = [[replace(one, retold=tuple(next(logs).tolist())) for one in answers] for answers in found]
        return [tuple(sorted(answers, key=lambda one: -one.score)) for answers in heard]
