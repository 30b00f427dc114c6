"""The Charlson comorbidity index, from all diagnoses that were coded before the prediction time."""

from typing import Final

from models.scores.definition import Component, Measure, Score, ladder, single


def _condition(name: str, title: str, *weights: tuple[str, int]) -> Component:
    """Return a component of one disease, or of its grades, of which the worst counts; none coded is none there."""
    measures = tuple(Measure(disease, "ever", ladder(points)) for disease, points in weights)
    return Component(name, title, measures, required=False)


_CONDITIONS: Final = (
    _condition("myocardial_infarction", "myocardial infarction", ("myocardial_infarction", 1)),
    _condition("heart_failure", "congestive heart failure", ("congestive_heart_failure", 1)),
    _condition("peripheral_vascular", "peripheral vascular disease", ("peripheral_vascular_disease", 1)),
    _condition("cerebrovascular", "cerebrovascular disease", ("cerebrovascular_disease", 1)),
    _condition("dementia", "dementia", ("dementia", 1)),
    _condition("pulmonary", "chronic pulmonary disease", ("chronic_pulmonary_disease", 1)),
    _condition("rheumatic", "rheumatic disease", ("rheumatic_disease", 1)),
    _condition("peptic_ulcer", "peptic ulcer disease", ("peptic_ulcer", 1)),
    _condition("liver", "liver disease", ("severe_liver_disease", 3), ("mild_liver_disease", 1)),
    _condition("diabetes", "diabetes", ("diabetes_with_complications", 2), ("diabetes", 1)),
    _condition("paraplegia", "hemiplegia or paraplegia", ("paraplegia", 2)),
    _condition("renal", "renal disease", ("renal_disease", 2)),
    _condition("cancer", "malignancy", ("metastatic_tumour", 6), ("malignancy", 2)),
    _condition("aids", "AIDS", ("aids", 6)),
)

_SOURCE: Final = (
    "Charlson ME et al. J Chronic Dis 1987;40:373-383, table 3; "
    "codes of Quan H et al. Med Care 2005;43:1130-1139, table 1"
)

CHARLSON: Final = Score("charlson", "Charlson index", _SOURCE, _CONDITIONS, needs=("coded_diagnosis",))

CHARLSON_AGE: Final = Score(
    "charlson_age",
    "Charlson index with age",
    f"{_SOURCE}; age by Charlson M et al. J Clin Epidemiol 1994;47:1245-1251",
    (*_CONDITIONS, single("age", "age", "ever", ladder(0, (50, 1), (60, 2), (70, 3), (80, 4)))),
    needs=("coded_diagnosis",),
)
"""A point for every decade from 50 years on, up to 4, which is where the common tables end."""
