"""Moving what an import staged into the store, in one transaction, and keeping all that is derived in step.

    gone records leave -> new events, stays, records go in -> subjects, codes, units and hierarchies follow

The cost follows what comes and goes and the patients that it touches, not the size of the store, but for one look at
the column subject_id.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import duckdb

from ehr.code_order import refresh_code_order
from ehr.code_table import GONE_EVENT, TOUCHED, note_touched_codes, refresh_codes
from ehr.events import BIRTH, DEATH
from ehr.hierarchy import refresh_ancestors
from ehr.units import refresh_units

__all__ = ["ORDER", "STAGES", "TOUCHED", "Moved", "make_stages", "move_stages"]


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
        "record_id VARCHAR, codings VARCHAR[], time_precision VARCHAR, utc_offset SMALLINT",
    ),
    Stage(
        "encounter",
        "encounter_id BIGINT, parent_id BIGINT, subject_id BIGINT, class VARCHAR, type VARCHAR, "
        "start_time TIMESTAMP, end_time TIMESTAMP, admit_source VARCHAR, disposition VARCHAR, "
        "identifiers VARCHAR[], record_id VARCHAR",
    ),
    Stage("subject", "subject_id BIGINT, identifiers VARCHAR[], deceased BOOLEAN"),
    Stage("code", "code VARCHAR, description VARCHAR, system VARCHAR, parents VARCHAR[]"),
    Stage(
        "record",
        "record_id VARCHAR, subject_id BIGINT, version_id VARCHAR, last_updated TIMESTAMP, deleted_at TIMESTAMP, "
        "digest BIGINT",
    ),
    Stage("product", "record_id VARCHAR, codes VARCHAR[], description VARCHAR, system VARCHAR"),
    Stage("gone", "record_id VARCHAR, subject_id BIGINT"),
    Stage("hierarchy", "child VARCHAR, parent VARCHAR"),
    Stage("tombstone", "subject_id BIGINT, deleted_at TIMESTAMP, n_events BIGINT"),
    Stage("reject", "line BIGINT, resource VARCHAR, code VARCHAR, reason VARCHAR, excerpt VARCHAR"),
    Stage("notice", "line BIGINT, resource VARCHAR, code VARCHAR, reason VARCHAR, excerpt VARCHAR"),
)


def make_stages(con: duckdb.DuckDBPyConnection) -> None:
    """Make the stages, empty, on a connection."""
    for stage in STAGES:
        con.execute(stage.create)


SLICE: Final = 1_000_000
"""Events that are sorted at a time: about 0.3 GB."""

ORDER: Final = "event_order"
"""Column of the SELECTs that give events late: a whole number that orders the events of one source and time."""

SUBJECT_RECORDS: Final = ("Patient", "patients", "person")
"""Types of record that say who a patient is: when one of them goes, so do the identifiers and the mark of death."""

_PARTS: Final = r"(\.[A-Za-z]+\[\d+\])+$"


@dataclass(frozen=True, slots=True)
class Moved:
    """How many rows an import added, and how many events it took out."""

    events: int
    subjects: int
    encounters: int
    removed: int

    def __add__(self, other: "Moved") -> "Moved":
        """Add the counts of two commits."""
        return Moved(
            self.events + other.events,
            self.subjects + other.subjects,
            self.encounters + other.encounters,
            self.removed + other.removed,
        )


def record_root(column: str) -> str:
    """Return the SQL of the record that an event's record_id is a part of: Observation/x1 of its component[0]."""
    return f"regexp_replace({column}, '{_PARTS}', '')"


