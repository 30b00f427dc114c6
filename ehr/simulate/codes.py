"""The clinical vocabulary of made patients: real codes and titles, as MIMIC-IV and FHIR servers write them.

ICD-10-CM without its dot as in MIMIC-IV; SNOMED CT, LOINC and RxNorm (ingredients) for FHIR; item numbers and
labels of MIMIC-IV. The tables beside this file hold them: conditions.csv, reasons.csv (of admissions), drugs.csv,
procedures.csv and analytes.csv. A drug is ordered for one condition or one reason only, so that an order says what
it stands for.
"""

import csv
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

PHENOTYPES: Final = ("robust", "metabolic", "cardiac", "renal", "pulmonary", "oncologic", "frail")
"""Columns of the tables that give a number for each phenotype."""

ICD10_SYSTEM: Final = "http://hl7.org/fhir/sid/icd-10-cm"
ICD10_PCS_SYSTEM: Final = "http://www.cms.gov/Medicare/Coding/ICD10"
SNOMED_SYSTEM: Final = "http://snomed.info/sct"
LOINC_SYSTEM: Final = "http://loinc.org"
RXNORM_SYSTEM: Final = "http://www.nlm.nih.gov/research/umls/rxnorm"
UCUM_SYSTEM: Final = "http://unitsofmeasure.org"


@dataclass(frozen=True, slots=True)
class Drug:
    """A drug as the hospital's formulary names it."""

    name: str
    rxnorm: str
    dose: str
    unit: str
    route: str
    per_day: int


@dataclass(frozen=True, slots=True)
class Condition:
    """A chronic condition, how often it is there by phenotype, and its usual drugs."""

    icd10: str
    title: str
    snomed: str
    snomed_title: str
    prevalence: tuple[float, ...]
    ageing: float
    """Change of the logit of the prevalence from one age group to the next."""
    drugs: tuple[Drug, ...]


@dataclass(frozen=True, slots=True)
class Procedure:
    """A procedure as it is billed."""

    icd10: str
    title: str
    snomed: str
    snomed_title: str


@dataclass(frozen=True, slots=True)
class Reason:
    """Why patients are admitted: the first of `drugs` is always ordered and so names the reason."""

    icd10: str
    title: str
    snomed: str
    snomed_title: str
    elective: bool
    service: str
    ward: str
    icu: str
    drugs: tuple[Drug, ...]
    drg: tuple[str, str]
    apr_drg: tuple[str, str]
    danger: float
    """Factor on the hazard of death in hospital."""
    with_severity: float
    """Log factor on how often, per level of severity."""
    weight: tuple[float, ...]
    """How often, by phenotype."""
    cultures: tuple[str, ...]
    procedure: Procedure | None


@dataclass(frozen=True, slots=True)
class Item:
    """A charted thing of the ICU other than a vital sign."""

    itemid: int
    label: str
    abbreviation: str
    linksto: str
    category: str
    unit: str | None
    kind: str


@dataclass(frozen=True, slots=True)
class Culture:
    """A microbiology test of a specimen and what may grow in it."""

    specimen_id: int
    specimen: str
    test_id: int
    test: str
    loinc: str
    organisms: tuple[tuple[int, str, str], ...]


@dataclass(frozen=True, slots=True)
class Analyte:
    """A measured quantity: normal on its own or on a logarithmic scale, shifted by severity, phenotype and sex.

    Values lie on the grid low, low + step, ..., high, as laboratories and monitors round them. `mean` is in the
    unit of the values; `spread` and the shifts are on the scale that is normal.
    """

    name: str
    panel: str
    itemid: int
    label: str
    unit: str | None
    loinc: str
    loinc_title: str
    ucum: str
    step: float
    low: float
    high: float
    log: bool
    mean: float
    spread: float
    per_severity: float
    by_phenotype: tuple[float, ...]
    in_men: float
    fluid: str
    category: str


