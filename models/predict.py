"""From timelines to risks with a supervised model: evaluation, command line and service come through here."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ehr.errors import ModelError
from ehr.events import DEATH
from ehr.timelines import Timelines, past_ends
from ehr.vocabulary import UNKNOWN, Vocabulary
from models.checkpoint import Checkpoint, require_vocabulary
from models.learner import scores_of, threads
from models.training import reader_of

NO_HISTORY: Final = "nothing is known of the subject up to the prediction time"
DEAD: Final = "the subject's death is known at the prediction time"
RISK_SCHEMA: Final = {
    "subject_id": pl.Int64(),
    "prediction_time": pl.Datetime("us"),
    "risk": pl.Float64(),
    "low": pl.Float64(),
    "high": pl.Float64(),
    "events": pl.Int64(),
    "unseen": pl.Float64(),
    "reason": pl.String(),
    "warning": pl.String(),
}
"""Columns that every estimate has; `risk` is null exactly where `reason` says why the model abstains."""


def predict(checkpoint: Checkpoint, timelines: Timelines, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the calibrated risk of each row (subject_id, prediction_time), in the order of the rows.

    Columns as in RISK_SCHEMA: `low` and `high` are the interval of `models.calibration.Calibration`, `events` counts
    the events known at the prediction time, `unseen` is the share of them whose code the vocabulary has no reading
    for. Nothing is guessed for a subject without events up to that time: the risk is null with a reason.
    Raises ModelError for a model without a task, VocabularyError when the timelines were read with another one.
    """
    if checkpoint.classifier is None or checkpoint.calibration is None:
        raise ModelError(
            f"model {checkpoint.name} was pre-trained without a task; train it for one with "
            f"'ehr train --task TASK --model {checkpoint.name}', or ask it for generated futures"
        )
    require_vocabulary(
        checkpoint.name, checkpoint.vocabulary, "the vocabulary of the timelines", timelines.vocabulary_hash
    )
    reader = reader_of(timelines, checkpoint.vocabulary, checkpoint.settings)
    documents, usable = reader.histories(rows.select("subject_id", "prediction_time"))
    with threads(checkpoint.settings.optimisation.threads):
        scores = scores_of(checkpoint.classifier, reader, documents)
    estimates = np.stack(checkpoint.calibration.risks(scores), axis=1)
    facts = known(timelines, checkpoint.vocabulary, rows, usable)
    return risk_frame(rows, usable, estimates, facts, checkpoint.settings.data.unseen_warning)


@dataclass(frozen=True, slots=True)
class Known:
    """What was known at each row (d,): events, the share without a reading, and whether death."""

    events: NDArray[np.int64]
    unseen: NDArray[np.float64]
    is_dead: NDArray[np.bool_]


def known(timelines: Timelines, vocabulary: Vocabulary, rows: pl.DataFrame, usable: NDArray[np.bool_]) -> Known:
    """Count what was known at each of the `usable` rows, in the whole past and not only in what the model reads."""
    asked = rows.filter(usable)
    begins, ends = past_ends(
        timelines, asked["subject_id"].to_numpy(), asked["prediction_time"].cast(pl.Datetime("us")).to_numpy()
    )
    tokens = timelines.tokens

    def count(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
        running = np.concatenate([[0], np.cumsum(flags)]).astype(np.int64)
        counted: NDArray[np.int64] = running[ends] - running[begins]
        return counted

    is_unseen = tokens == UNKNOWN
    events = count(is_unseen | (tokens >= vocabulary.first_code))  # each event has exactly one of these
    unseen = count(is_unseen) / np.maximum(1, events)
    return Known(events, unseen, count(tokens == vocabulary.code_tokens.get(DEATH, -1)) > 0)


def risk_frame(
    rows: pl.DataFrame, usable: NDArray[np.bool_], estimates: NDArray[np.float64], facts: Known, unseen_warning: float
) -> pl.DataFrame:
    """Lay the estimates (u, 3: risk, low, high) of the `usable` rows (r,) out over all rows, as in RISK_SCHEMA.

    The dead get no estimate.
    """
    place = np.full(len(usable), -1)
    place[usable] = np.arange(usable.sum())
    shown = np.where(facts.is_dead[:, None], np.nan, estimates)
    found = pl.DataFrame(
        {
            "place": np.arange(len(facts.events)),
            "events": facts.events,
            "unseen": facts.unseen,
            "is_dead": facts.is_dead,
            **{name: shown[:, at] for at, name in enumerate(("risk", "low", "high"))},
        }
    ).with_columns(pl.col("risk", "low", "high").fill_nan(None))
    percent = (pl.col("unseen") * 100).round().cast(pl.Int64)
    warning = pl.format("{} % of the events known have codes that the vocabulary does not know", percent)
    reason = pl.when("is_dead").then(pl.lit(DEAD)).when(pl.col("risk").is_null()).then(pl.lit(NO_HISTORY))
    return (
        rows.select("subject_id", pl.col("prediction_time").cast(pl.Datetime("us")), place=pl.Series(place))
        .join(found, on="place", how="left", maintain_order="left")
        .with_columns(
            pl.col("events").fill_null(0),
            reason=reason,
            warning=pl.when(pl.col("unseen") > unseen_warning).then(warning),
        )
        .select(pl.col(name).cast(kind) for name, kind in RISK_SCHEMA.items())
    )
