"""Scores of intensive care, from the worst values of the 24 hours before the prediction time: SOFA, SAPS, SAPS II."""

from typing import Final

from models.scores.definition import Component, Measure, Mortality, Score, above, ladder, single

_WHOLE: Final = 0
_TENTH: Final = 1

SOFA: Final = Score(
    "sofa",
    "SOFA",
    "Vincent JL et al. Intensive Care Med 1996;22:707-710; table 3",
    (
        Component(
            "respiration",
            "arterial oxygen / inspired fraction",
            (
                Measure("oxygenation_supported", "worst", ladder(4, (100, 3), (200, 2), (300, 1), (400, 0))),
                # Without respiratory support no ratio has more than 2 points.
                Measure("oxygenation", "worst", ladder(2, (300, 1), (400, 0))),
            ),
        ),
        single(
            "coagulation", "platelets", "worst", ladder(4, (20, 3), (50, 2), (100, 1), (150, 0)), source="platelets"
        ),
        single("liver", "bilirubin", "worst", ladder(0, (1.2, 1), (2, 2), (6, 3), (12, 4)), source="bilirubin"),
        Component(
            "circulation",
            "mean arterial pressure or pressors",
            (
                Measure("mean_pressure", "worst", ladder(1, (70, 0))),
                Measure("dobutamine", "worst", ladder(2)),
                Measure("dopamine_rate", "worst", ladder(2, (above(5), 3), (above(15), 4))),
                Measure("dopamine", "worst", ladder(2)),
                Measure("adrenergic_rate", "worst", ladder(3, (above(0.1), 4))),
                Measure("adrenergic", "worst", ladder(3)),
            ),
        ),
        single(
            "brain",
            "Glasgow coma scale",
            "worst",
            ladder(4, (6, 3), (10, 2), (13, 1), (15, 0)),
            source="coma_scale",
        ),
        Component(
            "kidney",
            "creatinine or urine output",
            (
                Measure("creatinine", "worst", ladder(0, (1.2, 1), (2, 2), (3.5, 3), (5, 4))),
                Measure("urine_output", "sum", ladder(4, (200, 3), (500, 0))),
            ),
        ),
    ),
)

SAPS: Final = Score(
    "saps",
    "SAPS",
    "Le Gall JR et al. Crit Care Med 1984;12:975-977; table 1",
    (
        single("age", "age", "ever", ladder(0, (46, 1), (56, 2), (66, 3), (76, 4))),
        single(
            "heart_rate",
            "heart rate",
            "worst",
            ladder(4, (40, 3), (55, 2), (70, 0), (110, 2), (140, 3), (180, 4)),
            digits=_WHOLE,
        ),
        single(
            "systolic_pressure",
            "systolic blood pressure",
            "worst",
            ladder(4, (55, 2), (80, 0), (150, 2), (190, 4)),
            digits=_WHOLE,
        ),
        single(
            "temperature",
            "temperature",
            "worst",
            ladder(4, (30, 3), (32, 2), (34, 1), (36, 0), (38.5, 1), (39, 3), (41, 4)),
            digits=_TENTH,
        ),
        Component(
            "respiration",
            "respiratory rate, or ventilation or CPAP",
            (
                Measure("respiratory_support", "worst", ladder(3)),
                Measure(
                    "respiratory_rate",
                    "worst",
                    ladder(4, (6, 2), (10, 1), (12, 0), (25, 1), (35, 3), (50, 4)),
                    _WHOLE,
                ),
            ),
            choice="first",
        ),
        single(
            "urine",
            "urine output of 24 hours",
            "sum",
            ladder(4, (200, 3), (500, 2), (700, 0), (3500, 1), (above(5000), 2)),
            source="urine_output",
        ),
        single(
            "urea",
            "blood urea",
            "worst",
            ladder(1, (3.5, 0), (7.5, 1), (29, 2), (36, 3), (55, 4)),
            digits=_TENTH,
        ),
        single(
            "haematocrit",
            "haematocrit",
            "worst",
            ladder(4, (20, 2), (30, 0), (46, 1), (50, 2), (60, 4)),
            digits=_TENTH,
        ),
        single(
            "white_cells",
            "white blood cells",
            "worst",
            ladder(4, (1, 2), (3, 0), (15, 1), (20, 2), (40, 4)),
            digits=_TENTH,
        ),
        single(
            "glucose",
            "blood glucose",
            "worst",
            ladder(4, (1.6, 3), (2.8, 2), (3.9, 0), (14, 1), (27.8, 3), (44.5, 4)),
            digits=_TENTH,
        ),
        single(
            "potassium",
            "potassium",
            "worst",
            ladder(4, (2.5, 2), (3, 1), (3.5, 0), (5.5, 1), (6, 3), (7, 4)),
            digits=_TENTH,
        ),
        single(
            "sodium",
            "sodium",
            "worst",
            ladder(4, (110, 3), (120, 2), (130, 0), (151, 1), (156, 2), (161, 3), (180, 4)),
            digits=_WHOLE,
        ),
        single(
            "bicarbonate",
            "bicarbonate",
            "worst",
            ladder(4, (5, 3), (10, 1), (20, 0), (30, 1), (40, 3)),
            digits=_TENTH,
        ),
        single(
            "brain",
            "Glasgow coma scale",
            "worst",
            ladder(4, (4, 3), (7, 2), (10, 1), (13, 0)),
            source="coma_scale",
        ),
    ),
)

