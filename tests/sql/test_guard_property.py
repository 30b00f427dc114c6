"""Laws of the two walls for random SQL: what passes changes nothing and reads what it may; the rest never runs."""

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings

from ehr.errors import QueryFailed, UnsafeQuery
from ehr.store import DATABASE_FILE, Store, open_store
from sql.catalog import RECORDS, Catalog, read_catalog
from sql.estimate import PlanNode, explained, operators, scanned_table
from sql.query import Limits, Result, run_query
from tests.sql.sql_strategies import BASES, LEGITIMATE, anything
from tests.sql.ward import build_ward

SHORT = Limits(rows=50, seconds=1.0)
READABLE = {"event", "code", "subject", "encounter", "unit", "code_ancestor"}
"""The tables behind the views that an analyst may read, and what descends_from looks up."""

SOURCES = {
    *("SEQ_SCAN", "INDEX_SCAN", "COLUMN_DATA_SCAN", "CTE_SCAN", "REC_CTE_SCAN", "REC_RECURRING_CTE_SCAN"),
    *("DELIM_SCAN", "DUMMY_SCAN", "EMPTY_RESULT", "EXPRESSION_SCAN", "RANGE", "GENERATE_SERIES", "UNNEST"),
    *("POSITIONAL_SCAN", "INOUT_FUNCTION"),
}
"""The operators that may stand at the end of a plan: tables, results of the query itself, and lists."""

OURS = (
    "BEGIN TRANSACTION READ ONLY",
    "SELECT json_serialize_sql($1)",
    "SELECT json_deserialize_sql($1::JSON)",
    "SELECT json_serialize_sql('SELECT 1')",
)
"""What runs of a query that is refused: DuckDB parses it, and writes parts of its tree."""

LOOK_UPS = (
    "main.code_ancestor",
    "FROM code_ancestor",
    "hierarchy",
    "CAST($1 AS INTERVAL)",
    "main.unit",
    "FROM code ",
)
"""What our own look-ups for descends_from and macros hold: their texts are ours, the concepts are parameters."""


def attempted(store: Store, query: str, catalog: Catalog, outcomes: Counter[str]) -> Result | None:
    """Run a query; None where it is refused or fails."""
    try:
        result = run_query(store, query, limits=SHORT, catalog=catalog)
    except UnsafeQuery:
        outcomes["refused"] += 1
        return None
    except QueryFailed:
        outcomes["failed"] += 1
        return None
    outcomes["passed"] += 1
    return result


def check_plan(plan: PlanNode) -> None:
    """Assert that every end of a plan is a table that an analyst may read, or no table at all."""
    for node in operators(plan):
        if "Table" in node["extra_info"]:
            assert scanned_table(node) in READABLE
        elif not node["children"]:
            assert node["name"] in SOURCES


def fingerprint(path: Path) -> dict[str, str]:
    """Return the hash of every file of the store, whatever its folder."""
    files = (file for file in path.rglob("*") if file.is_file())
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def contents(store: Store) -> list[Any]:
    """Return all objects of a store, and a hash of the rows of every table."""
    cursor = store.cursor()
    tables = [row[0] for row in cursor.execute("SELECT table_name FROM duckdb_tables() ORDER BY ALL").fetchall()]
    objects = cursor.execute(
        "SELECT view_name, sql FROM duckdb_views() UNION ALL SELECT sequence_name, start_value::VARCHAR "
        "FROM duckdb_sequences() UNION ALL SELECT function_name, macro_definition FROM duckdb_functions() "
        "WHERE NOT internal UNION ALL SELECT name, value FROM duckdb_settings() UNION ALL "
        "SELECT type_name, logical_type FROM duckdb_types() ORDER BY ALL"
    ).fetchall()
    rows = [cursor.execute(f"SELECT count(*), bit_xor(hash(t)) FROM {table} t").fetchall() for table in tables]
    return [tables, objects, rows]


