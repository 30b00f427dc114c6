"""Running a query that passed the guard: read-only, within limits of rows and seconds, errors in one sentence."""

import re
import time
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Final

import duckdb
import pyarrow as pa
from sqlglot import exp

from ehr.errors import QueryFailed, QueryTimeout
from ehr.store import Store
from sql.catalog import Catalog, read_catalog
from sql.engine import reread
from sql.guard import guard, to_sql

INTERRUPT_AGAIN: Final = 0.05
_NO_MEMORY: Final = "the query needs more memory than it may use; narrow it, or aggregate before joining"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a query may give and take."""

    rows: int = 10_000
    seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Result:
    """The rows of a query, whether the row limit cut them, the text that ran, and how long it took."""

    table: pa.Table
    truncated: bool
    sql: str
    seconds: float


def run_query(
    store: Store,
    query: str | exp.Expr,
    *,
    role: str = "analyst",
    limits: Limits = Limits(),
    catalog: Catalog | None = None,
) -> Result:
    """Guard `query` for `role` and run it on a cursor of its own in a read-only transaction.

    Pass the `catalog` of the store to spare reading it again. Raises UnsafeQuery when the guard refuses, and
    QueryFailed when the engine cannot run the query; its child QueryTimeout when `limits.seconds` are over.
    """
    known = catalog or read_catalog(store)
    text = query if isinstance(query, str) else to_sql(query)
    guard(text, known, role)
    cursor = store.cursor()
    try:
        cursor.execute("BEGIN TRANSACTION READ ONLY")
        sql = reread(cursor, text, known, role, limits.rows + 1)
        started = time.perf_counter()
        table = _fetch(cursor, sql, limits.seconds)
        seconds = time.perf_counter() - started
    except TimeoutError as error:
        raise QueryTimeout(
            f"the query took longer than {limits.seconds:g} seconds and was stopped; narrow it, or raise the limit"
        ) from error
    except duckdb.Error as error:
        raise QueryFailed(explain(error)) from error
    except MemoryError as error:
        raise QueryFailed(_NO_MEMORY) from error
    finally:
        cursor.close()
    return Result(_with_unique_names(table.slice(0, limits.rows)), table.num_rows > limits.rows, sql, seconds)


def _fetch(cursor: duckdb.DuckDBPyConnection, sql: str, seconds: float) -> pa.Table:
    """Run the query in a thread of its own, so that a deadline or Ctrl-C can interrupt it.

    Raises TimeoutError when it takes longer than `seconds`.
    """
    with ThreadPoolExecutor(max_workers=1) as pool:
        job = pool.submit(lambda: cursor.sql(sql).to_arrow_table())
        try:
            return job.result(timeout=seconds)
        except BaseException:
            while not job.done():
                cursor.interrupt()
                wait([job], timeout=INTERRUPT_AGAIN)
            raise


def explain(error: duckdb.Error) -> str:
    """Say in one sentence, without values of patients, why the engine could not run a query."""
    if isinstance(error, duckdb.OutOfMemoryException):
        return _NO_MEMORY
    first = re.sub(r"^[A-Za-z ]+ Error: ", "", str(error).splitlines()[0]).rstrip(". ")
    if not isinstance(error, duckdb.BinderException | duckdb.CatalogException | duckdb.ParserException):
        first = re.sub(r"'[^']*'|\"[^\"]*\"|-?\d[\d.:e+-]*", "…", first)
    candidates = re.search(r"Candidate bindings: (.+)", str(error))
    hint = f"; did you mean {candidates[1]}?" if candidates else ""
    return f"the query cannot be run: {first}{hint}"


def _with_unique_names(table: pa.Table) -> pa.Table:
    """Number the names that a query gives twice: code, code_1."""
    taken: set[str] = set()
    names: list[str] = []
    for name in table.column_names:
        unique, number = name, 0
        while unique in taken:
            number += 1
            unique = f"{name}_{number}"
        taken.add(unique)
        names.append(unique)
    return table.rename_columns(names)
