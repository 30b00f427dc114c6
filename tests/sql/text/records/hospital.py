"""A hospital of three made patients in the tables of the EHRSQL set, in DuckDB and in SQLite."""

import sqlite3
from typing import Any

import duckdb
from sqlglot import exp

from sql.text.records.compile import compile_records
from sql.text.records.query import RecordsQuery
from sql.text.records.schema import read_catalogue
from sql.text.records.sqlite import to_sqlite

CATALOGUE = read_catalogue("mimic_iv_ehrsql")

TABLES = """
patients: row_id INT, subject_id INT, gender VARCHAR, dob TIMESTAMP, dod TIMESTAMP
admissions: row_id INT, subject_id INT, hadm_id INT, admittime TIMESTAMP, dischtime TIMESTAMP, admission_type VARCHAR,
 admission_location VARCHAR, discharge_location VARCHAR, insurance VARCHAR, language VARCHAR,
 marital_status VARCHAR, age INT
d_icd_diagnoses: row_id INT, icd_code VARCHAR, long_title VARCHAR
d_icd_procedures: row_id INT, icd_code VARCHAR, long_title VARCHAR
d_labitems: row_id INT, itemid INT, label VARCHAR
d_items: row_id INT, itemid INT, label VARCHAR, abbreviation VARCHAR, linksto VARCHAR
diagnoses_icd: row_id INT, subject_id INT, hadm_id INT, icd_code VARCHAR, charttime TIMESTAMP
procedures_icd: row_id INT, subject_id INT, hadm_id INT, icd_code VARCHAR, charttime TIMESTAMP
labevents: row_id INT, subject_id INT, hadm_id INT, itemid INT, charttime TIMESTAMP, valuenum DOUBLE,
 valueuom VARCHAR
prescriptions: row_id INT, subject_id INT, hadm_id INT, starttime TIMESTAMP, stoptime TIMESTAMP, drug VARCHAR,
 dose_val_rx VARCHAR, dose_unit_rx VARCHAR, route VARCHAR
cost: row_id INT, subject_id INT, hadm_id INT, event_type VARCHAR, event_id INT, chargetime TIMESTAMP, cost DOUBLE
chartevents: row_id INT, subject_id INT, hadm_id INT, stay_id INT, itemid INT, charttime TIMESTAMP, valuenum DOUBLE,
 valueuom VARCHAR
inputevents: row_id INT, subject_id INT, hadm_id INT, stay_id INT, starttime TIMESTAMP, itemid INT, amount DOUBLE
outputevents: row_id INT, subject_id INT, hadm_id INT, stay_id INT, charttime TIMESTAMP, itemid INT, value DOUBLE
microbiologyevents: row_id INT, subject_id INT, hadm_id INT, charttime TIMESTAMP, spec_type_desc VARCHAR,
 test_name VARCHAR, org_name VARCHAR
icustays: row_id INT, subject_id INT, hadm_id INT, stay_id INT, first_careunit VARCHAR, last_careunit VARCHAR,
 intime TIMESTAMP, outtime TIMESTAMP
transfers: row_id INT, subject_id INT, hadm_id INT, transfer_id INT, eventtype VARCHAR, careunit VARCHAR,
 intime TIMESTAMP, outtime TIMESTAMP
""".replace("\n ", " ")

