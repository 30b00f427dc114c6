"""The store: one folder with the DuckDB file, the trained models and the audit log; nothing clinical here."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

import duckdb
import polars as pl

from ehr.errors import StoreError

DATABASE_FILE: Final = "ehr.duckdb"
OURS: Final = {"models", "audit.jsonl"}
"""What a folder may hold that becomes a store."""
SCHEMA_VERSION: Final = 4
# DuckDB 2.0.0 plans a selective filter followed by GROUP BY as repeated scans (docs/decisions.md).
DISABLED_OPTIMIZERS: Final = "partitioned_execution"

MAX_SPILL: Final = "16GB"

Config = dict[str, str | bool | int | float | list[str]]


@dataclass(frozen=True, slots=True)
class Store:
    """An open store; take a `cursor()` for each query that runs beside another."""

    path: Path
    con: duckdb.DuckDBPyConnection
    writable: bool

    @property
    def models(self) -> Path:
        """The folder of the trained models, `models/NAME/VERSION/`."""
        return self.path / "models"

    @property
    def audit_log(self) -> Path:
        """The file that says who asked what."""
        return self.path / "audit.jsonl"

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return a connection of its own to the same database, for one query at a time."""
        return self.con.cursor()

    def is_empty(self) -> bool:
        """Say whether nothing was imported yet."""
        return self.cursor().execute("SELECT NOT EXISTS (FROM subject)").fetchall()[0][0] is True

    def close(self) -> None:
        """Close the database; a write-ahead log is folded in."""
        self.con.close()


def create_store(path: Path, *, memory: str | None = None) -> Store:
    """Open the store at `path` for writing, making it when it does not exist.

    `memory` bounds what DuckDB may use ("2GB"); beyond it sorts and joins go on in files beside the database.
    Raises StoreError when the folder holds something else or another process holds the store.
    """
    path.mkdir(parents=True, exist_ok=True)
    is_new = not (path / DATABASE_FILE).exists()
    if is_new and any(entry.name not in OURS for entry in path.iterdir()):
        raise StoreError(f"{path} is not empty and holds no store; name an empty or a new folder")
    con = _connect(path, {"access_mode": "READ_WRITE", **({"memory_limit": memory} if memory else {})})
    is_blank = not con.execute("FROM duckdb_tables() LIMIT 1").fetchall()
    if is_blank:  # new, or interrupted before its tables were there
        con.begin()
        con.execute(files("ehr").joinpath("schema.sql").read_text(encoding="utf-8"))
        con.commit()
    _check_version(path, con)
    return Store(path, con, writable=True)


def open_store(path: Path, *, writable: bool = False, locked: bool = False, memory: str | None = None) -> Store:
    """Open an existing store.

    A `locked` store refuses every access to files and every change of settings, and queries that need more than
    `MAX_SPILL` of disk for what does not fit into memory: what untrusted SQL runs on.
    `memory` bounds what DuckDB may use ("2GB"). Raises StoreError when there is no store at `path`, another
    process holds it, or it was made by another version.
    """
    if not (path / DATABASE_FILE).exists():
        raise StoreError(f"there is no store at {path}; make one with 'ehr import ... --store {path}'")
    config: Config = {"access_mode": "READ_WRITE" if writable else "READ_ONLY"}
    if memory:
        config["memory_limit"] = memory
    con = _connect(path, config)
    _check_version(path, con)
    if locked:
        con.execute(f"SET max_temp_directory_size = '{MAX_SPILL}'")
        con.execute("SET enable_external_access = false")
        con.execute("SET lock_configuration = true")
    return Store(path, con, writable)


@contextmanager
def opened(store: Store) -> Iterator[Store]:
    """Close `store` at the end of the block."""
    try:
        yield store
    finally:
        store.close()


@contextmanager
def transaction(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commit what the block does, or nothing of it when it raises."""
    con.begin()
    try:
        yield
        con.commit()
    except BaseException as error:
        try:
            con.rollback()
        except duckdb.TransactionException:  # an interruption has ended the transaction already
            raise error from None
        raise


def frame_of(relation: duckdb.DuckDBPyRelation) -> pl.DataFrame:
    """Run a relation and return its rows."""
    frame: pl.DataFrame = relation.pl()
    return frame


def require_subjects(store: Store) -> None:
    """Raise StoreError when nothing was imported into `store` yet."""
    if store.is_empty():
        raise StoreError(f"the store at {store.path} is empty; fill it with 'ehr import ... --store {store.path}'")


def _connect(path: Path, config: Config) -> duckdb.DuckDBPyConnection:
    database = path / DATABASE_FILE
    try:
        con = duckdb.connect(str(database), config=config)
    except duckdb.IOException as error:
        holder = re.search(r"PID (\d+)", str(error))
        if holder is None:
            raise StoreError(f"{database} cannot be opened as a store: {str(error).splitlines()[0]}") from error
        raise StoreError(
            f"the store at {path} is held by process {holder[1]}; "
            "stop that process, or ask it through the service if it is 'ehr serve'"
        ) from error
    except duckdb.ConnectionException as error:
        raise StoreError(f"the store at {path} is open in this process in another way; close that first") from error
    try:
        con.execute(f"SET disabled_optimizers = '{DISABLED_OPTIMIZERS}'")
    except duckdb.InvalidInputException as error:
        con.close()
        raise StoreError(f"the store at {path} is open in this process as a locked one; close that first") from error
    return con


def _check_version(path: Path, con: duckdb.DuckDBPyConnection) -> None:
    try:
        version = _version(con)
    except duckdb.CatalogException as error:
        con.close()
        raise StoreError(f"{path / DATABASE_FILE} is a DuckDB file but not a store of Anamnesis") from error
    if version != SCHEMA_VERSION:
        con.close()
        raise StoreError(
            f"the store at {path} has version {version} and this program needs {SCHEMA_VERSION}; import it anew"
        )


def _version(con: duckdb.DuckDBPyConnection) -> int:
    """Return the version of the schema; raises duckdb.CatalogException for another database."""
    try:
        return int(con.execute("SELECT version FROM store_state").fetchall()[0][0])
    except duckdb.CatalogException:
        return int(con.execute("SELECT version FROM store_version").fetchall()[0][0])  # as version 1 wrote it
