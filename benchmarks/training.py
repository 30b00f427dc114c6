"""Training events per second: packed documents of fused events, against a plain decoder over the token stream.

The peer is what a short tutorial loop does: layer norm, learned positions, GELU, a token for each gap, code, value,
one stretch of a subject to a row, rows padded to the longest of the batch. Both see the same made patients and have
the same layers and width, one thread and batches of as many positions; counted are events, not padding.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.machine import Result
from ehr.fitting import fit_vocabulary
from ehr.importers import IMPORTERS, ImportOptions
from ehr.simulate import simulate
from ehr.store import create_store, opened
from ehr.timelines import Timelines, load_timelines
from ehr.vocabulary import Vocabulary
from models.data import PackedBatches
from models.events import layout_of
from models.learner import threads
from models.objectives import next_event_losses
from models.settings import Settings, read_settings
from models.training import reader_of
from models.transformer import Decoder

PATIENTS = int(os.environ.get("TRAINED_PATIENTS", "400"))
SHAPE = ("layers=4", "width=128", "heads=4", "max_tokens=256", "tokens_per_step=4096")
STEPS = 12
WARM = 2


def run() -> Result:
    """Take the same steps with both, in turns, and compare the events read in a second."""
    folder = Path(tempfile.mkdtemp(prefix="anamnesis-benchmark-"))
    try:
        timelines, vocabulary = _made(folder)
    finally:
        shutil.rmtree(folder)
    settings = read_settings(None, SHAPE)
    with threads(1):
        torch.manual_seed(0)
        rates = [(_rate(ours(timelines, vocabulary, settings)), _rate(plain(timelines, vocabulary, settings)))]
        rates.append((_rate(ours(timelines, vocabulary, settings)), _rate(plain(timelines, vocabulary, settings))))
    mine, theirs = (max(pair) for pair in zip(*rates, strict=True))
    return Result(
        f"{mine:,.0f} events/s in training, a plain loop over the token stream {theirs:,.0f} events/s: "
        f"{mine / theirs:.1f} times as many (4 layers of 128, one thread; goal: at least as many)",
        mine >= theirs,
    )


def ours(timelines: Timelines, vocabulary: Vocabulary, settings: Settings) -> Iterator[int]:
    """Train on packed documents and yield the events of each step."""
    reader = reader_of(timelines, vocabulary, settings)
    decoder = Decoder(settings.architecture, layout_of(vocabulary))
    documents = reader.pieces(np.ones(len(timelines), dtype=bool))
    batches = PackedBatches(reader, documents, settings.optimisation.tokens_per_step, seed=1)
    step = _stepping(decoder)
    for place in range(len(batches)):
        batch = batches[place]
        step(next_event_losses(decoder, decoder(batch.reading, batch.documents), batch).mean())
        yield int((batch.documents >= 0).sum())


def plain(timelines: Timelines, vocabulary: Vocabulary, settings: Settings) -> Iterator[int]:
    """Train the peer on padded rows of tokens and yield the events of each step."""
    shape = settings.architecture
    block = settings.data.max_tokens
    model = Plain(len(vocabulary), shape.width, shape.layers, shape.heads, block)
    step = _stepping(model)
    rows = settings.optimisation.tokens_per_step // block
    stretches = [
        timelines.tokens[at : min(at + block, end)].astype(np.int64)
        for begin, end in zip(timelines.offsets[:-1], timelines.offsets[1:], strict=True)
        for at in range(int(begin), int(end), block)
    ]
    order = np.random.default_rng(1).permutation(len(stretches))
    for at in range(0, len(order), rows):
        batch = [stretches[place] for place in order[at : at + rows]]
        width = max(len(tokens) for tokens in batch)
        laid = torch.from_numpy(np.stack([np.pad(tokens, (0, width - len(tokens))) for tokens in batch]))
        scores = model(laid)
        step(nn.functional.cross_entropy(scores[:, :-1].flatten(0, 1), laid[:, 1:].flatten(), ignore_index=0))
        yield sum(int((tokens >= vocabulary.first_code).sum()) for tokens in batch)


class Plain(nn.Module):
    """A plain decoder over tokens: learned positions, layer norm, GELU, four times the width inside."""

    def __init__(self, tokens: int, width: int, layers: int, heads: int, block: int) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(tokens, width), nn.Embedding(block, width)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(width, heads, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True)
            for _ in range(layers)
        )
        self.norm, self.out = nn.LayerNorm(width), nn.Linear(width, tokens, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the scores (r, p, tokens) of the next token."""
        x = self.tokens(tokens) + self.places(torch.arange(tokens.shape[1]))
        ahead = nn.Transformer.generate_square_subsequent_mask(tokens.shape[1])
        for layer in self.layers:
            x = layer(x, src_mask=ahead, is_causal=True)
        return self.out(self.norm(x))  # type: ignore[no-any-return]


def _stepping(model: nn.Module) -> Callable[[Tensor], None]:
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)

    def step(loss: Tensor) -> None:
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()

    return step


def _rate(steps: Iterator[int]) -> float:
    """Return the events in a second of CPU time, after a few steps to warm up."""
    for _ in range(WARM):
        next(steps)
    began, events = time.process_time(), 0
    for _ in range(STEPS):
        events += next(steps)
    return events / (time.process_time() - began)


def _made(folder: Path) -> tuple[Timelines, Vocabulary]:
    simulate(folder / "made", patients=PATIENTS, seed=7, format_name="mimic")
    with opened(create_store(folder / "store")) as store:
        IMPORTERS["mimic"](store, folder / "made", ImportOptions())
        vocabulary = fit_vocabulary(store)
        return load_timelines(store, vocabulary), vocabulary
