"""What an audit looks at, made ready: the rows, stays and deaths as temporary tables beside the events."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import duckdb
import polars as pl
from sqlglot import exp

from ehr.errors import ModelError
from ehr.events import DEATH, HEADS
from ehr.past import known
from ehr.splits import split_sql
from ehr.tasks import Task

ROWS_OF_A_CLASS: Final = 5_000
ROWS_OF_A_SUBJECT: Final = 5
"""Rows of each class, and of a subject in it, whose whole inputs are looked through; drawn by a hash."""

KNOWN: Final = known(exp.column("time", "e"), exp.column("at_time", "r")).sql("duckdb")
"""The events of `audit_event e` that row `r` had."""

OUTCOME_COLUMNS: Final = ("label_in_inputs", "days_to_label", "label_seen")
"""Columns that rows of a task have: how often the label's predicate counts something up to the prediction time, the
days from there to the first event in the window of the label (or to its end), and whether there is such an event."""

_TYPES: Final = {
    "subject_id": pl.Int64(),
    "prediction_time": pl.Datetime("us"),
    "boolean_value": pl.Boolean(),
    "trigger": pl.Datetime("us"),
    "label_in_inputs": pl.Int64(),
    "days_to_label": pl.Float64(),
    "label_seen": pl.Boolean(),
}


@dataclass(frozen=True, slots=True)
class Material:
    """A connection with the temporary tables of an audit, and what they are about.

    audit_row      row, subject_id, at_time (the prediction time), label, split, and the other columns of the rows
    audit_sample   the rows whose inputs are looked through as a whole
    audit_event    the events that can be inputs: with a time, or static
    audit_stay     encounter_id, subject_id, class, start_time, ends (the discharge from hospital)
    audit_death    subject_id, dead: the last moment at which the death can have been

    `codes` has the codes of each predicate of the task. `has_splits` says that splits were given.
    """

    con: duckdb.DuckDBPyConnection
    task: Task | None
    codes: Mapping[str, frozenset[str]]
    frame: pl.DataFrame
    has_splits: bool

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.frame.height

    @property
    def positives(self) -> int:
        """How many of them have the label."""
        return int(self.frame["boolean_value"].sum())

    @property
    def subjects(self) -> int:
        """How many subjects they are of."""
        return self.frame["subject_id"].n_unique()

    @property
    def has_outcomes(self) -> bool:
        """Whether it is known of the rows when the label came."""
        return set(OUTCOME_COLUMNS) <= set(self.frame.columns)

    @property
    def label_codes(self) -> frozenset[str]:
        """The codes that the label counts."""
        window = self.task.label_window if self.task else None
        if self.task is None or window is None or window.label is None or window.label not in self._names:
            return frozenset()
        inputs = {one.name for one in self.task.plain_inputs(window.label)}
        return frozenset().union(*(self.codes.get(name, frozenset()) for name in inputs))

    @property
    def _names(self) -> frozenset[str]:
        return frozenset(one.name for one in self.task.predicates) if self.task else frozenset()


def prepare(
    con: duckdb.DuckDBPyConnection,
    rows: pl.DataFrame,
    *,
    task: Task | None = None,
    codes: Mapping[str, frozenset[str]] | None = None,
    splits: pl.DataFrame | None = None,
) -> Material:
    """Make the temporary tables of an audit on `con`, in which `event` is a table or view of events.

    `rows` has subject_id, prediction_time, boolean_value; of a task also trigger and `OUTCOME_COLUMNS`. `splits`
    (subject_id, split) says where subjects belong, in place of the hash of their numbers; one may stand there twice.
    Raises ModelError without rows.
    """
    kept = [name for name in _TYPES if name in rows.columns]
    frame = rows.select(pl.col(name).cast(_TYPES[name]) for name in kept)
    frame = frame.drop_nulls(["subject_id", "prediction_time", "boolean_value"])
    if frame.is_empty():
        about = f"task {task.name}" if task else "the label file"
        raise ModelError(f"{about} has no row with a prediction time and a label, so there is nothing to audit")
    _make_splits(con, splits)
    _make_rows(con, frame)
    _make_events(con)
    _make_stays(con)
    _make_deaths(con)
    return Material(con, task, codes or {}, frame, splits is not None)


def _make_splits(con: duckdb.DuckDBPyConnection, splits: pl.DataFrame | None) -> None:
    """Make audit_split (subject_id, split), empty where none is given."""
    frame = splits if splits is not None else pl.DataFrame(schema={"subject_id": pl.Int64(), "split": pl.String()})
    _register(con, "audit_split", frame.select(pl.col("subject_id").cast(pl.Int64()), pl.col("split")).unique())


def _make_rows(con: duckdb.DuckDBPyConnection, frame: pl.DataFrame) -> None:
    _register(con, "audit_given", frame.with_row_index("row"))
    given = con.execute("SELECT count(*) FROM audit_split").fetchall()[0][0] > 0
    split = "s.split" if given else split_sql("g.subject_id")
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE audit_row AS
        SELECT g.* EXCLUDE (prediction_time, boolean_value), g.prediction_time AS at_time, g.boolean_value AS label,
               {split} AS split
        FROM audit_given g LEFT JOIN (SELECT subject_id, min(split) AS split FROM audit_split GROUP BY 1) s
        USING (subject_id)
        """
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE audit_sample AS
        WITH drawn AS (
            SELECT row, subject_id, at_time, label, split, md5(subject_id || '/' || at_time) AS h FROM audit_row
        )
        SELECT * EXCLUDE (h) FROM (
            FROM drawn QUALIFY row_number() OVER (PARTITION BY subject_id, label ORDER BY h) <= {ROWS_OF_A_SUBJECT}
        )
        QUALIFY row_number() OVER (PARTITION BY label ORDER BY h) <= {ROWS_OF_A_CLASS}
        """
    )


def _make_events(con: duckdb.DuckDBPyConnection) -> None:
    """Make the view of events that can be inputs, with the columns that MEDS data may lack."""
    columns = {row[0] for row in con.execute("DESCRIBE event").fetchall()}
    optional = {"encounter_id": "BIGINT", "time_precision": "VARCHAR"}
    cells = [name if name in columns else f"NULL::{kind} AS {name}" for name, kind in optional.items()]
    clinical = ", ".join(f"'{name}'" for name, head in HEADS.items() if head.kind != "demographic")
    con.execute(
        f"""
        CREATE OR REPLACE TEMP VIEW audit_event AS
        SELECT subject_id, "time", code, numeric_value, {", ".join(cells)} FROM event
        WHERE "time" IS NOT NULL OR split_part(code, '//', 1) NOT IN ({clinical})
        """
    )


def _make_stays(con: duckdb.DuckDBPyConnection) -> None:
    """Make audit_stay from the encounters, or from admissions and discharges where there is no such table.

    Of a stay in intensive care the end is that of its hospital stay.
    """
    if not _has_table(con, "encounter"):
        con.execute(
            """
            CREATE OR REPLACE TEMP TABLE audit_stay AS
            SELECT NULL::BIGINT AS encounter_id, subject_id, 'inpatient' AS class, start_time,
                   lead(start_time) OVER (PARTITION BY subject_id ORDER BY start_time, is_end) AS ends, is_end
            FROM (SELECT subject_id, "time" AS start_time, starts_with(code, 'HOSPITAL_DISCHARGE') AS is_end
                  FROM audit_event WHERE starts_with(code, 'HOSPITAL_ADMISSION')
                     OR starts_with(code, 'HOSPITAL_DISCHARGE'))
            QUALIFY NOT is_end AND lead(is_end) OVER (PARTITION BY subject_id ORDER BY start_time, is_end)
            """
        )
        return
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE audit_stay AS
        SELECT s.encounter_id, s.subject_id, s.class, s.start_time,
               if(s.class = 'icu' AND p.encounter_id IS NOT NULL, p.end_time, s.end_time) AS ends
        FROM encounter s LEFT JOIN encounter p ON p.encounter_id = s.parent_id
        """
    )


