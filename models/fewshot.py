"""How much a few labels teach: logistic regression on k positive and k negative rows, for several k and draws.

The protocol is that of EHRSHOT (Wornow et al. 2023, arXiv 2307.02028): for each k and seed so many rows with and
without the outcome are drawn from training subjects, as many from tuning subjects choose the penalty, and all rows of
held-out subjects judge. Where tuning subjects have fewer of a kind than k, all they have are taken.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from threadpoolctl import threadpool_limits

from ehr.errors import ModelError
from ehr.progress import Progress, silent
from models.baselines.logistic import fit_scaling
from models.baselines.material import log_loss

SHOTS: Final = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 128)
SEEDS: Final = 5
GRID: Final = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Values of C, the inverse strength of the penalty, on columns of variance one."""
PARTS: Final = ("train", "tuning", "held_out")

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Shot:
    """One fit: how well rows of held-out subjects are told apart after so many positives and negatives.

    `shots` is None for a fit on all training rows.
    """

    inputs: str
    shots: int | None
    seed: int
    auroc: float
    auprc: float
    strength: float


def few_shot(
    inputs: Mapping[str, NDArray[np.float32]],
    outcome: NDArray[np.bool_],
    part: Sequence[str] | NDArray[np.str_],
    *,
    shots: Sequence[int] = SHOTS,
    seeds: int = SEEDS,
    progress: Progress = silent,
) -> list[Shot]:
    """Fit and judge every kind of `inputs` (rows, columns; NaN where not known) on the same draws.

    `outcome` (rows,) and `part` (rows,) of PARTS belong to the rows. Columns are scaled by all training rows, for
    which no label is needed. A number of shots that training subjects do not have is left out; a last fit of each
    kind has all training and tuning rows. Raises ModelError where a part lacks one of the outcomes.
    """
    parts = {name: np.flatnonzero(np.asarray(part) == name) for name in PARTS}
    for name, rows in parts.items():
        if not 0 < outcome[rows].sum() < len(rows):
            raise ModelError(f"few-shot learning needs {name} rows with both outcomes; {name} has {len(rows)} rows")
    draws = list(_draws(outcome, parts, shots, seeds))
    found = []
    for number, (name, features) in enumerate(inputs.items()):
        columns = fit_scaling(features[parts["train"]])(features)
        for done, (count, seed, train, tuning) in enumerate(draws):
            progress(f"few-shot: {name}", number * len(draws) + done + 1, len(inputs) * len(draws))
            found.append(_judged(name, columns, outcome, (train, tuning, parts["held_out"]), (count, seed)))
    return found


def summary(found: Sequence[Shot]) -> pl.DataFrame:
    """Return mean and standard deviation over the draws: inputs, shots (null for all), auroc, auprc and *_sd."""
    frame = pl.DataFrame(
        [(one.inputs, one.shots, one.auroc, one.auprc) for one in found],
        schema={"inputs": pl.String, "shots": pl.Int64, "auroc": pl.Float64, "auprc": pl.Float64},
        orient="row",
    )
    return (
        frame.group_by("inputs", "shots", maintain_order=True)
        .agg(
            pl.col("auroc", "auprc").mean(),
            pl.col("auroc").std().alias("auroc_sd"),
            pl.col("auprc").std().alias("auprc_sd"),
            draws=pl.len(),
        )
        .sort("inputs", "shots", nulls_last=True, maintain_order=True)
    )


def _draws(
    outcome: NDArray[np.bool_], parts: Mapping[str, Ints], shots: Sequence[int], seeds: int
) -> Iterator[tuple[int | None, int, Ints, Ints]]:
    """Yield shots, seed, training rows and tuning rows; draws of one seed grow, so that more shots contain fewer."""
    kinds = {name: (rows[outcome[rows]], rows[~outcome[rows]]) for name, rows in parts.items()}
    fewest = min(len(rows) for rows in kinds["train"])
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        order = {name: [rng.permutation(rows) for rows in pair] for name, pair in kinds.items()}
        for count in shots:
            if count <= fewest:
                train, tuning = (np.concatenate([rows[:count] for rows in order[name]]) for name in PARTS[:2])
                yield count, seed, train, tuning
    yield None, 0, parts["train"], parts["tuning"]


def _judged(
    name: str,
    columns: Floats,
    outcome: NDArray[np.bool_],
    rows: tuple[Ints, Ints, Ints],
    draw: tuple[int | None, int],
) -> Shot:
    """Fit on the training rows with the C that the tuning rows prefer, and judge on the others."""
    train, tuning, held_out = rows
    best, strength, logits = np.inf, GRID[0], np.zeros(len(held_out))
    for candidate in GRID:
        # Threads cost more than they give on so few rows.
        with threadpool_limits(1):
            fitted = LogisticRegression(C=candidate, max_iter=500, tol=1e-3).fit(columns[train], outcome[train])
        weights, shift = fitted.coef_[0], fitted.intercept_[0]
        loss = log_loss(columns[tuning] @ weights + shift, outcome[tuning].astype(np.float64))
        if loss < best:
            best, strength, logits = loss, candidate, columns[held_out] @ weights + shift
    truth = outcome[held_out]
    return Shot(
        name,
        *draw,
        float(roc_auc_score(truth, logits)),
        float(average_precision_score(truth, expit(logits))),
        strength,
    )
