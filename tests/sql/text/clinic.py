"""A clinic on disk: eight hand-written patients, in the codes of MIMIC-IV and of FHIR, for questions in English.

1  woman of 70   stay 100 (5 days), ICU 1000 (2 days): heart failure, diabetes; two doses of furosemide
2  man of 50     stays 200 (2 days) and 201 (3 days, 5 days after 200): heart failure, then kidney injury
3  woman of 80   stay 300 (10 days) that ended in death, ICU 3000: sepsis, kidney injury, ventilation
4  man of 40     emergency visit 400 (6 hours): asthma, fever
5  woman of 60   outpatient visit 500: diabetes, prediabetes, metformin ordered
6  man of 66     stay 600 (1 day): pneumonia, vancomycin given; died a month later
7  man of 20     no stay
8  man of 90     stay 800 (20 days), ICU 8000 (8 days): heart failure, chronic kidney disease, dialysis
"""

from datetime import datetime
from pathlib import Path
from typing import Final

import polars as pl

from ehr.intake import Intake, event_frame
from ehr.store import create_store

TITLES: Final = {
    "DIAGNOSIS//ICD//10//I509": "Heart failure, unspecified",
    "DIAGNOSIS//ICD//10//I5023": "Acute on chronic systolic (congestive) heart failure",
    "DIAGNOSIS//ICD//9//4280": "Congestive heart failure, unspecified",
    "DIAGNOSIS//ICD//9//4019": "Unspecified essential hypertension",
    "DIAGNOSIS//ICD//10//E119": "Type 2 diabetes mellitus without complications",
    "DIAGNOSIS//ICD//10//N179": "Acute kidney failure, unspecified",
    "DIAGNOSIS//ICD//9//5849": "Acute kidney failure, unspecified",
    "DIAGNOSIS//ICD//10//N183": "Chronic kidney disease, stage 3 (moderate)",
    "DIAGNOSIS//ICD//10//A419": "Sepsis, unspecified organism",
    "DIAGNOSIS//ICD//10//J189": "Pneumonia, unspecified organism",
    "DIAGNOSIS//ICD//10//Z8249": "Family history of ischemic heart disease",
    "DIAGNOSIS//ICD//10//L720": "Epidermal cyst",
    "CONDITION//SNOMED//195967001": "Asthma (disorder)",
    "CONDITION//SNOMED//44054006": "Diabetes mellitus type 2 (disorder)",
    "CONDITION//SNOMED//15777000": "Prediabetes (finding)",
    "ALLERGY//SNOMED//91936005": "Allergy to penicillin",
    "LAB//50912//mg/dL": "Creatinine",
    "LAB//220615//mg/dL": "Creatinine (serum)",
    "LAB//50971//mEq/L": "Potassium",
    "LAB//50813//mmol/L": "Lactate",
    "LAB//50931//mg/dL": "Glucose",
    "LAB//51478//mg/dL": "Glucose",
    "LAB//223762//°C": "Temperature Celsius",
    "LAB//223761//°F": "Temperature Fahrenheit",
    "LAB//224690//insp/min": "Respiratory Rate (Total)",
    "LAB//224689//insp/min": "Respiratory Rate (spontaneous)",
    "LAB//LOINC//4548-4//%": "Hemoglobin A1c/Hemoglobin.total in Blood",
    "LAB//LOINC//39156-5//kg/m2": "Body mass index (BMI) [Ratio]",
    "MEDICATION//Furosemide//Administered": "Furosemide",
    "MEDICATION//START//Furosemide": "Furosemide",
    "MEDICATION//Heparin//Not Given": "Heparin",
    "MEDICATION//START//Losartan Potassium": "Losartan Potassium",
    "MEDICATION//RXNORM//860975": "metformin hydrochloride 500 MG Oral Tablet",
    "MEDICATION//RXNORM//1807510": "150 ML vancomycin 5 MG/ML Injection",
    "INFUSION_START//221906": "Norepinephrine",
    "INFUSION_END//221906": "Norepinephrine",
    "PROCEDURE//START//225792": "Invasive Ventilation",
    "PROCEDURE//END//225792": "Invasive Ventilation",
    "PROCEDURE//ICD//9//3995": "Hemodialysis",
}

# subject, sex, year of birth
_PEOPLE: Final = ((1, "F", 2080), (2, "M", 2100), (3, "F", 2070), (4, "M", 2110), (5, "F", 2090), (6, "M", 2085),
                  (7, "M", 2130), (8, "M", 2060))  # fmt: skip