def _make_deaths(con: duckdb.DuckDBPyConnection) -> None:
    known_otherwise = ""
    if _has_table(con, "subject"):
        known_otherwise = "UNION ALL SELECT subject_id, death_time FROM subject WHERE death_time IS NOT NULL"
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE audit_death AS
        SELECT subject_id, max(dead) AS dead FROM (
            SELECT subject_id, "time" + CASE time_precision WHEN 'day' THEN INTERVAL 1 DAY
                WHEN 'month' THEN INTERVAL 1 MONTH WHEN 'year' THEN INTERVAL 1 YEAR ELSE INTERVAL 0 DAY END AS dead
            FROM audit_event WHERE code = '{DEATH}' AND "time" IS NOT NULL {known_otherwise}
        ) GROUP BY subject_id
        """
    )


def shares_of_subjects(material: Material, touched: str) -> tuple[pl.Series, pl.Series]:
    """Return of each subject which share of its rows with the label, and of those without, a query of rows touches.

    `touched` is written in the program and selects the column row.
    """
    shares: pl.DataFrame = material.con.sql(
        f"""
        SELECT r.label, avg((r.row IN ({touched}))::INTEGER) AS share FROM audit_row r GROUP BY r.subject_id, r.label
        """
    ).pl()
    return shares.filter(pl.col("label"))["share"], shares.filter(~pl.col("label"))["share"]


def _has_table(con: duckdb.DuckDBPyConnection, name: str) -> bool:
    found = con.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = ? AND NOT internal", [name])
    return bool(found.fetchall()[0][0])


def _register(con: duckdb.DuckDBPyConnection, name: str, frame: pl.DataFrame) -> None:
    con.register("audit_frame", frame.to_arrow())
    con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM audit_frame")
    con.unregister("audit_frame")


def split_of_subject(has_splits: bool) -> str:
    """Return a query of subject_id and split: those that were given, or those of all subjects by their numbers."""
    if has_splits:
        return "SELECT subject_id, min(split) AS split FROM audit_split GROUP BY subject_id"
    return f"SELECT subject_id, {split_sql()} AS split FROM (SELECT DISTINCT subject_id FROM event)"
