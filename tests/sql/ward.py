"""A small ward on disk: twelve patients whose stays, diagnoses, drugs and values follow from their number."""

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from ehr.events import code_of
from ehr.intake import Intake, event_frame
from ehr.reasons import Reason
from ehr.store import create_store

START = datetime(2150, 1, 1, 8)
CREATININE = code_of("LAB", "50912", "mg/dL")
POTASSIUM = code_of("LAB", "50971", "mEq/L")
TITLES = {
    CREATININE: "Creatinine",
    POTASSIUM: "Potassium",
    "DIAGNOSIS//ICD//10//I509": "Heart failure, unspecified",
    "DIAGNOSIS//ICD//9//4280": "Congestive heart failure, unspecified",
    "DIAGNOSIS//ICD//10//E119": "Type 2 diabetes mellitus without complications",
    "MEDICATION//Furosemide//Administered": "Furosemide",
    "PROCEDURE//ICD//10//5A1D70Z": "Haemodialysis",
}


def build_ward(path: Path) -> None:
    """Make the store at `path`; one record in it was refused."""
    store = create_store(path)
    intake = Intake(store, "made", path)
    entry = intake.begin("ward.csv", "0" * 64)
    events = [event for number in range(1, 13) for event in _events(number)]
    stays = [stay for number in range(1, 13) for stay in _stays(number)]
    entry.stage_frame("event", event_frame(events))
    entry.stage_frame("encounter", pl.DataFrame(stays, infer_schema_length=None))
    entry.stage_frame("code", pl.DataFrame([{"code": code, "description": title} for code, title in TITLES.items()]))
    entry.stage_frame(
        "subject", pl.DataFrame([{"subject_id": n, "identifiers": [f"ward|{n}"]} for n in range(1, 13)])
    )
    entry.reject(7, "ward", "value is no number", "secret of a patient", code=Reason.BAD_NUMBER)
    entry.tally("ward", rows_in=len(events) + 1, accepted=len(events), rejected=1)
    intake.commit()
    store.close()


def _admitted(number: int) -> datetime:
    return START + timedelta(days=3 * number, hours=5 * number)


def _events(number: int) -> list[dict[str, object]]:
    begin = _admitted(number)
    end = begin + timedelta(days=number)
    rows = [
        _event(number, "MEDS_BIRTH", START - timedelta(days=365 * (30 + 4 * number))),
        _event(number, "GENDER//F" if number % 2 else "GENDER//M", None),
        _event(number, "HOSPITAL_ADMISSION//URGENT//UNK", begin),
        _event(number, "HOSPITAL_DISCHARGE//HOME", end),
    ]
    rows += [
        _event(number, CREATININE, begin + timedelta(days=day), 0.8 + 0.2 * day + 0.1 * number, "mg/dL")
        for day in range(number)
    ]
    if number % 3:
        rows.append(_event(number, POTASSIUM, begin + timedelta(hours=2), 3.0 + 0.25 * number, "mEq/L"))
    if number % 4 == 0:
        rows.append(_event(number, "DIAGNOSIS//ICD//10//I509", end))
    if number % 5 == 0:
        rows.append(_event(number, "DIAGNOSIS//ICD//9//4280", end))
    if number % 2 == 0:
        rows.append(_event(number, "DIAGNOSIS//ICD//10//E119", end))
        drug = _event(number, "MEDICATION//Furosemide//Administered", begin + timedelta(hours=6), 40.0, "mg")
        rows.append(drug | {"status": "Administered"})
    if number % 6 == 0:
        rows.append(_event(number, "PROCEDURE//ICD//10//5A1D70Z", begin + timedelta(days=1)))
    if number in {4, 9}:
        rows.append(_event(number, "MEDS_DEATH", end))
    return rows


def _event(
    number: int, code: str, time: datetime | None, value: float | None = None, unit: str | None = None
) -> dict[str, object]:
    stay = 100 + number if time is not None and code != "MEDS_BIRTH" else None
    return {
        "subject_id": number,
        "time": time,
        "code": code,
        "numeric_value": value,
        "unit": unit,
        "encounter_id": stay,
    }


def _stays(number: int) -> list[dict[str, object]]:
    begin = _admitted(number)
    end = begin + timedelta(days=number)
    went = "DIED" if number == 4 else "HOME"
    stays = [_stay(100 + number, None, number, "inpatient", begin, end, went)]
    if number % 2 == 0:
        stays.append(_stay(200 + number, 100 + number, number, "icu", begin + timedelta(hours=6), end, None))
    if number % 3 == 0:
        stays.append(_stay(300 + number, 100 + number, number, "emergency", begin - timedelta(hours=7), begin, None))
        again = end + timedelta(days=10)
        stays.append(_stay(400 + number, None, number, "inpatient", again, again + timedelta(days=2), "HOME"))
    return stays


def _stay(
    stay: int, parent: int | None, number: int, kind: str, begin: datetime, end: datetime, went: str | None
) -> dict[str, object]:
    return {
        "encounter_id": stay,
        "parent_id": parent,
        "subject_id": number,
        "class": kind,
        "start_time": begin,
        "end_time": end,
        "disposition": went,
    }
