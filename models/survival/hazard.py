"""What a model knows of the time of an endpoint: its heads on a fine-tuned decoder, and how they are learnt."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ehr.errors import ModelError
from ehr.progress import Progress
from models.data import Documents, Reader, bootstrap_weights
from models.heads import Classifier
from models.learner import Learner, Material, Passed, fit, scores_of
from models.settings import Settings
from models.survival.curves import Curves, Recalibration, fit_recalibration
from models.survival.grid import Floats, Grid, Ints, fit_grid
from models.survival.heads import HazardHeads
from models.transformer import Decoder

_DAY: Final = 86_400_000_000
"""In microseconds."""


@dataclass(frozen=True, slots=True)
class Times:
    """When an endpoint came: rows (subject_id, prediction_time, days, cause), cause 0 where it was censored.

    `causes` names what the causes from 1 on are.
    """

    endpoint: str
    causes: tuple[str, ...]
    rows: pl.DataFrame

    def until(self, time: datetime) -> "Times":
        """Return the rows that predict before a time, as they stood then: who had not ended is censored there."""
        left = (pl.lit(time) - pl.col("prediction_time")).dt.total_microseconds() / _DAY
        later = pl.col("days") > left
        rows = self.rows.filter(pl.col("prediction_time") < time).with_columns(
            days=pl.when(later).then(left).otherwise(pl.col("days")),
            cause=pl.when(later).then(0).otherwise(pl.col("cause")),
        )
        return replace(self, rows=rows)


@dataclass(frozen=True, slots=True)
class Hazard:
    """The heads of an endpoint with their decoder, the intervals, and the recalibration."""

    endpoint: str
    classifier: Classifier
    grid: Grid
    recalibration: Recalibration

    def as_mapping(self) -> dict[str, Any]:
        """Return plain values for a file; the weights stand elsewhere."""
        return {
            "endpoint": self.endpoint,
            "grid": self.grid.as_mapping(),
            "recalibration": self.recalibration.as_mapping(),
        }

    def curves(self, reader: Reader, documents: Documents) -> Curves:
        """Return the curves of documents that end with a query, in their order."""
        return self.recalibration.curves(scores_of(self.classifier, reader, documents), self.grid)


def fit_hazard(
    folder: Path,
    reader: Reader,
    decoder: Decoder,
    settings: Settings,
    times: Times,
    split_of: Callable[[NDArray[np.int64]], pl.Series],
    progress: Progress,
) -> tuple[Hazard, Passed, dict[str, Any]]:
    """Train hazard heads on a copy of the decoder; intervals and base come from training rows.

    Raises ModelError without training or tuning rows, or where nothing happened in training.
    """
    training, trained_on = _documents(reader, times, split_of, "train")
    tuning, tuned_on = _documents(reader, times, split_of, "tuning")
    if not len(training) or not len(tuning):
        raise ModelError(
            f"endpoint {times.endpoint} has {len(training)} rows of training subjects and {len(tuning)} of tuning "
            "subjects with a history, and needs some of both; import more patients or widen the task"
        )
    grid = fit_grid(*trained_on, times.causes, settings.optimisation.intervals)
    work = settings.optimisation
    training = bootstrap_weights(_labelled(training, grid, trained_on), settings.architecture.ensemble, work.seed)
    tuning = _labelled(tuning, grid, tuned_on)
    classifier = Classifier(copy.deepcopy(decoder), HazardHeads(settings.architecture, grid))
    learner = Learner(classifier.decoder, classifier.heads, work)
    passed = fit("fine-tuning", learner, Material(reader, training, tuning), folder / "fine-tuning", progress)
    scores = scores_of(classifier, reader, tuning)
    recalibration = fit_recalibration(scores, grid, grid.observed(*tuned_on), tuning.subject, work.seed)
    events = {name: int((trained_on[1] == number).sum()) for number, name in enumerate(times.causes, start=1)}
    report = {"endpoint": times.endpoint, "rows": len(training), "causes": events, "tuning_rows": len(tuning)}
    return Hazard(times.endpoint, classifier, grid, recalibration), passed, report


def _documents(
    reader: Reader, times: Times, split_of: Callable[[NDArray[np.int64]], pl.Series], part: str
) -> tuple[Documents, tuple[Floats, Ints]]:
    """Return the histories of the rows of one part of the subjects, with days and cause of each."""
    rows = times.rows.drop_nulls(["prediction_time", "days"])
    rows = rows.filter(split_of(rows["subject_id"].to_numpy()) == part)
    documents, usable = reader.histories(rows)
    rows = rows.filter(usable)
    return documents, (rows["days"].cast(pl.Float64).to_numpy(), rows["cause"].cast(pl.Int64).to_numpy())


def _labelled(documents: Documents, grid: Grid, observed: tuple[Floats, Ints]) -> Documents:
    return replace(documents, label=grid.encode(*observed).astype(np.float32))
