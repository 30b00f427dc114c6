"""What an event is: the columns of an event frame, and the heads that its codes begin with."""

import hashlib
from dataclasses import dataclass
from typing import Final

import polars as pl

BIRTH: Final = "MEDS_BIRTH"
DEATH: Final = "MEDS_DEATH"
UNKNOWN: Final = "UNK"
SEPARATOR: Final = "//"

EVENT_SCHEMA: Final[dict[str, pl.DataType]] = {
    "subject_id": pl.Int64(),
    "time": pl.Datetime("us"),
    "code": pl.String(),
    "numeric_value": pl.Float32(),
    "text_value": pl.String(),
    "value_code": pl.String(),
    "unit": pl.String(),
    "encounter_id": pl.Int64(),
    "end_time": pl.Datetime("us"),
    "status": pl.String(),
    "record_id": pl.String(),
    "codings": pl.List(pl.String()),
    "time_precision": pl.String(),
    "utc_offset": pl.Int16(),
}
"""Columns that an importer gives; the store adds event_id and source_id."""


@dataclass(frozen=True, slots=True)
class Head:
    """The first part of a code: what kind of fact the event states, and in words."""

    kind: str
    meaning: str


HEADS: Final[dict[str, Head]] = {
    # demographics
    BIRTH: Head("demographic", "birth"),
    "GENDER": Head("demographic", "sex"),
    "RACE": Head("demographic", "race"),
    "ETHNICITY": Head("demographic", "ethnicity"),
    "MARITAL_STATUS": Head("demographic", "marital status"),
    "LANGUAGE": Head("demographic", "language"),
    "INSURANCE": Head("demographic", "insurance"),
    # stays
    "HOSPITAL_ADMISSION": Head("encounter", "hospital admission"),
    "HOSPITAL_DISCHARGE": Head("encounter", "hospital discharge"),
    "ICU_ADMISSION": Head("encounter", "ICU admission"),
    "ICU_DISCHARGE": Head("encounter", "ICU discharge"),
    "ED_REGISTRATION": Head("encounter", "emergency department registration"),
    "ED_OUT": Head("encounter", "emergency department departure"),
    "TRANSFER_TO": Head("encounter", "transfer to a ward"),
    "SERVICE": Head("encounter", "hospital service in charge"),
    "ENCOUNTER_START": Head("encounter", "encounter start"),
    "ENCOUNTER_END": Head("encounter", "encounter end"),
    # conditions
    "DIAGNOSIS": Head("condition", "billing diagnosis"),
    "CONDITION": Head("condition", "condition"),
    "ALLERGY": Head("condition", "allergy or intolerance"),
    "DRG": Head("other", "diagnosis-related group"),
    # medications
    "MEDICATION": Head("medication", "medication"),
    "PRESCRIPTION": Head("medication", "prescription"),
    "INFUSION_START": Head("medication", "infusion start"),
    "INFUSION_END": Head("medication", "infusion end"),
    "MEDICATION_DOSE": Head("medication", "dose given"),
    "MEDICATION_RATE": Head("medication", "infusion rate given"),
    "MEDRECON": Head("medication", "medicine taken before the visit"),
    "IMMUNIZATION": Head("medication", "immunisation"),
    # procedures
    "PROCEDURE": Head("procedure", "procedure"),
    "HCPCS": Head("procedure", "billed service"),
    "ORDER_DETAIL": Head("other", "detail of an order"),
    # observations
    "LAB": Head("observation", "laboratory result or charted value"),
    "VITAL": Head("observation", "vital sign"),
    "TRIAGE": Head("observation", "emergency triage"),
    "DATETIME": Head("observation", "charted date or time"),
    "INGREDIENT_START": Head("observation", "nutrient or water in an infusion, start"),
    "INGREDIENT_END": Head("observation", "nutrient or water in an infusion, end"),
    "OBSERVATION": Head("observation", "observation"),
    "MICROBIOLOGY": Head("observation", "microbiology result"),
    "SPECIMEN": Head("observation", "specimen that was taken"),
    "REPORT": Head("observation", "diagnostic report"),
    "SUBJECT_FLUID_OUTPUT": Head("observation", "fluid output"),
    "SUBJECT_WEIGHT_AT_INFUSION": Head("observation", "body weight at an infusion"),
    "Blood Pressure": Head("observation", "blood pressure in the outpatient record"),
    "Blood Pressure Lying": Head("observation", "blood pressure lying"),
    "Blood Pressure Sitting": Head("observation", "blood pressure sitting"),
    "Blood Pressure Standing": Head("observation", "blood pressure standing"),
    "Blood Pressure Standing (1 min)": Head("observation", "blood pressure after standing 1 min"),
    "Blood Pressure Standing (3 mins)": Head("observation", "blood pressure after standing 3 min"),
    "Weight": Head("observation", "body weight in the outpatient record"),
    "Weight (Lbs)": Head("observation", "body weight in pounds in the outpatient record"),
    "Height": Head("observation", "body height in the outpatient record"),
    "Height (Inches)": Head("observation", "body height in inches in the outpatient record"),
    "BMI": Head("observation", "body mass index in the outpatient record"),
    "BMI (kg/m2)": Head("observation", "body mass index in the outpatient record"),
    "eGFR": Head("observation", "estimated glomerular filtration rate in the outpatient record"),
    "QUESTIONNAIRE": Head("observation", "answer in a questionnaire"),
    # ordered, planned, said by others or billed: in no analyst view, since none of it is a finding or was done
    "ORDER": Head("other", "order of a service, device or diet"),
    "CARE_PLAN": Head("other", "care plan"),
    "CARE_PLAN_ACTIVITY": Head("other", "activity of a care plan"),
    "CARE_TEAM": Head("other", "care team"),
    "GOAL": Head("other", "goal of care"),
    "FLAG": Head("other", "alert"),
    "DETECTED_ISSUE": Head("other", "clinical issue such as an interaction of medicines"),
    "ADVERSE_EVENT": Head("other", "adverse event"),
    "IMAGING": Head("other", "imaging study, by modality"),
    "DEVICE": Head("other", "device or implant"),
    "SUPPLY": Head("other", "supply that was delivered"),
    "FAMILY_HISTORY": Head("other", "condition of a relative"),
    "CLAIM_DIAGNOSIS": Head("other", "diagnosis on a claim"),
    "CLAIM_PROCEDURE": Head("other", "procedure on a claim"),
    "CLAIM_ITEM": Head("other", "product or service on a claim"),
    # death
    DEATH: Head("death", "death"),
}
"""Every head that the importers write, with the kind that decides which analyst view shows the event."""


