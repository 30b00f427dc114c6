"""What the tables of MIMIC-IV refer to: patients, stays, admissions, visits, and the rows that details belong to.

Each becomes a temporary table of what this import read and, beside it, what the store has from earlier ones.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import duckdb

from ehr.events import DEATH
from ehr.importers.judging import KNOWN_STAYS, KNOWN_SUBJECTS, Rows
from ehr.importers.mimic_orders import EMAR, EMAR_DETAIL, GIVEN, ORDERED, POE, POE_DETAIL
from ehr.importers.mimic_stays import ADMITTED, VISITED
from ehr.importers.renewing import earlier_sources
from ehr.importers.tables import TableSpec
from ehr.intake import Intake

DIED: Final = "mimic_death"
"""Temporary table of the deaths in the store: subject_id, time, hadm_id of the admission that told the hour."""


def remember_deaths(con: duckdb.DuckDBPyConnection, *, needed: bool) -> None:
    """Keep the deaths that the store has, of the patients whom it knows to be dead; none where none is `needed`."""
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {DIED} AS
        SELECT subject_id, "time", CASE WHEN time_precision IS NULL THEN encounter_id END AS hadm_id FROM event
        WHERE {str(needed).lower()} AND code = '{DEATH}'
          AND subject_id IN (SELECT subject_id FROM subject WHERE death_time IS NOT NULL)
        """
    )


def remember_admissions(con: duckdb.DuckDBPyConnection, admissions: Rows | None) -> None:
    """Keep of each admission, of this import or an earlier one, when its billing codes are known: at discharge.

    Without a usable discharge that is the last time known of the stay, which is never too early.
    """
    stored = f"""
        SELECT encounter_id AS hadm_id, encounter.subject_id, coalesce(end_time, start_time) AS known_at,
               "time" AS deathtime
        FROM encounter LEFT JOIN {DIED} AS death ON death.hadm_id = encounter_id
        WHERE class = 'inpatient'
    """
    if admissions is None:
        con.execute(f"CREATE OR REPLACE TEMP TABLE {ADMITTED} AS {stored}")
        return
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {ADMITTED} AS
        SELECT hadm_id, subject_id,
               CASE WHEN dischtime >= admittime THEN dischtime
                    ELSE greatest(admittime, dischtime, deathtime, edouttime) END AS known_at,
               CASE WHEN deathtime >= admittime THEN deathtime END AS deathtime
        FROM {admissions.accepted}
        UNION ALL
        FROM ({stored}) ANTI JOIN {admissions.accepted} AS read USING (hadm_id)
        """
    )


def remember_visits(con: duckdb.DuckDBPyConnection, edstays: Rows | None) -> None:
    """Keep of each visit in edstays when it began, and when its diagnoses are known: at its end."""
    stored = """
        SELECT encounter_id AS stay_id, subject_id, parent_id AS hadm_id, start_time AS intime,
               coalesce(end_time, start_time) AS known_at
        FROM encounter WHERE class = 'emergency' AND starts_with(record_id, 'edstays/')
    """
    read = f"""
        SELECT stay_id, subject_id, hadm_id, intime, coalesce(greatest(outtime, intime), intime) AS known_at
        FROM {edstays.accepted}
        UNION ALL
        FROM ({stored}) ANTI JOIN {edstays.accepted} AS read USING (stay_id)
    """ if edstays else stored  # fmt: skip
    con.execute(f"CREATE OR REPLACE TEMP TABLE {VISITED} AS {read}")


def remember_stays(con: duckdb.DuckDBPyConnection, read: Sequence[tuple[str, Rows | None]]) -> None:
    """Keep the stays that rows may name: the store's, and those in the tables `read`, by the column of their id."""
    selects = [f"SELECT {column} AS encounter_id, subject_id FROM {rows.accepted}" for column, rows in read if rows]
    stored = "SELECT encounter_id, subject_id FROM encounter"
    con.execute(f"CREATE OR REPLACE TEMP TABLE {KNOWN_STAYS} AS {' UNION '.join((*selects, stored))}")


def remember_subjects(con: duckdb.DuckDBPyConnection, patients: Rows | None) -> None:
    """Keep the patients that rows may name: those who had a row in a table of patients."""
    stored = "SELECT subject_id FROM subject WHERE list_contains(identifiers, 'mimic|' || subject_id)"
    read = f" UNION SELECT subject_id FROM {patients.accepted}" if patients else ""
    con.execute(f"CREATE OR REPLACE TEMP TABLE {KNOWN_SUBJECTS} AS {stored}{read}")


_OF_DETAILS: Final = {
    EMAR.name: (GIVEN, "emar_id", {"charttime": '"time"', "event_txt": "status"}),
    POE.name: (ORDERED, "poe_id", {"ordertime": '"time"'}),
}


def remember_rows(intake: Intake, spec: TableSpec, rows: Rows | None) -> bool:
    """Keep the rows of hosp/emar or hosp/poe that details refer to; say whether that table is there at all."""
    table, key, columns = _OF_DETAILS[spec.name]
    sources = earlier_sources(intake, spec)
    listed = ", ".join(f"{sql} AS {name}" for name, sql in columns.items())
    select = f"""
        SELECT split_part(record_id, '/', 2) AS {key}, subject_id, encounter_id AS hadm_id, {listed} FROM event
        WHERE source_id IN ({", ".join(map(str, sources)) or "NULL"}) AND record_id IS NOT NULL
    """
    if rows:
        read = f"SELECT {key}, subject_id, hadm_id, {', '.join(columns)} FROM {rows.accepted}"
        select = f"{read} UNION ALL FROM ({select}) ANTI JOIN {rows.accepted} AS read USING ({key})"
    intake.con.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS {select}")
    return bool(rows or sources)


def forget_rows(con: duckdb.DuckDBPyConnection) -> None:
    """Drop the tables of `remember_rows`."""
    for table, _, _ in _OF_DETAILS.values():
        con.execute(f"DROP TABLE IF EXISTS {table}")


def retry_details(con: duckdb.DuckDBPyConnection, tables: Mapping[str, Sequence[Path]]) -> None:
    """Take details that waited for their table out of the ledger, when that comes now: they are read this time."""
    for spec, detail in ((EMAR, EMAR_DETAIL), (POE, POE_DETAIL)):
        if spec.stem not in tables or detail.stem not in tables:
            continue
        waiting = (
            "SELECT source_id FROM source WHERE status = 'skipped' AND format = 'mimic' "
            f"AND regexp_matches(lower(file), '(^|/){detail.stem}[.]csv')"
        )
        for table in ("tally", "notice", "source"):
            con.execute(f"DELETE FROM {table} WHERE source_id IN ({waiting})")
