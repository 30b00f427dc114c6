"""From timelines to risks with a supervised model: evaluation, command line and service come through here."""

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ehr.errors import ModelError
from ehr.timelines import Timelines
from ehr.vocabulary import UNKNOWN, Vocabulary
from models.checkpoint import Checkpoint, require_vocabulary
from models.data import Documents, Reader
from models.learner import scores_of, threads
from models.training import reader_of

NO_HISTORY: Final = "nothing is known of the subject up to the prediction time"
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
    facts = known(reader, checkpoint, documents)
    return risk_frame(rows, usable, estimates, facts, checkpoint.settings.data.unseen_warning)


def known(
    reader: Reader, checkpoint: Checkpoint, documents: Documents
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return how many events were known at each document's end (d,), and which share of them had no reading (d,)."""
    stop, start = documents.stop, reader.start[documents.subject]
    is_event, is_unseen = _event_tokens(checkpoint.vocabulary, reader.timelines)
    events = (is_event[stop] - is_event[start]).astype(np.int64)
    unseen = (is_unseen[stop] - is_unseen[start]) / np.maximum(1, events)
    return events, unseen


def risk_frame(
    rows: pl.DataFrame,
    usable: NDArray[np.bool_],
    estimates: NDArray[np.float64],
    known: tuple[NDArray[np.int64], NDArray[np.float64]],
    unseen_warning: float,
) -> pl.DataFrame:
    """Lay the estimates (u, 3: risk, low, high) of the `usable` rows (r,) out over all rows, as in RISK_SCHEMA."""
    events, unseen = known
    place = np.full(len(usable), -1)
    place[usable] = np.arange(usable.sum())
    found = pl.DataFrame(
        {
            "place": np.arange(len(events)),
            "risk": estimates[:, 0],
            "low": estimates[:, 1],
            "high": estimates[:, 2],
            "events": events,
            "unseen": unseen,
        }
    )
    percent = (pl.col("unseen") * 100).round().cast(pl.Int64)
    warning = pl.format("{} % of the events known have codes that the vocabulary does not know", percent)
    return (
        rows.select("subject_id", pl.col("prediction_time").cast(pl.Datetime("us")), place=pl.Series(place))
        .join(found, on="place", how="left", maintain_order="left")
        .with_columns(
            pl.col("events").fill_null(0),
            reason=pl.when(pl.col("risk").is_null()).then(pl.lit(NO_HISTORY)),
            warning=pl.when(pl.col("unseen") > unseen_warning).then(warning),
        )
        .select(pl.col(name).cast(kind) for name, kind in RISK_SCHEMA.items())
    )


def _event_tokens(vocabulary: Vocabulary, timelines: Timelines) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return running counts (n + 1,) of code tokens and of UNKNOWN ones: each event has exactly one of them."""
    is_unseen = timelines.tokens == UNKNOWN
    is_event = is_unseen | (timelines.tokens >= vocabulary.first_code)
    return _running(is_event), _running(is_unseen)


def _running(flags: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.concatenate([[0.0], np.cumsum(flags, dtype=np.float64)])
