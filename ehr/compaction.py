"""Writing a store anew: events in order of patient and time again, and nothing left of what was deleted."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from ehr.errors import StoreError
from ehr.progress import Progress, silent
from ehr.store import DATABASE_FILE, Store, create_store

NEW_FOLDER: Final = ".compacting"
"""Folder within the store in which the new database grows; left over from an interruption it is made anew."""

ORDERS: Final = {
    "event": 'subject_id, "time" NULLS FIRST, event_id',
    "event_by_code": 'place, subject_id, "time" NULLS FIRST',
    "encounter": "subject_id, start_time NULLS FIRST, encounter_id",
    "record": "subject_id, record_id",
    "timeline": "vocabulary_id, subject_id",
    "code_value": "code, unit, numeric_value",
}
"""How the rows of a table are laid out; the others keep their order."""


@dataclass(frozen=True, slots=True)
class Compacted:
    """Size of the database before and after, in bytes."""

    before: int
    after: int


def compact_store(path: Path, progress: Progress = silent) -> Compacted:
    """Write the database of the store at `path` anew and put it in the place of the old one.

    Until the last step, the renaming of a file, the store is as it was: an interruption loses nothing. Raises
    StoreError when another process holds the store or the disk cannot hold a second copy.
    """
    database = path / DATABASE_FILE
    if not database.exists():
        raise StoreError(f"there is no store at {path}")
    folder = path / NEW_FOLDER
    _clear(folder)
    old = create_store(path)
    try:
        _copy(old, folder, progress)
    except duckdb.IOException as error:
        old.close()
        _clear(folder)
        raise StoreError(f"{path} cannot be written anew: {str(error).splitlines()[0]}; it is as it was") from error
    old.close()
    before = database.stat().st_size
    os.replace(folder / DATABASE_FILE, database)
    _clear(folder)
    return Compacted(before, database.stat().st_size)


def _copy(old: Store, folder: Path, progress: Progress) -> None:
    """Copy every table of a store into a new one, row by row as ORDERS says."""
    new = create_store(folder)
    new.close()
    con = old.con
    con.execute(f"ATTACH {_literal(folder / DATABASE_FILE)} AS fresh")
    tables = [row[0] for row in con.execute(_TABLES).fetchall()]
    for number, table in enumerate(tables):
        progress(table, number, len(tables))
        _add_columns(con, table)
        order = f"ORDER BY {ORDERS[table]}" if table in ORDERS else ""
        con.execute(f'DELETE FROM fresh."{table}"')
        con.execute(f'INSERT INTO fresh."{table}" BY NAME FROM "{table}" {order}')
    con.execute("CHECKPOINT fresh")
    con.execute("DETACH fresh")


def _add_columns(con: duckdb.DuckDBPyConnection, table: str) -> None:
    """Give the new table the further columns that imports gave the old one, with their comments."""
    there = {row[0] for row in con.execute(f'DESCRIBE fresh."{table}"').fetchall()}
    for name, kind, comment in con.execute(_COLUMNS, [table]).fetchall():
        if name not in there:
            con.execute(f'ALTER TABLE fresh."{table}" ADD COLUMN {_identifier(name)} {kind}')
            con.execute(f'COMMENT ON COLUMN fresh."{table}".{_identifier(name)} IS {_literal(comment or "")}')


_TABLES: Final = """
    SELECT table_name FROM duckdb_tables()
    WHERE database_name = current_database() AND NOT internal AND NOT temporary ORDER BY table_name
"""
_COLUMNS: Final = """
    SELECT column_name, data_type, comment FROM duckdb_columns()
    WHERE database_name = current_database() AND table_name = ? ORDER BY column_index
"""


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"


def _clear(folder: Path) -> None:
    """Remove what an earlier compaction left."""
    if folder.is_dir():
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
