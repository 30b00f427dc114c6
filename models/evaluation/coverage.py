"""Risk and coverage: how good an estimator is on the rows that it speaks of, and on those it is surest of."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import polars as pl

from models.evaluation.compared import Compared, plain
from models.metrics import Draws, Estimate, sample
from models.metrics.measures import metrics_of
from models.metrics.rows import Floats, Ints, ranked

LEVELS: Final = (1.0, 0.9, 0.8, 0.7, 0.5)
MEASURED: Final = ("auroc", "auprc", "brier")
_SAME: Final = 1e-9
BY_INTERVAL: Final = "width of the interval"
BY_RISK: Final = "nearness of the risk to 0.5"


def coverage(
    compared: Compared, name: str, answered: pl.DataFrame, asked: int, whole: Mapping[str, Estimate]
) -> dict[str, Any]:
    """Return how much an estimator answers, and its metrics on the rows it is surest of.

    `answered` has subject_id, boolean_value and risk of the rows it speaks of, out of `asked`, and `whole` its
    metrics on all compared rows. Rows that are as
    uncertain as the last one taken are taken too, so the share of a level may be larger than asked for.
    """
    doubt, by = _doubt(compared, name)
    chosen = {level: np.flatnonzero(doubt <= np.quantile(doubt, level, method="inverted_cdf")) for level in LEVELS}
    samples = sample(
        compared.draws,
        {
            level: metrics_of(ranked(compared.risks[name], compared.outcome, places), MEASURED)
            for level, places in chosen.items()
            if len(places) < len(compared.outcome)
        },
    )
    of_all = {metric: whole[metric] for metric in MEASURED}
    return {
        "asked": asked,
        "answered": answered.height,
        "own_rows": _own(compared, answered),
        "uncertain_by": by,
        "levels": [
            {
                "level": level,
                "coverage": len(chosen[level]) / len(compared.outcome),
                "rows": len(chosen[level]),
                "positives": int(compared.outcome[chosen[level]].sum()),
                "metrics": plain(samples[level].estimates() if level in samples else of_all),
            }
            for level in LEVELS
        ],
    }


def _doubt(compared: Compared, name: str) -> tuple[Floats, str]:
    """Return how unsure an estimator is of each row, and by what that is told."""
    columns = [f"low_{name}", f"high_{name}"]
    if set(columns) <= set(compared.table.columns):
        low, high = (compared.table[column].cast(pl.Float64) for column in columns)
        width = (high - low).to_numpy()
        if np.isfinite(width).all() and np.ptp(width) > _SAME:
            return width, BY_INTERVAL
    return -np.abs(compared.risks[name] - 0.5), BY_RISK


def _own(compared: Compared, answered: pl.DataFrame) -> dict[str, Any] | None:
    """Return the metrics on all rows that the estimator answers, where these are more than those compared."""
    if answered.height <= len(compared.outcome):
        return None
    subjects: Ints = answered["subject_id"].to_numpy()
    rows = ranked(answered["risk"].to_numpy(), answered["boolean_value"].to_numpy())
    draws = Draws(subjects, compared.draws.replicates, compared.draws.seed)
    return plain(sample(draws, {"own": metrics_of(rows, MEASURED)})["own"].estimates())
