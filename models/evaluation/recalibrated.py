"""Calibration before and after recalibration, which is fitted on tuning rows alone."""

from dataclasses import asdict
from typing import Any

import numpy as np

from models.calibration import fit_isotonic, fit_platt
from models.evaluation.compared import Compared, plain
from models.metrics import Estimate, calibration_bins, sample
from models.metrics.measures import CALIBRATION, logit, metrics_of
from models.metrics.rows import ranked


def recalibration(compared: Compared, name: str, before: dict[str, Estimate]) -> dict[str, Any]:
    """Return the metrics of CALIBRATION as the estimator is, after Platt scaling and after isotonic regression.

    `before` has its metrics. `platt` and `isotonic` are None, with a reason, where the estimator said nothing of
    tuning rows, or they hold one class. Isotonic risks of 0 and 1 become those of half an event among the tuning
    rows: so many rows cannot tell them from none.
    """
    result: dict[str, Any] = {
        "before": plain({metric: before[metric] for metric in CALIBRATION}),
        "platt": None,
        "isotonic": None,
        "fitted_on": None,
        "reason": None,
    }
    risk, outcome = compared.tuning.get(name, (np.zeros(0), np.zeros(0)))
    if not len(outcome):
        return {**result, "reason": "nothing is known of what it says of tuning subjects"}
    if outcome.min() == outcome.max():
        return {**result, "reason": "all rows of tuning subjects have one outcome"}
    scores = logit(compared.risks[name])
    least = 1 / (2 * len(outcome))
    recalibrated = {
        "platt": fit_platt(logit(risk), outcome).risks(scores),
        "isotonic": np.clip(fit_isotonic(logit(risk), outcome).risks(scores), least, 1 - least),
    }
    samples = sample(
        compared.draws,
        {way: metrics_of(ranked(risks, compared.outcome), CALIBRATION) for way, risks in recalibrated.items()},
    )
    for way, risks in recalibrated.items():
        bins = [asdict(part) for part in calibration_bins(risks, compared.outcome)]
        result[way] = {**plain(samples[way].estimates()), "calibration_bins": bins}
    return {**result, "fitted_on": {"rows": len(outcome), "positives": int(outcome.sum())}}