def _rows(name: str) -> list[dict[str, str]]:
    text = files("ehr.simulate").joinpath(f"{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _by_phenotype(row: dict[str, str]) -> tuple[float, ...]:
    return tuple(float(row[phenotype]) for phenotype in PHENOTYPES)


def _drugs_for(icd10: str) -> tuple[Drug, ...]:
    return tuple(
        Drug(row["name"], row["rxnorm"], row["dose"], row["unit"], row["route"], int(row["per_day"]))
        for row in _DRUG_ROWS
        if row["ordered_for"] == icd10
    )


def _condition(row: dict[str, str]) -> Condition:
    return Condition(
        row["icd10"],
        row["title"],
        row["snomed"],
        row["snomed_title"],
        _by_phenotype(row),
        float(row["ageing"]),
        _drugs_for(row["icd10"]),
    )


def _reason(row: dict[str, str]) -> Reason:
    return Reason(
        icd10=row["icd10"],
        title=row["title"],
        snomed=row["snomed"],
        snomed_title=row["snomed_title"],
        elective=row["elective"] == "yes",
        service=row["service"],
        ward=row["ward"],
        icu=row["icu"],
        drugs=_drugs_for(row["icd10"]),
        drg=(row["drg"], row["drg_title"]),
        apr_drg=(row["apr_drg"], row["apr_drg_title"]),
        danger=float(row["danger"]),
        with_severity=float(row["with_severity"]),
        weight=_by_phenotype(row),
        cultures=tuple(row["cultures"].split()),
        procedure=PROCEDURES[row["procedure"]] if row["procedure"] else None,
    )


def _analyte(row: dict[str, str]) -> Analyte:
    return Analyte(
        name=row["name"],
        panel=row["panel"],
        itemid=int(row["itemid"]),
        label=row["label"],
        unit=row["unit"] or None,
        loinc=row["loinc"],
        loinc_title=row["loinc_title"],
        ucum=row["ucum"],
        step=float(row["step"]),
        low=float(row["low"]),
        high=float(row["high"]),
        log=row["scale"] == "log",
        mean=float(row["mean"]),
        spread=float(row["spread"]),
        per_severity=float(row["per_severity"]),
        by_phenotype=_by_phenotype(row),
        in_men=float(row["in_men"]),
        fluid=row["fluid"],
        category=row["category"],
    )


_DRUG_ROWS: Final = _rows("drugs")
PROCEDURES: Final = {row["icd10"]: Procedure(**row) for row in _rows("procedures")}
CONDITIONS: Final = tuple(_condition(row) for row in _rows("conditions"))
REASONS: Final = tuple(_reason(row) for row in _rows("reasons"))
ANALYTES: Final = {row["name"]: _analyte(row) for row in _rows("analytes")}
HABITUAL_DRUGS: Final = tuple(zip(_drugs_for(""), (0.7, 0.5, 0.6), strict=True))
"""Drugs ordered by habit, with the chance of an order: they say nothing about the patient."""

VENTILATION: Final = Item(
    225792, "Invasive Ventilation", "Invasive Ventilation", "procedureevents", "2-Ventilation", None, "Processes"
)
NOREPINEPHRINE: Final = Item(
    221906, "Norepinephrine", "Norepinephrine", "inputevents", "Medications", "mg", "Solution"
)
PROPOFOL: Final = Item(222168, "Propofol", "Propofol", "inputevents", "Medications", "mg", "Solution")
SALINE: Final = Item(225158, "NaCl 0.9%", "NaCl 0.9%", "inputevents", "Fluids/Intake", "mL", "Solution")
ADMISSION_WEIGHT: Final = Item(
    226512, "Admission Weight (Kg)", "Admission Weight (Kg)", "chartevents", "General", "kg", "Numeric"
)
ITEMS: Final = (VENTILATION, NOREPINEPHRINE, PROPOFOL, SALINE, ADMISSION_WEIGHT)
INPUT_RXNORM: Final = {221906: "7512", 222168: "8782", 225158: "9863"}
VENTILATION_SNOMED: Final = ("40617009", "Artificial respiration")

VENTILATED: Final = PROCEDURES["5A1945Z"]
CENTRAL_LINE: Final = PROCEDURES["02HV33Z"]

RESPIRATORY_FAILURE: Final = (
    "J9601",
    "Acute respiratory failure with hypoxia",
    "65710008",
    "Acute respiratory failure",
)
SEPTIC_SHOCK: Final = ("R6521", "Severe sepsis with septic shock", "76571007", "Septic shock")
HYPOTENSION: Final = ("I959", "Hypotension, unspecified", "45007003", "Low blood pressure")
OBESITY: Final = ("E669", "Obesity, unspecified", "414916001", "Obesity")
ACUTE_KIDNEY_FAILURE: Final = (
    "N179",
    "Acute kidney failure, unspecified",
    "14669001",
    "Acute kidney failure syndrome",
)
COMPLICATIONS: Final = (RESPIRATORY_FAILURE, SEPTIC_SHOCK, HYPOTENSION, ACUTE_KIDNEY_FAILURE, OBESITY)
"""Diagnoses that follow from what the records of the stay show, so that they add nothing to them."""
DIAGNOSES: Final = (
    *((each.icd10, each.title, each.snomed, each.snomed_title) for each in REASONS),
    *((each.icd10, each.title, each.snomed, each.snomed_title) for each in CONDITIONS),
    *(each for each in COMPLICATIONS if each[0] not in {reason.icd10 for reason in REASONS}),
)
"""All diagnoses once: ICD-10-CM and title, SNOMED CT and title."""

CULTURES: Final = {
    "blood": Culture(70012, "BLOOD CULTURE", 90201, "Blood Culture, Routine", "600-7",
                     ((80002, "ESCHERICHIA COLI", "112283007"), (80023, "STAPH AUREUS COAG +", "3092008"))),
    "urine": Culture(70079, "URINE", 90039, "URINE CULTURE", "630-4",
                     ((80002, "ESCHERICHIA COLI", "112283007"), (80004, "KLEBSIELLA PNEUMONIAE", "56415008"))),
    "sputum": Culture(70062, "SPUTUM", 90055, "RESPIRATORY CULTURE", "6463-4",
                      ((80023, "STAPH AUREUS COAG +", "3092008"), (80026, "PSEUDOMONAS AERUGINOSA", "52499004"))),
}  # fmt: skip
GROWTH: Final = {"blood": 0.15, "urine": 0.4, "sputum": 0.3}
"""Chance that something grows; by kind of culture only, so that it says nothing about the patient."""

RACES: Final = (
    ("WHITE", 0.62, "2106-3", "White"),
    ("BLACK/AFRICAN AMERICAN", 0.16, "2054-5", "Black or African American"),
    ("HISPANIC OR LATINO", 0.08, "2131-1", "Other Race"),
    ("ASIAN", 0.05, "2028-9", "Asian"),
    ("OTHER", 0.04, "2131-1", "Other Race"),
    ("UNKNOWN", 0.05, "UNK", "Unknown"),
)
"""Name in MIMIC-IV, share, and code and display of the OMB category in FHIR."""
