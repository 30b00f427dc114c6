"""How good risks over time are: concordance, AUROC and Brier score at a horizon, with censoring respected.

Rows that ended by another cause before a horizon are without the event there, which is what a risk in the presence
of competing events foretells. `weights` (n, b) count the rows in each of b bootstraps; every measure is (b,).
"""

import numpy as np

from models.survival.censoring import censoring_weights
from models.survival.grid import Floats, Ints

_ROWS_AT_ONCE = 512


def harrell_c(risk: Floats, days: Floats, cause: Ints, weights: Floats) -> Floats:
    """Return the share of comparable pairs in which the row with the event has the higher risk; ties count half.

    Comparable are a row with the event (cause 1) and one observed for longer, or ended by another cause, whom the
    event never reaches (Harrell et al. 1982; with competing events Wolbers et al. 2009). NaN without a pair.
    """
    last = np.where(cause > 1, np.inf, days)
    agreeing, comparable = np.zeros((2, weights.shape[1]))
    events = np.flatnonzero(cause == 1)
    for at in range(0, len(events), _ROWS_AT_ONCE):
        rows = events[at : at + _ROWS_AT_ONCE]
        later = (last[None, :] > days[rows, None]) | (
            (last[None, :] == days[rows, None]) & (cause[None, :] == 0)
        )  # who is censored at that very moment had not had the event
        agreeing += (weights[rows] * ((later * _wins(risk, rows)) @ weights)).sum(axis=0)
        comparable += (weights[rows] * (later.astype(np.float64) @ weights)).sum(axis=0)
    return _ratio(agreeing, comparable)


def auroc_at(risk: Floats, days: Floats, cause: Ints, horizon: float, weights: Floats) -> Floats:
    """Return the AUROC of having had the event by the horizon (cumulative cases, dynamic controls).

    Rows are weighed against censoring (Uno et al. 2007; with competing events Blanche et al. 2013).
    """
    seen = censoring_weights(days, cause, horizon)[:, None] * weights
    is_case = (cause == 1) & (days <= horizon)
    cases, others = np.flatnonzero(is_case), np.flatnonzero(~is_case & (seen.sum(axis=1) > 0))
    agreeing, comparable = np.zeros((2, weights.shape[1]))
    for at in range(0, len(cases), _ROWS_AT_ONCE):
        rows = cases[at : at + _ROWS_AT_ONCE]
        agreeing += (seen[rows] * (_wins(risk, rows)[:, others] @ seen[others])).sum(axis=0)
        comparable += seen[rows].sum(axis=0) * seen[others].sum(axis=0)
    return _ratio(agreeing, comparable)


def brier_at(risk: Floats, days: Floats, cause: Ints, horizon: float, weights: Floats) -> Floats:
    """Return the mean squared distance of the risk from the event by the horizon, weighed against censoring.

    Graf et al. 1999. The mean is over all rows, censored ones included, whose weight the others carry.
    """
    seen = censoring_weights(days, cause, horizon)
    happened = (cause == 1) & (days <= horizon)
    return _ratio((seen * (happened - risk) ** 2) @ weights, weights.sum(axis=0))


def _wins(risk: Floats, rows: Ints) -> Floats:
    """Return for each of `rows` and each row whether its risk is higher (1), the same (1/2) or lower (0)."""
    mine = risk[rows, None]
    won: Floats = (mine > risk[None, :]) + 0.5 * (mine == risk[None, :])
    return won


def _ratio(above: Floats, below: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = np.where(below > 0, above / below, np.nan)
    return found
