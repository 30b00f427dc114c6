"""A tiny OMOP CDM of invented persons, in any form a folder may have, and what an import of it left in the store."""

import csv
import gzip
import io
from pathlib import Path
from typing import Any

import duckdb

from ehr.importers import IMPORTERS, ImportOptions
from ehr.intake import ImportReport
from ehr.store import create_store

Row = dict[str, Any]
Tables = dict[str, list[Row]]

CONCEPTS: list[Row] = [
    {"concept_id": number, "concept_name": name, "vocabulary_id": vocabulary, "concept_code": code}
    for number, name, vocabulary, code in (
        (201826, "Type 2 diabetes mellitus", "SNOMED", "44054006"),
        (201820, "Diabetes mellitus", "SNOMED", "73211009"),
        (442793, "Complication due to diabetes mellitus", "SNOMED", "74627003"),
        (45533017, "Type 2 diabetes mellitus without complications", "ICD10CM", "E11.9"),
        (40164929, "metformin hydrochloride 500 MG", "RxNorm", "860974"),
        (40213145, "Influenza, seasonal, injectable", "CVX", "141"),
        (3004410, "Hemoglobin A1c/Hemoglobin.total in Blood", "LOINC", "4548-4"),
        (3037110, "Fasting glucose", "LOINC", "1558-6"),
        (8554, "percent", "UCUM", "%"),
        (8840, "milligram per deciliter", "UCUM", "mg/dL"),
        (45884084, "Positive", "LOINC", "LA6576-8"),
        (9201, "Inpatient Visit", "Visit", "IP"),
        (32037, "Intensive Care", "Visit", "OMOP4822460"),
        (32019, "EHR billing diagnosis", "Condition Type", "OMOP4822244"),
        (32838, "EHR prescription", "Type Concept", "OMOP4976911"),
        (4132161, "Oral", "SNOMED", "26643006"),
    )
]


def person(person_id: object = 1, **rest: object) -> Row:
    row = {
        "person_id": person_id,
        "gender_concept_id": 8532,
        "year_of_birth": 1960,
        "month_of_birth": 5,
        "day_of_birth": 17,
        "birth_datetime": None,
        "race_concept_id": 8527,
        "ethnicity_concept_id": 38003564,
        "person_source_value": f"mrn-{person_id}",
        "gender_source_value": "F",
        "race_source_value": "white",
        "ethnicity_source_value": "nonhispanic",
    }
    return {**row, **rest}


def visit(visit_occurrence_id: object = 11, person_id: object = 1, **rest: object) -> Row:
    row = {
        "visit_occurrence_id": visit_occurrence_id,
        "person_id": person_id,
        "visit_concept_id": 9201,
        "visit_start_date": "2020-03-01",
        "visit_start_datetime": "2020-03-01 10:00:00",
        "visit_end_date": "2020-03-05",
        "visit_end_datetime": "2020-03-05 12:30:00",
        "visit_source_value": "admission",
        "visit_source_concept_id": 0,
        "admitted_from_concept_id": 0,
        "admitted_from_source_value": "home",
        "discharged_to_concept_id": 0,
        "discharged_to_source_value": None,
    }
    return {**row, **rest}


def detail(visit_detail_id: object = 11, **rest: object) -> Row:
    """A part of a visit: intensive care in the middle of it."""
    row = {
        "visit_detail_id": visit_detail_id,
        "person_id": 1,
        "visit_detail_concept_id": 32037,
        "visit_detail_start_date": "2020-03-01",
        "visit_detail_start_datetime": "2020-03-01 18:00:00",
        "visit_detail_end_date": "2020-03-03",
        "visit_detail_end_datetime": "2020-03-03 09:00:00",
        "visit_detail_source_value": "MICU",
        "visit_detail_source_concept_id": 0,
        "admitted_from_concept_id": 0,
        "admitted_from_source_value": None,
        "discharged_to_concept_id": 0,
        "discharged_to_source_value": None,
        "visit_occurrence_id": 11,
        "parent_visit_detail_id": None,
    }
    return {**row, **rest}


def condition(condition_occurrence_id: object = 21, person_id: object = 1, **rest: object) -> Row:
    row = {
        "condition_occurrence_id": condition_occurrence_id,
        "person_id": person_id,
        "condition_concept_id": 201826,
        "condition_source_concept_id": 45533017,
        "condition_source_value": "E11.9",
        "condition_start_date": "2020-03-02",
        "condition_start_datetime": None,
        "condition_end_date": None,
        "condition_end_datetime": None,
        "condition_type_concept_id": 32817,
        "condition_status_concept_id": 0,
        "condition_status_source_value": None,
        "stop_reason": None,
        "visit_occurrence_id": 11,
        "visit_detail_id": None,
    }
    return {**row, **rest}


def measurement(measurement_id: object = 31, person_id: object = 1, **rest: object) -> Row:
    row = {
        "measurement_id": measurement_id,
        "person_id": person_id,
        "measurement_concept_id": 3004410,
        "measurement_source_concept_id": 0,
        "measurement_source_value": "HbA1c",
        "measurement_date": "2020-03-02",
        "measurement_datetime": "2020-03-02 08:15:00",
        "operator_concept_id": 4172703,
        "value_as_number": 7.25,
        "value_as_concept_id": 0,
        "value_source_value": "7.25",
        "unit_concept_id": 8554,
        "unit_source_value": "percent",
        "visit_occurrence_id": 11,
        "visit_detail_id": None,
    }
    return {**row, **rest}


