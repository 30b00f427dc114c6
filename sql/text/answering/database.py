"""A foreign database behind the guard: a folder of CSV files or a DuckDB file, and the tables that a catalogue names.

It is opened so that nothing can be written and no file reached, and every query passes both walls of the store's own
queries (sql.guard, sql.engine), which are told of the tables that the catalogue describes and of no others.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from ehr.errors import CatalogueError, SourceError
from ehr.store import DISABLED_OPTIMIZERS, Store
from sql.catalog import Catalog, Column, Relation
from sql.query import Limits, Result, run_query
from sql.text.records.catalogue import Catalogue

SCHEMA_FILE: Final = "schema.sql"
DUCKDB_SUFFIXES: Final = (".duckdb", ".db")
_SUFFIXES: Final = (".csv.gz", ".csv")
_WIDER: Final = {"INT": "BIGINT", "INTEGER": "BIGINT", "FLOAT": "DOUBLE", "REAL": "DOUBLE", "DECIMAL": "DOUBLE"}
_ROLE: Final = "analyst"


class ForeignCatalog(Catalog):
    """The tables of a foreign database, all of which every role may read."""

    def readable(self, role: str) -> dict[str, Relation]:
        """Return all tables."""
        return dict(self.relations)

    def hidden(self, role: str) -> dict[str, frozenset[str]]:
        """Return nothing: no column is hidden."""
        return {}

    def allows(self, name: str, role: str) -> bool:
        """Say whether there is such a table."""
        return name in self.relations


DEFAULT_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class Database:
    """A foreign database, what of it the catalogue describes, and how much a query may give and take."""

    store: Store
    catalog: ForeignCatalog
    limits: Limits = DEFAULT_LIMITS

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own to the same database."""
        return self.store.cursor()

    def run(self, query: exp.Expr) -> Result:
        """Run a query behind both walls; raises UnsafeQuery and QueryFailed as `run_query` does."""
        return run_query(self.store, query, role=_ROLE, limits=self.limits, catalog=self.catalog)


@contextmanager
def opened_database(path: Path, catalogue: Catalogue, limits: Limits = DEFAULT_LIMITS) -> Iterator[Database]:
    """Open a folder of CSV files (`TABLE.csv.gz`, `TABLE.csv`) or a DuckDB file, and close it after the block.

    The types of the columns come from `schema.sql` in or beside the folder where there is one, else from the values.
    Raises SourceError for what is missing or cannot be read, CatalogueError where a table or column of the catalogue
    is not there.
    """
    con = _of_folder(path, catalogue) if path.is_dir() else _of_file(path)
    try:
        con.execute(f"SET disabled_optimizers = '{DISABLED_OPTIMIZERS}'")
        con.execute("SET enable_external_access = false")
        con.execute("SET lock_configuration = true")
        yield Database(Store(path, con, writable=False), _described(con, catalogue, path), limits)
    finally:
        con.close()


def _of_file(path: Path) -> duckdb.DuckDBPyConnection:
    if not path.is_file():
        raise SourceError(f"there is no database {path}; name a folder of CSV files or a DuckDB file")
    try:
        return duckdb.connect(str(path), read_only=True)
    except duckdb.Error as error:
        raise SourceError(f"{path} cannot be opened as a DuckDB database: {str(error).splitlines()[0]}") from error


def _of_folder(folder: Path, catalogue: Catalogue) -> duckdb.DuckDBPyConnection:
    types = _types(folder)
    con = duckdb.connect()
    try:
        for table in sorted(catalogue.tables()):
            file = next((one for suffix in _SUFFIXES if (one := folder / f"{table}{suffix}").is_file()), None)
            if file is None:
                raise SourceError(
                    f"{folder} has no {table}.csv.gz or {table}.csv, a table that catalogue {catalogue.name} names"
                )
            _load(con, table, file, types.get(table))
    except BaseException:
        con.close()
        raise
    return con


def _load(con: duckdb.DuckDBPyConnection, table: str, file: Path, types: dict[str, str] | None) -> None:
    """Make a table of a file; an empty cell is NULL."""
    try:
        rows = con.read_csv(str(file), header=True, all_varchar=types is not None, na_values="")
        if types is not None:
            columns = [
                exp.alias_(exp.cast(exp.column(name, quoted=True), types.get(name.lower(), "VARCHAR")), name)
                for name in rows.columns
            ]
            rows = rows.project(", ".join(column.sql(dialect="duckdb") for column in columns))
        rows.to_table(table)
    except duckdb.Error as error:
        raise SourceError(f"{file} cannot be read as the table {table}: {str(error).splitlines()[0]}") from error


def _types(folder: Path) -> dict[str, dict[str, str]]:
    """Return the types of the columns by table, both in lower case, from the schema file; nothing without one."""
    file = next((one for one in (folder / SCHEMA_FILE, folder.parent / SCHEMA_FILE) if one.is_file()), None)
    if file is None:
        return {}
    found: dict[str, dict[str, str]] = {}
    try:
        statements = sqlglot.parse(file.read_text(encoding="utf-8"), read="sqlite")
    except SqlglotError as error:
        raise SourceError(
            f"{file} cannot be read as CREATE TABLE statements: {str(error).splitlines()[0]}"
        ) from error
    for statement in statements:
        if isinstance(statement, exp.Create) and isinstance(statement.this, exp.Schema):
            columns = [one for one in statement.this.expressions if isinstance(one, exp.ColumnDef)]
            found[statement.this.this.name.lower()] = {one.name.lower(): _type(one) for one in columns}
    return found


def _type(column: exp.ColumnDef) -> str:
    """Return the type of a column for DuckDB: text without a length, numbers as wide as SQLite has them."""
    kind = column.args.get("kind")
    name = kind.this.name if isinstance(kind, exp.DataType) else "VARCHAR"
    if name in ("TEXT", "CHAR", "NCHAR", "NVARCHAR"):
        return "VARCHAR"
    return _WIDER.get(name, "TIMESTAMP" if name.startswith("TIMESTAMP") or name == "DATETIME" else name)


def _described(con: duckdb.DuckDBPyConnection, catalogue: Catalogue, path: Path) -> ForeignCatalog:
    """Return the tables that the catalogue names, with all their columns; raises CatalogueError for one missing."""
    rows = con.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal ORDER BY column_index"
    ).fetchall()
    relations = {}
    for table, wanted in catalogue.tables().items():
        columns = tuple(Column(name, kind, "") for owner, name, kind in rows if owner.lower() == table.lower())
        if not columns:
            raise CatalogueError(f"{path} has no table {table}, which catalogue {catalogue.name} describes")
        absent = sorted(wanted - {column.name for column in columns})
        if absent:
            raise CatalogueError(f"table {table} of {path} has no column {absent[0]}, which {catalogue.name} names")
        relations[table.lower()] = Relation(table.lower(), False, "", columns)
    return ForeignCatalog(relations)