ROWS: dict[str, list[tuple[Any, ...]]] = {
    "patients": [(1, "f", "2030-05-01", None), (2, "m", "2060-02-29", "2100-08-20"), (3, "f", "2075-01-01", None)],
    "admissions": [
        (1, 10, "2100-01-30 10:00", "2100-02-04 12:00", "urgent", "emergency room", "home", "medicare",
         "english", "single", 69),
        (1, 11, "2100-06-01 08:00", "2100-06-03 09:00", "elective", "clinic referral", "home", "other",
         "english", "single", 70),
        (2, 20, "2100-06-10 23:30", "2100-06-20 11:00", "urgent", "emergency room", "hospice", "other", "?",
         "married", 40),
        (3, 30, "2100-12-28 01:00", None, "urgent", "emergency room", None, "medicaid", "english", None, 25),
    ],
    "d_icd_diagnoses": [("i50", "heart failure"), ("j18", "pneumonia"), ("e11", "diabetes")],
    "d_icd_procedures": [("p1", "insertion of catheter"), ("p2", "dialysis")],
    "d_labitems": [(50, "sodium"), (51, "glucose"), (52, "glucose")],
    "d_items": [
        (60, "heart rate", "hr", "chartevents"), (61, "daily weight", "wt", "chartevents"),
        (62, "saline", "nacl", "inputevents"), (63, "foley", "foley", "outputevents"),
        (64, "saline", "x", "outputevents"),
    ],
    "diagnoses_icd": [
        (1, 10, "i50", "2100-01-31 10:00"), (1, 10, "j18", "2100-02-01 10:00"), (1, 11, "i50", "2100-06-01 10:00"),
        (2, 20, "j18", "2100-06-11 10:00"), (3, 30, "e11", "2100-12-29 10:00"), (3, 30, "i50", "2100-12-29 10:00"),
    ],
    "procedures_icd": [
        (1, 10, "p1", "2100-02-01 09:00"), (1, 11, "p1", "2100-06-02 09:00"), (2, 20, "p2", "2100-06-12 09:00"),
        (3, 30, "p1", "2100-12-30 09:00"),
    ],
    "labevents": [
        (1, 10, 50, "2100-01-31 06:00", 140.0, "meq/l"), (1, 10, 50, "2100-02-02 06:00", 135.5, "meq/l"),
        (1, 11, 51, "2100-06-01 09:00", 110.0, "mg/dl"), (2, 20, 50, "2100-06-12 06:00", 128.0, "meq/l"),
        (2, 20, 52, "2100-06-12 06:00", 300.0, "mg/dl"), (3, 30, 50, "2100-12-31 08:00", 140.0, "meq/l"),
        (3, 30, 50, "2100-12-30 08:00", None, "meq/l"),
    ],
    "prescriptions": [
        (1, 10, "2100-01-31 12:00", "2100-02-03 00:00", "aspirin", "81", "mg", "po"),
        (1, 10, "2100-02-01 12:00", "2100-02-03 00:00", "heparin", "5000.5", "unit", "iv"),
        (1, 10, "2100-02-01 12:00", "2100-02-04 00:00", "insulin", "4", "unit", "sc"),
        (2, 20, "2100-06-11 10:00", "2100-06-12 00:00", "aspirin", "325", "mg", "po"),
        (3, 30, "2100-12-30 10:00", None, "aspirin", "81", "mg", "po"),
        (3, 30, "2100-12-31 10:00", None, "insulin", "6", "unit", "sc"),
    ],
    "cost": [
        (1, 10, "diagnoses_icd", 0, "2100-01-31 10:00", 7.5), (1, 11, "diagnoses_icd", 2, "2100-06-01 10:00", 8.5),
        (2, 20, "diagnoses_icd", 3, "2100-06-11 10:00", 20.0), (3, 30, "prescriptions", 4, "2100-12-30 10:00", 3.25),
        (1, 10, "prescriptions", 0, "2100-01-31 12:00", 1.25), (1, 10, "labevents", 0, "2100-01-31 06:00", 30.0),
        (2, 20, "procedures_icd", 2, "2100-06-12 09:00", 100.0),
    ],
    "chartevents": [
        (1, 10, 100, 60, "2100-01-31 11:00", 88.0, "bpm"), (1, 10, 100, 60, "2100-01-31 12:00", 121.0, "bpm"),
        (1, 10, 100, 61, "2100-01-31 12:00", 70.5, "kg"), (3, 30, 300, 60, "2100-12-31 12:00", 59.0, "bpm"),
        (3, 30, 300, 60, "2100-12-31 13:00", 75.0, "bpm"), (3, 30, 300, 61, "2100-12-30 13:00", 55.0, "kg"),
    ],
    "inputevents": [
        (1, 10, 100, "2100-01-31 11:00", 62, 500.0), (1, 10, 100, "2100-02-01 11:00", 62, 250.0),
        (3, 30, 300, "2100-12-31 11:00", 62, 100.0),
    ],
    "outputevents": [(1, 10, 100, "2100-01-31 15:00", 63, 300.0), (3, 30, 300, "2100-12-31 15:00", 64, 50.0)],
    "microbiologyevents": [
        (1, 10, "2100-01-31 10:30", "urine", "culture", None),
        (1, 10, "2100-02-02 10:30", "urine", "culture", "e. coli"),
        (2, 20, "2100-06-13 10:30", "blood", "culture", None),
        (3, 30, "2100-12-30 10:30", "blood", "culture", "yeast"),
    ],
    "icustays": [
        (1, 10, 100, "micu", "sicu", "2100-01-31 09:00", "2100-02-02 09:00"),
        (3, 30, 300, "micu", "micu", "2100-12-30 12:00", None),
    ],
    "transfers": [
        (1, 10, 1000, "ed", "emergency department", "2100-01-30 10:00", "2100-01-31 09:00"),
        (1, 10, 1001, "transfer", "micu", "2100-01-31 09:00", "2100-02-02 09:00"),
        (2, 20, 2000, "admit", "medicine", "2100-06-10 23:30", "2100-06-20 11:00"),
        (3, 30, 3000, "admit", "micu", "2100-12-30 12:00", None),
    ],
}  # fmt: skip