def test_what_passes_leaves_every_byte_and_touches_only_allowed_tables(
    ward: Store, ward_path: Path, catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = fingerprint(ward_path)
    outcomes: Counter[str] = Counter()

    @settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
    @given(query=anything)
    def play(query: str) -> None:
        result = attempted(ward, query, catalog, outcomes)
        if result is not None:
            assert result.table.num_rows <= SHORT.rows
            check_plan(explained(ward.cursor(), result.sql))

    play()
    assert outcomes["passed"] > 50
    assert outcomes["refused"] > 50
    assert fingerprint(ward_path) == before
    assert str(ward_path / DATABASE_FILE) in before
    assert list(tmp_path.iterdir()) == []


def test_the_queries_of_the_files_touch_only_allowed_tables(ward: Store, ward_path: Path, catalog: Catalog) -> None:
    before = fingerprint(ward_path)
    outcomes: Counter[str] = Counter()
    for query in BASES:
        result = attempted(ward, query, catalog, outcomes)
        if result is not None:
            check_plan(explained(ward.cursor(), result.sql))
    assert outcomes["passed"] > 250
    assert fingerprint(ward_path) == before


def test_every_legitimate_query_runs_on_the_real_records(mimic_store: Store) -> None:
    catalog = read_catalog(mimic_store)
    for query in LEGITIMATE:
        result = run_query(mimic_store, query, role="clinician", limits=Limits(rows=100), catalog=catalog)
        assert result.table.num_columns > 0


def test_what_passes_leaves_a_writable_store_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "store"
    build_ward(path)
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    store = open_store(path, writable=True, locked=True)
    catalog, before, outcomes = read_catalog(store), contents(store), Counter[str]()

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(query=anything)
    def play(query: str) -> None:
        attempted(store, query, catalog, outcomes)

    play()
    after = contents(store)
    store.close()
    assert outcomes["passed"] > 10
    assert after == before
    assert {file.name for file in path.iterdir()} <= {DATABASE_FILE, f"{DATABASE_FILE}.wal"}
    assert list(here.iterdir()) == []


class Spy:
    """A cursor that notes the texts that it is given."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, texts: list[str]) -> None:
        self._cursor = cursor
        self._texts = texts

    def execute(self, text: str, *parameters: Any) -> Any:
        self._texts.append(text)
        return self._cursor.execute(text, *parameters)

    def sql(self, text: str) -> Any:
        self._texts.append(text)
        return self._cursor.sql(text)

    def __getattr__(self, name: str) -> Any:
        assert name in {"extract_statements", "close", "interrupt", "cursor"}, name
        return getattr(self._cursor, name)


def test_what_is_refused_never_reaches_the_engine(
    ward: Store, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts: list[str] = []
    plain = Store.cursor
    monkeypatch.setattr(Store, "cursor", lambda store: Spy(plain(store), texts))
    outcomes: Counter[str] = Counter()

    @settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
    @given(query=anything)
    def play(query: str) -> None:
        texts.clear()
        try:
            result = run_query(ward, query, limits=SHORT, catalog=catalog)
        except UnsafeQuery:
            outcomes["refused"] += 1
            assert query not in texts
            for text in texts:
                assert text in OURS or any(word in text for word in LOOK_UPS)
        except QueryFailed:
            outcomes["failed"] += 1
        else:
            outcomes["passed"] += 1
            assert result.sql in texts
            assert query not in texts or query == result.sql

    play()
    assert outcomes["refused"] > 30


def test_a_refusal_of_the_first_wall_opens_no_cursor(
    ward: Store, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_store: Store) -> None:
        raise AssertionError("a refused query opened a cursor")

    monkeypatch.setattr(Store, "cursor", fail)
    refused = 0
    for query in BASES:
        try:
            run_query(ward, query, catalog=catalog)
        except UnsafeQuery:
            refused += 1
        except AssertionError:
            continue
    assert refused >= 290


def test_the_laws_look_at_all_that_an_analyst_reads(ward: Store) -> None:
    for name in RECORDS:
        check_plan(explained(ward.cursor(), f"SELECT * FROM {name}"))
