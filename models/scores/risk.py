"""Scores as estimators: points are no probability, so each is recalibrated by logistic regression on training rows.

The regression is of the outcome on the score as charted, that is with 0 points for what is missing, so that it says
something of every row; `about` tells how much was on record. Rows of which nothing is on record get the share of
positives among such rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.special import expit

from models.scores.comorbidity import CHARLSON_AGE
from models.scores.compute import KEY, Scored, coverage, score_rows
from models.scores.definition import Score
from models.scores.intensive import SAPS, SAPS_2, SOFA
from models.scores.sources import Concepts
from models.scores.warning import MEWS, NEWS2, QSOFA

ESTIMATED: Final = (NEWS2, MEWS, QSOFA, SOFA, SAPS, SAPS_2, CHARLSON_AGE)
ENOUGH: Final = 0.5
"""Share of the inputs of a score that has to be on record, on average over the training rows."""
FEWEST: Final = 50
"""Training rows below which no score is recalibrated."""
MOST: Final = 3
"""Scores that are shown: those with the least log loss on the tuning rows."""
REPLICATES: Final = 50
_LEVEL: Final = 0.90
_PRECISION: Final = np.array([1e-3, 1e-2])
_STEPS: Final = 30

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Recalibrated:
    """A score with the logistic regressions (replicate, [intercept, slope]) on it, the first on all training rows.

    The others are on Bayesian bootstraps of the training subjects and make the interval. `bare` is the risk of rows
    of which nothing is on record.
    """

    score: Score
    coefficients: Floats
    bare: float
    about: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Name among the estimators."""
        return estimator_name(self.score)


def estimator_name(score: Score) -> str:
    """Return the name of a recalibrated score among the estimators.

    >>> estimator_name(SOFA)
    'score_sofa'
    """
    return f"score_{score.name}"


TITLES: Final = {estimator_name(score): f"{score.title} as charted, recalibrated" for score in ESTIMATED}
"""Titles of the estimators by name."""


def fit_scores(
    events: duckdb.DuckDBPyConnection,
    train: pl.DataFrame,
    tuning: pl.DataFrame,
    *,
    concepts: Concepts | None = None,
    seed: int = 0,
) -> tuple[list[Recalibrated], list[str]]:
    """Return the scores that are worth showing, the best first, and remarks on those that are left out.

    `train` and `tuning` are label rows (subject_id, prediction_time, boolean_value). Left out is a score of which
    less than ENOUGH of the inputs are on record, and all but the MOST with the least log loss on the tuning rows (on
    the training rows where there are none).
    """
    outcome = _outcomes(train)
    if train.height < FEWEST or outcome.min() == outcome.max():
        return [], ["no clinical score is recalibrated, since the training rows are too few or have one outcome only"]
    scored, judged = score_rows(events, train, ESTIMATED, concepts), tuning if tuning.height else train
    shares = _on_record(scored)
    told = [score for score in ESTIMATED if shares[score.name] >= ENOUGH]
    remarks = _left_out([(score, shares[score.name]) for score in ESTIMATED if score not in told])
    if not told:
        return [], remarks
    fits = [_fit(score, scored, train, shares[score.name], seed) for score in told]
    seen = score_rows(events, judged, told, concepts)
    losses = {
        fit.name: _log_loss(_risk_frame(fit, seen, judged)["risk"].to_numpy(), _outcomes(judged)) for fit in fits
    }
    ranked = sorted(fits, key=lambda fit: losses[fit.name])
    if ranked[MOST:]:
        others = ", ".join(fit.score.title for fit in ranked[MOST:])
        remarks.append(f"of the clinical scores the {MOST} best on tuning rows are shown, and not {others}")
    return ranked[:MOST], remarks


def predict_score(
    fit: Recalibrated, events: duckdb.DuckDBPyConnection, rows: pl.DataFrame, concepts: Concepts | None = None
) -> pl.DataFrame:
    """Return (subject_id, prediction_time, risk, low, high), one row per row of `rows`, in their order.

    `low` and `high` span 90 % of the bootstrap fits.
    """
    return _risk_frame(fit, score_rows(events, rows, [fit.score], concepts), rows)


