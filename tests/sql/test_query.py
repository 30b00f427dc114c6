"""Running queries: limits, deadline, errors in one sentence, transactions."""

import time
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ehr.errors import QueryFailed, QueryMemory, UnsafeQuery
from ehr.store import Store, open_store
from sql.catalog import Catalog, read_catalog
from sql.query import Cut, Limits, run_query
from tests.sql.ward import build_ward


@settings(deadline=None)
@given(rows=st.integers(1, 20), own=st.one_of(st.none(), st.integers(0, 20)), there=st.integers(0, 20))
def test_the_smaller_limit_holds_and_a_cut_is_told(rows: int, own: int | None, there: int, ward: Store) -> None:
    query = f"SELECT * FROM range({there})" + ("" if own is None else f" LIMIT {own}")
    result = run_query(ward, query, limits=Limits(rows=rows))
    full = there if own is None else min(own, there)
    assert result.table.num_rows == min(full, rows)
    assert result.truncated == (full > rows)


@pytest.mark.parametrize(
    ("query", "rows", "truncated"),
    [
        ("SELECT * FROM range(100) LIMIT 50%", 10, True),
        ("SELECT * FROM range(100) LIMIT (SELECT 5)", 5, False),
        ("SELECT * FROM range(100) ORDER BY range DESC LIMIT (SELECT 50)", 10, True),
        ("FROM range(6) UNION ALL FROM range(6)", 10, True),
        ("FROM range(6) UNION ALL FROM range(6) LIMIT 3", 3, False),
        ("(FROM range(6))", 6, False),
        ("VALUES (1), (2)", 2, False),
        ("FROM range(100) LIMIT 50 OFFSET 95", 5, False),
        ("FROM range(20) FETCH FIRST 4 ROWS ONLY", 4, False),
        ("WITH a AS (FROM range(50) LIMIT 30) FROM a", 10, True),
    ],
)
def test_limits_of_every_kind(query: str, rows: int, truncated: bool, ward: Store) -> None:
    result = run_query(ward, query, limits=Limits(rows=10))
    assert (result.table.num_rows, result.truncated) == (rows, truncated)


@settings(deadline=None)
@given(result_bytes=st.integers(0, 300_000), rows=st.integers(1, 12_000))
def test_the_result_fits_into_its_bytes_and_is_a_beginning(result_bytes: int, rows: int, ward: Store) -> None:
    query = "SELECT range AS n, 'text of row ' || range AS t FROM range(10000)"
    result = run_query(ward, query, limits=Limits(rows=rows, result_bytes=result_bytes))
    assert result.table.nbytes <= result_bytes or result.table.num_rows == 0
    assert result.table.column("n").to_pylist() == list(range(result.table.num_rows))
    whole = run_query(ward, query, limits=Limits(rows=10_000)).table
    fitting = sum(whole.slice(0, count).nbytes <= result_bytes for count in (100, 1000, 5000, 10_000))
    assert sum(result.table.num_rows >= min(count, rows) for count in (100, 1000, 5000, 10_000)) >= fitting
    expected = Cut.ROWS if result.table.num_rows == rows < 10_000 else Cut.BYTES
    assert result.cut == (None if result.table.num_rows == 10_000 else expected)
    assert result.truncated == (result.cut is not None)


def test_one_row_larger_than_the_limit_leaves_an_empty_result_that_says_so(ward: Store) -> None:
    result = run_query(
        ward, "SELECT string_agg(range::VARCHAR) AS t FROM range(1000)", limits=Limits(result_bytes=99)
    )
    assert (result.table.num_rows, result.cut) == (0, Cut.BYTES)
    assert result.table.column_names == ["t"]


def test_the_engine_stops_where_the_limit_is_reached(ward: Store) -> None:
    endless = "SELECT range FROM range(100000000000)"
    result = run_query(ward, endless, limits=Limits(rows=10**12, seconds=30, result_bytes=100_000))
    assert result.cut is Cut.BYTES
    assert 0 < result.table.nbytes <= 100_000


def test_an_error_in_the_midst_of_reading_is_a_sentence(ward: Store) -> None:
    query = "SELECT (CASE WHEN range = 90000 THEN 'secret' ELSE '1' END)::INTEGER FROM range(100000)"
    with pytest.raises(QueryFailed, match="the query cannot be run") as failure:
        run_query(ward, query, limits=Limits(rows=100_000))
    assert "secret" not in str(failure.value)


