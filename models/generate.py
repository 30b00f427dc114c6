"""Risk from generated futures: the decoder goes on with a timeline many times, and the task's windows are watched.

Two estimates come from the same futures. `share` draws at every step whether the event happens and counts the
futures in which it did. `probability` adds up the model's own probability of the event at every step: each future is
led on as if the event did not happen, and 1 - prod(1 - p) over its steps is the chance that it would have. Both have
the same expectation; the second one spreads less, because it leaves out the last draw.

Time moves by gap tokens: a gap of an interval lasts as long as gaps of this interval did in training (its quantiles,
linear in between), and the first one is longer than the time already passed since the last event. Events less than
the shortest gap apart share one moment.
"""

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import norm

from ehr.tasks import Task
from ehr.timelines import Timelines
from models.checkpoint import Checkpoint, require_vocabulary
from models.futures import question
from models.learner import threads
from models.predict import RISK_SCHEMA, known, risk_frame
from models.rollout import Outcomes, Sampling, sample
from models.training import reader_of

LEVEL: Final = 0.90
"""Confidence of the intervals."""

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
    with threads(checkpoint.settings.optimisation.threads):
        outcomes = sample(checkpoint.decoder, reader, documents, asked, checkpoint.vocabulary, sampling)
    estimates = estimates_of(outcomes)
    facts = known(timelines, checkpoint.vocabulary, rows, usable)
    frame = risk_frame(rows, usable, estimates[:, :3], facts, checkpoint.settings.data.unseen_warning)
    return _with_share(frame, usable, estimates).with_columns(futures=pl.lit(sampling.futures, pl.Int64))


def estimates_of(outcomes: Outcomes) -> Floats:
    """Return (d, 7): probability, its low and high; share, its low and high; share of unfinished futures."""
    chances = outcomes.probability
    count = max(1, chances.shape[1])
    mean = chances.mean(axis=1)
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
