"""A blend: one risk out of what several estimators say, weighed and calibrated on tuning subjects.

The blend is the weighted mean of the logits, then Platt scaling. The weights are positive and sum to one; without
evidence they are equal, and slope 1 and intercept 0 stay as they are: all three have weak normal priors, so that a
handful of events cannot throw them far.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.optimize import minimize
from scipy.special import expit, logit, softmax

from ehr.errors import ModelError

Floats = npt.NDArray[np.float64]

_KEY: Final = ["subject_id", "prediction_time"]
_CLIP: Final = 1e-6
_PRECISION: Final = {"weights": 4.0, "slope": 4.0, "intercept": 1.0}


@dataclass(frozen=True, slots=True)
class Blend:
    """Weights of the estimators, by name, then slope and intercept; fitted on `rows` rows with `events` events."""

    weights: Mapping[str, float]
    slope: float
    intercept: float
    rows: int
    events: int

    def logits(self, risks: Mapping[str, Floats]) -> Floats:
        """Return the blended logits (n,) of the risks (n,) of each estimator."""
        mean = sum(weight * _logit(risks[name]) for name, weight in self.weights.items())
        return np.asarray(self.slope * mean + self.intercept, dtype=np.float64)

    def as_mapping(self) -> dict[str, Any]:
        """Return plain values for a file."""
        return asdict(self)


def blend_from(values: Mapping[str, Any]) -> Blend:
    """Build a blend from what `as_mapping` gave."""
    return Blend(values["weights"], values["slope"], values["intercept"], values["rows"], values["events"])


def fit_blend(risks: Mapping[str, Floats], outcome: Floats) -> Blend:
    """Fit weights, slope and intercept on the risks (n,) of the estimators on rows that none of them learnt from.

    Raises ModelError without an estimator, or without both outcomes.
    """
    if not risks:
        raise ModelError("a blend needs the risks of at least one estimator")
    if not len(outcome) or outcome.min() == outcome.max():
        raise ModelError(f"the {len(outcome)} rows to blend on have one outcome only; choose more tuning subjects")
    logits = np.column_stack([_logit(risk) for risk in risks.values()])
    start = np.concatenate([np.zeros(logits.shape[1]), [1.0, 0.0]])
    found = minimize(_loss, start, args=(logits, outcome), method="L-BFGS-B")
    weights = softmax(found.x[:-2])
    named = {name: float(weight) for name, weight in zip(risks, weights, strict=True)}
    return Blend(named, float(found.x[-2]), float(found.x[-1]), len(outcome), int(outcome.sum()))


def blend_frames(blend: Blend, frames: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Return (subject_id, prediction_time, risk, low, high) from such frames of the blended estimators.

    Rows of which one of them says nothing are left out. `low` and `high` are those of the estimators blended as the
    risks are, as if their errors went together, so the interval is rather too wide than too narrow.
    """
    table: pl.DataFrame | None = None
    for name in blend.weights:
        own = frames[name].select(*_KEY, *(pl.col(c).cast(pl.Float64).alias(f"{c}_{name}") for c in _SAID))
        table = own if table is None else table.join(own, on=_KEY, how="inner", maintain_order="left")
    if table is None:
        raise ModelError("the blend names no estimator; fit it anew with 'ehr evaluate'")
    table = table.drop_nulls([f"risk_{name}" for name in blend.weights])
    blended = {
        column: expit(blend.logits({name: table[f"{column}_{name}"].to_numpy() for name in blend.weights}))
        for column in _SAID
    }
    return table.select(_KEY).with_columns(pl.Series(name, values).fill_nan(None) for name, values in blended.items())


_SAID: Final = ("risk", "low", "high")


def _loss(values: Floats, logits: Floats, outcome: Floats) -> float:
    """Return the negative log posterior of (weight scores, slope, intercept)."""
    scores, slope, intercept = values[:-2], values[-2], values[-1]
    mixed = slope * (logits @ softmax(scores)) + intercept
    likelihood = (np.logaddexp(0, mixed) - outcome * mixed).sum()
    prior = (
        _PRECISION["weights"] * (scores**2).sum()
        + _PRECISION["slope"] * (slope - 1) ** 2
        + _PRECISION["intercept"] * intercept**2
    )
    return float(likelihood + prior / 2)


def _logit(risk: Floats) -> Floats:
    return np.asarray(logit(np.clip(risk, _CLIP, 1 - _CLIP)), dtype=np.float64)
