"""Clinical scores from what was on record before a time: NEWS2, MEWS, qSOFA, SOFA, SAPS, SAPS II, Charlson.

definition   what a score is: components, measures, points by ranges
warning      NEWS2, MEWS, qSOFA
intensive    SOFA, SAPS, SAPS II
comorbidity  the Charlson index
inputs       what the scores look at, and the concept and unit of each
sources      which codes of some records stand for an input
readings     the values of all inputs, also of those that follow from others
compute      the scores of all rows at once, and what is missing
risk         a score recalibrated to a probability, as an estimator
"""

from typing import Final

from models.scores.comorbidity import CHARLSON, CHARLSON_AGE
from models.scores.compute import Scored, coverage, score_rows
from models.scores.definition import Component, Measure, Score
from models.scores.intensive import SAPS, SAPS_2, SOFA
from models.scores.sources import Concepts, read_concepts
from models.scores.warning import MEWS, NEWS2, NEWS2_SCALE_2, QSOFA

SCORES: Final[dict[str, Score]] = {
    score.name: score for score in (NEWS2, NEWS2_SCALE_2, MEWS, QSOFA, SOFA, SAPS, SAPS_2, CHARLSON, CHARLSON_AGE)
}

__all__ = [
    "SCORES",
    "Component",
    "Concepts",
    "Measure",
    "Score",
    "Scored",
    "coverage",
    "read_concepts",
    "score_rows",
]
