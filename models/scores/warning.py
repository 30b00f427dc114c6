"""Early warning scores, from the last readings before the prediction time: NEWS2, MEWS, qSOFA."""

from typing import Final

from models.scores.definition import Component, Ladder, Measure, Score, ladder, single

_WHOLE: Final = 0
_TENTH: Final = 1

_SATURATION: Final = ladder(3, (92, 2), (94, 1), (96, 0))
_SATURATION_2_AIR: Final = ladder(3, (84, 2), (86, 1), (88, 0))
_SATURATION_2_OXYGEN: Final = ladder(3, (84, 2), (86, 1), (88, 0), (93, 1), (95, 2), (97, 3))


def _news2(name: str, title: str, saturation: Component) -> Score:
    return Score(
        name,
        title,
        "Royal College of Physicians. National Early Warning Score (NEWS) 2. London: RCP, 2017; chart 1",
        (
            single(
                "respiratory_rate",
                "respiration rate",
                "last",
                ladder(3, (9, 1), (12, 0), (21, 2), (25, 3)),
                digits=_WHOLE,
            ),
            saturation,
            single("oxygen", "air or oxygen", "last", ladder(0, (1, 2))),
            single(
                "systolic_pressure",
                "systolic blood pressure",
                "last",
                ladder(3, (91, 2), (101, 1), (111, 0), (220, 3)),
                digits=_WHOLE,
            ),
            single(
                "heart_rate",
                "pulse",
                "last",
                ladder(3, (41, 1), (51, 0), (91, 1), (111, 2), (131, 3)),
                digits=_WHOLE,
            ),
            # Alert is 15; whoever is confused, or not alert, has less.
            single("consciousness", "consciousness", "last", ladder(3, (15, 0)), source="coma_scale"),
            single(
                "temperature",
                "temperature",
                "last",
                ladder(3, (35.1, 1), (36.1, 0), (38.1, 1), (39.1, 2)),
                digits=_TENTH,
            ),
        ),
    )


NEWS2: Final = _news2(
    "news2",
    "NEWS2",
    single("oxygen_saturation", "oxygen saturation, scale 1", "last", _SATURATION, digits=_WHOLE),
)

NEWS2_SCALE_2: Final = _news2(
    "news2_scale2",
    "NEWS2 with scale 2 of oxygen saturation (hypercapnic respiratory failure)",
    Component(
        "oxygen_saturation",
        "oxygen saturation, scale 2",
        (
            Measure("saturation_on_oxygen", "last", _SATURATION_2_OXYGEN, _WHOLE),
            Measure("saturation_on_air", "last", _SATURATION_2_AIR, _WHOLE),
        ),
        choice="latest",
    ),
)

_AVPU: Final[Ladder] = ladder(3, (7, 2), (11, 1), (14, 0))
"""Points of a Glasgow coma scale in place of AVPU: the nearest of the medians 15 (alert), 13 (voice), 8 (pain) and 6
(unresponsive) of McNarry and Goldhill (Anaesthesia 2004;59:34); at equal distance the fewer points."""

MEWS: Final = Score(
    "mews",
    "MEWS",
    "Subbe CP, Kruger M, Rutherford P, Gemmel L. QJM 2001;94:521-526; table 1",
    (
        single(
            "systolic_pressure",
            "systolic blood pressure",
            "last",
            ladder(3, (71, 2), (81, 1), (101, 0), (200, 2)),
            digits=_WHOLE,
        ),
        single(
            "heart_rate",
            "heart rate",
            "last",
            ladder(2, (41, 1), (51, 0), (101, 1), (111, 2), (130, 3)),
            digits=_WHOLE,
        ),
        single(
            "respiratory_rate",
            "respiratory rate",
            "last",
            ladder(2, (9, 0), (15, 1), (21, 2), (30, 3)),
            digits=_WHOLE,
        ),
        single("temperature", "temperature", "last", ladder(2, (35, 0), (38.5, 2)), digits=_TENTH),
        single("consciousness", "AVPU, by the Glasgow coma scale", "last", _AVPU, source="coma_scale"),
    ),
)

QSOFA: Final = Score(
    "qsofa",
    "qSOFA",
    "Singer M et al. JAMA 2016;315:801-810; box 4",
    (
        single("respiratory_rate", "respiratory rate", "last", ladder(0, (22, 1)), digits=_WHOLE),
        single("consciousness", "altered mentation", "last", ladder(1, (15, 0)), source="coma_scale"),
        single("systolic_pressure", "systolic blood pressure", "last", ladder(1, (101, 0)), digits=_WHOLE),
    ),
)
