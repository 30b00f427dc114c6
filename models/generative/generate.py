"""Risk from generated futures: the decoder goes on with a timeline many times, and the task's windows are watched.

Two estimates come from the same futures. `share` draws at every step whether the event happens and counts the
futures in which it did. `risk` adds up the model's own chances of the event (`models.generative.rollout`) and takes
away what goes with the surprises of the draws (`models.generative.variates`). Both have the same mean; the second
spreads less.

Time moves by gaps: a gap of an interval lasts as long as gaps of this interval did in training (its quantiles, linear
in between), and the first one is longer than the time already passed. Events less than the shortest gap apart share
one moment.
"""

from dataclasses import replace
from typing import Final

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from scipy.stats import norm

from ehr.tasks import Task
from ehr.timelines import Timelines
from ehr.vocabulary import Vocabulary
from models.checkpoint import Checkpoint, require_vocabulary
from models.data import Documents, Reader
from models.generative.backbone import Backbone
from models.generative.futures import Question, question
from models.generative.rollout import Histories, Outcomes, Rollout, Sampling
from models.generative.variates import lessened, most_frequent
from models.learner import threads
from models.predict import RISK_SCHEMA, known, risk_frame
from models.training import reader_of

LEVEL: Final = 0.90
"""Confidence of the intervals."""

_FUTURES_AT_ONCE: Final = 1024
_DAY: Final = np.timedelta64(1, "D")

Floats = NDArray[np.float64]

GENERATED_SCHEMA: Final = {
    **RISK_SCHEMA,
    "share": pl.Float64(),
    "share_low": pl.Float64(),
    "share_high": pl.Float64(),
    "unfinished": pl.Float64(),
    "method": pl.String(),
    "futures": pl.Int64(),
}
"""Columns of generated estimates: `risk` by `method`, and the share of futures with the event beside it."""


def generate(
    checkpoint: Checkpoint, timelines: Timelines, rows: pl.DataFrame, task: Task, sampling: Sampling | None = None
) -> pl.DataFrame:
    """Return the risk of each row (subject_id, prediction_time) by generated futures, columns as in GENERATED_SCHEMA.

    `low` and `high` bound the error of having drawn that many futures and no more, with a confidence of 90 %: by a
    normal interval for the probabilities, by Wilson's for the share. They say nothing of how well the model foresees.
    Raises ModelError for a task whose futures cannot be told from tokens, VocabularyError for other timelines.
    """
    sampling = sampling or Sampling()
    require_vocabulary(
        checkpoint.name, checkpoint.vocabulary, "the vocabulary of the timelines", timelines.vocabulary_hash
    )
    asked = question(task, checkpoint.vocabulary)
    reader = reader_of(timelines, checkpoint.vocabulary, checkpoint.settings)
    documents, usable = reader.histories(rows.select("subject_id", "prediction_time"))
    estimates = np.zeros((0, 7))
    if len(documents):
        with threads(checkpoint.settings.optimisation.threads):
            outcomes = sample(checkpoint.decoder, reader, documents, asked, checkpoint.vocabulary, sampling)
        estimates = estimates_of(outcomes)
    facts = known(timelines, checkpoint.vocabulary, rows, usable)
    frame = risk_frame(rows, usable, estimates[:, :3], facts, checkpoint.settings.data.unseen_warning)
    return _with_share(frame, usable, estimates).with_columns(futures=pl.lit(sampling.futures, pl.Int64))


def sample(
    backbone: Backbone,
    reader: Reader,
    documents: Documents,
    asked: Question,
    vocabulary: Vocabulary,
    sampling: Sampling,
) -> Outcomes:
    """Draw futures for documents that all have a query, in their order; the same seed gives the same futures."""
    chance = torch.Generator().manual_seed(sampling.seed)
    followed = most_frequent(reader.timelines.tokens, vocabulary)
    order = np.argsort(reader.lengths(documents), kind="stable")
    rows = max(1, _FUTURES_AT_ONCE // sampling.futures)
    found = []
    for at in range(0, len(order), rows):
        histories = _histories(reader, documents.take(order[at : at + rows]))
        found.append(Rollout(histories, asked, vocabulary, sampling, chance, followed).run(backbone))
    place = np.argsort(order, kind="stable")
    return Outcomes(*(np.concatenate(parts)[place] for parts in zip(*found, strict=True)))


def _histories(reader: Reader, documents: Documents) -> Histories:
    """Return what is known of the documents, without their queries."""
    past = replace(documents, query=np.full(len(documents), np.datetime64("NaT", "us")))
    batch = reader.collate(past, [np.array([row]) for row in range(len(documents))], predict=True)
    days = (documents.query - reader.origin[documents.subject]) / _DAY
    silence = (documents.query - reader.timelines.times[documents.last]) / _DAY
    return Histories(batch.reading, batch.documents >= 0, torch.from_numpy(days), torch.from_numpy(silence))


def estimates_of(outcomes: Outcomes) -> Floats:
    """Return (d, 7): probability, its low and high; share, its low and high; share of unfinished futures."""
    count = max(1, outcomes.probability.shape[1])
    chances = lessened(outcomes.probability, outcomes.told, outcomes.at_first)
    mean = chances.mean(axis=1).clip(0, 1)
    spread = chances.std(axis=1, ddof=1 if count > 1 else 0) / np.sqrt(count)
    reach = norm.ppf((1 + LEVEL) / 2) * spread
    share = outcomes.drawn.mean(axis=1)
    low, high = wilson(share, count)
    columns = (mean, np.maximum(0, mean - reach), np.minimum(1, mean + reach), share, low, high)
    return np.stack([*columns, outcomes.unfinished.mean(axis=1)], axis=1)


def wilson(share: Floats, count: int, level: float = LEVEL) -> tuple[Floats, Floats]:
    """Return the bounds of Wilson's score interval (1927) for a share among `count` draws.

    >>> [round(float(bound[0]), 3) for bound in wilson(np.array([0.0]), 20)]
    [0.0, 0.119]
    """
    z = norm.ppf((1 + level) / 2)
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    reach = z / (1 + z * z / count) * np.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return np.maximum(0, centre - reach), np.minimum(1, centre + reach)


def _with_share(frame: pl.DataFrame, usable: NDArray[np.bool_], estimates: Floats) -> pl.DataFrame:
    """Add the columns of GENERATED_SCHEMA that RISK_SCHEMA has not, null where the model abstains."""
    wide = np.full((len(usable), 4), np.nan)
    wide[usable] = estimates[:, 3:]
    names = ("share", "share_low", "share_high", "unfinished")
    columns = (pl.Series(name, wide[:, place]) for place, name in enumerate(names))
    shown = pl.when(pl.col("risk").is_not_null()).then(pl.col(*names))
    return frame.with_columns(*columns, method=pl.lit("probability")).with_columns(shown)
