"""Baselines beside every model: features of the past, and what learns from them without a network.

`gather` reads the features of training and tuning rows once; `fit_baseline` fits one of BASELINES on them and
`predict_baseline` says the risks of any rows. No held-out row is read while fitting.
"""

from models.baselines.baseline import (
    BASELINES,
    CONTROL,
    Baseline,
    control_aurocs,
    fit_baseline,
    kept_baseline,
    load_baseline,
    predict_baseline,
    save_baseline,
)
from models.baselines.material import Effort, Material, gather

__all__ = [
    "BASELINES",
    "CONTROL",
    "Baseline",
    "Effort",
    "Material",
    "control_aurocs",
    "fit_baseline",
    "gather",
    "kept_baseline",
    "load_baseline",
    "predict_baseline",
    "save_baseline",
]
