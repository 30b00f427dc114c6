"""What the scores look at: which concept names the codes of an input, and the unit that its points are written in.

The codes stand in the files of `ehr/tasks/concepts`; a source with codes of its own, such as PhysioNet 2012, has a
file of the same names. Inputs that follow from others are worked out in `models.scores.readings`.
"""

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["number", "flag"]


@dataclass(frozen=True, slots=True)
class Input:
    """An input that is on record: `concept` names its codes.

    A `flag` is 1 where an event is on record, whatever its value. A `number` is converted to `unit`; without one it
    is taken as it stands. What is `lasting` goes on until the end of its event, such as an infusion. `quantity` is
    what is measured, in the names of `ehr.units`, for codes that do not tell it themselves.
    """

    title: str
    concept: str
    unit: str | None = None
    kind: Kind = "number"
    lasting: bool = False
    quantity: str | None = None


def _flag(title: str, concept: str, *, lasting: bool = False) -> Input:
    return Input(title, concept, kind="flag", lasting=lasting)


_DISEASES: Final = (
    "coded_diagnosis", "myocardial_infarction", "congestive_heart_failure", "peripheral_vascular_disease",
    "cerebrovascular_disease", "dementia", "chronic_pulmonary_disease", "rheumatic_disease", "peptic_ulcer",
    "mild_liver_disease", "severe_liver_disease", "diabetes", "diabetes_with_complications", "paraplegia",
    "renal_disease", "malignancy", "metastatic_tumour", "aids", "haematologic_malignancy", "metastatic_cancer",
)  # fmt: skip

INPUTS: Final[dict[str, Input]] = {
    "birth": _flag("birth", "birth"),
    "age_told": Input("age as told", "age"),
    "heart_rate": Input("heart rate", "heart_rate", "/min"),
    "respiratory_rate": Input("respiratory rate", "respiratory_rate", "/min"),
    "systolic_pressure": Input("systolic blood pressure", "systolic_pressure", "mm[Hg]"),
    "mean_pressure": Input("mean arterial pressure", "mean_pressure", "mm[Hg]"),
    "temperature": Input("temperature", "temperature", "Cel"),
    "oxygen_saturation": Input("oxygen saturation", "oxygen_saturation", "%"),
    "oxygen_flow": Input("oxygen flow", "oxygen_flow", "L/min"),
    "inspired_oxygen": Input("inspired oxygen", "inspired_oxygen"),
    "arterial_oxygen": Input("arterial oxygen", "arterial_oxygen", "mm[Hg]"),
    "eye_response": Input("eye response", "eye_response"),
    "verbal_response": Input("verbal response", "verbal_response"),
    "motor_response": Input("motor response", "motor_response"),
    "coma_total": Input("Glasgow coma scale as told", "coma_total"),
    "urine_output": Input("urine output", "urine_output", "mL"),
    "ventilator": _flag("ventilator", "ventilator", lasting=True),
    "mask_ventilation": _flag("ventilation by mask", "mask_ventilation", lasting=True),
    "dobutamine": _flag("dobutamine", "dobutamine", lasting=True),
    "dopamine": _flag("dopamine", "dopamine", lasting=True),
    "dopamine_rate": Input("rate of dopamine", "dopamine", "ug/kg/min", lasting=True),
    "adrenergic": _flag("adrenaline or noradrenaline", "adrenergic", lasting=True),
    "adrenergic_rate": Input("rate of adrenaline or noradrenaline", "adrenergic", "ug/kg/min", lasting=True),
    "platelets": Input("platelets", "platelets", "10*9/L", quantity="platelets"),
    "bilirubin": Input("bilirubin", "bilirubin", "mg/dL", quantity="bilirubin"),
    "creatinine": Input("creatinine", "creatinine", "mg/dL", quantity="creatinine"),
    "urea_nitrogen": Input("blood urea nitrogen", "urea_nitrogen", "mg/dL", quantity="urea nitrogen"),
    "urea": Input("blood urea", "urea_nitrogen", "mmol/L", quantity="urea nitrogen"),
    "haematocrit": Input("haematocrit", "haematocrit", "%", quantity="hematocrit"),
    "white_cells": Input("white blood cells", "white_cells", "10*9/L", quantity="leukocytes"),
    "glucose": Input("glucose", "glucose", "mmol/L", quantity="glucose"),
    "potassium": Input("potassium", "potassium", "mmol/L", quantity="potassium"),
    "sodium": Input("sodium", "sodium", "mmol/L", quantity="sodium"),
    "bicarbonate": Input("bicarbonate", "bicarbonate", "mmol/L", quantity="bicarbonate"),
    "elective_admission": _flag("planned admission", "elective_admission"),
    "any_admission": _flag("admission", "hospital_admission"),
    "surgical_service": _flag("surgical service", "surgical_service"),
    "hospital_service": _flag("hospital service", "hospital_service"),
    **{name: _flag(name.replace("_", " "), name) for name in _DISEASES},
}
"""Inputs that are on record; a molecule of urea holds the two nitrogen atoms of which the mmol/L of `urea` count."""

DERIVED: Final[dict[str, tuple[str, str | None]]] = {
    "age": ("age in completed years", "a"),
    "oxygenation": ("arterial oxygen by inspired fraction", "mm[Hg]"),
    "oxygenation_supported": ("arterial oxygen by inspired fraction, supported", "mm[Hg]"),
    "respiratory_support": ("respiratory support", None),
    "coma_scale": ("Glasgow coma scale", None),
    "oxygen": ("oxygen or air", None),
    "saturation_on_oxygen": ("oxygen saturation on oxygen", "%"),
    "saturation_on_air": ("oxygen saturation on air", "%"),
    "admission_kind": ("type of admission", None),
}
"""Title and unit of inputs that follow from others."""

LASTING: Final = frozenset({name for name, one in INPUTS.items() if one.lasting} | {"respiratory_support"})


_WORDS: Final[dict[tuple[str, float], str]] = {
    ("oxygen", 0): "air",
    ("oxygen", 1): "oxygen",
    ("admission_kind", 0): "planned surgical",
    ("admission_kind", 1): "medical",
    ("admission_kind", 2): "unplanned surgical",
}


def spell(name: str, value: float) -> str:
    """Write a value of an input with its unit; nothing for what is only there or not.

    >>> spell("temperature", 38.0555), spell("oxygen", 1.0), spell("age", 70.0), spell("aids", 1.0)
    ('38.1 Cel', 'oxygen', '70 years', '')
    """
    if name == "respiratory_support" or (name in INPUTS and INPUTS[name].kind == "flag"):
        return ""
    unit = unit_of(name)
    number = f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return _WORDS.get((name, value)) or {"a": f"{number} years", None: number}.get(unit, f"{number} {unit}")


def title_of(name: str) -> str:
    """Return what an input is called."""
    return INPUTS[name].title if name in INPUTS else DERIVED[name][0]


def unit_of(name: str) -> str | None:
    """Return the unit of the values of an input, None for what has none."""
    return INPUTS[name].unit if name in INPUTS else DERIVED[name][1]
