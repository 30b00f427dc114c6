"""Decision curves: what acting on a risk is worth, at each risk from which on a person would act.

Source: Vickers and Elkin, Decision curve analysis: a novel method for evaluating prediction models, Medical Decision
Making 2006. Net benefit at the threshold t is TP/n - FP/n * t / (1 - t): events found, less those disturbed for
nothing, in units of an event found. Treating nobody is worth 0.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from models.metrics.bootstrap import Statistic
from models.metrics.rows import Floats, Ranked, from_threshold, weighted

THRESHOLDS: Final = tuple(round(percent / 100, 2) for percent in range(1, 100))


def net_benefit(rows: Ranked) -> Statistic:
    """Return the statistic with the net benefit at each of THRESHOLDS, named by the place of the threshold."""
    thresholds = np.array(THRESHOLDS)

    def measured(weights: Floats) -> dict[str, Floats]:
        under = weighted(rows, weights)
        found, flagged = from_threshold(under, thresholds)
        worth = (found - (flagged - found) * _odds(thresholds)) / under.total[:, None]
        return {str(place): worth[:, place] for place in range(len(thresholds))}

    return measured


def net_benefit_of_all(outcome: npt.ArrayLike) -> list[float]:
    """Return the net benefit of treating everyone, at each of THRESHOLDS."""
    share = float(np.asarray(outcome, dtype=np.float64).mean())
    return [float(share - (1 - share) * odds) for odds in _odds(np.array(THRESHOLDS))]


def _odds(thresholds: Floats) -> Floats:
    return thresholds / (1 - thresholds)