def code_of(*parts: str | None) -> str:
    """Join the parts of a code; an empty part becomes UNK, and `//` inside a part becomes `/`.

    >>> code_of("LAB", "LOINC", "4548-4", "%")
    'LAB//LOINC//4548-4//%'
    >>> code_of("HOSPITAL_ADMISSION", "URGENT", None)
    'HOSPITAL_ADMISSION//URGENT//UNK'
    """
    return SEPARATOR.join((part or UNKNOWN).replace(SEPARATOR, "/") for part in parts)


def head_of(code: str) -> str:
    """Return the first part of a code.

    >>> head_of("LAB//50912//mg/dL")
    'LAB'
    """
    return code.split(SEPARATOR, 1)[0]


def can_be_static(code: str) -> bool:
    """Say whether an event with this code and no time is known at every time.

    A demographic fact is, and so is one of a head that is not ours. A diagnosis, a result or a drug without a date
    happened at some moment that nobody wrote down; taking it for known from the beginning would tell the future.

    >>> [can_be_static(code) for code in ("GENDER//F", "EYE_COLOUR//BLUE", "CONDITION//SNOMED//44054006")]
    [True, True, False]
    """
    head = HEADS.get(head_of(code))
    return head is None or head.kind == "demographic"


def stable_id(text: str) -> int:
    """Map an identifier to a 63-bit number that never changes: the low half of its MD5, without the sign bit.

    In SQL the same number is `(md5_number_lower(text) >> 1)::BIGINT`.

    >>> stable_id("Patient/p1")
    6091580074906713648
    """
    low_half = hashlib.md5(text.encode(), usedforsecurity=False).digest()[8:]
    return int.from_bytes(low_half, "little") >> 1
