"""What the guard costs: each wall and the whole of a query, for every query of tests/queries/legitimate.sql.

Each is told as median and 95th percentile over the queries, of the best of five times of each, and as a multiple of
parsing the same texts with sqlglot alone. The queries run on a store of the MIMIC-IV demo; those that sqlglot alone
does not read (PIVOT with an order) are left out.
"""

import math
import statistics
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import sqlglot
from sqlglot import parser

from benchmarks.machine import DATA, Result, seconds
from ehr.importers import IMPORTERS, ImportOptions
from ehr.store import Store, create_store, open_store, opened
from sql.catalog import Catalog, read_catalog
from sql.engine import reread
from sql.guard import guard
from sql.query import Limits, run_query
from tests.sql.pairs import read_queries

GOAL_MILLISECONDS: Final = 1.0
TIMES: Final = 5
SOURCE: Final = DATA / "mimic-iv-demo"
DUCKDB: Final = sqlglot.Dialect.get_or_raise("duckdb")
LIMITS: Final = Limits(rows=1000)
ROLE: Final = "clinician"


def run() -> Result:
    """Time the walls over all queries; the goal is for the median of the first wall."""
    if not SOURCE.is_dir():
        return Result(f"needs the MIMIC-IV demo at {SOURCE}", None)
    with tempfile.TemporaryDirectory(prefix="anamnesis-benchmark-") as folder:
        path = Path(folder) / "store"
        with opened(create_store(path)) as store:
            IMPORTERS["mimic"](store, SOURCE, ImportOptions())
        with opened(open_store(path, locked=True)) as store:
            return _measured(store, read_catalog(store))


def _is_read(query: str) -> bool:
    try:
        DUCKDB.parse(query)
    except sqlglot.ParseError:
        return False
    return True


QUERIES: Final = [query for _, query in read_queries("legitimate") if _is_read(query)]


def _measured(store: Store, catalog: Catalog) -> Result:
    cursor = store.cursor()
    parse = _times(lambda query: DUCKDB.parse(query))
    first = _times(lambda query: guard(query, catalog, ROLE))
    both = _times(lambda query: (guard(query, catalog, ROLE), reread(cursor, query, catalog, ROLE, LIMITS.rows)))
    whole = _times(lambda query: run_query(store, query, role=ROLE, limits=LIMITS, catalog=catalog))
    is_compiled = Path(parser.__file__).suffix != ".py"
    parts = [
        _told("first wall", first, parse),
        _told("both walls", both, parse),
        _told("whole query", whole, parse),
        f"sqlglot {sqlglot.__version__} {'compiled' if is_compiled else 'not compiled'}, its parse alone "
        f"{statistics.median(parse):.3f} ms",
    ]
    return Result(
        f"{len(QUERIES)} queries: {'; '.join(parts)} (goal: median of the first wall at most "
        f"{GOAL_MILLISECONDS:g} ms)",
        statistics.median(first) <= GOAL_MILLISECONDS,
    )


def _times(work: Callable[[str], object]) -> list[float]:
    """Return the best milliseconds of each query, shortest first."""
    return sorted(min(seconds(partial(work, query)) for _ in range(TIMES)) * 1000 for query in QUERIES)


def _told(name: str, found: list[float], parse: list[float]) -> str:
    middle, late = statistics.median(found), found[math.ceil(0.95 * len(found)) - 1]
    return f"{name} {middle:.2f} ms (95th {late:.2f}), {middle / statistics.median(parse):.1f} times the parse"


if __name__ == "__main__":
    print(run().text)
