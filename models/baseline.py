"""The baseline that stands beside every model: counts of what was recorded, and logistic regression.

It reads the features of `models.features`, learns on training subjects, and takes the penalty that does best on
tuning subjects. No held-out row is read while fitting.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson
import polars as pl
from scipy import sparse
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from ehr.errors import ModelError, VocabularyError
from ehr.progress import Progress, silent
from ehr.splits import splits
from ehr.timelines import Timelines
from ehr.vocabulary import Vocabulary
from models.features import Floats, Matrix, extract, feature_names

NAME: Final = "counts + logistic regression"
BASELINE_FILE: Final = "baseline.json"
FORMAT: Final = 1
_GRID: Final = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
_MIN_ROWS: Final = 3
"""Training rows in which a feature has to occur."""
_REPLICATES: Final = 10
_Z90: Final = 1.6448536269514722


@dataclass(frozen=True, slots=True)
class Baseline:
    """A fitted baseline. Features are divided by `scale`; coefficients and intercepts have one row per replicate.

    The first row is the fit on all training rows; the others, on bootstraps of the training subjects, make the
    interval. With one outcome only in training there is nothing to learn: `columns` is empty and the risk is the
    share of positives, as `remark` says.
    """

    vocabulary_hash: str
    columns: npt.NDArray[np.int64]
    names: tuple[str, ...]
    scale: Floats
    coefficients: Floats
    intercepts: Floats
    strength: float | None
    report: Mapping[str, Any]
    remark: str | None


def fit_baseline(
    timelines: Timelines,
    rows: pl.DataFrame,
    vocabulary: Vocabulary,
    *,
    seed: int = 0,
    progress: Progress = silent,
) -> Baseline:
    """Fit on the rows of training subjects; the strength C of the penalty is the best one on tuning subjects.

    `rows` is a label frame (subject_id, prediction_time, boolean_value); rows of held-out subjects are not read.
    Raises ModelError without training rows.
    """
    split = splits(rows["subject_id"])
    train, tuning = rows.filter(split == "train"), rows.filter(split == "tuning")
    if train.is_empty():
        raise ModelError("no row of the task belongs to a training subject, so the baseline cannot be fitted")
    outcome = _outcomes(train)
    counts = {"rows": train.height, "positives": int(outcome.sum()), "tuning_rows": tuning.height}
    if outcome.min() == outcome.max():
        return _constant(vocabulary, float(outcome.mean()), counts)
    progress("baseline: features", 0, len(_GRID) + _REPLICATES)
    features = extract(timelines, train, vocabulary)
    columns = np.flatnonzero(np.diff(features.tocsc().indptr) >= min(_MIN_ROWS, train.height))
    scale = _spread(features[:, columns])
    scaled = _scaled(features, columns, scale)
    strength, losses = _choose_strength(
        scaled, outcome, _scaled(extract(timelines, tuning, vocabulary), columns, scale), _outcomes(tuning), progress
    )
    fits = [_fit(scaled, outcome, strength)]
    for weights in _bootstraps(train["subject_id"].to_numpy(), outcome, seed):
        fits.append(_fit(scaled, outcome, strength, weights))
        progress("baseline: interval", len(_GRID) + len(fits) - 1, len(_GRID) + _REPLICATES)
    names = feature_names(vocabulary)
    return Baseline(
        vocabulary.hash,
        columns.astype(np.int64),
        tuple(names[column] for column in columns),
        scale,
        np.stack([fit.coef_[0] for fit in fits]),
        np.array([fit.intercept_[0] for fit in fits]),
        strength,
        {**counts, "features": len(columns), "tuning_log_loss": losses},
        None if losses else f"no tuning subject has a row, so C = {strength:g} was taken unseen",
    )


def predict_baseline(
    baseline: Baseline, timelines: Timelines, rows: pl.DataFrame, vocabulary: Vocabulary
) -> pl.DataFrame:
    """Return (subject_id, prediction_time, risk, low, high), one row per row of `rows`, in their order.

    `low` and `high` span 90 % of bootstrap fits (mean and spread on the logit scale); they say how far the estimate
    would move with other training patients. Raises VocabularyError for timelines of another vocabulary.
    """
    if not baseline.vocabulary_hash == timelines.vocabulary_hash == vocabulary.hash:
        raise VocabularyError(
            f"the baseline was fitted with vocabulary {baseline.vocabulary_hash[:12]} and the timelines have "
            f"{timelines.vocabulary_hash[:12]}; fit it anew with 'ehr evaluate'"
        )
    if len(baseline.columns):
        scaled = _scaled(extract(timelines, rows, vocabulary), baseline.columns, baseline.scale)
        logits = scaled @ baseline.coefficients.T + baseline.intercepts
    else:
        logits = np.repeat(baseline.intercepts[None, :], rows.height, axis=0)
    point = logits[:, 0]
    half = _Z90 * logits[:, 1:].std(axis=1) if logits.shape[1] > 2 else np.full(len(point), np.nan)
    return rows.select("subject_id", "prediction_time").with_columns(
        risk=expit(point),
        low=pl.Series(expit(point - half)).fill_nan(None),
        high=pl.Series(expit(point + half)).fill_nan(None),
    )


def strongest(baseline: Baseline, n: int = 20) -> list[tuple[str, float]]:
    """Return the features with the largest coefficients (of scaled features), by size."""
    if not len(baseline.columns):
        return []
    order = np.argsort(-np.abs(baseline.coefficients[0]))[:n]
    return [(baseline.names[place], float(baseline.coefficients[0, place])) for place in order]


def save_baseline(folder: Path, baseline: Baseline, identity: Mapping[str, Any]) -> None:
    """Write the baseline into a folder of models/; `identity` says for which task and data it was fitted."""
    content = {
        "format": FORMAT,
        "identity": dict(identity),
        "vocabulary_hash": baseline.vocabulary_hash,
        "columns": baseline.columns,
        "names": list(baseline.names),
        "scale": baseline.scale,
        "coefficients": baseline.coefficients,
        "intercepts": baseline.intercepts,
        "strength": baseline.strength,
        "report": dict(baseline.report),
        "remark": baseline.remark,
    }
    folder.mkdir(parents=True, exist_ok=True)
    scratch = folder / f"{BASELINE_FILE}.tmp"
    scratch.write_bytes(orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY))
    scratch.replace(folder / BASELINE_FILE)


def load_baseline(folder: Path, identity: Mapping[str, Any]) -> Baseline | None:
    """Return the baseline in a folder, or None when there is none for this identity and it has to be fitted.

    Raises ModelError when the file is damaged.
    """
    path = folder / BASELINE_FILE
    if not path.exists():
        return None
    try:
        content = orjson.loads(path.read_bytes())
        if content["format"] != FORMAT or content["identity"] != dict(identity):
            return None
        return Baseline(
            content["vocabulary_hash"],
            np.array(content["columns"], dtype=np.int64),
            tuple(content["names"]),
            np.array(content["scale"], dtype=np.float64),
            np.array(content["coefficients"], dtype=np.float64).reshape(len(content["intercepts"]), -1),
            np.array(content["intercepts"], dtype=np.float64),
            content["strength"],
            content["report"],
            content["remark"],
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{path} is damaged; remove it and run 'ehr evaluate' again") from error


def _spread(features: Matrix) -> Floats:
    """Return the standard deviation of each column, 1 where it does not vary."""
    mean = np.asarray(features.mean(axis=0)).ravel()
    squares = np.asarray(features.multiply(features).mean(axis=0)).ravel()
    spread = np.sqrt(np.maximum(squares - mean**2, 0))
    scale: Floats = np.where(spread > 1e-6, spread, 1.0)
    return scale


def _scaled(features: Matrix, columns: npt.NDArray[np.int64], scale: Floats) -> Matrix:
    return sparse.csr_matrix(features[:, columns] @ sparse.diags(1 / scale))


def _choose_strength(
    features: Matrix, outcome: Floats, tuning: Matrix, tuning_outcome: Floats, progress: Progress
) -> tuple[float, dict[str, float]]:
    """Return the C with the least log loss on tuning rows, and all the losses; without such rows a middle C."""
    if not tuning.shape[0]:
        return 1e-2, {}
    losses: dict[str, float] = {}
    for place, strength in enumerate(_GRID):
        fitted = _fit(features, outcome, strength)
        logits = tuning @ fitted.coef_[0] + fitted.intercept_[0]
        losses[f"{strength:g}"] = float((np.logaddexp(0, logits) - tuning_outcome * logits).mean())
        progress("baseline: penalty", place + 1, len(_GRID) + _REPLICATES)
    best = min(losses, key=lambda strength: losses[strength])
    return float(best), losses


def _fit(features: Matrix, outcome: Floats, strength: float, weights: Floats | None = None) -> LogisticRegression:
    with threadpool_limits(
        1
    ):  # threads cost more than they give on sums this small: ten times the time on busy cores
        return LogisticRegression(C=strength, max_iter=1000, tol=1e-4).fit(features, outcome, sample_weight=weights)


def _bootstraps(subjects: npt.NDArray[np.int64], outcome: Floats, seed: int) -> Iterator[Floats]:
    """Yield weights of the rows under resampled subjects, skipping draws with one outcome only."""
    distinct, place = np.unique(subjects, return_inverse=True)
    rng = np.random.default_rng(seed)
    for _ in range(_REPLICATES):
        weights = rng.multinomial(len(distinct), np.full(len(distinct), 1 / len(distinct)))[place].astype(np.float64)
        if 0 < weights @ outcome < weights.sum():
            yield weights


def _constant(vocabulary: Vocabulary, share: float, counts: Mapping[str, int]) -> Baseline:
    """Return a baseline that always answers with the share of positives, kept off 0 and 1 by Laplace's rule."""
    rows, positives = counts["rows"], counts["positives"]
    kept = (positives + 1) / (rows + 2)
    return Baseline(
        vocabulary.hash,
        np.zeros(0, dtype=np.int64),
        (),
        np.zeros(0),
        np.zeros((1, 0)),
        np.array([np.log(kept / (1 - kept))]),
        None,
        {**counts, "features": 0, "tuning_log_loss": {}},
        f"all {rows} training rows have the same outcome, so the baseline answers {kept:.3f} for everyone",
    )


def _outcomes(rows: pl.DataFrame) -> Floats:
    return rows["boolean_value"].cast(pl.Float64).to_numpy()
