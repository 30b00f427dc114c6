"""Operating points: who is flagged from which risk on, and what that finds and costs."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from models.metrics.bootstrap import Statistic
from models.metrics.rows import Bools, Floats, Ranked, Weighted, from_threshold, ranked, ratio, weighted

OPERATING: Final = ("sensitivity", "specificity", "ppv", "npv", "flagged", "alerts_per_event")
BALANCED: Final = "sensitivity = PPV"
FIXED: Final = (0.1, 0.2, 0.5)
SENSITIVITIES: Final = (0.8, 0.9)
SPECIFICITIES: Final = (0.9,)
SHARES: Final = (0.05, 0.1)


def chosen_thresholds(risk: npt.ArrayLike, outcome: npt.ArrayLike) -> dict[str, float | None]:
    """Return the threshold of every operating point, chosen on these rows; None where none of theirs will do.

    `sensitivity S` takes the highest risk that finds at least that share of the events, `specificity S` the lowest
    that leaves alone at least that share of the others, `flagging S` the lowest that flags no more than that share
    of the rows, `sensitivity = PPV` the one with the largest min(sensitivity, PPV).
    """
    rows = ranked(risk, outcome)
    under = weighted(rows, np.ones((1, len(rows.risk))))
    found, flagged = under.found[0], under.flagged[0]
    positives, everyone = found[0], flagged[0]
    distinct = rows.risk[rows.groups]
    false = flagged - found
    has_positives, has_negatives = positives > 0, positives < everyone
    points: dict[str, float | None] = {f"threshold {value:g}": value for value in FIXED}
    for share in SENSITIVITIES:
        enough = found >= share * positives - 1e-9
        points[f"sensitivity {share:g}"] = _last(distinct, enough) if has_positives else None
    for share in SPECIFICITIES:
        enough = false <= (1 - share) * (everyone - positives) + 1e-9
        points[f"specificity {share:g}"] = _first(distinct, enough) if has_negatives else None
    for share in SHARES:
        points[f"flagging {share:.0%}".replace("%", " %")] = _first(distinct, flagged <= share * everyone + 1e-9)
    smaller = found / np.maximum(flagged, positives)
    points[BALANCED] = float(distinct[smaller.argmax()]) if has_positives else None
    return points


def operating_at(rows: Ranked, thresholds: Sequence[float]) -> Statistic:
    """Return the statistic with the values of OPERATING at each threshold, named `VALUE@PLACE`."""
    bounds = np.asarray(thresholds, dtype=np.float64)

    def measured(weights: Floats) -> dict[str, Floats]:
        values = operating_values(weighted(rows, weights), bounds)
        return {f"{name}@{place}": values[name][:, place] for place in range(len(bounds)) for name in OPERATING}

    return measured


def operating_values(under: Weighted, thresholds: Floats) -> dict[str, Floats]:
    """Return the values (b, t) of OPERATING when the rows at or above each threshold are flagged.

    `alerts_per_event` counts the flagged rows for each flagged row with the event: 1 / PPV.
    """
    found, flagged = from_threshold(under, thresholds)
    positives, everyone = under.positives[:, None], under.total[:, None]
    missed, negatives = positives - found, everyone - positives
    left = everyone - flagged
    return {
        "sensitivity": ratio(found, np.broadcast_to(positives, found.shape)),
        "specificity": ratio(left - missed, np.broadcast_to(negatives, found.shape)),
        "ppv": ratio(found, flagged),
        "npv": ratio(left - missed, left),
        "flagged": flagged / everyone,
        "alerts_per_event": ratio(flagged, found),
    }


def _first(distinct: Floats, enough: Bools) -> float | None:
    return float(distinct[enough][0]) if enough.any() else None


def _last(distinct: Floats, enough: Bools) -> float | None:
    return float(distinct[enough][-1]) if enough.any() else None
