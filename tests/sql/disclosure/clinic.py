"""A clinic of 120 patients, of whom few are of sex other and one was born long before the others."""

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from ehr.events import code_of
from ehr.intake import Intake, event_frame
from ehr.store import create_store

PATIENTS = 120
SPECIAL = 7
CREATININE = code_of("LAB", "50912", "mg/dL")
TITLES = {
    CREATININE: "Creatinine",
    "DIAGNOSIS//ICD//10//I509": "Heart failure, unspecified",
    "DIAGNOSIS//ICD//10//E119": "Type 2 diabetes mellitus without complications",
    "MEDICATION//Furosemide//Administered": "Furosemide",
}


def build_clinic(path: Path) -> None:
    """Make the store at `path`."""
    store = create_store(path)
    intake = Intake(store, "made", path)
    entry = intake.begin("clinic.csv", "0" * 64)
    events = [event for number in range(1, PATIENTS + 1) for event in _events(number)]
    stays = [stay for number in range(1, PATIENTS + 1) for stay in _stays(number)]
    entry.stage_frame("event", event_frame(events))
    entry.stage_frame("encounter", pl.DataFrame(stays, infer_schema_length=None))
    entry.stage_frame("code", pl.DataFrame([{"code": code, "description": title} for code, title in TITLES.items()]))
    subjects = [{"subject_id": n, "identifiers": [f"clinic|{n}"]} for n in range(1, PATIENTS + 1)]
    entry.stage_frame("subject", pl.DataFrame(subjects))
    entry.tally("clinic", rows_in=len(events), accepted=len(events), rejected=0)
    intake.commit()
    store.con.execute("UPDATE subject SET sex = 'other' WHERE subject_id IN (7, 20, 33)")
    store.close()


def _admitted(number: int) -> datetime:
    return datetime(2010, 1 + number % 4, 1 + number % 25, 9)


def _born(number: int) -> datetime:
    return datetime(1920, 2, 3) if number == SPECIAL else datetime(1930 + number // 2, 1 + number % 12, 5)


def _events(number: int) -> list[dict[str, object]]:
    begin = _admitted(number)
    rows = [
        _event(number, "MEDS_BIRTH", _born(number)),
        _event(number, "GENDER//M" if number % 2 else "GENDER//F", None),
        *(_event(number, CREATININE, begin + timedelta(hours=8 * k), 1 + k + number / 100) for k in range(1, 4)),
    ]
    if number == SPECIAL:
        rows.append(_event(number, CREATININE, begin + timedelta(days=2), None) | {"text_value": "secret"})
    if number % 2 == 0:
        rows.append(_event(number, "DIAGNOSIS//ICD//10//I509", begin + timedelta(days=1)))
    if number % 5 in {0, 1, 2}:
        rows.append(_event(number, "DIAGNOSIS//ICD//10//E119", begin + timedelta(days=1)))
    if number % 3 == 0:
        rows.append(_event(number, "MEDICATION//Furosemide//Administered", begin + timedelta(hours=5), 40.0))
    if number % 4 == 0:
        rows.append(_event(number, "MEDS_DEATH", begin + timedelta(days=200)))
    return rows


def _event(number: int, code: str, time: datetime | None, value: float | None = None) -> dict[str, object]:
    is_record = time is not None and not code.startswith("MEDS_")
    unit = "mg/dL" if code == CREATININE and value is not None else None
    return {
        "subject_id": number,
        "time": time,
        "code": code,
        "numeric_value": value,
        "unit": unit,
        "encounter_id": 1000 + number if is_record else None,
    }


def _stays(number: int) -> list[dict[str, object]]:
    begin = _admitted(number)
    end = begin + timedelta(days=1 + number % 9, hours=number)
    stays = [_stay(1000 + number, number, "inpatient", begin, end)]
    if number % 2 == 0:
        stays.append(_stay(2000 + number, number, "icu", begin + timedelta(hours=6), end))
    if number % 3 == 0:
        again = end + timedelta(days=20)
        stays.append(_stay(3000 + number, number, "inpatient", again, again + timedelta(days=2)))
    if number % 4 in {1, 2}:
        stays.append(_stay(4000 + number, number, "emergency", begin - timedelta(hours=number), begin))
    return stays


def _stay(stay: int, number: int, kind: str, begin: datetime, end: datetime) -> dict[str, object]:
    return {
        "encounter_id": stay,
        "parent_id": 1000 + number if kind == "icu" else None,
        "subject_id": number,
        "class": kind,
        "start_time": begin,
        "end_time": end,
        "disposition": "HOME",
    }