def move_stages(con: duckdb.DuckDBPyConnection, later: Sequence[str] = (), titles: Sequence[str] = ()) -> Moved:
    """Move the stages into the store and bring what is derived up to date for what they touch.

    `later` are SELECTs that give further events, `titles` SELECTs over `touched_code` that give titles of codes.
    Runs inside the transaction of the caller.
    """
    subjects_before = _count(con, "subject")
    last_event = int(con.execute("SELECT last_event_id FROM store_state").fetchall()[0][0])
    _take_over_tombstones(con)
    _close_to_deleted(con)
    removed = _remove_gone(con)
    events = _insert_events(con, later, last_event)
    encounters = _insert_encounters(con)
    _replace_records(con)
    if _count(con, "stage_hierarchy"):
        con.execute(
            "INSERT INTO hierarchy BY NAME SELECT DISTINCT child, parent FROM stage_hierarchy EXCEPT FROM hierarchy"
        )
    con.execute(f"UPDATE store_state SET last_event_id = {last_event + events}")
    _note_touched_subjects(con, last_event)
    note_touched_codes(con, last_event)
    for select in titles:
        con.execute(f"INSERT INTO stage_code BY NAME {select}")
    _refresh_subjects(con)
    refresh_codes(con, last_event)
    refresh_ancestors(con, last_event)
    refresh_units(con)
    refresh_code_order(con, last_event)
    return Moved(events, _count(con, "subject") - subjects_before, encounters, removed)


def _take_over_tombstones(con: duckdb.DuckDBPyConnection) -> None:
    """Keep the tombstones that another store gives, but for patients that this one has."""
    con.execute(
        "INSERT OR IGNORE INTO tombstone BY NAME SELECT * EXCLUDE (source_id) FROM stage_tombstone "
        "WHERE subject_id NOT IN (SELECT subject_id FROM subject)"
    )


def _close_to_deleted(con: duckdb.DuckDBPyConnection) -> None:
    """Let nothing of a patient in who was deleted from this store; importers refuse such records before."""
    if _count(con, "tombstone"):
        for stage in ("event", "encounter", "subject", "record"):
            con.execute(f"DELETE FROM stage_{stage} WHERE subject_id IN (SELECT subject_id FROM tombstone)")


def _remove_gone(con: duckdb.DuckDBPyConnection) -> int:
    """Take out what the records in `stage_gone` gave; note their events in `gone_event`; return how many."""
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {GONE_EVENT} AS
        WITH near AS MATERIALIZED (
            SELECT rowid AS place, subject_id, code, unit, numeric_value, record_id FROM event
            WHERE subject_id IN (SELECT subject_id FROM stage_gone)
        )
        SELECT place, subject_id, code, unit, numeric_value FROM near
        WHERE subject_id IN (SELECT subject_id FROM stage_gone WHERE record_id IS NULL)
           OR (subject_id, {record_root("record_id")})
              IN (SELECT (subject_id, record_id) FROM stage_gone WHERE record_id IS NOT NULL)
        """
    )
    if not _count(con, "stage_gone"):
        return 0
    con.execute("DELETE FROM timeline WHERE subject_id IN (SELECT subject_id FROM stage_gone)")
    con.execute(
        """
        DELETE FROM encounter
        WHERE subject_id IN (SELECT subject_id FROM stage_gone)
          AND (record_id IN (SELECT record_id FROM stage_gone)
               OR subject_id IN (SELECT subject_id FROM stage_gone WHERE record_id IS NULL))
          AND encounter_id NOT IN (SELECT encounter_id FROM stage_encounter)
        """
    )
    con.execute("DELETE FROM record WHERE subject_id IN (SELECT subject_id FROM stage_gone WHERE record_id IS NULL)")
    return _changed(con, f"DELETE FROM event WHERE rowid IN (SELECT place FROM {GONE_EVENT})")


def _insert_events(con: duckdb.DuckDBPyConnection, later: Sequence[str], last_event: int) -> int:
    """Append the new events, clustered by subject and time, numbered on from the last event.

    Events of one time keep the order of their sources, so that the same files always give the same store.
    """
    gathered = " UNION ALL BY NAME ".join((f"SELECT *, rowid AS {ORDER} FROM stage_event", *later))
    open_to = "ANTI JOIN tombstone USING (subject_id)" if later and _count(con, "tombstone") else ""
    added = 0
    for subjects in _slices(con, gathered):
        added += _changed(
            con,
            f"""
            INSERT INTO event BY NAME
            SELECT * EXCLUDE ({ORDER}), {last_event + added} + row_number() OVER () AS event_id
            FROM (
                FROM ({gathered}) {open_to} WHERE {subjects}
                ORDER BY subject_id, "time" NULLS FIRST, source_id, {ORDER}
            )
            """,
        )
    return added


def _slices(con: duckdb.DuckDBPyConnection, events: str) -> Sequence[str]:
    """Return conditions on subject_id, in its order, that cut `events` into slices of about SLICE events.

    A sort keeps what it sorts in memory, so that its size decides how much an import needs.
    """
    if _count(con, f"({events})") <= SLICE:
        return ("true",)
    lasts = con.execute(
        f"""
        WITH size AS (SELECT subject_id, count(*) AS n FROM ({events}) GROUP BY subject_id),
        sliced AS (SELECT subject_id, (sum(n) OVER (ORDER BY subject_id) - 1) // {SLICE} AS slice FROM size)
        SELECT max(subject_id) FROM sliced GROUP BY slice ORDER BY slice
        """
    ).fetchall()
    cuts = [row[0] for row in lasts]
    after = ["true", *(f"subject_id > {cut}" for cut in cuts)]
    return [f"{begin} AND subject_id <= {cut}" for begin, cut in zip(after, cuts, strict=False)]


def _insert_encounters(con: duckdb.DuckDBPyConnection) -> int:
    return _changed(
        con,
        """
        INSERT OR REPLACE INTO encounter BY NAME
        FROM stage_encounter
        QUALIFY row_number() OVER (PARTITION BY encounter_id ORDER BY source_id DESC) = 1
        """,
    )


def _replace_records(con: duckdb.DuckDBPyConnection) -> None:
    """Let the staged versions of records take the place of those that the store had."""
    if _count(con, "stage_record"):
        for table in ("record", "product"):
            con.execute(f"DELETE FROM {table} WHERE record_id IN (SELECT record_id FROM stage_record)")
            con.execute(f"INSERT INTO {table} BY NAME FROM stage_{table}")


def _note_touched_subjects(con: duckdb.DuckDBPyConnection, last_event: int) -> None:
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE touched_subject AS
        SELECT DISTINCT subject_id FROM event WHERE event_id > {last_event}
        UNION SELECT subject_id FROM stage_subject
        UNION SELECT subject_id FROM stage_gone
        """
    )


