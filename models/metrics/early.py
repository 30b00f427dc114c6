"""Early-prediction scores of rows through a stay: ES for the outcome, OSMAE for the days that remain.

Source: Gao et al., A comprehensive benchmark for COVID-19 predictive modeling using electronic health records in
intensive care, Patterns 2024. A row is early while at least `threshold` days of its stay remain (half of the mean
length of stay there), and a stay is long from `large` days on (the 95th percentile there).
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from ehr.errors import ModelError
from models.metrics.bootstrap import Statistic
from models.metrics.rows import Bools, Floats, number, ratio

CUT: Final = 0.5
"""The event is foretold above this risk, in the source."""
FALSE_ALARM: Final = -0.1
LOWEST: Final = -1.0


def early_score(
    outcome: npt.ArrayLike, remaining: npt.ArrayLike, risk: npt.ArrayLike, threshold: float, *, cut: float = CUT
) -> float | None:
    """Return ES: what was earned by foretelling the event early, as a share of what could be; None without an event.

    An event foretold earns 1 while it is early, and remaining / threshold after; one that is missed costs nothing
    while it is early, and up to 1 at the end; a false alarm costs 0.1. The score is never below -1.

    >>> early_score([0, 1], [5, 5], [0.7, 0.7], threshold=10)
    0.8
    """
    statistic = es(outcome, remaining, _above(risk, cut), threshold)
    value = number(statistic(np.ones((1, len(np.asarray(outcome)))))["es"][0])
    return None if value is None else round(value, 12)


def outcome_specific_error(
    outcome: npt.ArrayLike,
    remaining: npt.ArrayLike,
    risk: npt.ArrayLike,
    foretold: npt.ArrayLike,
    threshold: float,
    large: float,
    *,
    cut: float = CUT,
) -> float | None:
    """Return OSMAE: the mean error in days of the stay foretold, where a wrong outcome counts as the worst error.

    With the outcome right the error is that of the days; with it wrong it is how far both the days foretold and the
    days that remained are from a long stay. It fades as the remaining stay goes from `threshold` to `large`.

    >>> outcome_specific_error([1], [60], [0.7], [10], threshold=10, large=110)
    25.0
    """
    statistic = osmae(outcome, remaining, _above(risk, cut), foretold, threshold, large)
    return number(statistic(np.ones((1, len(np.asarray(outcome)))))["osmae"][0])


def es(outcome: npt.ArrayLike, remaining: npt.ArrayLike, flagged: Bools, threshold: float) -> Statistic:
    """Return the statistic `es` of rows that are flagged or not."""
    event, days = _checked(outcome, remaining, threshold)
    nearness = np.minimum(days / threshold, 1.0)
    missed = np.where(days >= threshold, 0.0, nearness - 1)
    earned = np.where(event, np.where(flagged, nearness, missed), np.where(flagged, FALSE_ALARM, 0.0))
    best = np.where(event, nearness, 0.0)
    return lambda weights: {"es": np.maximum(ratio(weights @ earned, weights @ best), LOWEST)}


def osmae(
    outcome: npt.ArrayLike,
    remaining: npt.ArrayLike,
    flagged: Bools,
    foretold: npt.ArrayLike,
    threshold: float,
    large: float,
) -> Statistic:
    """Return the statistic `osmae` of rows that are flagged or not, in the unit of the stays."""
    event, days = _checked(outcome, remaining, threshold)
    said = np.asarray(foretold, dtype=np.float64)
    if not large > threshold:
        raise ModelError(f"a long stay has to be longer than an early one, and {large:g} is not above {threshold:g}")
    fading = np.where(days <= threshold, 1.0, np.maximum(0.0, (large - days) / (large - threshold)))
    wrong = np.maximum(0.0, large - said) + np.maximum(0.0, large - days)
    error = fading * np.where(event == flagged, np.abs(said - days), wrong)
    return lambda weights: {"osmae": ratio(weights @ error, weights.sum(axis=1))}


def _above(risk: npt.ArrayLike, cut: float) -> Bools:
    above: Bools = np.asarray(risk, dtype=np.float64) > cut
    return above


def _checked(outcome: npt.ArrayLike, remaining: npt.ArrayLike, threshold: float) -> tuple[Bools, Floats]:
    event, days = np.asarray(outcome, dtype=np.float64) == 1, np.asarray(remaining, dtype=np.float64)
    if event.shape != days.shape or not len(event):
        raise ModelError("an early-prediction score needs at least one row, and as many stays as outcomes")
    if not (days >= 0).all() or not threshold > 0:
        raise ModelError("the days that remain have to be 0 or more, and the threshold more than 0")
    return event, days