# encounter, parent, subject, class, type, start, end, disposition
_STAYS: Final = (
    (100, None, 1, "inpatient", "EW EMER.", "2150-03-01 08:00", "2150-03-06 08:00", "HOME"),
    (1000, 100, 1, "icu", "MICU", "2150-03-01 12:00", "2150-03-03 12:00", None),
    (200, None, 2, "inpatient", "URGENT", "2150-05-10 00:00", "2150-05-12 00:00", "HOME"),
    (201, None, 2, "inpatient", "URGENT", "2150-05-17 00:00", "2150-05-20 00:00", None),
    (300, None, 3, "inpatient", "EW EMER.", "2150-01-01 12:00", "2150-01-11 12:00", "DIED"),
    (3000, 300, 3, "icu", "MICU", "2150-01-01 12:00", "2150-01-11 12:00", None),
    (400, None, 4, "emergency", None, "2150-02-02 10:00", "2150-02-02 16:00", None),
    (500, None, 5, "ambulatory", "General examination", "2150-06-01 09:00", "2150-06-01 09:30", None),
    (600, None, 6, "inpatient", "ELECTIVE", "2151-07-01 00:00", "2151-07-02 00:00", "HOME"),
    (800, None, 8, "inpatient", "EW EMER.", "2150-09-01 00:00", "2150-09-21 00:00", "HOME"),
    (8000, 800, 8, "icu", "CVICU", "2150-09-02 00:00", "2150-09-10 00:00", None),
)

# subject, time, code, value, encounter, record
_EVENTS: Final = (
    (1, "2150-03-06 08:00", "DIAGNOSIS//ICD//10//I509", None, 100, None),
    (1, "2150-03-06 08:00", "DIAGNOSIS//ICD//10//E119", None, 100, None),
    (1, "2150-03-01 10:00", "LAB//50912//mg/dL", 2.5, 100, None),
    (1, "2150-03-03 10:00", "LAB//50912//mg/dL", 1.1, 100, None),
    (1, "2150-03-01 14:00", "LAB//50813//mmol/L", 5.0, 100, None),
    (1, "2150-03-02 09:00", "MEDICATION//Furosemide//Administered", None, 100, None),
    (1, "2150-03-03 09:00", "MEDICATION//Furosemide//Administered", None, 100, None),
    (2, "2150-05-12 00:00", "DIAGNOSIS//ICD//9//4280", None, 200, None),
    (2, "2150-05-12 00:00", "DIAGNOSIS//ICD//9//4019", None, 200, None),
    (2, "2150-05-11 06:00", "LAB//50912//mg/dL", 1.0, 200, None),
    (2, "2150-05-10 01:00", "LAB//50971//mEq/L", 4.0, 200, None),
    (2, "2150-05-11 01:00", "LAB//50971//mEq/L", 5.6, 200, None),
    (2, "2150-05-10 02:00", "MEDICATION//START//Furosemide", None, 200, None),
    (2, "2150-05-18 00:00", "LAB//50971//mEq/L", 3.0, 201, None),
    (2, "2150-05-20 00:00", "DIAGNOSIS//ICD//10//N179", None, 201, None),
    (2, "2150-05-20 00:00", "DIAGNOSIS//ICD//10//Z8249", None, 201, None),
    (3, "2150-01-11 12:00", "DIAGNOSIS//ICD//10//A419", None, 300, None),
    (3, "2150-01-11 12:00", "DIAGNOSIS//ICD//9//5849", None, 300, None),
    (3, "2150-01-01 13:00", "LAB//50813//mmol/L", 3.0, 300, None),
    (3, "2150-01-01 22:00", "LAB//50813//mmol/L", 6.0, 300, None),
    (3, "2150-01-01 13:00", "LAB//220615//mg/dL", 9.0, 3000, None),
    (3, "2150-01-01 15:00", "PROCEDURE//START//225792", None, 3000, None),
    (3, "2150-01-03 15:00", "PROCEDURE//END//225792", None, 3000, None),
    (3, "2150-01-01 14:00", "INFUSION_START//221906", None, 3000, None),
    (3, "2150-01-02 14:00", "INFUSION_END//221906", None, 3000, None),
    (3, "2150-01-02 14:00", "LAB//224690//insp/min", 20.0, 3000, None),
    (3, "2150-01-02 14:00", "LAB//224689//insp/min", 10.0, 3000, None),
    (4, "2150-02-02 10:30", "CONDITION//SNOMED//195967001", None, 400, "Condition/c1"),
    (4, "2150-02-02 11:00", "LAB//223762//°C", 39.5, 400, None),
    (5, "2140-01-01 00:00", "CONDITION//SNOMED//15777000", None, 500, "Condition/c2"),
    (5, "2150-06-01 09:10", "CONDITION//SNOMED//44054006", None, 500, "Condition/c3"),
    (5, "2150-06-01 09:10", "LAB//LOINC//4548-4//%", 9.1, 500, "Observation/o1"),
    (5, "2149-06-01 09:10", "LAB//LOINC//39156-5//kg/m2", 31.0, None, "Observation/o2"),
    (5, "2150-06-01 09:10", "LAB//LOINC//39156-5//kg/m2", 29.0, 500, "Observation/o3"),
    (5, "2150-06-01 09:20", "MEDICATION//RXNORM//860975", None, 500, "MedicationRequest/m1"),
    (5, "2150-06-01 09:20", "MEDICATION//START//Losartan Potassium", None, 500, None),
    (6, "2151-07-02 00:00", "DIAGNOSIS//ICD//10//J189", None, 600, None),
    (6, "2151-07-01 03:00", "MEDICATION//RXNORM//1807510", None, 600, "MedicationAdministration/m2"),
    (6, "2151-07-01 02:00", "LAB//223761//°F", 102.2, 600, None),
    (6, "2151-07-01 02:00", "LAB//50931//mg/dL", 250.0, 600, None),
    (6, "2151-07-01 05:00", "LAB//50931//mg/dL", 180.0, 600, None),
    (6, "2151-07-01 02:00", "LAB//51478//mg/dL", 500.0, 600, None),
    (6, "2151-06-01 00:00", "ALLERGY//SNOMED//91936005", None, None, "AllergyIntolerance/a1"),
    (6, "2151-07-02 00:00", "DIAGNOSIS//ICD//10//L720", None, 600, None),
    (6, "2151-08-01 00:00", "MEDS_DEATH", None, None, None),
    (3, "2150-01-11 12:00", "MEDS_DEATH", None, None, None),
    (7, "2150-04-01 00:00", "LAB//LOINC//39156-5//kg/m2", 32.0, None, "Observation/o4"),
    (8, "2150-09-21 00:00", "DIAGNOSIS//ICD//10//I5023", None, 800, None),
    (8, "2150-09-21 00:00", "DIAGNOSIS//ICD//10//N183", None, 800, None),
    (8, "2150-09-01 05:00", "LAB//50912//mg/dL", 3.3, 800, None),
    (8, "2150-09-01 01:00", "LAB//50971//mEq/L", 6.2, 800, None),
    (8, "2150-09-01 02:00", "MEDICATION//Heparin//Not Given", None, 800, None),
    (8, "2150-09-03 00:00", "PROCEDURE//ICD//9//3995", None, 800, None),
)