def test_an_order_survives_the_limit(ward: Store) -> None:
    result = run_query(
        ward, "SELECT range AS n FROM range(100) ORDER BY n DESC LIMIT (SELECT 50)", limits=Limits(rows=3)
    )
    assert result.table.column("n").to_pylist() == [99, 98, 97]


def test_a_deadline_is_kept_and_named(ward: Store) -> None:
    began = time.perf_counter()
    with pytest.raises(QueryFailed, match=r"longer than 0\.2 seconds"):
        run_query(ward, "SELECT count(*) FROM range(1000000) a, range(1000000) b", limits=Limits(seconds=0.2))
    assert time.perf_counter() - began < 5


def test_a_recursion_without_end_meets_the_deadline(ward: Store) -> None:
    endless = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT max(n) FROM t"
    with pytest.raises(QueryFailed, match="longer than"):
        run_query(ward, endless, limits=Limits(seconds=0.2))


def test_the_memory_limit_is_a_sentence(ward: Store) -> None:
    with pytest.raises(QueryMemory, match="more memory than it may use"):
        run_query(ward, "SELECT len(list(range)) FROM range(300000000)")


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        ("SELECT p.sex FROM patient p JOIN encounter e USING (encounter_id)", ["encounter_id"]),
        ("SELECT sex FROM patient GROUP BY subject_id", ["sex", "GROUP BY"]),
        ("SELECT subject_id FROM patient, encounter", ["mbiguous"]),
        ("SELECT sum(sex) FROM patient", ["sum"]),
        ("SELECT quantile_cont(value, 1.5) FROM observation", []),
    ],
)
def test_what_the_engine_cannot_run_is_said_in_one_sentence(query: str, parts: list[str], ward: Store) -> None:
    with pytest.raises(QueryFailed) as failure:
        run_query(ward, query)
    message = str(failure.value)
    assert message.startswith("the query cannot be run")
    assert "\n" not in message
    assert "LINE" not in message
    assert all(part in message for part in parts)


def test_an_error_holds_no_value_of_a_patient(ward: Store) -> None:
    with pytest.raises(QueryFailed) as failure:
        run_query(ward, "SELECT description::INTEGER FROM code WHERE description = 'Haemodialysis'")
    assert "Haemodialysis" not in str(failure.value)


def test_names_given_twice_are_numbered(ward: Store) -> None:
    assert run_query(ward, "SELECT 1 AS a, 2 AS a, 3 AS a_1").table.column_names == ["a", "a_1", "a_1_1"]


def test_a_query_sees_what_was_committed_before_it(tmp_path: Path) -> None:
    build_ward(tmp_path / "store")
    store = open_store(tmp_path / "store", writable=True)
    store.con.execute("DELETE FROM subject WHERE subject_id = 12")
    assert run_query(store, "SELECT count(*) AS n FROM patient").table.to_pylist() == [{"n": 11}]
    with pytest.raises(UnsafeQuery):
        run_query(store, "DELETE FROM subject")
    store.con.execute("DELETE FROM subject WHERE subject_id = 11")
    assert run_query(store, "SELECT count(*) AS n FROM patient").table.to_pylist() == [{"n": 10}]
    store.close()


def test_a_locked_store_refuses_files_and_settings_by_itself(ward: Store) -> None:
    cursor = ward.cursor()
    for statement in ("SELECT * FROM read_text('/etc/hostname')", "SET threads = 1", "COPY event TO 'x.csv'"):
        with pytest.raises(duckdb.Error):
            cursor.execute(statement)


def test_every_column_of_the_catalogue_is_described(catalog: Catalog) -> None:
    silent = [
        f"{relation.name}.{column.name}"
        for relation in catalog.relations.values()
        for column in relation.columns
        if not column.comment
    ]
    assert silent == []
    assert all(relation.comment for relation in catalog.relations.values())
    assert next(iter(catalog.relations.values())).is_view


def test_the_catalogue_is_that_of_the_store(tmp_path: Path) -> None:
    build_ward(tmp_path / "store")
    store = open_store(tmp_path / "store", writable=True)
    store.con.execute("ALTER TABLE event ADD COLUMN ward_name VARCHAR")
    catalog = read_catalog(store)
    assert "ward_name" in catalog.relations["event"].column_names
    assert run_query(store, "SELECT count(ward_name) AS n FROM event").table.to_pylist() == [{"n": 0}]
    store.close()
