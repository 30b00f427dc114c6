"""What stands beside the events of a MEDS data set: its codes, and the own tables of an export of Anamnesis."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import duckdb

from ehr.importers.meds_rows import column_types, path_sql
from ehr.intake import Intake, SourceFile
from ehr.meds import OWN_TABLES
from ehr.reasons import Reason

CODE: Final = "MEDS code"

RENAMED: Final = {"subject": {"deceased": "died"}}
"""Own table -> column of its stage -> column of the table that gives it."""


def describe_codes(intake: Intake, file: Path) -> None:
    """Let the codes of a data set give titles at every commit, whether or not they are new to the store."""
    try:
        types = column_types(intake.con, file)
    except duckdb.Error:
        return  # read_codes tells of it
    if "code" in types:
        intake.describe(f"{_codes_select(types, file)} SEMI JOIN touched_code USING (code)")


def read_codes(entry: SourceFile, file: Path, *, is_own: bool) -> None:
    """Stage titles and parents of codes; parents of a data set of others are edges of a hierarchy too."""
    types = _types(entry, file, CODE)
    if types is None:
        return
    n_rows = count_rows(entry.intake.con, file)
    if "code" not in types:
        fail(entry, CODE, n_rows, "required column code missing", Reason.MISSING_COLUMN)
        return
    select = _codes_select(types, file)
    staged = entry.stage("code", f"{select} WHERE code IS NOT NULL")
    if not is_own:
        entry.stage("hierarchy", _edges_select(select))
    refused = entry.reject_rows(
        f"SELECT file_row_number + 1 AS line, '{CODE}' AS resource, '{Reason.NO_CODE}' AS code, "
        "'code is null' AS reason, NULL::VARCHAR AS excerpt "
        f"FROM (SELECT file_row_number, code AS cell FROM read_parquet({path_sql(file)}, file_row_number = true)) "
        "WHERE cell IS NULL"
    )
    entry.tally(CODE, rows_in=n_rows, accepted=staged, rejected=refused)


def read_own(entry: SourceFile, file: Path, table: str) -> None:
    """Stage the rows of an own table; those of patients who were deleted from this store are refused."""
    resource = f"Anamnesis {table}"
    types = _types(entry, file, resource)
    if types is None:
        return
    n_rows = count_rows(entry.intake.con, file)
    key = OWN_TABLES[table].partition(",")[0]
    if key not in types:
        fail(entry, resource, n_rows, f"required column {key} missing", Reason.MISSING_COLUMN)
        return
    columns = ", ".join(
        f"{given} AS {column}" for column, given in _stage_columns(entry.intake, table).items() if given in types
    )
    rows = (
        f"(SELECT {columns}, file_row_number + 1 AS row FROM read_parquet({path_sql(file)}, file_row_number = true))"
    )
    refused = _refuse_deleted(entry, rows, table, resource) if "subject_id" in types else 0
    entry.stage(table, f"SELECT * EXCLUDE (row) FROM {rows} WHERE {_OPEN if refused else 'true'} ORDER BY row")
    entry.tally(resource, rows_in=n_rows, accepted=n_rows - refused, rejected=refused)
    if not n_rows:
        entry.status = "empty"


def count_rows(con: duckdb.DuckDBPyConnection, file: Path) -> int:
    """Return the number of rows of a parquet file, as its footer tells."""
    return int(con.execute(f"SELECT count(*) FROM read_parquet({path_sql(file)})").fetchall()[0][0])


def fail(entry: SourceFile, resource: str, n_rows: int, reason: str, code: Reason) -> None:
    """Refuse a file as a whole."""
    entry.status = "failed"
    entry.reject(None, resource, reason, code=code)
    entry.tally(resource, rows_in=n_rows, rejected=n_rows)


def first_line(error: Exception) -> str:
    """Return what an error of DuckDB says in short."""
    return str(error).splitlines()[0]


@contextmanager
def refusing_damage(entry: SourceFile, resource: str) -> Iterator[None]:
    """Refuse a file whose pages turn out to be damaged in the block."""
    try:
        yield
    except (duckdb.InvalidInputException, duckdb.IOException, duckdb.ConversionException) as error:
        entry.tallies.clear()
        fail(entry, resource, 0, f"not a readable parquet file ({first_line(error)})", Reason.BROKEN_FILE)


_OPEN: Final = "subject_id IS NULL OR subject_id NOT IN (SELECT subject_id FROM tombstone)"


def _refuse_deleted(entry: SourceFile, rows: str, table: str, resource: str) -> int:
    if table == "tombstone" or not entry.intake.con.execute("SELECT count(*) FROM tombstone").fetchall()[0][0]:
        return 0
    return entry.reject_rows(
        f"SELECT row AS line, '{resource}' AS resource, '{Reason.DELETED_SUBJECT}' AS code, "
        "'the patient was deleted from this store' AS reason, 'subject_id=' || subject_id AS excerpt "
        f"FROM {rows} WHERE NOT ({_OPEN}) ORDER BY row"
    )


def _stage_columns(intake: Intake, table: str) -> dict[str, str]:
    """Return the columns of a stage, and the columns of the own table that give them."""
    names = [row[0] for row in intake.con.execute(f"DESCRIBE stage_{table}").fetchall() if row[0] != "source_id"]
    return {name: RENAMED.get(table, {}).get(name, name) for name in names}


def _types(entry: SourceFile, file: Path, resource: str) -> dict[str, str] | None:
    try:
        return column_types(entry.intake.con, file)
    except duckdb.Error as error:
        fail(entry, resource, 0, f"not a readable parquet file ({first_line(error)})", Reason.BROKEN_FILE)
        return None


def _codes_select(types: dict[str, str], file: Path) -> str:
    parents = "NULL::VARCHAR[]"
    if types.get("parent_codes", "").endswith("[]"):
        parents = "parent_codes::VARCHAR[]"
    elif types.get("parent_codes") == "VARCHAR":
        parents = "CASE WHEN parent_codes <> '' THEN [parent_codes] END"
    description = "description::VARCHAR" if "description" in types else "NULL::VARCHAR"
    system = "system::VARCHAR" if types.get("system") == "VARCHAR" else "NULL::VARCHAR"
    return (
        f"SELECT code, {description} AS description, {system} AS system, {parents} AS parents "
        f"FROM read_parquet({path_sql(file)})"
    )


def _edges_select(codes: str) -> str:
    return (
        "SELECT DISTINCT child, parent FROM "
        f"(SELECT code AS child, unnest(parents) AS parent FROM ({codes}) WHERE code IS NOT NULL) "
        "WHERE parent IS NOT NULL AND parent <> child"
    )