def build_clinic(path: Path) -> None:
    """Make the store at `path`."""
    store = create_store(path)
    intake = Intake(store, "made", path)
    entry = intake.begin("clinic.csv", "0" * 64)
    events = [_born(subject, year) for subject, _, year in _PEOPLE]
    events += [{"subject_id": subject, "code": f"GENDER//{sex}"} for subject, sex, _ in _PEOPLE]
    events += [_event(*event) for event in _EVENTS]
    entry.stage_frame("event", event_frame(events))
    entry.stage_frame("encounter", pl.DataFrame([_stay(*stay) for stay in _STAYS], infer_schema_length=None))
    entry.stage_frame("code", pl.DataFrame([{"code": code, "description": title} for code, title in TITLES.items()]))
    entry.tally("clinic", rows_in=len(events), accepted=len(events))
    intake.commit()
    store.close()


def _born(subject: int, year: int) -> dict[str, object]:
    return {"subject_id": subject, "code": "MEDS_BIRTH", "time": datetime(year, 1, 1)}


def _event(
    subject: int, time: str, code: str, value: float | None, stay: int | None, record: str | None
) -> dict[str, object]:
    return {
        "subject_id": subject,
        "time": datetime.fromisoformat(time),
        "code": code,
        "numeric_value": value,
        "unit": code.rsplit("//", 1)[1] if value is not None else None,
        "encounter_id": stay,
        "record_id": record,
    }


def _stay(
    stay: int, parent: int | None, subject: int, kind: str, name: str | None, start: str, end: str, went: str | None
) -> dict[str, object]:
    return {
        "encounter_id": stay,
        "parent_id": parent,
        "subject_id": subject,
        "class": kind,
        "type": name,
        "start_time": datetime.fromisoformat(start),
        "end_time": datetime.fromisoformat(end),
        "disposition": went,
    }
