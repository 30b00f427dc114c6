"""How good risks are: discrimination, calibration and use, with bootstrap intervals over subjects.

Every metric is computed on weighted rows, for many weightings at once: a bootstrap replicate is a weighting, drawn
once and used for all estimators, so that their differences are paired. What the rows cannot tell (the AUROC of one
class) is None and never a number.
"""

from models.metrics.bootstrap import LEVEL, Draws, Estimate, Sample, Statistic, estimate, mean, sample
from models.metrics.curves import CalibrationBin, calibration_bins, precision_recall_curve, roc_curve, wilson
from models.metrics.measures import METRICS, metrics_of
from models.metrics.scores import Scores, differences, measure, pairs, score

__all__ = [
    "LEVEL",
    "METRICS",
    "CalibrationBin",
    "Draws",
    "Estimate",
    "Sample",
    "Scores",
    "Statistic",
    "calibration_bins",
    "differences",
    "estimate",
    "mean",
    "measure",
    "metrics_of",
    "pairs",
    "precision_recall_curve",
    "roc_curve",
    "sample",
    "score",
    "wilson",
]
