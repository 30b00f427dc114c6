"""One supervised prediction on a long timeline, against a plain decoder of the same size that reads all its tokens.

The timeline has 2,000 tokens. Timed is all of `predict`: fusing the tokens to events, finding what was known,
reading, heads, calibration and interval. The model has the demo's settings and random weights, which take as long.
"""

import time
from collections.abc import Callable

import numpy as np
import polars as pl
import torch

from benchmarks.machine import Result
from benchmarks.training import Plain
from ehr.timelines import Timelines
from ehr.vocabulary import TokenSettings, Vocabulary
from models.calibration import Calibration
from models.checkpoint import Checkpoint, TaskText, now
from models.events import layout_of
from models.heads import Classifier, Heads
from models.learner import threads
from models.predict import predict
from models.settings import Settings
from models.transformer import Decoder

TOKENS = 2_000
TIMES = 30
GOAL = 0.020


def run() -> Result:
    """Predict one row again and again, in turns with the peer, and take the median of each."""
    vocabulary = _vocabulary()
    timelines = _timeline(vocabulary)
    checkpoint = _untrained(vocabulary)
    rows = pl.DataFrame({"subject_id": [1], "prediction_time": timelines.times[-1:]})
    shape = Settings().architecture
    plain = Plain(len(vocabulary), shape.width, shape.layers, shape.heads, TOKENS).eval()
    tokens = torch.from_numpy(timelines.tokens.astype(np.int64))[None]
    ours, theirs = [], []
    with threads(Settings().optimisation.threads), torch.inference_mode():
        for _ in range(TIMES):
            ours.append(_seconds(lambda: predict(checkpoint, timelines, rows)))
            theirs.append(_seconds(lambda: plain(tokens)))
    mine, other = float(np.median(ours)), float(np.median(theirs))
    return Result(
        f"one prediction on {len(timelines.tokens):,} tokens in {mine * 1e3:.1f} ms (goal: {GOAL * 1e3:.0f} ms), "
        f"a plain decoder of this size that reads them all {other * 1e3:.1f} ms: {other / mine:.1f} times as long",
        mine <= GOAL,
    )


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _vocabulary() -> Vocabulary:
    settings = TokenSettings()
    codes = tuple(f"LAB//{number:03d}" for number in range(400))
    edges = {code: tuple(float(edge) for edge in range(1, 10)) for code in codes}
    gaps = tuple((float(start),) for start in settings.gap_starts)
    return Vocabulary("made", settings, codes, (), edges, (), gaps, scales=dict.fromkeys(codes, (5.0, 2.0)))


def _timeline(vocabulary: Vocabulary) -> Timelines:
    """Return one subject with a gap, a code and a value bin by turns."""
    rng = np.random.default_rng(0)
    events = TOKENS // 3
    tokens = np.empty((events, 3), dtype=np.uint32)
    tokens[:, 0] = vocabulary.first_gap + rng.integers(0, len(vocabulary.settings.gap_starts), events)
    tokens[:, 1] = vocabulary.first_code + rng.integers(0, len(vocabulary.codes), events)
    tokens[:, 2] = vocabulary.first_quantile + rng.integers(0, 10, events)
    values = np.full((events, 3), np.nan, dtype=np.float32)
    values[:, 2] = rng.uniform(0, 10, events)
    times = np.datetime64("2150-01-01", "us") + np.cumsum(rng.integers(1, 9, events)).astype("timedelta64[h]")
    numbers = np.repeat(np.arange(events), 3)
    return Timelines(
        np.array([1]),
        np.array([0, tokens.size]),
        tokens.ravel(),
        times[numbers],
        numbers,
        values.ravel(),
        vocabulary.hash,
    )


def _untrained(vocabulary: Vocabulary) -> Checkpoint:
    settings = Settings()
    shape, layout = settings.architecture, layout_of(vocabulary)
    classifier = Classifier(Decoder(shape, layout), Heads(shape, len(vocabulary), 0.2)).eval()
    calibration = Calibration(1.0, 0.0, tuple((head, 1.0, 0.0) for head in range(shape.ensemble)), 100, 20)
    decoder = Decoder(shape, layout).eval()
    task = TaskText("made", "a text")
    return Checkpoint("made", 1, settings, vocabulary, decoder, classifier, calibration, task, "0" * 64, now(), {})
