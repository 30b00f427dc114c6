"""What the columns of a MEDS file are, and the SQL that reads its rows as events.

MEDS 0.4 names subject_id, time, code, numeric_value and text_value and lets a data set have further columns. Those
that `event` has too go there; others are kept as further columns of `event` under their name, or as meds_NAME where
`event` has a column of that name that means something else. Older names are read as well (ALIASES).
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
from sqlglot import exp

from ehr.reasons import Reason

ALIASES: Final = {"value": "numeric_value", "patient_id": "subject_id", "timestamp": "time", "end": "end_time"}
"""Names of other and older MEDS versions -> ours, used where our own name is not there."""

HOSPITAL_STAYS: Final = ("hadm_id", "visit_id", "visit_occurrence_id")
STAY_COLUMNS: Final = ("encounter_id", "icustay_id", "stay_id", *HOSPITAL_STAYS)
"""Columns that may say which stay an event belongs to, innermost first."""

NUMBERED: Final = ("hadm_id", "icustay_id", "stay_id")
"""Names of MIMIC, which hold whole numbers and nothing else; others may hold texts."""

TYPES: Final = {
    "subject_id": "BIGINT",
    "time": "TIMESTAMP",
    "code": "VARCHAR",
    "numeric_value": "FLOAT",
    "text_value": "VARCHAR",
    "value_code": "VARCHAR",
    "unit": "VARCHAR",
    "end_time": "TIMESTAMP",
    "status": "VARCHAR",
    "record_id": "VARCHAR",
    "codings": "VARCHAR[]",
    "time_precision": "VARCHAR",
    "utc_offset": "SMALLINT",
}
"""Columns of `event` that a file may have, but for encounter_id."""

OURS_ALONE: Final = ("record_id",)
"""Columns that are read as those of `event` from a data set that Anamnesis wrote only: elsewhere they mean others."""

RESERVED: Final = {*TYPES, "encounter_id", "event_id", "source_id"}
"""Names that a further column may not have in the store."""

MARKS: Final = ("_row", "_problem", "_bad_value", "_excerpt", "_hospital")
"""Columns of `rows_select` that are not for the store."""

PROBLEMS: Final = {
    "subject_id is null": Reason.NO_SUBJECT,
    "subject_id is not an integer": Reason.BAD_ID,
    "code is null": Reason.NO_CODE,
    "time is not a time": Reason.BAD_TIME,
    "the patient was deleted from this store": Reason.DELETED_SUBJECT,
}
"""Why a row is refused."""

_WHOLE: Final = "[ ]*[+-]?[0-9]+([.]0*)?[ ]*"
_ZONED: Final = r":[0-9]{2}([.][0-9]+)?[ ]*([zZ]|[+-][0-9]{2}(:?[0-9]{2})?)$"
_INTEGERS: Final = {
    f"{sign}{size}" for sign in ("", "U") for size in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
}


@dataclass(frozen=True, slots=True)
class Layout:
    """Which column of a file gives which column of the store, and which are kept beside them.

    `stays` are its columns that name stays, innermost first; `types` are the types of all its columns.
    """

    columns: dict[str, str]
    stays: tuple[str, ...]
    further: dict[str, str]
    types: dict[str, str]

    @property
    def missing(self) -> list[str]:
        """Columns that a file of events must have and this one has not."""
        return [name for name in ("subject_id", "code") if name not in self.columns]

    @property
    def is_by_day(self) -> bool:
        """Whether the times of the file are dates."""
        return "time" in self.columns and self.types[self.columns["time"]] == "DATE"


def layout_of(types: dict[str, str], *, is_own: bool = False) -> Layout:
    """Say what the columns of a file are; `is_own` where Anamnesis wrote it."""
    names = {name.lower(): name for name in types}
    columns = {
        name: names[name]
        for name, kind in TYPES.items()
        if name in names and _fits(types[names[name]], kind) and (is_own or name not in OURS_ALONE)
    }
    for alias, name in ALIASES.items():
        if alias in names and name not in columns:
            columns[name] = names[alias]
    stays = tuple(names[name] for name in STAY_COLUMNS if name in names and not _is_nested(types[names[name]]))
    used = {*columns.values(), *(stay for stay in stays if stay.lower() == "encounter_id")}
    further = {name: kind for name, kind in types.items() if name not in used}
    return Layout(columns, stays, further, types)


def kept_name(name: str) -> str:
    """Return the name that a further column has in the store.

    >>> [kept_name(name) for name in ("ward", "source_id")]
    ['ward', 'meds_source_id']
    """
    return f"meds_{name}" if name.lower() in RESERVED else name


def rows_select(layout: Layout, source: str, *, knows_deleted: bool = False) -> str:
    """Return the SELECT of the rows of a file as events.

    Beside the columns of `event` are those of MARKS: `_row` counts from 1, `_problem` says why a row is refused,
    `_bad_value` whether its number is none, `_excerpt` what finds a refused row again, `_hospital` which
    hospital stay it names. `knows_deleted` looks the patients up in `tombstone`.
    """
    listed = [f'{_cell(layout, name)} AS "{name}"' for name in TYPES]
    listed.append(f"{stay_sql(layout, layout.stays)} AS encounter_id")
    hospital = tuple(name for name in layout.stays if name.lower() in HOSPITAL_STAYS)
    listed.append(f"{stay_sql(layout, hospital)} AS _hospital")
    listed += [f"{quoted(name)} AS {quoted(kept_name(name))}" for name in layout.further]
    problem, excerpt = _problem(layout, knows_deleted=knows_deleted)
    return (
        f"SELECT file_row_number + 1 AS _row, {', '.join(listed)}, {problem} AS _problem, "
        f"{_is_bad(layout, 'numeric_value')} AS _bad_value, {excerpt} AS _excerpt FROM {source}"
    )


def stay_sql(layout: Layout, columns: tuple[str, ...]) -> str:
    """Return the SQL of the number of the stay that the first of these columns with a value names.

    A text that is no whole number becomes a stable 63-bit one where the column may hold texts.
    """
    cells = []
    for name in columns:
        column = quoted(name)
        number = _whole(column, layout.types[name])
        if layout.types[name] == "VARCHAR" and name.lower() not in NUMBERED:
            hashed = f"(md5_number_lower('MEDS stay/' || {column}) >> 1)::BIGINT"
            number = f"coalesce({number}, CASE WHEN trim({column}) <> '' THEN {hashed} END)"
        cells.append(number)
    return f"coalesce({', '.join(cells)})" if cells else "NULL::BIGINT"


def reason_sql(problem: str = "_problem") -> str:
    """Return the SQL of the kind of reason (ehr.reasons) of a problem."""
    cases = " ".join(f"WHEN '{text}' THEN '{reason}'" for text, reason in PROBLEMS.items())
    return f"CASE {problem} {cases} END"


def read_parquet(file: Path) -> str:
    """Return the SQL of the table function that reads one file, with the number of each row in it, from 0."""
    return f"read_parquet({path_sql(file)}, file_row_number = true)"


def column_types(con: duckdb.DuckDBPyConnection, file: Path) -> dict[str, str]:
    """Return name -> type of the columns of a parquet file; raises duckdb.Error when it is none."""
    return {row[0]: row[1] for row in con.execute(f"DESCRIBE FROM read_parquet({path_sql(file)})").fetchall()}


def quoted(name: str) -> str:
    """Return a name of a column as SQL."""
    return exp.to_identifier(name, quoted=True).sql("duckdb")


def path_sql(file: Path) -> str:
    """Return the path of a file as SQL, taken as it is by functions that expand wildcards."""
    return exp.Literal.string(re.sub(r"([*?\[])", r"[\1]", str(file))).sql("duckdb")


def _cell(layout: Layout, name: str) -> str:
    """Return the SQL of a cell as the store has it, NULL where the file has no such column or another value."""
    if name == "time_precision" and name not in layout.columns and layout.is_by_day:
        return f"CASE WHEN {quoted(layout.columns['time'])} IS NOT NULL THEN 'day' END"
    if name not in layout.columns:
        return f"NULL::{TYPES[name]}"
    column, kind = quoted(layout.columns[name]), layout.types[layout.columns[name]]
    if name == "subject_id":
        return _whole(column, kind)
    if TYPES[name] == "TIMESTAMP":
        return _time(column, kind)
    if TYPES[name] == "FLOAT":
        return f"CASE WHEN isfinite(try_cast({column} AS FLOAT)) THEN try_cast({column} AS FLOAT) END"
    return f"try_cast({column} AS {TYPES[name]})"


def _time(column: str, kind: str) -> str:
    """Return the SQL of a time in UTC; one that is infinite is none."""
    if kind == "TIMESTAMP WITH TIME ZONE":
        time = f"timezone('UTC', {column})"
    elif kind == "VARCHAR":
        zoned = f"timezone('UTC', try_cast({column} AS TIMESTAMPTZ))"
        time = f"CASE WHEN regexp_matches({column}, '{_ZONED}') THEN {zoned} ELSE try_cast({column} AS TIMESTAMP) END"
    else:
        time = f"try_cast({column} AS TIMESTAMP)"
    return f"CASE WHEN isfinite({time}) THEN {time} END"


def _whole(column: str, kind: str) -> str:
    """Return the SQL of a whole number; casts alone would round 8.7 and take text such as 8e7."""
    number = f"try_cast({column} AS BIGINT)"
    if kind in _INTEGERS:
        return number
    if kind == "VARCHAR":
        return f"CASE WHEN regexp_full_match({column}, '{_WHOLE}') THEN {number} END"
    return f"CASE WHEN try_cast({column} AS DOUBLE) = floor(try_cast({column} AS DOUBLE)) THEN {number} END"


def _is_bad(layout: Layout, name: str) -> str:
    """Return the SQL that says whether a cell is there but is not what its column is; NaN counts as empty."""
    if name not in layout.columns:
        return "false"
    column = quoted(layout.columns[name])
    return f"{column} IS NOT NULL AND {_cell(layout, name)} IS NULL AND lower({column}::VARCHAR) <> 'nan'"


def _problem(layout: Layout, *, knows_deleted: bool) -> tuple[str, str]:
    """Return the SQL of why a row is refused, and of what finds it again then."""
    subject, code = (quoted(layout.columns[name]) for name in ("subject_id", "code"))
    time = f"{quoted(layout.columns['time'])}::VARCHAR" if "time" in layout.columns else "NULL"
    whole = _cell(layout, "subject_id")
    deleted = f"{whole} IN (SELECT subject_id FROM tombstone)" if knows_deleted else "false"
    shown = f"concat_ws(', ', 'subject_id=' || {subject}, 'time=' || {time})"
    cases = (
        (f"{subject} IS NULL", f"{code}::VARCHAR"),
        (f"{whole} IS NULL", f"'subject_id=' || {subject}"),
        (f"coalesce({code}::VARCHAR, '') = ''", shown),
        (_is_bad(layout, "time"), shown),
        (deleted, f"'subject_id=' || {subject}"),
    )
    problem = " ".join(
        f"WHEN {condition} THEN '{text}'" for (condition, _), text in zip(cases, PROBLEMS, strict=True)
    )
    excerpt = " ".join(f"WHEN {condition} THEN {shown}" for condition, shown in cases)
    return f"CASE {problem} END", f"CASE {excerpt} END"


def _fits(kind: str, ours: str) -> bool:
    """Say whether a column of this type can be read as one of ours."""
    if ours.endswith("[]"):
        return kind == ours
    if ours == "SMALLINT":
        return kind in _INTEGERS
    return not _is_nested(kind)


def _is_nested(kind: str) -> bool:
    return kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION"))
