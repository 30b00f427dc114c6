"""Running a query that passed the guard: read-only, within limits of rows, bytes and seconds, errors in one sentence.

A query goes through `admitted`: the first wall, then the second, which gives the text that runs. `run_query` fetches
its rows; sql/estimate.py looks only at its plan.
"""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import duckdb
import pyarrow as pa
from sqlglot import exp

from ehr.errors import QueryFailed, QueryMemory, QueryTimeout
from ehr.store import Store
from sql.catalog import Catalog, read_catalog
from sql.disclosure import ROLE as PROTECTED
from sql.disclosure import Protection, fill, protect
from sql.engine import read_statement, write_statement
from sql.guard import guard, to_sql
from sql.places import Position, place
from sql.positions import position_of_error

BATCH_ROWS: Final = 2048
INTERRUPT_AGAIN: Final = 0.05
_NO_MEMORY: Final = "the query needs more memory than it may use; narrow it, or aggregate before joining"
_NAMING: Final = (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException)
"""Errors about the text of a query, which hold names and no values."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a query may give and take: rows, seconds, and bytes of the result as Arrow holds it."""

    rows: int = 10_000
    seconds: float = 30.0
    result_bytes: int = 256 * 2**20


class Cut(StrEnum):
    """Which limit cut a result."""

    ROWS = "ROWS"
    BYTES = "BYTES"


@dataclass(frozen=True, slots=True)
class Result:
    """The rows of a query, which limit cut them if any, the text that ran, and how long it took."""

    table: pa.Table
    cut: Cut | None
    sql: str
    seconds: float
    notes: tuple[str, ...] = ()
    """What a reader of the rows must know: that some were hidden for role aggregate."""

    @property
    def truncated(self) -> bool:
        """Whether there are more rows than these."""
        return self.cut is not None


@dataclass(frozen=True, slots=True)
class Admitted:
    """What both walls let through: the text that may run, and the cursor that it runs on.

    With a `protection`, not the text runs but what it makes of it: aggregates over enough patients.
    """

    sql: str
    cursor: duckdb.DuckDBPyConnection
    protection: Protection | None = None

    def interrupt(self) -> None:
        """Stop what runs."""
        self.cursor.interrupt()
        if self.protection is not None:
            self.protection.con.interrupt()


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
    with admitted(store, query, role=role, rows=limits.rows + 1, catalog=catalog) as ready:
        started = time.perf_counter()
        try:
            table, cut = _fetch(ready, limits)
        except TimeoutError as error:
            raise QueryTimeout(
                f"the query took longer than {limits.seconds:g} seconds and was stopped; narrow it or raise the limit"
            ) from error
        seconds = time.perf_counter() - started
    notes = ready.protection.notes if ready.protection else ()
    return Result(_with_unique_names(table), cut, ready.sql, seconds, notes)


@contextmanager
def admitted(
    store: Store, query: str | exp.Expr, *, role: str, rows: int | None, catalog: Catalog | None = None
) -> Iterator[Admitted]:
    """Take `query` through both walls; the text that comes out gives at most `rows` rows, or all where that is None.

    The cursor is in a read-only transaction and closed after the block. Raises UnsafeQuery when a wall refuses, and
    QueryFailed for an error of the engine in the block.
    """
    known = catalog or read_catalog(store)
    text = query if isinstance(query, str) else to_sql(query)
    guard(text, known, role)
    cursor = store.cursor()
    sql, statement = "", {}
    try:
        cursor.execute("BEGIN TRANSACTION READ ONLY")
        statement = read_statement(cursor, text, known, role)
        protection = protect(cursor, statement, text, known) if role == PROTECTED else None
        sql = write_statement(cursor, statement, rows)
        if protection is None:
            yield Admitted(sql, cursor)
        else:
            with protection.opened():
                yield Admitted(sql, cursor, protection)
    except (duckdb.OutOfMemoryException, MemoryError) as error:
        raise QueryMemory(_NO_MEMORY) from error
    except duckdb.Error as error:
        at = position_of_error(store, text, statement, sql, error) if sql else None
        line, column = at or (None, None)
        raise QueryFailed(explain(error, at), line=line, column=column) from error
    finally:
        cursor.close()


def _fetch(ready: Admitted, limits: Limits) -> tuple[pa.Table, Cut | None]:
    """Run the query in a thread of its own, so that a deadline or Ctrl-C can interrupt it.

    Raises TimeoutError when it takes longer than `limits.seconds`.
    """
    with ThreadPoolExecutor(max_workers=1) as pool:
        job = pool.submit(_read, ready, limits)
        try:
            return job.result(timeout=limits.seconds)
        except BaseException:
            while not job.done():
                ready.interrupt()
                wait([job], timeout=INTERRUPT_AGAIN)
            raise


def _read(ready: Admitted, limits: Limits) -> tuple[pa.Table, Cut | None]:
    """Read batch after batch until the result, or a limit, is at its end; DuckDB goes no further than that."""
    con, sql = ready.cursor, ready.sql
    if ready.protection is not None:
        fill(ready.protection, con)
        con, sql = ready.protection.con, write_statement(con, ready.protection.statement, limits.rows + 1)
    try:
        with con.sql(sql).to_arrow_reader(BATCH_ROWS) as reader:
            batches, cut = _within(reader, limits)
            return pa.Table.from_batches(batches, reader.schema), cut
    except (OSError, pa.ArrowException) as error:  # so an error in the midst of reading comes through Arrow
        raise _of_the_engine(error) from error


def _within(reader: pa.RecordBatchReader, limits: Limits) -> tuple[list[pa.RecordBatch], Cut | None]:
    """Return the batches that fit into the limits, the last one cut to its rows that fit."""
    batches: list[pa.RecordBatch] = []
    rows, room = limits.rows, limits.result_bytes
    for batch in reader:
        kept = batch if batch.num_rows <= rows else batch.slice(0, rows)
        fitting = kept if kept.nbytes <= room else _fitting(kept, room)
        batches.append(fitting)
        if fitting.num_rows < batch.num_rows:
            return batches, Cut.BYTES if fitting.num_rows < kept.num_rows else Cut.ROWS
        rows -= batch.num_rows
        room -= batch.nbytes
    return batches, None


def _fitting(batch: pa.RecordBatch, room: int) -> pa.RecordBatch:
    """Return as many rows from the beginning of a batch as `room` bytes hold, by bisection."""
    fits, too_many = 0, batch.num_rows
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if batch.slice(0, middle).nbytes <= room:
            fits = middle
        else:
            too_many = middle
    return batch.slice(0, fits)


def _of_the_engine(error: Exception) -> duckdb.Error:
    """Return the error of DuckDB that Arrow passed on as one of its own."""
    is_memory = "Out of Memory Error" in str(error) or "OutOfMemory" in str(error)
    return duckdb.OutOfMemoryException(str(error)) if is_memory else duckdb.Error(str(error))


def explain(error: duckdb.Error, at: Position | None = None) -> str:
    """Say in one sentence, without values of patients, why, and where, the engine could not run a query."""
    first = re.sub(r"^[A-Za-z ]+ Error: ", "", str(error).splitlines()[0]).rstrip(". ")
    if not isinstance(error, _NAMING):
        first = re.sub(r"'[^']*'|\"[^\"]*\"|-?\d[\d.:e+-]*", "…", first)
    candidates = re.search(r"Candidate bindings: (.+)", str(error))
    hint = f"; did you mean {candidates[1]}?" if candidates else ""
    return f"the query cannot be run{place(at)}: {first}{hint}"


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
