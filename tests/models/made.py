"""Small vocabularies, timelines and models for the tests of this folder."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import torch

from ehr.events import BIRTH, DEATH
from ehr.timelines import Timelines
from ehr.vocabulary import TokenSettings, Vocabulary
from models.calibration import Calibration
from models.checkpoint import Checkpoint, TaskText, now
from models.events import Layout, Reading, layout_of
from models.heads import Classifier, Heads
from models.settings import Settings, read_settings
from models.transformer import Decoder

START = datetime(2150, 1, 1)
CODES = ("A", "B", BIRTH, "C", "HOSPITAL_DISCHARGE//HOME", DEATH, "RISK", "SEX//F")
TINY = ("width=16", "heads=2", "layers=2", "max_tokens=24", "threads=1", "tokens_per_step=256", "ensemble=4")

Record = Sequence[tuple[float | None, str]]
"""Days after START (None = static) and codes."""


def tiny_settings(*assignments: str) -> Settings:
    return read_settings(None, (*TINY, *assignments))


def make_vocabulary(
    codes: Sequence[str] = CODES, families: Sequence[str] = (), gap_starts: Sequence[int] = (3_600, 86_400, 864_000)
) -> Vocabulary:
    names = tuple(f"from {start} s" for start in gap_starts)
    settings = TokenSettings(quantiles=0, gap_names=names, gap_starts=tuple(gap_starts), age_years=0)
    seconds = tuple((float(start), float(start) + 1) for start in gap_starts)
    return Vocabulary("test", settings, tuple(codes), tuple(families), {}, (), seconds)


def make_timelines(vocabulary: Vocabulary, records: Mapping[int, Record]) -> Timelines:
    """Tokenise records as `ehr.tokens` does: statics first, a gap token between moments."""
    tokens: list[int] = []
    times: list[np.datetime64] = []
    offsets = [0]
    starts = np.array(vocabulary.settings.gap_starts)
    for subject in sorted(records):
        last: float | None = None
        for day, code in sorted(records[subject], key=lambda event: -1e9 if event[0] is None else event[0]):
            time = np.datetime64("NaT", "us") if day is None else at_day(day)
            if day is not None and last is not None and day > last:
                gap = int(np.searchsorted(starts, (day - last) * 86_400, side="right")) - 1
                if gap >= 0:
                    tokens.append(vocabulary.first_gap + gap)
                    times.append(time)
            tokens.append(vocabulary.token_of(code))
            times.append(time)
            last = day if day is not None else last
        offsets.append(len(tokens))
    return Timelines(
        np.array(sorted(records), dtype=np.int64),
        np.array(offsets, dtype=np.int64),
        np.array(tokens, dtype=np.uint32),
        np.array(times, dtype="datetime64[us]"),
        np.arange(len(tokens), dtype=np.int64),
        np.full(len(tokens), np.nan, dtype=np.float32),
        vocabulary.hash,
    )


def at_day(day: float) -> np.datetime64:
    return np.datetime64(START + timedelta(days=day), "us")


def make_rows(rows: Sequence[tuple[int, float]], labels: Sequence[bool] | None = None) -> pl.DataFrame:
    frame = pl.DataFrame(
        {"subject_id": [row[0] for row in rows], "prediction_time": [START + timedelta(days=row[1]) for row in rows]},
        schema={"subject_id": pl.Int64, "prediction_time": pl.Datetime("us")},
    )
    return frame if labels is None else frame.with_columns(boolean_value=pl.Series(labels))


def random_decoder(layout: Layout, *assignments: str, seed: int = 0) -> Decoder:
    """Return a decoder whose weights are large enough for its outputs to differ clearly."""
    torch.manual_seed(seed)
    decoder = Decoder(tiny_settings(*assignments).architecture, layout)
    with torch.no_grad():
        for weight in decoder.parameters():
            if weight.ndim > 1:
                weight.mul_(10)
    return decoder.eval()


def plain_reading(codes: torch.Tensor, days: torch.Tensor) -> Reading:
    """Return a reading of events without values."""
    return Reading(codes, torch.zeros_like(codes), torch.full(codes.shape, float("nan")), days)


def untrained_checkpoint(vocabulary: Vocabulary, *assignments: str) -> Checkpoint:
    """Return a checkpoint with random weights: enough for laws that hold for any weights."""
    settings = tiny_settings(*assignments)
    heads = Heads(settings.architecture, len(vocabulary), 0.3)
    torch.nn.init.normal_(heads.scores.weight, std=0.3)
    if heads.wide is not None:
        torch.nn.init.normal_(heads.wide.linear.weight, std=0.3)
    calibration = Calibration(1.0, 0.0, tuple((head % 4, 1.0, 0.0) for head in range(8)), 10, 3)
    decoder = random_decoder(layout_of(vocabulary), *assignments)
    classifier = Classifier(random_decoder(layout_of(vocabulary), *assignments, seed=1), heads).eval()
    task = TaskText("death", "a text")
    return Checkpoint("made", 1, settings, vocabulary, decoder, classifier, calibration, task, "0" * 64, now(), {})
