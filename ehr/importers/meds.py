"""MEDS: a data set folder (data/**/*.parquet, metadata/codes.parquet), or parquet files with its columns.

MEDS 0.4 (https://github.com/Medical-Event-Data-Standard/meds) names subject_id, time, code and numeric_value; `value`
is read where numeric_value is not there. Columns that the store does not know are kept as further columns of `event`.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
from sqlglot import exp

from ehr.errors import SourceError
from ehr.importers import ImportOptions
from ehr.intake import ImportReport, Intake, SourceFile
from ehr.store import Store

RESOURCE: Final = "MEDS event"
ALIASES: Final = {"value": "numeric_value", "patient_id": "subject_id", "timestamp": "time"}
"""Names of other and older MEDS versions -> ours, used where our own name is not there."""

STAY_COLUMNS: Final = ("encounter_id", "hadm_id")
"""Columns that may say which stay an event belongs to, the first that is there counts."""

TYPES: Final = {
    "subject_id": "BIGINT",
    "time": "TIMESTAMP",
    "code": "VARCHAR",
    "numeric_value": "FLOAT",
    "text_value": "VARCHAR",
    "unit": "VARCHAR",
    "end_time": "TIMESTAMP",
    "status": "VARCHAR",
}
RESERVED: Final = ("event_id", "source_id", "record_id")
"""Columns that the store fills itself; such a column of the source is kept as meds_NAME."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """Which column of a file gives which column of the store, and which columns are kept beside them."""

    columns: dict[str, str]
    stay: str | None
    further: dict[str, str]
    types: dict[str, str]


def import_meds(store: Store, path: Path, options: ImportOptions) -> ImportReport:
    """Bring a MEDS data set, or parquet files with its columns, into `store`.

    Raises SourceError when nothing there is MEDS.
    """
    files = find_parquet(path)
    metadata = path / "metadata" / "codes.parquet"
    intake = Intake(store, "meds", path, options.progress)
    total = sum(file.stat().st_size for file in files)
    done = 0
    for file in files:
        options.progress(intake.name_of(file), done, total)
        with intake.file(file) as entry:
            if entry:
                _read_file(entry, file)
        done += file.stat().st_size
        options.progress(intake.name_of(file), done, total)
    if metadata.is_file() and intake.has_files:
        with intake.file(metadata) as entry:
            if entry:
                _read_codes(entry, metadata)
    if intake.pending and all(
        entry.status == "failed" for entry in intake.pending if entry.name != "metadata/codes.parquet"
    ):
        first = intake.pending[0]
        raise SourceError(f"{path} holds no MEDS events: {first.name}: {first.rejects[0][3]}")
    return intake.commit()


def find_parquet(path: Path) -> list[Path]:
    """Find the event files of a data set: those under data/ where that is there, else all but the metadata.

    Raises SourceError when there is none.
    """
    if path.is_file():
        return [path]
    root = path / "data" if (path / "data").is_dir() else path
    files = sorted(file for file in root.rglob("*.parquet") if file.is_file() and file.parent.name != "metadata")
    if not files:
        raise SourceError(f"{root} holds no .parquet file; name a MEDS data set, or a parquet file with MEDS columns")
    return files


def _read_file(entry: SourceFile, file: Path) -> None:
    """Stage the rows of a file that have a subject and a code; the others are refused."""
    con = entry.intake.con
    source = f"read_parquet({_path(file)})"
    try:
        described = con.execute(f"DESCRIBE FROM {source}").fetchall()
    except duckdb.Error as error:
        _fail(entry, 0, f"not a readable parquet file ({_first_line(error)})")
        return
    n_rows = int(con.execute(f"SELECT count(*) FROM {source}").fetchall()[0][0])
    layout = _layout({row[0]: row[1] for row in described})
    missing = [name for name in ("subject_id", "code") if name not in layout.columns]
    if missing:
        _fail(entry, n_rows, f"required column {' and '.join(missing)} missing; there are {', '.join(layout.types)}")
        return
    for name, kind in layout.further.items():
        entry.intake.add_column(_kept_name(name), kind)
    con.execute(f"CREATE OR REPLACE TEMP TABLE meds_row AS {_typed_select(layout, source)}")
    refused = _refuse(entry)
    _notice(entry, layout)
    entry.stage(
        "event", "SELECT * EXCLUDE (_row, _problem, _bad_value, _bad_time) FROM meds_row WHERE _problem IS NULL"
    )
    entry.stage(
        "subject",
        "SELECT DISTINCT subject_id, ['meds|' || subject_id] AS identifiers FROM meds_row WHERE _problem IS NULL",
    )
    con.execute("DROP TABLE meds_row")
    entry.tally(RESOURCE, rows_in=n_rows, accepted=n_rows - refused, rejected=refused)
    if not n_rows:
        entry.status = "empty"


def _layout(types: dict[str, str]) -> _Layout:
    names = {name.lower(): name for name in types}
    columns = {name: names[name] for name in TYPES if name in names}
    for alias, name in ALIASES.items():
        if alias in names and name not in columns:
            columns[name] = names[alias]
    stay = next((names[name] for name in STAY_COLUMNS if name in names), None)
    used = {*columns.values(), *([stay] if stay and stay.lower() == "encounter_id" else [])}
    further = {name: kind for name, kind in types.items() if name not in used}
    return _Layout(columns, stay, further, types)


def _typed_select(layout: _Layout, source: str) -> str:
    """Return the SELECT of the rows as the store has them, with what is wrong with each."""
    listed = ["row_number() OVER () AS _row"]
    for name, kind in TYPES.items():
        column = layout.columns.get(name)
        cell = _cell(layout, name) if column else f"NULL::{kind}"
        listed.append(f'{cell} AS "{name}"')
    stay = f"try_cast({_name(layout.stay)} AS BIGINT)" if layout.stay else "NULL::BIGINT"
    listed.append(f"{stay} AS encounter_id")
    listed += [f"{_name(name)} AS {_name(_kept_name(name))}" for name in layout.further]
    subject, code = _name(layout.columns["subject_id"]), _name(layout.columns["code"])
    problem = (
        f"CASE WHEN {subject} IS NULL THEN 'subject_id is null' "
        f"WHEN try_cast({subject} AS BIGINT) IS NULL THEN 'subject_id is not an integer' "
        f"WHEN coalesce({code}::VARCHAR, '') = '' THEN 'code is null' END AS _problem"
    )
    return (
        f"SELECT {', '.join(listed)}, {problem}, {_bad(layout, 'numeric_value')} AS _bad_value, "
        f"{_bad(layout, 'time')} AS _bad_time FROM {source}"
    )


def _cell(layout: _Layout, name: str) -> str:
    """Return the SQL of a cell as the store has it; times are UTC, and a number that is none is NULL."""
    column = _name(layout.columns[name])
    kind = layout.types[layout.columns[name]]
    if TYPES[name] == "TIMESTAMP" and kind == "TIMESTAMP WITH TIME ZONE":
        return f"timezone('UTC', {column})"
    if TYPES[name] == "FLOAT":
        return f"CASE WHEN isfinite(try_cast({column} AS FLOAT)) THEN try_cast({column} AS FLOAT) END"
    return f"try_cast({column} AS {TYPES[name]})"


def _bad(layout: _Layout, name: str) -> str:
    """Return the SQL that says whether a cell is there but is not what its column is; NaN counts as empty."""
    if name not in layout.columns:
        return "false"
    column = _name(layout.columns[name])
    return f"{column} IS NOT NULL AND {_cell(layout, name)} IS NULL AND lower({column}::VARCHAR) <> 'nan'"


def _refuse(entry: SourceFile) -> int:
    """Refuse the rows without a usable subject, code or time; return how many."""
    con = entry.intake.con
    con.execute("UPDATE meds_row SET _problem = 'time is not a time' WHERE _problem IS NULL AND _bad_time")
    return entry.reject_rows(
        f"SELECT _row AS line, '{RESOURCE}' AS resource, _problem AS reason, "
        "concat_ws(', ', subject_id, \"time\", code) AS excerpt "
        "FROM meds_row WHERE _problem IS NOT NULL ORDER BY _row"
    )


def _notice(entry: SourceFile, layout: _Layout) -> None:
    if layout.further:
        kept = ", ".join(_kept_name(name) for name in layout.further)
        entry.notice(None, RESOURCE, f"further columns are kept in event: {kept}")
    entry.notice_rows(
        f"SELECT _row AS line, '{RESOURCE}' AS resource, 'numeric_value is not a number: left NULL' AS reason, "
        "code AS excerpt FROM meds_row WHERE _problem IS NULL AND _bad_value ORDER BY _row LIMIT 1000"
    )


def _read_codes(entry: SourceFile, file: Path) -> None:
    """Stage descriptions and parents of codes."""
    con = entry.intake.con
    source = f"read_parquet({_path(file)})"
    try:
        types = {row[0]: row[1] for row in con.execute(f"DESCRIBE FROM {source}").fetchall()}
    except duckdb.Error as error:
        _fail(entry, 0, f"not a readable parquet file ({_first_line(error)})")
        return
    n_rows = int(con.execute(f"SELECT count(*) FROM {source}").fetchall()[0][0])
    if "code" not in types:
        _fail(entry, n_rows, "required column code missing")
        return
    description = "description::VARCHAR" if "description" in types else "NULL"
    is_list = types.get("parent_codes", "").endswith("[]")
    parents = "parent_codes::VARCHAR[]" if is_list else "NULL"
    staged = entry.stage(
        "code",
        f"SELECT code, {description} AS description, {parents} AS parents FROM {source} WHERE code IS NOT NULL",
    )
    refused = entry.reject_rows(
        f"SELECT _row AS line, 'MEDS code' AS resource, 'code is null' AS reason, NULL::VARCHAR AS excerpt "
        f"FROM (SELECT row_number() OVER () AS _row, code FROM {source}) WHERE code IS NULL"
    )
    entry.tally("MEDS code", rows_in=n_rows, accepted=staged, rejected=refused)


def _fail(entry: SourceFile, n_rows: int, reason: str) -> None:
    entry.status = "failed"
    entry.reject(None, RESOURCE, reason)
    entry.tally(RESOURCE, rows_in=n_rows, rejected=n_rows)


def _kept_name(name: str) -> str:
    """Return the name that a further column has in the store."""
    return f"meds_{name}" if name.lower() in RESERVED else name


def _name(name: str) -> str:
    return exp.to_identifier(name, quoted=True).sql("duckdb")


def _path(file: Path) -> str:
    return exp.Literal.string(re.sub(r"([*?\[])", r"[\1]", str(file))).sql("duckdb")


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
