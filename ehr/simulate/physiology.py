"""What each phenotype and severity does to a patient: the numbers behind process, tests and treatments.

All numbers are invented, set so that rates are plausible: of the stays that last a day 6 to 12 % end in death, and 12 to
20 % of discharges are followed by an admission within 30 days; tests/ehr/test_simulate_truth.py holds them to it.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np

from ehr.simulate.codes import CONDITIONS, REASONS
from ehr.simulate.process import Event, Floats, Move, Process

PHENOTYPES: Final = ("robust", "metabolic", "cardiac", "renal", "pulmonary", "oncologic", "frail")
FRAILTY: Final = np.array([0.40, 0.75, 1.20, 1.25, 1.15, 1.80, 2.00])
SEVERITIES: Final = 4
AGE_LIMITS: Final = (45, 65, 80)
"""Ages at the first visit where the next age group begins."""
AGE_SHARES: Final = (0.14, 0.32, 0.35, 0.19)
AGE_RANGES: Final = ((18, 44), (45, 64), (65, 79), (80, 89))
AGE_HAZARD: Final = np.array([0.5, 0.8, 1.2, 1.7])
PHENOTYPE_BY_AGE: Final = np.array([
    [0.60, 0.18, 0.03, 0.05, 0.07, 0.05, 0.02],
    [0.34, 0.25, 0.11, 0.09, 0.10, 0.08, 0.03],
    [0.18, 0.21, 0.19, 0.12, 0.12, 0.10, 0.08],
    [0.08, 0.13, 0.22, 0.15, 0.11, 0.08, 0.23],
])  # fmt: skip
ADMISSION_HOURS: Final = np.array([
    [2, 2, 2, 1, 1, 1, 2, 3, 4, 5, 6, 7, 7, 7, 7, 7, 7, 6, 6, 5, 5, 4, 4, 3],
    [0, 0, 0, 0, 0, 2, 9, 12, 12, 10, 9, 8, 7, 6, 4, 2, 1, 0, 0, 0, 0, 0, 0, 0],
], dtype=float)  # fmt: skip
"""Weights of the hour of admission by kind; the same for all patients."""


class Context(IntEnum):
    """Where and when records are made."""

    VISIT = 0
    ED = 1
    ARRIVAL = 2
    WARD = 3
    ICU = 4


@dataclass(frozen=True, slots=True)
class Analyte:
    """A measured quantity: normal on its own or on a logarithmic scale, shifted by severity, phenotype and sex.

    Values lie on the grid low, low + step, ..., high, as laboratories and monitors round them. `mean`, `spread` and the
    shifts are on the scale that is normal: logarithms where `log` is true.
    """

    itemid: int
    label: str
    unit: str | None
    loinc: str
    loinc_name: str
    ucum: str
    step: float
    low: float
    high: float
    log: bool
    mean: float
    spread: float
    per_severity: float
    by_phenotype: tuple[float, ...] = (0.0,) * len(PHENOTYPES)
    in_men: float = 0.0
    fluid: str = "Blood"
    category: str = "Chemistry"


@dataclass(frozen=True, slots=True)
class Panel:
    """Quantities that are measured together, and how often: chance of an order by context and severity."""

    name: str
    table: str
    analytes: tuple[Analyte, ...]
    ordered: tuple[tuple[float, float, float, float], ...]
    repeats: int = 1
    """Times that it is measured in an ICU step, spread over the step."""
    missing: float = 0.03
    """Chance that a single value is not there, by accident."""


NEVER: Final = (0.0, 0.0, 0.0, 0.0)
ALWAYS: Final = (1.0, 1.0, 1.0, 1.0)


def _lab(itemid: int, label: str, unit: str | None, loinc: str, name: str, ucum: str, step: float, low: float, high: float,
         shape: tuple[bool, float, float, float], by_phenotype: tuple[float, ...] = (0.0,) * 7, in_men: float = 0.0,
         category: str = "Chemistry") -> Analyte:  # fmt: skip
    log, mean, spread, per_severity = shape
    centre = float(np.log(mean)) if log else mean
    return Analyte(itemid, label, unit, loinc, name, ucum, step, low, high, log, centre, spread, per_severity,
                   by_phenotype, in_men, "Blood", category)  # fmt: skip


def _vital(itemid: int, label: str, unit: str, loinc: str, name: str, ucum: str, step: float, low: float, high: float,
           mean: float, spread: float, per_severity: float, by_phenotype: tuple[float, ...] = (0.0,) * 7,
           category: str = "Routine Vital Signs") -> Analyte:  # fmt: skip
    return Analyte(itemid, label, unit, loinc, name, ucum, step, low, high, False, mean, spread, per_severity,
                   by_phenotype, 0.0, "", category)  # fmt: skip


# phenotypes: robust, metabolic, cardiac, renal, pulmonary, oncologic, frail
SODIUM: Final = _lab(50983, "Sodium", "mEq/L", "2951-2", "Sodium [Moles/volume] in Serum or Plasma", "mmol/L", 1, 105, 180,
                     (False, 139.5, 3.2, -0.6), (0, 0, -0.8, 0, 0, -1.5, -0.5))  # fmt: skip
CHLORIDE: Final = _lab(50902, "Chloride", "mEq/L", "2075-0", "Chloride [Moles/volume] in Serum or Plasma", "mmol/L", 1, 70, 140,
                       (False, 102.5, 3.6, 0.3))  # fmt: skip
BICARBONATE: Final = _lab(50882, "Bicarbonate", "mEq/L", "1963-8", "Bicarbonate [Moles/volume] in Serum or Plasma", "mmol/L",
                          1, 5, 50, (False, 26.0, 2.8, -1.3), (0, 0, 0.3, -2.0, 2.6, 0, 0))  # fmt: skip
UREA: Final = _lab(51006, "Urea Nitrogen", "mg/dL", "3094-0", "Urea nitrogen [Mass/volume] in Serum or Plasma", "mg/dL",
                   1, 2, 250, (True, 13.5, 0.36, 0.20), (0, 0.05, 0.30, 0.85, 0.05, 0.05, 0.30))  # fmt: skip
CREATININE: Final = _lab(50912, "Creatinine", "mg/dL", "2160-0", "Creatinine [Mass/volume] in Serum or Plasma", "mg/dL",
                         0.1, 0.1, 20, (True, 0.78, 0.24, 0.13), (0, 0.05, 0.20, 0.90, 0, 0, 0.12), 0.16)  # fmt: skip
GLUCOSE: Final = _lab(50931, "Glucose", "mg/dL", "2345-7", "Glucose [Mass/volume] in Serum or Plasma", "mg/dL", 1, 20, 1000,
                      (True, 99, 0.20, 0.09), (0, 0.42, 0.10, 0.18, 0.06, 0.05, 0.08))  # fmt: skip
POTASSIUM: Final = _lab(50971, "Potassium", "mEq/L", "2823-3", "Potassium [Moles/volume] in Serum or Plasma", "mmol/L",
                        0.1, 1.5, 9.5, (False, 4.1, 0.42, 0.06), (0, 0, 0.05, 0.40, 0, 0, 0))  # fmt: skip
WHITE_CELLS: Final = _lab(51301, "White Blood Cells", "K/uL", "6690-2", "Leukocytes [#/volume] in Blood by Automated count",
                          "10*3/uL", 0.1, 0.1, 120, (True, 7.4, 0.30, 0.22), (0, 0, 0, 0, 0.08, -0.15, 0),
                          category="Hematology")  # fmt: skip
HEMOGLOBIN: Final = _lab(51222, "Hemoglobin", "g/dL", "718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL", 0.1, 3, 22,
                         (False, 13.2, 1.25, -0.62), (0, -0.2, -0.7, -2.0, 0.1, -2.1, -1.3), 1.1, "Hematology")  # fmt: skip
HEMATOCRIT: Final = _lab(51221, "Hematocrit", "%", "4544-3", "Hematocrit [Volume Fraction] of Blood by Automated count", "%",
                         0.1, 9, 68, (False, 40, 0.8, 0.0), category="Hematology")  # fmt: skip
PLATELETS: Final = _lab(51265, "Platelet Count", "K/uL", "777-3", "Platelets [#/volume] in Blood by Automated count", "10*3/uL",
                        1, 3, 1200, (True, 232, 0.30, -0.13), (0, 0, -0.05, -0.05, 0.05, -0.25, 0),
                        category="Hematology")  # fmt: skip
LACTATE: Final = _lab(50813, "Lactate", "mmol/L", "2524-7", "Lactate [Moles/volume] in Serum or Plasma", "mmol/L", 0.1, 0.3, 25,
                      (True, 1.15, 0.30, 0.32), category="Blood Gas")  # fmt: skip
PH: Final = _lab(50820, "pH", "units", "2746-6", "pH of Venous blood", "[pH]", 0.01, 6.7, 7.8, (False, 7.405, 0.042, -0.026),
                 (0, 0, 0, -0.02, -0.02, 0, 0), category="Blood Gas")  # fmt: skip
PCO2: Final = _lab(50818, "pCO2", "mm Hg", "2021-4", "Carbon dioxide [Partial pressure] in Venous blood", "mm[Hg]", 1, 10, 150,
                   (False, 40.5, 6.0, 0.3), (0, 0, 0, -2, 10, 0, 0), category="Blood Gas")  # fmt: skip
BILIRUBIN: Final = _lab(50885, "Bilirubin, Total", "mg/dL", "1975-2", "Bilirubin.total [Mass/volume] in Serum or Plasma", "mg/dL",
                        0.1, 0.1, 50, (True, 0.5, 0.45, 0.20), (0, 0, 0.15, 0, 0, 0.25, 0))  # fmt: skip
ALT: Final = _lab(50861, "Alanine Aminotransferase (ALT)", "IU/L", "1742-6",
                  "Alanine aminotransferase [Enzymatic activity/volume] in Serum or Plasma", "U/L", 1, 3, 8000,
                  (True, 22, 0.50, 0.16), (0, 0.2, 0, -0.1, 0, 0.2, -0.1))  # fmt: skip
AST: Final = _lab(50878, "Asparate Aminotransferase (AST)", "IU/L", "1920-8",
                  "Aspartate aminotransferase [Enzymatic activity/volume] in Serum or Plasma", "U/L", 1, 3, 8000,
                  (True, 24, 0.45, 0.22), (0, 0.1, 0, -0.1, 0, 0.2, 0))  # fmt: skip
ALBUMIN: Final = _lab(50862, "Albumin", "g/dL", "1751-7", "Albumin [Mass/volume] in Serum or Plasma", "g/dL", 0.1, 0.8, 6,
                      (False, 4.1, 0.36, -0.27), (0, 0, -0.15, -0.25, -0.1, -0.55, -0.45))  # fmt: skip
TROPONIN: Final = _lab(51003, "Troponin T", "ng/mL", "6598-7", "Troponin T.cardiac [Mass/volume] in Serum or Plasma", "ng/mL",
                       0.01, 0.01, 25, (True, 0.02, 0.80, 0.45), (0, 0, 0.9, 0.8, 0, 0, 0.2))  # fmt: skip
NTPROBNP: Final = _lab(50963, "NTproBNP", "pg/mL", "33762-6", "Natriuretic peptide.B prohormone N-Terminal [Mass/volume] in Serum or Plasma",
                       "pg/mL", 5, 5, 35000, (True, 120, 0.75, 0.30), (0, 0.3, 2.6, 1.5, 0.7, 0.5, 1.4))  # fmt: skip
INR: Final = _lab(51237, "INR(PT)", None, "6301-6", "INR in Platelet poor plasma by Coagulation assay", "{INR}", 0.1, 0.7, 15,
                  (True, 1.08, 0.14, 0.09), (0, 0, 0.18, 0, 0, 0.05, 0.08), category="Hematology")  # fmt: skip
HBA1C: Final = _lab(50852, "% Hemoglobin A1c", "%", "4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "%", 0.1, 3.5, 18,
                    (True, 5.45, 0.09, 0.0), (0, 0.30, 0.08, 0.16, 0.04, 0.02, 0.06))  # fmt: skip

HEART_RATE: Final = _vital(220045, "Heart Rate", "bpm", "8867-4", "Heart rate", "/min", 1, 20, 220, 79, 11.5, 7.5,
                           (0, 0, 2, 0, 4, 4, -1))  # fmt: skip
SYSTOLIC: Final = _vital(220179, "Non Invasive Blood Pressure systolic", "mmHg", "8480-6", "Systolic blood pressure", "mm[Hg]",
                         1, 40, 260, 128, 15, -6.5, (0, 6, -4, 9, 2, -4, 0))  # fmt: skip
DIASTOLIC: Final = _vital(220180, "Non Invasive Blood Pressure diastolic", "mmHg", "8462-4", "Diastolic blood pressure", "mm[Hg]",
                          1, 20, 160, 71, 10, -4.0, (0, 3, -3, 2, 0, -2, -4))  # fmt: skip
RESPIRATION: Final = _vital(220210, "Respiratory Rate", "insp/min", "9279-1", "Respiratory rate", "/min", 1, 4, 60, 17, 3.2, 2.2,
                            (0, 0, 1, 0, 3, 0.5, 0.5), "Respiratory")  # fmt: skip
SATURATION: Final = _vital(220277, "O2 saturation pulseoxymetry", "%", "2708-6", "Oxygen saturation in Arterial blood", "%",
                           1, 60, 100, 97.5, 1.7, -0.8, (0, 0, -0.4, 0, -2.5, 0, -0.3), "Respiratory")  # fmt: skip
TEMPERATURE: Final = _vital(223761, "Temperature Fahrenheit", "°F", "8310-5", "Body temperature", "[degF]", 0.1, 90, 107,
                            98.3, 0.65, 0.22)  # fmt: skip
URINE: Final = Analyte(226559, "Foley", "mL", "9187-6", "Urine output", "mL", 5, 0, 3000, False, 290, 95, -48,
                       (0, 0, 0, -90, 0, 0, -20), 0.0, "", "Output")  # fmt: skip
OFFICE_SYSTOLIC: Final = _vital(0, "Blood Pressure", "mmHg", "8480-6", "Systolic blood pressure", "mm[Hg]", 1, 70, 230, 124, 12.0,
                                -1.5, (0, 12, 4, 15, 6, -2, 6))  # fmt: skip
OFFICE_DIASTOLIC: Final = _vital(0, "Blood Pressure", "mmHg", "8462-4", "Diastolic blood pressure", "mm[Hg]", 1, 35, 140, 76, 8.0,
                                 -1.0, (0, 4, -2, 2, 0, -2, -5))  # fmt: skip

PANELS: Final = (
    # chance of an order by severity, at a visit, in the ED, on arrival, in a ward step, in an ICU step
    Panel("chemistry", "labevents", (SODIUM, POTASSIUM, CHLORIDE, BICARBONATE, UREA, CREATININE, GLUCOSE),
          ((0.35,) * 4, (0.7,) * 4, (0.97,) * 4, (0.20, 0.24, 0.30, 0.40), (0.30, 0.34, 0.40, 0.50))),
    Panel("blood count", "labevents", (WHITE_CELLS, HEMOGLOBIN, PLATELETS),
          ((0.30,) * 4, (0.7,) * 4, (0.97,) * 4, (0.18, 0.21, 0.26, 0.34), (0.26, 0.30, 0.34, 0.42))),
    Panel("blood gas", "labevents", (LACTATE, PH, PCO2),
          (NEVER, (0.03, 0.06, 0.15, 0.3), (0.06, 0.14, 0.40, 0.75), (0.01, 0.02, 0.10, 0.30), (0.10, 0.18, 0.34, 0.55))),
    Panel("liver", "labevents", (ALT, AST, BILIRUBIN, ALBUMIN),
          ((0.12,) * 4, (0.25,) * 4, (0.35, 0.40, 0.50, 0.60), (0.03, 0.04, 0.07, 0.10), (0.06, 0.08, 0.12, 0.16))),
    Panel("cardiac", "labevents", (TROPONIN, NTPROBNP),
          (NEVER, (0.25,) * 4, (0.30, 0.35, 0.40, 0.45), (0.01, 0.02, 0.03, 0.04), (0.03, 0.04, 0.05, 0.06))),
    Panel("coagulation", "labevents", (INR,),
          (NEVER, (0.2,) * 4, (0.5, 0.5, 0.6, 0.7), (0.06, 0.07, 0.10, 0.16), (0.12, 0.15, 0.22, 0.32))),
    Panel("sugar", "labevents", (HBA1C,), ((0.18,) * 4, NEVER, (0.12,) * 4, NEVER, NEVER)),
    Panel("vital signs", "chartevents", (HEART_RATE, SYSTOLIC, DIASTOLIC, RESPIRATION, SATURATION, TEMPERATURE),
          (NEVER, NEVER, NEVER, NEVER, ALWAYS), repeats=2),
    Panel("urine", "outputevents", (URINE,), (NEVER, NEVER, NEVER, NEVER, (0.8, 0.8, 0.85, 0.9))),
    Panel("office", "omr", (OFFICE_SYSTOLIC, OFFICE_DIASTOLIC), ((0.8,) * 4, NEVER, NEVER, NEVER, NEVER), missing=0.0),
)  # fmt: skip


class Treatment(IntEnum):
    """What is done in an ICU step."""

    VENTILATION = 0
    VASOPRESSOR = 1
    FLUID = 2


TREATED: Final = np.array([[0.01, 0.04, 0.28, 0.62], [0.004, 0.02, 0.18, 0.62], [0.10, 0.15, 0.30, 0.40]])
"""Chance of a treatment in an ICU step by severity."""
ORDERED_IF_THERE: Final = 0.75
ORDERED_IF_ABSENT: Final = 0.015
"""Chances that a drug of a condition is ordered at an admission of a patient who has, or has not, the condition."""
CODED_IF_THERE: Final = 0.88
"""Chance that a condition that is there is billed; one that is absent never is."""


def build_process() -> Process:
    """Return the process of all made patients."""
    return Process(
        start=PHENOTYPE_BY_AGE[:, :, None] * _start_severity(),
        home=_ladder(worse=(0.0030, 0.012, 0.02), better=(0.034, 0.05, 0.05)),
        event=_home_events(),
        acute=np.stack([_acute(), _planned()]),
        reason=np.stack([_reasons(elective=False), _reasons(elective=True)]),
        unit=np.array([[0.97, 0.03], [0.92, 0.08], [0.70, 0.30], [0.25, 0.75]]),
        stay=np.stack([_ladder((0.008, 0.016, 0.042), (0.11, 0.090, 0.085)), _ladder((0.010, 0.020, 0.040), (0.12, 0.11, 0.105))]),
        move=_moves(),
        present=_prevalence(),
        onset=np.array([condition.prevalence for condition in CONDITIONS]) * 0.00006,
    )  # fmt: skip


def _start_severity() -> Floats:
    unwell = np.clip(0.10 * FRAILTY, 0, 0.4)
    return np.stack([1 - unwell, 0.85 * unwell, 0.13 * unwell, 0.02 * unwell], axis=1)


def _ladder(worse: tuple[float, ...], better: tuple[float, ...]) -> Floats:
    """Return severity moves of one step up or down (P, S, S); frailty speeds worsening and slows recovery."""
    moves = np.zeros((len(PHENOTYPES), SEVERITIES, SEVERITIES))
    for level in range(SEVERITIES - 1):
        moves[:, level, level + 1] = worse[level] * FRAILTY**0.8
        moves[:, level + 1, level] = better[level] * FRAILTY**-0.3
    return moves + np.eye(SEVERITIES) * (1 - moves.sum(axis=2, keepdims=True))


def _home_events() -> Floats:
    events = np.zeros((len(AGE_SHARES), len(PHENOTYPES), SEVERITIES, len(Event)))
    age = AGE_HAZARD[:, None, None]
    frail = FRAILTY[None, :, None]
    severity = np.arange(SEVERITIES)[None, None, :]
    events[..., Event.VISIT] = 0.0035 + 0.0025 * frail + 0.003 * severity
    events[..., Event.ED] = 0.0005 * frail * (1 + severity)
    events[..., Event.EMERGENCY] = np.array([0.00060, 0.0135, 0.050, 0.18]) * frail**0.85 * age**0.4
    events[..., Event.ELECTIVE] = 0.00012
    events[..., Event.DEATH] = np.array([0.000008, 0.0001, 0.0010, 0.02]) * frail * age
    events[..., Event.NOTHING] = 1 - events.sum(axis=-1)
    return events


def _acute() -> Floats:
    """Return the severity at an emergency admission given that before it, worse for the frail (P, S, S)."""
    base = np.array(
        [[0.20, 0.55, 0.20, 0.05], [0.08, 0.57, 0.27, 0.08], [0.0, 0.25, 0.53, 0.22], [0.0, 0.05, 0.35, 0.60]]
    )
    tilted = base[None] * np.exp(0.30 * np.log(FRAILTY)[:, None, None] * np.arange(SEVERITIES))
    return np.asarray(tilted / tilted.sum(axis=2, keepdims=True))


def _planned() -> Floats:
    """Return the severity at an elective admission: surgery leaves nobody well, and few very ill (P, S, S)."""
    base = np.array(
        [[0.50, 0.44, 0.05, 0.01], [0.20, 0.66, 0.12, 0.02], [0.0, 0.30, 0.58, 0.12], [0.0, 0.05, 0.45, 0.50]]
    )
    return np.broadcast_to(base, (len(PHENOTYPES), SEVERITIES, SEVERITIES))


def _reasons(*, elective: bool) -> Floats:
    weights = np.zeros((len(PHENOTYPES), SEVERITIES, len(REASONS)))
    for place, reason in enumerate(REASONS):
        if reason.elective == elective:
            weights[..., place] = np.outer(reason.weight, np.exp(reason.with_severity * np.arange(SEVERITIES)))
    return weights / weights.sum(axis=2, keepdims=True)


def _moves() -> Floats:
    shape = (len(AGE_SHARES), len(REASONS), 2, len(PHENOTYPES), SEVERITIES)
    danger = np.array([reason.danger for reason in REASONS])[None, :, None, None, None]
    age = AGE_HAZARD[:, None, None, None, None]
    frail = FRAILTY[None, None, None, :, None]
    death = np.array([[0.00003, 0.0002, 0.0020, 0.024], [0.00005, 0.0004, 0.0022, 0.020]])[None, None, :, None, :]
    leave = np.array([[0.17, 0.065, 0.005, 0.0005], [0.004, 0.001, 0.0, 0.0]])[None, None, :, None, :]
    change = np.array([[0.001, 0.005, 0.045, 0.22], [0.34, 0.11, 0.02, 0.004]])[None, None, :, None, :]
    moves = np.zeros((*shape, len(Move)))
    moves[..., Move.DIE] = death * danger * age * frail**0.4
    moves[..., Move.LEAVE] = leave
    moves[..., Move.CHANGE_UNIT] = change
    moves[..., Move.REMAIN] = 1 - moves.sum(axis=-1)
    return moves


def _prevalence() -> Floats:
    """Return how common each condition is, by phenotype, moved on the logit scale by age group (A, C, P)."""
    prevalence = np.array([condition.prevalence for condition in CONDITIONS])
    ageing = np.array([condition.ageing for condition in CONDITIONS])[:, None]
    middle = np.arange(len(AGE_SHARES)) - (len(AGE_SHARES) - 1) / 2
    logit = np.log(prevalence / (1 - prevalence)) + ageing * middle[:, None, None]
    return np.asarray(1 / (1 + np.exp(-logit)))
