"""The other way round: how likely a meaning is put in the words of a question.

A network of the same make reads the tokens and writes the words, slots by pointing. An answer that forgets what the
question says, or says something else, makes its words unlikely, however sure the parser was of it (the
reconstruction of Yin and Neubig, "Reranking for Neural Semantic Parsing", 2019).
"""

import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from ehr.errors import ModelError
from ehr.progress import Progress, silent
from models.learner import threads
from models.translator.batches import Example, Outputs, collate, question_of
from models.translator.claiming import claim
from models.translator.grammar import END
from models.translator.learner import Passes, fit_network
from models.translator.network import Network
from models.translator.pairs import Pair
from models.translator.settings import TranslatorSettings
from models.translator.words import Lexicon, lexicon_of, references_of, words_of

UNKNOWN: Final = "<unknown>"
"""Stands for a word that too few questions hold."""
OTHER: Final = "<other>"
"""Stands for a slot of the question that the tokens do not refer to."""
_AT_ONCE: Final = 128


@dataclass(frozen=True)
class Reteller:
    """The network with the tokens that it reads and the words that it writes."""

    settings: TranslatorSettings
    lexicon: Lexicon
    outputs: Outputs
    network: Network
    report: dict[str, Any]
    """What was measured in training: pairs, passes and seconds."""

    def __call__(self, told: Sequence[tuple[str, tuple[str, ...]]]) -> list[NDArray[np.float64]]:
        """Return, for questions with tokens, the log-probability of each word and of the end of the question."""
        examples = [_example(question, tokens, self.lexicon, self.outputs) for question, tokens in told]
        order = sorted(range(len(told)), key=lambda place: len(examples[place].target))
        found: dict[int, NDArray[np.float64]] = {}
        with threads(self.settings.work.threads):
            for at in range(0, len(order), _AT_ONCE):
                places = order[at : at + _AT_ONCE]
                found.update(zip(places, self._logs([examples[place] for place in places]), strict=True))
        return [found[place] for place in range(len(told))]

    @torch.inference_mode()
    def _logs(self, examples: Sequence[Example]) -> list[NDArray[np.float64]]:
        batch = collate(examples)
        logs = self.network(batch)[0].gather(-1, batch.targets.clamp(min=0)[..., None])[..., 0].double().numpy()
        return [row[: len(one.target)] for row, one in zip(logs, examples, strict=True)]


def _example(
    question: str, tokens: Sequence[str], lexicon: Lexicon, outputs: Outputs, weight: float = 1.0
) -> Example:
    """Return the tokens as what is read, the words of the question as what is written."""
    read = question_of(lexicon.read_words(tokens) or lexicon.read("."), lexicon)
    slots = {slot: len(outputs) + place for place, slot in enumerate(read.slots)}

    def index(word: str) -> int:
        ways = references_of(word)
        if not ways:
            return outputs.ids.get(word, outputs.ids[UNKNOWN])
        return next((slots[way] for kind, number in ways if (way := f"{kind}_{number}") in slots), outputs.ids[OTHER])

    words = words_of(question)[: lexicon.shape.longest_question]
    return Example(read, (*map(index, words), 0), weight)


def train_reteller(
    pairs: Sequence[Pair],
    settings: TranslatorSettings | None = None,
    *,
    folder: Path | None = None,
    progress: Progress = silent,
) -> Reteller:
    """Train on the pairs that have tokens, for all passes that the settings name.

    `folder` keeps the state after each pass, and training goes on from there when it is called again alike. Raises
    ModelError when no pair has tokens and when the folder holds another training; KeyboardInterrupt when it is
    interrupted.
    """
    settings = settings or TranslatorSettings()
    answerable = [pair for pair in pairs if pair.answerable]
    if not answerable:
        raise ModelError("there is no training pair with tokens; a reteller learns from at least one")
    with tempfile.TemporaryDirectory() if folder is None else nullcontext(folder) as place:
        claim(Path(place), answerable, [], settings)
        return _train(answerable, settings, Path(place), progress)


def _train(pairs: Sequence[Pair], settings: TranslatorSettings, folder: Path, progress: Progress) -> Reteller:
    began = time.perf_counter()
    work = settings.work
    lexicon = lexicon_of((pair.tokens for pair in pairs), settings.shape, work.rarest)
    outputs = _outputs(pairs, work.rarest)
    examples = [_example(pair.question, pair.tokens, lexicon, outputs, pair.weight) for pair in pairs]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(work.seed)
        network = Network(settings.shape, lexicon.rows, len(outputs))
        passes = Passes(examples, [], lexicon, work, work.seed)
        fitted = fit_network(network, passes, folder / "0", "retelling", progress)
    report = {**asdict(fitted), "pairs": len(pairs), "seconds": time.perf_counter() - began}
    return Reteller(settings, lexicon, outputs, network, report)


def _outputs(pairs: Sequence[Pair], rarest: int) -> Outputs:
    """Return the words that at least `rarest` questions hold, after the marks."""
    counts = Counter(word for pair in pairs for word in set(words_of(pair.question)) if not references_of(word))
    return Outputs((END, UNKNOWN, OTHER, *sorted(word for word, count in counts.items() if count >= rarest)))
