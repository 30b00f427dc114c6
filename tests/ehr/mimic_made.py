"""A tiny MIMIC-IV folder of invented patients, and what an import of it left in the store."""

import csv
import io
from pathlib import Path
from typing import Any

from ehr.importers import IMPORTERS, ImportOptions
from ehr.intake import ImportReport
from ehr.store import Store, create_store

Table = list[dict[str, str]]

PATIENTS: Table = [
    {"subject_id": "1", "gender": "F", "anchor_age": "60", "anchor_year": "2150", "dod": ""},
    {"subject_id": "2", "gender": "M", "anchor_age": "40", "anchor_year": "2160", "dod": "2161-03-09"},
]


def admission(hadm_id: str, subject_id: str, admittime: str, dischtime: str, **rest: str) -> dict[str, str]:
    row = {
        "subject_id": subject_id,
        "hadm_id": hadm_id,
        "admittime": admittime,
        "dischtime": dischtime,
        "deathtime": "",
        "admission_type": "URGENT",
        "admission_location": "EMERGENCY ROOM",
        "discharge_location": "HOME",
        "insurance": "Medicare",
        "language": "ENGLISH",
        "marital_status": "",
        "race": "WHITE",
        "edregtime": "",
        "edouttime": "",
        "hospital_expire_flag": "0",
    }
    return {**row, **rest}


ADMISSIONS: Table = [
    admission("11", "1", "2150-02-01 10:00:00", "2150-02-05 12:00:00"),
    admission("12", "2", "2161-03-01 08:00:00", "2161-03-09 04:30:00"),
]
ICUSTAYS: Table = [
    {
        "subject_id": "1",
        "hadm_id": "11",
        "stay_id": "111",
        "first_careunit": "CCU",
        "last_careunit": "CCU",
        "intime": "2150-02-01 11:00:00",
        "outtime": "2150-02-03 11:00:00",
        "los": "2.0",
    }
]


def lab(labevent_id: str, subject_id: str = "1", hadm_id: str = "11", **rest: str) -> dict[str, str]:
    row = {
        "labevent_id": labevent_id,
        "subject_id": subject_id,
        "hadm_id": hadm_id,
        "itemid": "50912",
        "charttime": "2150-02-01 12:00:00",
        "value": "1.5",
        "valuenum": "1.5",
        "valueuom": "mg/dL",
        "comments": "",
    }
    return {**row, **rest}


LABEVENTS: Table = [lab("1"), lab("2", "2", "12", charttime="2161-03-02 06:00:00")]
DIAGNOSES: Table = [
    {"subject_id": "1", "hadm_id": "11", "seq_num": "1", "icd_code": "I5033", "icd_version": "10"},
    {"subject_id": "2", "hadm_id": "12", "seq_num": "1", "icd_code": "4280", "icd_version": "9"},
]


MODULE = {
    **dict.fromkeys(
        ("icustays", "chartevents", "datetimeevents", "ingredientevents", "inputevents", "d_items"), "icu"
    ),
    **dict.fromkeys(("edstays", "triage", "vitalsign", "pyxis", "medrecon", "diagnosis"), "ed"),
}


def csv_text(rows: Table, **options: Any) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n", **options)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def write_mimic(folder: Path, **tables: Table | str | bytes) -> Path:
    """Write the tiny folder; a table named here takes the place of its own, an empty string leaves it out."""
    contents: dict[str, Table | str | bytes] = {
        "patients": PATIENTS,
        "admissions": ADMISSIONS,
        "icustays": ICUSTAYS,
        "labevents": LABEVENTS,
        "diagnoses_icd": DIAGNOSES,
        **tables,
    }
    for name, content in contents.items():
        if not content:
            continue
        data = content if isinstance(content, str | bytes) else csv_text(content)
        file = folder / MODULE.get(name, "hosp") / f"{name}.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data if isinstance(data, bytes) else data.encode())
    return folder


class Imported:
    """The report of an import and the store that it left."""

    def __init__(self, folder: Path, source: Path, name: str = "mimic") -> None:
        self.store: Store = create_store(folder)
        self.report: ImportReport = IMPORTERS[name](self.store, source, ImportOptions())

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        return self.store.cursor().execute(query).fetchall()

    def file(self, stem: str) -> Any:
        return next(file for file in self.report.files if Path(file.file).name.partition(".")[0] == stem)

    def told(self, stem: str, *, table: str = "reject") -> list[tuple[int | None, str]]:
        """The rows and reasons of the rejects (or notices) of a file."""
        return [
            (line, reason)
            for line, reason in self.ask(
                f"SELECT line, reason FROM {table} WHERE source_id = {self.file(stem).source_id} ORDER BY ALL"
            )
        ]

    def codes(self, head: str) -> list[tuple[Any, ...]]:
        return self.ask(
            'SELECT subject_id, "time"::VARCHAR, code, numeric_value, text_value FROM event '
            f"WHERE split_part(code, '//', 1) = '{head}' ORDER BY ALL"
        )

    def close(self) -> None:
        self.store.close()