SAPS_2: Final = Score(
    "saps2",
    "SAPS II",
    "Le Gall JR, Lemeshow S, Saulnier F. JAMA 1993;270:2957-2963; figure 1",
    (
        single("age", "age", "ever", ladder(0, (40, 7), (60, 12), (70, 15), (75, 16), (80, 18))),
        single("heart_rate", "heart rate", "worst", ladder(11, (40, 2), (70, 0), (120, 4), (160, 7))),
        single("systolic_pressure", "systolic blood pressure", "worst", ladder(13, (70, 5), (100, 0), (200, 2))),
        single("temperature", "temperature", "worst", ladder(0, (39, 3)), digits=_TENTH),
        Component(
            "respiration",
            "arterial oxygen / inspired fraction while ventilated",
            (Measure("oxygenation_supported", "worst", ladder(11, (100, 9), (200, 6))),),
            required=False,
            where="respiratory_support",
        ),
        single("urine", "urine output of 24 hours", "sum", ladder(11, (500, 4), (1000, 0)), source="urine_output"),
        single("urea_nitrogen", "blood urea nitrogen", "worst", ladder(0, (28, 6), (84, 10))),
        single("white_cells", "white blood cells", "worst", ladder(12, (1, 0), (20, 3))),
        single("potassium", "potassium", "worst", ladder(3, (3, 0), (5, 3))),
        single("sodium", "sodium", "worst", ladder(5, (125, 0), (145, 1))),
        single("bicarbonate", "bicarbonate", "worst", ladder(6, (15, 3), (20, 0))),
        single("bilirubin", "bilirubin", "worst", ladder(0, (4, 4), (6, 9))),
        single(
            "brain",
            "Glasgow coma scale",
            "worst",
            ladder(26, (6, 13), (9, 7), (11, 5), (14, 0)),
            source="coma_scale",
        ),
        Component(
            "chronic_disease",
            "chronic disease",
            (
                Measure("aids", "ever", ladder(17)),
                Measure("haematologic_malignancy", "ever", ladder(10)),
                Measure("metastatic_cancer", "ever", ladder(9)),
                # Some diagnosis was coded, and none of these: nothing there, rather than nothing known.
                Measure("coded_diagnosis", "ever", ladder(0)),
            ),
        ),
        single("admission", "type of admission", "ever", ladder(0, (1, 6), (2, 8)), source="admission_kind"),
    ),
    mortality=Mortality(-7.7631, 0.0737, 0.9971),
)
"""Its sources agree on all ranges; a 24 hour urine output is in mL here, in litres there."""