def _fit(score: Score, scored: Scored, train: pl.DataFrame, share: float, seed: int) -> Recalibrated:
    charted = _charted(score, scored, train)
    outcome, is_told = _outcomes(train), ~np.isnan(charted)
    subjects, place = np.unique(train["subject_id"].to_numpy(), return_inverse=True)
    weights = np.random.default_rng(seed).exponential(size=(REPLICATES, len(subjects)))[:, place]
    weights = np.vstack([np.ones(len(outcome)), weights])[:, is_told]
    covered = coverage(scored).filter(score=score.name).row(0, named=True)
    about = {
        "score": score.title,
        "source": score.source,
        "inputs_on_record": share,
        "complete_rows": covered["complete"],
        "most_missing": covered["most_missing"],
        "missing": "0 points",
    }
    silent = outcome[~is_told]
    return Recalibrated(
        score,
        np.stack([_logistic(charted[is_told], outcome[is_told], weight) for weight in weights]),
        float((silent.sum() + outcome.mean()) / (len(silent) + 1)),
        about,
    )


def _logistic(score: Floats, outcome: Floats, weights: Floats) -> Floats:
    """Return intercept and slope, by Newton's method with weak normal priors (so that they stay finite)."""
    design = np.column_stack([np.ones(len(score)), score])
    beta = np.zeros(2)
    for _ in range(_STEPS):
        risk = expit(design @ beta)
        gradient = design.T @ (weights * (outcome - risk)) - _PRECISION * beta
        curvature = (design * (weights * risk * (1 - risk))[:, None]).T @ design + np.diag(_PRECISION)
        step = np.linalg.solve(curvature, gradient)
        beta = beta + np.clip(step, -2, 2)
    return beta


def _risk_frame(fit: Recalibrated, scored: Scored, rows: pl.DataFrame) -> pl.DataFrame:
    charted = _charted(fit.score, scored, rows)
    spread = expit(fit.coefficients[:, :1] + fit.coefficients[:, 1:] * charted)
    spread = np.where(np.isnan(charted), fit.bare, spread)
    risk = spread[0]
    low, high = np.quantile(spread[1:], [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2], axis=0)
    return rows.select(
        "subject_id",
        "prediction_time",
        risk=pl.lit(pl.Series(risk)),
        low=pl.lit(pl.Series(np.minimum(low, risk))),
        high=pl.lit(pl.Series(np.maximum(high, risk))),
    )


def _charted(score: Score, scored: Scored, rows: pl.DataFrame) -> Floats:
    """Return the score as charted of each row, NaN where nothing is on record."""
    keys = rows.select(pl.col("subject_id").cast(pl.Int64), pl.col("prediction_time").cast(pl.Datetime("us")))
    totals = scored.totals.filter(score=score.name).select(*KEY, pl.col("charted").cast(pl.Float64))
    joined = keys.join(totals, on=KEY, how="left", maintain_order="left")
    charted: Floats = joined["charted"].fill_null(np.nan).to_numpy()
    return charted


def _on_record(scored: Scored) -> dict[str, float]:
    """Return the share of what each score asks for that is on record, over all rows.

    Of a score that needs an input, such as any coded diagnosis at all, no more is on record than that input is.
    """
    shares = {}
    for score in ESTIMATED:
        missing = scored.totals.filter(score=score.name)["missing"]
        asked = len(score.needs) + sum(part.required or part.where is not None for part in score.components)
        there = [1 - np.mean(missing.list.contains(name).to_numpy()) for name in score.needs]
        shares[score.name] = float(min([1 - np.mean(missing.list.len().to_numpy()) / asked, *there]))
    return shares


def _left_out(scores: Sequence[tuple[Score, float]]) -> list[str]:
    if not scores:
        return []
    if len(scores) == len(ESTIMATED):
        best, share = max(scores, key=lambda one: one[1])
        return [f"no clinical score is shown, since too few inputs are on record ({share:.0%} of {best.title})"]
    each = ", ".join(f"{score.title} ({share:.0%})" for score, share in scores)
    return [f"clinical scores of which too few inputs are on record are left out: {each}"]


def _log_loss(risk: Floats, outcome: Floats) -> float:
    kept = np.clip(risk, 1e-9, 1 - 1e-9)
    return float(-(outcome * np.log(kept) + (1 - outcome) * np.log1p(-kept)).mean())


def _outcomes(rows: pl.DataFrame) -> Floats:
    return rows["boolean_value"].cast(pl.Float64).to_numpy()