def drug(drug_exposure_id: object = 41, person_id: object = 1, **rest: object) -> Row:
    row = {
        "drug_exposure_id": drug_exposure_id,
        "person_id": person_id,
        "drug_concept_id": 40164929,
        "drug_source_concept_id": 0,
        "drug_source_value": "metformin",
        "drug_exposure_start_date": "2020-03-02",
        "drug_exposure_start_datetime": None,
        "drug_exposure_end_date": "2020-03-04",
        "drug_exposure_end_datetime": None,
        "drug_type_concept_id": 32838,
        "stop_reason": None,
        "quantity": 2,
        "sig": "twice a day",
        "route_concept_id": 4132161,
        "route_source_value": "PO",
        "dose_unit_source_value": "tablet",
        "visit_occurrence_id": 11,
        "visit_detail_id": None,
    }
    return {**row, **rest}


def observation(observation_id: object = 51, person_id: object = 1, **rest: object) -> Row:
    row = {
        "observation_id": observation_id,
        "person_id": person_id,
        "observation_concept_id": 3037110,
        "observation_source_concept_id": 0,
        "observation_source_value": "x",
        "observation_date": "2020-03-02",
        "observation_datetime": None,
        "value_as_number": None,
        "value_as_string": None,
        "value_as_concept_id": 0,
        "value_source_value": None,
        "qualifier_concept_id": 0,
        "qualifier_source_value": None,
        "unit_concept_id": 0,
        "unit_source_value": None,
        "visit_occurrence_id": 11,
        "visit_detail_id": None,
    }
    return {**row, **rest}


def made(**tables: list[Row]) -> Tables:
    """Return a person with a visit and the concepts, and `tables` in place of those or beside them."""
    return {"concept": CONCEPTS, "person": [person()], "visit_occurrence": [visit()], **tables}


def csv_text(rows: list[Row], delimiter: str = ",", *, upper: bool = False) -> str:
    text = io.StringIO()
    header = list(rows[0])
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow([name.upper() if upper else name for name in header])
    writer.writerows([["" if row[name] is None else row[name] for name in header] for row in rows])
    return text.getvalue()


def write_csv(root: Path, tables: Tables) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        (root / f"{name}.csv").write_text(csv_text(rows))
    return root


def write_as_csv(source: Path, root: Path, *, delimiter: str = ",", gz: bool = False, upper: bool = False) -> Path:
    """Write the parquet tables of `source` as CSV files, as databases and R write them."""
    root.mkdir(parents=True, exist_ok=True)
    con = duckdb.connect()
    for file in sorted(source.glob("*.parquet")):
        frame = con.sql(f"FROM read_parquet('{file}')")
        text = io.StringIO()
        writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
        writer.writerow([name.upper() if upper else name for name in frame.columns])
        writer.writerows([["" if cell is None else cell for cell in row] for row in frame.fetchall()])
        name = f"{file.stem.upper() if upper else file.stem}.csv"
        data = text.getvalue().encode()
        (root / (f"{name}.gz" if gz else name)).write_bytes(gzip.compress(data, 1) if gz else data)
    con.close()
    return root


EVENT_COLUMNS = (
    'subject_id, "time", code, numeric_value, text_value, value_code, unit, encounter_id, end_time, status, '
    "record_id, codings, time_precision, utc_offset"
)


class Imported:
    """A store, and what imports into it reported."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.report: ImportReport | None = None

    def __call__(self, source: Path, **options: Any) -> "Imported":
        store = create_store(self.path)
        try:
            self.report = IMPORTERS["omop"](store, source, ImportOptions(**options))
        finally:
            store.close()
        return self

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        con = duckdb.connect(self.path / "ehr.duckdb", read_only=True)
        try:
            return con.execute(query).fetchall()
        finally:
            con.close()

    def content(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return all that the store says of patients, without the numbers that it gave itself."""
        return {
            "event": self.rows(f"SELECT {EVENT_COLUMNS} FROM event ORDER BY ALL"),
            "subject": self.rows("FROM subject ORDER BY ALL"),
            "encounter": self.rows("SELECT * EXCLUDE (source_id) FROM encounter ORDER BY ALL"),
            "code": self.rows("FROM code ORDER BY ALL"),
            "hierarchy": self.rows("FROM hierarchy ORDER BY ALL"),
        }

    def event(self, record_id: str) -> dict[str, Any]:
        """Return the only event of a record."""
        found = self.rows(f"SELECT {EVENT_COLUMNS} FROM event WHERE record_id = '{record_id}'")
        assert len(found) == 1
        return dict(zip(EVENT_COLUMNS.replace('"', "").split(", "), found[0], strict=True))

    def rejects(self) -> list[tuple[Any, ...]]:
        return self.rows("SELECT resource, line, code, reason, excerpt FROM reject ORDER BY ALL")

    def notices(self) -> list[tuple[Any, ...]]:
        return self.rows("SELECT resource, line, code, reason, excerpt FROM notice ORDER BY ALL")

    def tally(self, table: str) -> tuple[int, int, int, int]:
        """Return rows_in, accepted, rejected and skipped of a table."""
        return self.rows(
            "SELECT sum(rows_in)::INT, sum(rows_accepted)::INT, sum(rows_rejected)::INT, sum(rows_skipped)::INT "
            f"FROM tally WHERE resource = '{table}'"
        )[0]