def _refresh_subjects(con: duckdb.DuckDBPyConnection) -> None:
    """Recompute the subjects that the import touches from their events; identifiers add up.

    A death without a time is no event, which would be known at every time, but a mark of the subject. A subject of
    whom the record and all events are gone goes too.
    """
    types = ", ".join(f"'{name}'" for name in SUBJECT_RECORDS)
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE unmarked_subject AS
        SELECT DISTINCT subject_id FROM stage_gone
        WHERE record_id IS NULL OR split_part(record_id, '/', 1) IN ({types})
        """
    )
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE lost_subject AS
        SELECT subject_id FROM unmarked_subject
        WHERE subject_id NOT IN (SELECT subject_id FROM stage_subject)
          AND subject_id NOT IN (
              SELECT subject_id FROM event WHERE subject_id IN (SELECT subject_id FROM unmarked_subject)
          )
        """
    )
    con.execute(_SUBJECTS)
    con.execute("DELETE FROM subject WHERE subject_id IN (SELECT subject_id FROM lost_subject)")


_SUBJECTS: Final = f"""
    INSERT OR REPLACE INTO subject BY NAME
    WITH touched AS (FROM touched_subject ANTI JOIN lost_subject USING (subject_id)),
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
            UNION ALL
            SELECT subject_id, identifiers, died FROM subject
            WHERE subject_id IN (FROM touched) AND subject_id NOT IN (SELECT subject_id FROM unmarked_subject)
        )
        GROUP BY subject_id
    )
    SELECT touched.subject_id, birth_time, death_time, first_time, last_time, identifiers,
           death_time IS NOT NULL OR coalesce(deceased, false) AS died,
           CASE gender WHEN 'f' THEN 'female' WHEN 'm' THEN 'male' WHEN 'unk' THEN 'unknown'
                       ELSE gender END AS sex
    FROM touched LEFT JOIN fact USING (subject_id) LEFT JOIN named USING (subject_id)
"""


def _changed(con: duckdb.DuckDBPyConnection, statement: str) -> int:
    return int(con.execute(statement).fetchall()[0][0])


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(con.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])
