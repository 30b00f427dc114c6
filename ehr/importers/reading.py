"""Reading the file of one table into a table of typed cells; what is wrong with its rows is judged afterwards.

The tables lie in a database in memory, `staging`, which all connections of an import see: files can be prepared by
threads, each on a connection of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from ehr.importers.csv_rows import Row, load_slowly
from ehr.importers.csv_source import CsvFile, inspect, scan_select, table_select
from ehr.importers.tables import TableSpec, typed_select


@dataclass(slots=True)
class Prepared:
    """A file that was looked at, and read where it can be; `source` is the SELECT of its rows as text.

    `columns` are its columns as `source` names them, `missing` those that it should have, `broken` its records that
    could not be split or carry a remark.
    """

    file: CsvFile
    staging: str
    columns: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    source: str = ""
    broken: list[Row] = field(default_factory=list)
    is_read: bool = False


def typed_table(staging: str, spec: TableSpec) -> str:
    """Return the name of the table of the rows of a file."""
    return f"{staging}.typed_{spec.stem}"


def text_table(staging: str, spec: TableSpec) -> str:
    """Return the name of the table of the rows of a file as text, where DuckDB could not read it."""
    return f"{staging}.text_{spec.stem}"


def prepare(
    con: duckdb.DuckDBPyConnection,
    staging: str,
    path: Path,
    spec: TableSpec | None,
    is_wanted: Callable[[CsvFile], bool],
) -> Prepared:
    """Look at a file and, when it is wanted and has the columns of `spec`, read its rows into `staging`.

    A spec that joins other tables is read by `judge`, when they are there.
    """
    file = inspect(path)
    prepared = Prepared(file, staging)
    if spec is None:
        prepared.columns = tuple(f"column_{position}" for position in range(len(file.header)))
    else:
        prepared.columns = _column_names(file, spec)
        prepared.missing = tuple(name for name in spec.required if name not in prepared.columns)
    if spec and not spec.join and _is_readable(prepared) and is_wanted(file):
        read_typed(con, prepared, spec)
    return prepared


def read_unjudged(con: duckdb.DuckDBPyConnection, prepared: Prepared, spec: TableSpec) -> str | None:
    """Read a file whose ledger row exists already; return the table of its rows, None when it cannot be that."""
    if not _is_readable(prepared):
        return None
    read_typed(con, prepared, spec)
    return typed_table(prepared.staging, spec)


def count_records(con: duckdb.DuckDBPyConnection, prepared: Prepared) -> int:
    """Count the records of a file, broken ones too."""
    if prepared.source:
        return _count(con, prepared.source)
    try:
        return _count(con, scan_select(prepared.file, prepared.columns))
    except (duckdb.InvalidInputException, duckdb.IOException):
        table = f"{prepared.staging}.counted"
        broken = load_slowly(con, table, prepared.file, prepared.columns)
        return _count(con, table_select(table)) + sum(row.broken is not None for row in broken)


def _is_readable(prepared: Prepared) -> bool:
    return not (prepared.file.damage or prepared.file.is_empty or prepared.missing)


def read_typed(con: duckdb.DuckDBPyConnection, prepared: Prepared, spec: TableSpec) -> None:
    """Make the table of the rows of a file, by DuckDB's reader or, where that gives up, by our own."""
    absent = [column.name for column in spec.columns if column.name not in prepared.columns]
    create = f"CREATE OR REPLACE TABLE {typed_table(prepared.staging, spec)} AS "
    prepared.source = scan_select(prepared.file, prepared.columns, absent)
    try:
        con.execute(create + typed_select(spec, prepared.source))
    except (duckdb.InvalidInputException, duckdb.IOException):
        text = text_table(prepared.staging, spec)
        prepared.broken = load_slowly(con, text, prepared.file, prepared.columns)
        prepared.source = table_select(text, absent)
        con.execute(create + typed_select(spec, prepared.source))
    prepared.is_read = True


def _column_names(file: CsvFile, spec: TableSpec) -> tuple[str, ...]:
    """Name the columns of a file as `spec` does, by their header whatever their place; others by their place."""
    known = {column.name for column in spec.columns}
    names: list[str] = []
    for position, header in enumerate(file.header):
        name = header.lower()
        names.append(name if name in known and name not in names else f"column_{position}")
    return tuple(names)


def _count(con: duckdb.DuckDBPyConnection, select: str) -> int:
    return int(con.execute(f"SELECT count(*) FROM ({select})").fetchall()[0][0])
