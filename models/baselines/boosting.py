"""Gradient boosting on the features of the past: LightGBM, a few fits averaged.

Trees are shallow and each sees a small share of the columns, since features of one code say much the same. The shape
of the trees and their number are chosen on tuning subjects by early stopping. Source of the method: Ke et al. 2017,
LightGBM: a highly efficient gradient boosting decision tree.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

# PyTorch first: it brings along the OpenMP library that LightGBM wants and a bare machine has not.
# isort: off
import torch  # noqa: F401
import lightgbm

# isort: on
import numpy as np

from ehr.progress import Progress, silent
from models.baselines.material import UNSEEN, Effort, Floats, Material, Rows, bootstraps, log_loss, rows_to_fit
from models.features import Matrix

SHAPES: Final[dict[str, dict[str, Any]]] = {
    "random": {
        "extra_trees": True,
        "learning_rate": 0.05,
        "max_depth": 5,
        "num_leaves": 16,
        "feature_fraction": 0.2,
        "lambda_l2": 5.0,
    },
    "deep": {"learning_rate": 0.03, "max_depth": 6, "num_leaves": 31, "feature_fraction": 0.3, "lambda_l2": 5.0},
}
"""Settings of LightGBM that are tried on tuning subjects; "random" tries one threshold of each feature at a split."""
_MOST_TREES: Final = 3000
_PATIENCE: Final = 100
_UNSEEN_TREES: Final = 200
_FEW_ROWS: Final = 20_000
"""Below this, threads cost more than they give, above all on busy cores."""


@dataclass(frozen=True, slots=True)
class Boosting:
    """Fitted trees, in LightGBM's own text: `members` make the estimate, `replicates` the interval."""

    names: tuple[str, ...]
    members: tuple[str, ...]
    replicates: tuple[str, ...]
    report: Mapping[str, Any]
    remark: str | None

    def logits(self, features: Matrix) -> Floats:
        """Return (rows, 1 + replicates) logits."""
        points = [_raw(_read(text), features) for text in self.members]
        return np.column_stack([np.mean(points, axis=0), *(_raw(_read(text), features) for text in self.replicates)])

    def strongest(self, n: int) -> list[tuple[str, float]]:
        """Return the features with the largest share of the gain in likelihood."""
        gains = np.sum([_read(text).feature_importance("gain") for text in self.members], axis=0)
        shares = gains / max(gains.sum(), 1e-12)
        order = np.argsort(-shares, kind="stable")[:n]
        return [(self.names[place], float(shares[place])) for place in order if shares[place] > 0]

    def as_mapping(self) -> dict[str, Any]:
        """Return plain values for a file."""
        return {
            "names": list(self.names),
            "members": list(self.members),
            "replicates": list(self.replicates),
            "report": dict(self.report),
            "remark": self.remark,
        }

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        """Build it from what `as_mapping` gave."""
        names, members, replicates = (tuple(values[name]) for name in ("names", "members", "replicates"))
        return cls(names, members, replicates, values["report"], values["remark"])


def fit_boosting(material: Material, effort: Effort, progress: Progress = silent) -> Boosting:
    """Fit boosters on training rows with the shape and number of trees that do best on tuning rows."""
    total = len(SHAPES) + effort.members + effort.replicates
    shape, trees, losses = _choose(material, effort.seed, progress, total)
    rows = rows_to_fit(material, effort)
    fitted: list[str] = []

    def fit(seed: int, weights: Floats | None = None) -> str:
        progress("gradient boosting", len(SHAPES) + len(fitted), total)
        text: str = _train(rows, shape, trees, seed, weights).model_to_string()
        fitted.append(text)
        return text

    members = tuple(fit(effort.seed + number) for number in range(effort.members))
    replicates = tuple(
        fit(effort.seed + effort.members + number, weights)
        for number, weights in enumerate(bootstraps(rows, effort.replicates, effort.seed))
    )
    return Boosting(
        material.names,
        members,
        replicates,
        {
            **material.counts,
            "shape": shape,
            "trees": trees,
            "features": rows.features.shape[1],
            "tuning_log_loss": losses,
        },
        None if losses else UNSEEN.format(what=f"{trees} trees"),
    )


def _choose(material: Material, seed: int, progress: Progress, total: int) -> tuple[str, int, dict[str, float]]:
    """Return shape and number of trees with the least log loss on tuning rows, and the losses."""
    if not material.tuning.has_both:
        return "random", _UNSEEN_TREES, {}
    losses, trees = {}, {}
    for place, shape in enumerate(SHAPES):
        booster = _train(material.train, shape, _MOST_TREES, seed, stop_on=material.tuning)
        trees[shape] = booster.best_iteration
        losses[shape] = log_loss(_raw(booster, material.tuning.features), material.tuning.outcome)
        progress("gradient boosting: trees", place + 1, total)
    best = min(losses, key=lambda shape: losses[shape])
    return best, trees[best], losses


def _train(
    rows: Rows, shape: str, trees: int, seed: int, weights: Floats | None = None, stop_on: Rows | None = None
) -> lightgbm.Booster:
    settings = {
        "objective": "binary",
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "min_data_in_leaf": max(1, min(40, len(rows) // 20)),
        "max_bin": 127,
        "seed": seed,
        "num_threads": 1 if len(rows) < _FEW_ROWS else 0,
        "deterministic": True,
        "force_row_wise": True,
        "verbose": -1,
        **SHAPES[shape],
    }
    data = lightgbm.Dataset(rows.features, rows.outcome, weight=weights, params=settings)
    if stop_on is None:
        return lightgbm.train(settings, data, trees)
    watched = data.create_valid(stop_on.features, stop_on.outcome)
    stop = lightgbm.early_stopping(_PATIENCE, verbose=False)
    return lightgbm.train(settings, data, trees, valid_sets=[watched], callbacks=[stop])


def _read(text: str) -> lightgbm.Booster:
    return lightgbm.Booster(model_str=text)


def _raw(booster: lightgbm.Booster, features: Matrix) -> Floats:
    logits: Floats = np.asarray(booster.predict(features, raw_score=True), dtype=np.float64)
    return logits