def _schema() -> dict[str, str]:
    return dict(line.split(": ", 1) for line in TABLES.strip().splitlines())


def _rows(name: str, columns: str) -> list[tuple[Any, ...]]:
    """Number the rows and write times out, as the tables of the set have them."""
    kinds = [column.split()[1] for column in columns.split(", ")]
    found = []
    for number, row in enumerate(ROWS[name]):
        cells = zip((number, *row), kinds, strict=True)
        found.append(tuple(_time(cell) if kind == "TIMESTAMP" and cell else cell for cell, kind in cells))
    return found


def _time(text: str) -> str:
    return text + {10: " 00:00:00", 16: ":00"}[len(text)]


def fill(execute: Any, executemany: Any) -> None:
    """Create the tables and their rows."""
    for name, columns in _schema().items():
        execute(f"CREATE TABLE {name} ({columns})")
        marks = ", ".join("?" * len(columns.split(", ")))
        executemany(f"INSERT INTO {name} VALUES ({marks})", _rows(name, columns))


def plain(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return rows with times as text, yes and no as numbers, and numbers rounded, in an order of their own."""
    return sorted((tuple(_plain(cell) for cell in row) for row in rows), key=repr)


def _plain(cell: Any) -> Any:
    if cell is None or isinstance(cell, str):
        return cell
    return round(float(cell), 6) if isinstance(cell, int | float) else str(cell)


class Hospital:
    """The hospital in both engines."""

    def __init__(self) -> None:
        self.duckdb = duckdb.connect()
        self.duckdb.execute("SET threads = 1")
        self.sqlite = sqlite3.connect(":memory:")
        fill(self.duckdb.execute, self.duckdb.executemany)
        fill(self.sqlite.execute, self.sqlite.executemany)

    def close(self) -> None:
        """Close both."""
        self.duckdb.close()
        self.sqlite.close()

    def answers(self, tree: exp.Expr) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
        """Run a compiled question on both."""
        on_duckdb = self.duckdb.execute(tree.sql(dialect="duckdb")).fetchall()
        return plain(on_duckdb), plain(self.sqlite.execute(to_sqlite(tree)).fetchall())

    def answer(self, query: RecordsQuery) -> list[tuple[Any, ...]]:
        """Return what a question gives, which must be the same in both."""
        on_duckdb, on_sqlite = self.answers(compile_records(query, CATALOGUE))
        assert on_duckdb == on_sqlite
        return on_duckdb
