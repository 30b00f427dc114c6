"""What acting on the risks would find and cost: operating points and decision curves."""

from dataclasses import asdict
from typing import Any, Final

from models.evaluation.compared import Compared, nothing
from models.metrics import Estimate, sample
from models.metrics.decision import THRESHOLDS, net_benefit
from models.metrics.operating import OPERATING, chosen_thresholds, operating_at
from models.metrics.rows import ranked

MAIN_POINT: Final = "sensitivity 0.8"
"""The operating point of subgroups and of early prediction."""


def points_of(compared: Compared, name: str) -> tuple[dict[str, float | None], str]:
    """Return the thresholds of an estimator, and the split they were chosen on.

    That is tuning where the estimator speaks of both classes there, else the held-out rows that are compared.
    """
    risk, outcome = compared.tuning.get(name, (compared.risks[name][:0], compared.outcome[:0]))
    if len(outcome) and outcome.min() != outcome.max():
        return chosen_thresholds(risk, outcome), "tuning"
    return chosen_thresholds(compared.risks[name], compared.outcome), "held_out"


def operating_points(compared: Compared, name: str) -> list[dict[str, Any]]:
    """Return every operating point of an estimator with what it finds and costs."""
    thresholds, chosen_on = points_of(compared, name)
    known = [threshold for threshold in thresholds.values() if threshold is not None]
    rows = ranked(compared.risks[name], compared.outcome)
    measured = sample(compared.draws, {name: operating_at(rows, known)})[name].estimates()
    points, place = [], 0
    for title, threshold in thresholds.items():
        fixed = title.startswith("threshold")
        point: dict[str, Any] = {
            "name": title,
            "threshold": threshold,
            "chosen_on": "before" if fixed else chosen_on,
            "reason": None if threshold is not None else "no threshold does this on the rows it is chosen on",
        }
        for value in OPERATING:
            point[value] = nothing() if threshold is None else asdict(measured[f"{value}@{place}"])
        place += threshold is not None
        points.append(point)
    return points


def decision_curve(compared: Compared, name: str) -> dict[str, list[float | None]]:
    """Return the net benefit of an estimator at each threshold, with its interval."""
    rows = ranked(compared.risks[name], compared.outcome)
    measured = sample(compared.draws, {name: net_benefit(rows)})[name].estimates()
    curve: list[Estimate] = [measured[str(place)] for place in range(len(THRESHOLDS))]
    return {
        "thresholds": list(THRESHOLDS),
        "net_benefit": [point.value for point in curve],
        "low": [point.low for point in curve],
        "high": [point.high for point in curve],
    }


def main_thresholds(compared: Compared) -> dict[str, float | None]:
    """Return the threshold of MAIN_POINT of every estimator."""
    return {name: points_of(compared, name)[0][MAIN_POINT] for name in compared.risks}
