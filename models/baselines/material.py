"""What baselines learn from, and what a fitted one can do."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.special import logit

from ehr.errors import ModelError
from ehr.progress import Progress
from models.features import FeaturePlan, FeatureSettings, Matrix, plan_features, read_features

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

UNSEEN: Final = "no tuning subject has a row with either outcome, so {what} was taken unseen"


@dataclass(frozen=True, slots=True)
class Rows:
    """Features (n, columns), outcomes (n,) of 0 and 1, and subjects (n,)."""

    features: Matrix
    outcome: Floats
    subjects: Ints

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.outcome)

    @property
    def has_both(self) -> bool:
        """Whether both outcomes occur."""
        return len(self) > 0 and bool(self.outcome.min() < self.outcome.max())


@dataclass(frozen=True, slots=True)
class Material:
    """The rows of training subjects, to fit on, and of tuning subjects, to choose by; columns as `plan` says."""

    plan: FeaturePlan
    train: Rows
    tuning: Rows

    @property
    def names(self) -> tuple[str, ...]:
        """What each column says."""
        return tuple(self.plan.names)

    @property
    def counts(self) -> dict[str, int]:
        """Rows and positives, for a report."""
        positives = int(self.train.outcome.sum())
        return {"rows": len(self.train), "positives": positives, "tuning_rows": len(self.tuning)}


@dataclass(frozen=True, slots=True)
class Effort:
    """How a baseline is fitted: seed, fits on bootstraps of the subjects for the interval, and on which rows.

    `members` fits with seeds of their own are averaged on the logit scale, where the method draws at random.
    With `refit` what was chosen on tuning subjects is fitted anew on training and tuning subjects together; what it
    then says of tuning subjects is no longer unseen.
    """

    seed: int = 0
    replicates: int = 10
    refit: bool = False
    members: int = 5


class Fitted(Protocol):
    """A fitted baseline: plain values that know how to say a risk."""

    @property
    def report(self) -> Mapping[str, Any]:
        """What it was fitted on and what was chosen, as plain values."""

    @property
    def remark(self) -> str | None:
        """What a reader has to know of the fit."""

    def logits(self, features: Matrix) -> Floats:
        """Return (rows, 1 + replicates) logits: the estimate, and those of the bootstraps."""

    def strongest(self, n: int) -> list[tuple[str, float]]:
        """Return the columns that it leans on most, with a weight, the heaviest first."""

    def as_mapping(self) -> dict[str, Any]:
        """Return plain values for a file."""


class Learner(Protocol):
    """Fits on the training rows of a material, choosing on its tuning rows; both outcomes occur in training."""

    def __call__(self, material: Material, effort: Effort, progress: Progress) -> Fitted:
        """Return the fitted baseline."""


def gather(
    con: duckdb.DuckDBPyConnection, train: pl.DataFrame, tuning: pl.DataFrame, settings: FeatureSettings | None = None
) -> Material:
    """Return what baselines learn from: the past of label rows (subject_id, prediction_time, boolean_value).

    The columns are planned on training rows alone. Raises ModelError without training rows.
    """
    if train.is_empty():
        raise ModelError("no row of the task belongs to a training subject, so the baselines cannot be fitted")
    plan = plan_features(con, train, settings)
    return Material(plan, _rows(con, train, plan), _rows(con, tuning, plan))


def rows_to_fit(material: Material, effort: Effort) -> Rows:
    """Return the rows of the last fit: of training subjects, or of tuning subjects too."""
    train, tuning = material.train, material.tuning
    if not effort.refit or not len(tuning):
        return train
    return Rows(
        np.concatenate([train.features, tuning.features]),
        np.concatenate([train.outcome, tuning.outcome]),
        np.concatenate([train.subjects, tuning.subjects]),
    )


def bootstraps(rows: Rows, replicates: int, seed: int) -> Iterator[Floats]:
    """Yield weights of the rows under resampled subjects, skipping draws with one outcome only."""
    distinct, place = np.unique(rows.subjects, return_inverse=True)
    rng = np.random.default_rng(seed)
    for _ in range(replicates):
        weights = rng.multinomial(len(distinct), np.full(len(distinct), 1 / len(distinct)))[place].astype(np.float64)
        if 0 < weights @ rows.outcome < weights.sum():
            yield weights


def log_loss(logits: Floats, outcome: Floats) -> float:
    """Return the mean negative log likelihood."""
    return float((np.logaddexp(0, logits) - outcome * logits).mean())


@dataclass(frozen=True, slots=True)
class Constant:
    """What is fitted where all training rows have one outcome: its share, kept off 0 and 1 by Laplace's rule."""

    share: float
    counts: Mapping[str, int]

    @property
    def report(self) -> Mapping[str, Any]:
        """What it was fitted on."""
        return {**self.counts, "features": 0}

    @property
    def remark(self) -> str | None:
        """Say why there is nothing better."""
        rows = self.counts["rows"]
        return f"all {rows} training rows have the same outcome, so the answer is {self.share:.3f} for everyone"

    def logits(self, features: Matrix) -> Floats:
        """Return the logit of the share (rows, 1)."""
        return np.full((len(features), 1), logit(self.share))

    def strongest(self, n: int) -> list[tuple[str, float]]:
        """Return nothing: no column tells the rows apart."""
        return []

    def as_mapping(self) -> dict[str, Any]:
        """Return plain values for a file."""
        return {"share": self.share, "counts": dict(self.counts)}


def fit_constant(material: Material) -> Constant:
    """Return the share of positives among the training rows."""
    counts = material.counts
    return Constant((counts["positives"] + 1) / (counts["rows"] + 2), counts)


def _rows(con: duckdb.DuckDBPyConnection, rows: pl.DataFrame, plan: FeaturePlan) -> Rows:
    return Rows(
        read_features(con, rows, plan),
        rows["boolean_value"].cast(pl.Float64).to_numpy(),
        rows["subject_id"].to_numpy(),
    )
