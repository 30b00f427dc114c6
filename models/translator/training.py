"""Training a translator from pairs: the vocabularies, one network after another, and the ensemble they make."""

import tempfile
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path

import torch

from ehr.errors import ModelError
from ehr.progress import Progress, silent
from models.translator.batches import Outputs, build_outputs, example_of
from models.translator.claiming import claim
from models.translator.grammar import Grammar, require_accepted
from models.translator.learner import Fitted, Passes, fit_network
from models.translator.network import Network
from models.translator.pairs import Pair
from models.translator.settings import TranslatorSettings
from models.translator.translator import Translator
from models.translator.words import build_lexicon


def train(
    pairs: Sequence[Pair],
    held_out: Sequence[Pair],
    grammar: Grammar,
    settings: TranslatorSettings | None = None,
    *,
    folder: Path | None = None,
    progress: Progress = silent,
) -> Translator:
    """Train a translator; pairs without tokens teach it which questions have no answer.

    Training stops when the held-out pairs are no longer read better; without any it makes all passes. `folder` keeps
    the state after each pass, and training goes on from there when it is called again alike. Raises ModelError when a
    pair does not fit the grammar, refers to a slot that its question does not hold, when nothing can be learnt, and
    when the folder holds another training; KeyboardInterrupt when it is interrupted.
    """
    settings = settings or TranslatorSettings()
    if not any(pair.answerable for pair in pairs):
        raise ModelError("there is no training pair with tokens; a translator learns from at least one")
    for tokens in sorted({pair.tokens for pair in (*pairs, *held_out) if pair.tokens}):
        require_accepted(grammar, tokens, f"the pair with the tokens {' '.join(tokens)}")
    with tempfile.TemporaryDirectory() if folder is None else nullcontext(folder) as place:
        claim(Path(place), pairs, held_out, settings)
        return _train(pairs, held_out, grammar, settings, Path(place), progress)


def _train(
    pairs: Sequence[Pair],
    held_out: Sequence[Pair],
    grammar: Grammar,
    settings: TranslatorSettings,
    folder: Path,
    progress: Progress,
) -> Translator:
    began = time.perf_counter()
    lexicon = build_lexicon((pair.question for pair in pairs), settings.shape, settings.work.rarest)
    outputs = build_outputs([*pairs, *held_out])
    training = [example_of(pair, lexicon, outputs) for pair in pairs]
    apart = [example_of(pair, lexicon, outputs) for pair in held_out]
    networks: list[Network] = []
    fitted: list[Fitted] = []
    for member in range(settings.work.members):
        seed = settings.work.seed + member
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = Network(settings.shape, lexicon.rows, len(outputs))
            passes = Passes(training, apart, lexicon, settings.work, seed)
            what = f"member {member + 1} of {settings.work.members}"
            fitted.append(fit_network(network, passes, folder / str(member), what, progress))
        networks.append(network)
    report = {
        "pairs": len(pairs),
        "held_out": len(held_out),
        "seconds": time.perf_counter() - began,
        "members": [asdict(one) for one in fitted],
    }
    proof = proof_of([*pairs, *held_out], outputs)
    return Translator(settings, lexicon, outputs, tuple(networks), grammar, proof, report)


def proof_of(pairs: Sequence[Pair], outputs: Outputs) -> tuple[tuple[str, ...], ...]:
    """Return few token sequences of the pairs that together hold all output tokens."""
    missing = set(outputs.tokens[1:])
    proof = []
    for tokens in sorted({pair.tokens for pair in pairs}, key=lambda one: (-len(set(one)), one)):
        if missing & set(tokens):
            proof.append(tokens)
            missing -= set(tokens)
    return tuple(proof)


def usable(pair: Pair, grammar: Grammar) -> str | None:
    """Return why a translator cannot learn from a pair, or None when it can.

    The reasons are a token that the grammar does not allow and a slot that the question does not hold.
    """
    try:
        if pair.tokens:
            require_accepted(grammar, pair.tokens, "the pair")
        lexicon = build_lexicon([pair.question], TranslatorSettings().shape, 1)
        example_of(pair, lexicon, build_outputs([pair]))
    except ModelError as error:
        return str(error)
    return None
