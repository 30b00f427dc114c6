"""Moving what an import staged into the store, and keeping subjects and codes in step with the events."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import duckdb

from ehr.events import BIRTH, DEATH, HEADS

DECILES: Final = "[0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]"


@dataclass(frozen=True, slots=True)
class Stage:
    """A temporary table that importers fill, columns as in the table of the store."""

    name: str
    columns: str

    @property
    def create(self) -> str:
        """The statement that makes the stage, empty."""
        return f"CREATE OR REPLACE TEMP TABLE stage_{self.name} ({self.columns}, source_id INTEGER)"


STAGES: Final = (
    Stage(
        "event",
        'subject_id BIGINT, "time" TIMESTAMP, code VARCHAR, numeric_value FLOAT, text_value VARCHAR, '
        "value_code VARCHAR, unit VARCHAR, encounter_id BIGINT, end_time TIMESTAMP, status VARCHAR, "
        "record_id VARCHAR",
    ),
    Stage(
        "encounter",
        "encounter_id BIGINT, parent_id BIGINT, subject_id BIGINT, class VARCHAR, type VARCHAR, "
        "start_time TIMESTAMP, end_time TIMESTAMP, admit_source VARCHAR, disposition VARCHAR, record_id VARCHAR",
    ),
    Stage("subject", "subject_id BIGINT, identifiers VARCHAR[], deceased BOOLEAN"),
    Stage("code", "code VARCHAR, description VARCHAR, system VARCHAR, parents VARCHAR[]"),
    Stage("reject", "line BIGINT, resource VARCHAR, reason VARCHAR, excerpt VARCHAR"),
    Stage("notice", "line BIGINT, resource VARCHAR, reason VARCHAR, excerpt VARCHAR"),
)


@dataclass(frozen=True, slots=True)
class Moved:
    """How many rows an import added."""

    events: int
    subjects: int
    encounters: int


ORDER: Final = "event_order"
"""Column of the SELECTs that give events late: a whole number that orders the events of one source and time."""

TOUCHED: Final = "touched_code"
"""Temporary table (code) of the codes that an import touches, while it is committed."""


def move_stages(con: duckdb.DuckDBPyConnection, later: Sequence[str] = (), titles: Sequence[str] = ()) -> Moved:
    """Move the stages into the store and bring `subject` and `code` up to date for what they touch.

    `later` are SELECTs that give further events, `titles` SELECTs over `touched_code` that give titles of codes.
    Runs inside the transaction of the caller. The cost follows the size of the stages, not of the store, but
    for the codes that the import touches.
    """
    subjects_before = _count(con, "subject")
    last_event = int(con.execute("SELECT coalesce(max(event_id), 0) FROM event").fetchall()[0][0])
    events = _insert_events(con, later, last_event)
    encounters = _insert_encounters(con)
    _note_touched(con, last_event)
    for select in titles:
        con.execute(f"INSERT INTO stage_code BY NAME {select}")
    _refresh_subjects(con)
    _refresh_codes(con)
    return Moved(events, _count(con, "subject") - subjects_before, encounters)


def _insert_events(con: duckdb.DuckDBPyConnection, later: Sequence[str], last_event: int) -> int:
    """Append the new events, clustered by subject and time, numbered on from the last event.

    Events of one time keep the order of their sources, so that the same files always give the same store.
    """
    gathered = " UNION ALL BY NAME ".join((f"SELECT *, rowid AS {ORDER} FROM stage_event", *later))
    return _changed(
        con,
        f"""
        INSERT INTO event BY NAME
        SELECT * EXCLUDE ({ORDER}), {last_event} + row_number() OVER () AS event_id
        FROM (FROM ({gathered}) ORDER BY subject_id, "time" NULLS FIRST, source_id, {ORDER})
        """,
    )


def _note_touched(con: duckdb.DuckDBPyConnection, last_event: int) -> None:
    """Note the subjects and codes that are new or change: those of the new events, and those with a new title."""
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE touched_subject AS
        SELECT DISTINCT subject_id FROM event WHERE event_id > {last_event}
        UNION SELECT subject_id FROM stage_subject
        """
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {TOUCHED} AS
        SELECT DISTINCT code FROM event WHERE event_id > {last_event}
        UNION SELECT code FROM stage_code SEMI JOIN code USING (code)
        """
    )


def _insert_encounters(con: duckdb.DuckDBPyConnection) -> int:
    return _changed(
        con,
        """
        INSERT OR REPLACE INTO encounter BY NAME
        FROM stage_encounter
        QUALIFY row_number() OVER (PARTITION BY encounter_id ORDER BY source_id DESC) = 1
        """,
    )


def _refresh_subjects(con: duckdb.DuckDBPyConnection) -> None:
    """Recompute the subjects that the import touches from their events; identifiers add up.

    A death without a time is no event, which would be known at every time, but a mark of the subject."""
    con.execute(
        f"""
        INSERT OR REPLACE INTO subject BY NAME
        WITH touched AS (FROM touched_subject),
        fact AS (
            SELECT subject_id,
                   min("time") FILTER (code = '{BIRTH}') AS birth_time,
                   min("time") FILTER (code = '{DEATH}') AS death_time,
                   arg_min(lower(split_part(code, '//', 2)), event_id) FILTER (starts_with(code, 'GENDER//'))
                       AS gender,
                   min("time") FILTER (code <> '{BIRTH}') AS first_time,
                   max("time") FILTER (code <> '{BIRTH}') AS last_time
            FROM event WHERE subject_id IN (FROM touched) GROUP BY subject_id
        ),
        named AS (
            SELECT subject_id, list_sort(list_distinct(flatten(list(identifiers) FILTER (identifiers IS NOT NULL))))
                       AS identifiers, coalesce(bool_or(deceased), false) AS deceased
            FROM (
                SELECT subject_id, identifiers, deceased FROM stage_subject
                UNION ALL SELECT subject_id, identifiers, died FROM subject WHERE subject_id IN (FROM touched)
            )
            GROUP BY subject_id
        )
        SELECT touched.subject_id, birth_time, death_time, first_time, last_time, identifiers,
               death_time IS NOT NULL OR coalesce(deceased, false) AS died,
               CASE gender WHEN 'f' THEN 'female' WHEN 'm' THEN 'male' WHEN 'unk' THEN 'unknown'
                           ELSE gender END AS sex
        FROM touched LEFT JOIN fact USING (subject_id) LEFT JOIN named USING (subject_id)
        """
    )


def _refresh_codes(con: duckdb.DuckDBPyConnection) -> None:
    """Recompute the codes that the import touches; a new title replaces an old one, a bare head says its meaning."""
    heads = ", ".join(f"('{name}', '{head.kind}', '{head.meaning}')" for name, head in HEADS.items())
    con.execute(
        f"""
        INSERT OR REPLACE INTO code BY NAME
        WITH touched AS (FROM {TOUCHED}),
        head(name, kind, meaning) AS (VALUES {heads}),
        counted AS (
            SELECT code, count(*) AS n_events, count(DISTINCT subject_id) AS n_subjects, mode(unit) AS unit,
                   quantile_cont(numeric_value, {DECILES})
                       FILTER (isfinite(numeric_value))::FLOAT[] AS quantiles
            FROM event WHERE code IN (FROM touched) GROUP BY code
        ),
        titled AS (
            SELECT code, max(description) AS description, max(system) AS system, max(parents) AS parents
            FROM stage_code GROUP BY code
        )
        SELECT counted.code,
               coalesce(titled.description, code.description, if(head.name = counted.code, head.meaning, NULL))
                   AS description,
               coalesce(titled.system, code.system, {_SYSTEM}) AS system, coalesce(head.kind, 'other') AS kind,
               coalesce(titled.parents, code.parents) AS parents, counted.unit, counted.n_events,
               counted.n_subjects, counted.quantiles
        FROM counted
        LEFT JOIN titled USING (code)
        LEFT JOIN code USING (code)
        LEFT JOIN head ON head.name = split_part(counted.code, '//', 1)
        """
    )


_SYSTEM: Final = """
    CASE WHEN split_part(counted.code, '//', 2) = 'ICD' THEN 'ICD' || split_part(counted.code, '//', 3)
         WHEN split_part(counted.code, '//', 3) = 'ICD' THEN 'ICD' || split_part(counted.code, '//', 4)
         WHEN split_part(counted.code, '//', 2) IN
              ('SNOMED', 'LOINC', 'RXNORM', 'ICD10', 'ICD9', 'ATC', 'CVX', 'NDC')
         THEN split_part(counted.code, '//', 2) END
"""


def _changed(con: duckdb.DuckDBPyConnection, statement: str) -> int:
    return int(con.execute(statement).fetchall()[0][0])


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(con.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])
