"""The two walls: what is refused, what passes with its meaning kept, and that nothing else happens."""

import hashlib
import json
import string
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from sqlglot import exp

from ehr.errors import QueryFailed, UnsafeQuery
from ehr.store import DATABASE_FILE, Store, open_store
from sql.catalog import ROLES, Catalog, names_for, read_catalog
from sql.engine import reread
from sql.functions import FUNCTIONS, OPERATORS, TABLE_FUNCTIONS
from sql.guard import guard
from sql.query import Limits, Result, run_query
from sql.refusals import Refusal
from tests.sql.pairs import read_hostile, read_queries
from tests.sql.ward import build_ward

LEGITIMATE = read_queries("legitimate")
HOSTILE = read_hostile()
SHORT = Limits(rows=50, seconds=5.0)


def rows_of(table: pa.Table) -> list[tuple[Any, ...]]:
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def test_the_files_are_as_large_as_promised() -> None:
    assert len(HOSTILE) >= 80
    assert len(LEGITIMATE) >= 120


@pytest.mark.parametrize(("name", "code", "query"), HOSTILE, ids=[name for name, _, _ in HOSTILE])
def test_a_hostile_query_is_refused_by_the_first_wall(name: str, code: str, query: str, catalog: Catalog) -> None:
    with pytest.raises(UnsafeQuery) as refusal:
        guard(query, catalog)
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 300
    assert refusal.value.code == Refusal(code)
    if code != Refusal.EMPTY_QUERY:
        line, column = refusal.value.line, refusal.value.column
        assert line is not None
        assert column is not None
        assert f"(line {line}, column {column})" in str(refusal.value)
        assert query.splitlines()[line - 1][column - 1 :]


@pytest.mark.parametrize(("name", "query"), LEGITIMATE, ids=[name for name, _ in LEGITIMATE])
def test_a_legitimate_query_keeps_its_meaning(
    name: str, query: str, ward: Store, ward_path: Path, catalog: Catalog
) -> None:
    expected = ward.cursor().sql(query.rstrip(";")).to_arrow_table()
    result = run_query(ward, query, role="clinician", catalog=catalog)
    assert repr(rows_of(result.table)) == repr(rows_of(expected))
    assert result.table.column_names == expected.column_names


SECOND_WALL_ALONE = [
    "SELECT * FROM source",
    "SELECT * FROM main.reject",
    "SELECT * FROM ehr.main.event",
    "WITH a AS (SELECT * FROM source) FROM a",
    "WITH source AS (SELECT 1) FROM source",
    "WITH duckdb_tables AS (SELECT 1) FROM duckdb_tables",
    "FROM duckdb_tables",
    "FROM information_schema.tables",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM histogram(source, sha256)",
    "FROM 'x.parquet'",
    "FROM read_csv('x.csv')",
    "SELECT current_setting('threads')",
    "SELECT sum(current_setting('threads')::INTEGER) OVER ()",
    "SELECT list_transform([1], lambda x: getvariable('a'))",
    "SELECT user",
    "SELECT #1 FROM event",
    "SELECT ?",
    "SELECT $name",
    "DESCRIBE event",
    "SUMMARIZE event",
    "SHOW TABLES",
    "SELECT * FROM (DESCRIBE event)",
    "SELECT 1; SELECT 2",
    "DELETE FROM event",
    "PIVOT encounter ON class USING count(*)",
    "SELECT * FROM event AT (VERSION => 1)",
    "EXPLAIN SELECT 1",
    "SELECT (",
    "",
    "SELECT range(10000000000)",
    "SELECT range(-10000000000, 0)",
    "SELECT n.range() FROM (SELECT 10000000000 AS n)",
    "SELECT lpad('x', 2000000000, 'y')",
    "SELECT 'x'.rpad(2000000000, 'y')",
    "SELECT repeat('x', 10)",
]


@pytest.mark.parametrize("query", SECOND_WALL_ALONE)
def test_the_second_wall_refuses_without_the_first(query: str, ward: Store, catalog: Catalog) -> None:
    with pytest.raises(UnsafeQuery):
        reread(ward.cursor(), query, catalog, "analyst", 10)


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        ("SELECT * FROM evnt", ["'evnt'", "line 1, column 15", "did you mean 'event'"]),
        ("SELECT *\nFROM patient\nJOIN reject ON true", ["'reject'", "line 3, column 6", "may read", "observation"]),
        ("SELECT cod FROM event", ["'cod'", "line 1, column 8", "did you mean 'code'"]),
        ("SELECT e.cod FROM event e", ["event has no column 'cod'", "did you mean 'code'"]),
        ("SELECT x.code FROM event e", ["table or alias 'x'"]),
        ("SELECT medain(1)", ["medain()", "line 1, column 8", "did you mean 'median'"]),
        ("FROM glob('*')", ["table function glob()", "range"]),
        ("DROP TABLE event", ["DROP", "SELECT"]),
        ("SELECT 1; SELECT 2", ["one statement", "2"]),
        ("SELECT a b c", ["cannot be read", "line 1"]),
        ("SELECT 'a\x00b'", ["control character"]),
        ("SELECT 'a\udcffb'", ["not valid Unicode"]),
        ("SELECT " + "(" * 150 + "1" + ")" * 150, ["nested"]),
        ("SELECT " + "NOT " * 5000 + "true", ["nested"]),
        ("SELECT " + "x" * 1_000_001, ["longer"]),
        (" UNION ALL ".join(["SELECT 1"] * 501), ["SELECTs"]),
        ("SELECT 1 FROM event" + " CROSS JOIN event" * 201, ["joins"]),
        ("", ["empty"]),
    ],
)
def test_a_refusal_says_what_and_where_and_what_instead(query: str, parts: list[str], catalog: Catalog) -> None:
    with pytest.raises(UnsafeQuery) as refusal:
        guard(query, catalog)
    for part in parts:
        assert part in str(refusal.value)


def test_roles_read_what_they_may(ward: Store, catalog: Catalog) -> None:
    assert run_query(ward, "SELECT reason FROM reject", role="admin").table.to_pylist() == [
        {"reason": "value is no number"}
    ]
    assert run_query(ward, "SELECT count(*) AS n FROM timeline", role="trainer").table.to_pylist() == [{"n": 0}]
    for role in ("analyst", "clinician", "trainer"):
        with pytest.raises(UnsafeQuery, match="may not read"):
            run_query(ward, "SELECT reason FROM reject", role=role)
    with pytest.raises(UnsafeQuery, match="not available yet"):
        run_query(ward, "SELECT count(*) FROM patient", role="aggregate")
    with pytest.raises(UnsafeQuery, match="there is no role 'root'"):
        run_query(ward, "SELECT 1", role="root")


def test_every_role_is_known_and_reads_only_what_the_store_has(catalog: Catalog) -> None:
    for role in ROLES:
        assert names_for(role) == catalog.readable(role).keys()


def test_the_guarded_tree_names_tables_with_their_schema(catalog: Catalog) -> None:
    tree = guard("WITH a AS (SELECT * FROM event) SELECT * FROM a JOIN patient USING (subject_id)", catalog)
    assert {table.sql() for table in tree.find_all(exp.Table)} == {"main.event", "a", "main.patient"}


def test_a_tree_is_guarded_like_a_text(ward: Store, catalog: Catalog) -> None:
    tree = exp.select(exp.Count(this=exp.Star()).as_("n")).from_("patient").where(exp.column("sex").eq("female"))
    assert run_query(ward, tree).table.to_pylist() == [{"n": 6}]
    with pytest.raises(UnsafeQuery):
        run_query(ward, exp.select("*").from_("reject"))
    with pytest.raises(UnsafeQuery):
        run_query(ward, exp.Drop(this=exp.to_table("event"), kind="TABLE"))


def test_allow_lists_hold_no_dangerous_name() -> None:
    for name in FUNCTIONS | TABLE_FUNCTIONS | OPERATORS:
        assert not name.startswith(("read_", "duckdb_", "pragma_", "pg_", "parquet_", "enable_", "has_", "current_s"))
    assert not FUNCTIONS & {"query", "query_table", "getenv", "glob", "getvariable", "nextval", "repeat", "sleep_ms"}


def test_every_allowed_function_exists_or_is_syntax() -> None:
    known = {
        row[0].lower() for row in duckdb.connect().execute("SELECT function_name FROM duckdb_functions()").fetchall()
    }
    syntax = {"coalesce", "current_time", "current_timestamp", "grouping", "grouping_id", "ifnull", "localtime"}
    assert known >= FUNCTIONS - syntax - {"localtimestamp", "try"}


# Whatever passes the walls leaves the store as it was and touches only what is allowed.

WORDS = [
    *("SELECT", "FROM", "WHERE", "WITH", "AS", "(", ")", ",", ";", "*", "JOIN", "ON", "UNION ALL", "EXCEPT", "AND"),
    *("event", "patient", "source", "reject", "main.", "information_schema.tables", "'x.csv'", '"reject"', "a", "b"),
    *("code", "subject_id", "count(*)", "GROUP BY", "ORDER BY", "LIMIT", "1", "'text'", "$$", "--", "/*", "*/", "\n"),
    *(
        "LATERAL",
        "RECURSIVE",
        "VALUES",
        "TABLE",
        "PIVOT",
        "USING",
        "IN",
        "EXISTS",
        "read_csv('x')",
        "query('SELECT 1')",
    ),
    *("DROP TABLE event", "INSERT INTO event", "COPY", "SET", "CALL", "PRAGMA", "ATTACH 'x'", "duckdb_tables()"),
    *("lambda x: x", "->", "::", "[", "]", "{", "}", "#1", "?", "CASE", "WHEN", "THEN", "END", "OVER", "unnest([1])"),
    *("descends_from(code, 'ICD10//E11')", "descends_from(", "'ICD10//E11')"),
]
BASES = [query for _, query in LEGITIMATE] + [query for _, _, query in HOSTILE]


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """Return a query from the files with pieces cut, swapped or put in."""
    query = draw(st.sampled_from(BASES))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(query)))
        stop = draw(st.integers(start, min(len(query), start + 12)))
        other = draw(st.one_of(st.sampled_from(WORDS), st.sampled_from(BASES), st.text(string.printable, max_size=4)))
        query = f"{query[:start]} {other} {query[stop:]}"
    return query


GOOD_TABLES = [
    "event",
    "patient",
    "main.encounter",
    "(FROM condition)",
    "code",
    '"death"',
    "range(3)",
    "(VALUES (1)) v(a)",
]
BAD_TABLES = ["source", "main.reject", "ehr.main.event", "'x.csv'", "duckdb_tables()", "information_schema.tables"]
GOOD_VALUES = [
    "1",
    "'reject'",
    "count(*)",
    "max(NULL)",
    "[1, 2][1]",
    "CASE WHEN true THEN 1 END",
    "count(*) FILTER (WHERE descends_from(code, 'ICD10//E11'))",
    "abs(-1)",
    "{'a': 1}.a",
]
BAD_VALUES = [
    "descends_from(code, (SELECT max(sha256) FROM source))",
    "current_setting('threads')",
    "getenv('HOME')",
    "#1",
    "(SELECT max(sha256) FROM source)",
    "user",
    "?",
]


def queries_over(tables: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Return a strategy for queries that nest: most parts allowed, some not."""
    value = st.one_of(*(st.sampled_from(GOOD_VALUES),) * 5, st.sampled_from(BAD_VALUES))
    source = st.one_of(*(st.sampled_from(GOOD_TABLES),) * 8, st.sampled_from(BAD_TABLES), tables.map("({})".format))
    select = st.builds("SELECT {} AS x FROM {}".format, value, source)
    return st.one_of(
        select,
        st.builds("{} UNION ALL {}".format, select, select),
        st.builds("SELECT ({} LIMIT 1) AS x FROM {}".format, select, source),
        st.builds("SELECT 1 AS x FROM {} WHERE EXISTS ({})".format, source, select),
        st.builds("SELECT 1 AS x FROM {} a CROSS JOIN {} b".format, source, source),
        st.builds("SELECT 1 AS x FROM {} a, LATERAL ({}) b".format, source, select),
        st.builds("WITH {0} AS ({1}) SELECT 1 AS x FROM {2}".format, names, select, st.one_of(names, source)),
        st.builds(
            "SELECT 1 AS x FROM ({0}) a WHERE 1 IN (WITH {1} AS ({2}) SELECT 1 FROM {1})".format,
            select,
            names,
            select,
        ),
    )


names = st.sampled_from(["a", "event", "source", "reject", "duckdb_tables", '"x.csv"', "step"])
composed = st.recursive(st.just("FROM patient SELECT 1 AS x"), queries_over, max_leaves=4)
garbage = st.one_of(
    st.lists(st.sampled_from(WORDS), max_size=15).map(" ".join),
    mutated(),
    st.text(max_size=30),
    composed,
    composed,
    composed,
)


def fingerprint(path: Path) -> dict[str, str]:
    """Return the hash of every file of the store."""
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in path.iterdir() if file.is_file()}


def scanned_tables(plan: str) -> set[str]:
    """Return the tables that DuckDB's plan scans."""
    tables: set[str] = set()
    pending: list[Any] = [json.loads(plan)]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            extra = item.get("extra_info", {})
            if isinstance(extra, dict) and "Table" in extra:
                tables.add(str(extra["Table"]).rsplit(".", 1)[-1].strip('"'))
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)
    return tables


def try_query(store: Store, query: str, catalog: Catalog) -> Result | None:
    try:
        return run_query(store, query, limits=SHORT, catalog=catalog)
    except (UnsafeQuery, QueryFailed):
        return None


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=garbage)
def test_what_passes_touches_only_allowed_tables(query: str, ward: Store, ward_path: Path, catalog: Catalog) -> None:
    result = try_query(ward, query, catalog)
    event("passed" if result is not None else "refused")
    if result is not None:
        assert result.table.num_rows <= SHORT.rows
        plan = ward.cursor().execute(f"EXPLAIN (FORMAT json) {result.sql}").fetchall()[0][1]
        assert scanned_tables(plan) <= {"event", "code", "subject", "encounter", "unit", "code_ancestor"}


@settings(max_examples=50, deadline=None)
@given(queries=st.lists(garbage, min_size=1, max_size=5))
def test_a_writable_store_stays_as_it_was(queries: list[str], writable: tuple[Store, Catalog]) -> None:
    store, catalog = writable
    before = contents(store)
    for query in queries:
        try_query(store, query, catalog)
    assert contents(store) == before


def contents(store: Store) -> list[tuple[Any, ...]]:
    """Return what a writable store holds: every object with its number of rows."""
    cursor = store.cursor()
    objects = cursor.execute(
        "SELECT table_name, estimated_size FROM duckdb_tables() UNION ALL "
        "SELECT view_name, 0 FROM duckdb_views() WHERE NOT internal UNION ALL "
        "SELECT function_name, 0 FROM duckdb_functions() WHERE NOT internal ORDER BY ALL"
    ).fetchall()
    return [*objects, *cursor.execute("SELECT count(*), sum(hash(event)) FROM event").fetchall()]


@pytest.fixture(scope="module")
def writable(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("writable") / "store"
    build_ward(path)
    store = open_store(path, writable=True)
    yield store, read_catalog(store)
    store.close()


def test_all_queries_of_the_files_leave_every_byte_of_the_store(
    ward: Store, ward_path: Path, catalog: Catalog
) -> None:
    before = fingerprint(ward_path)
    for query in BASES:
        try_query(ward, query, catalog)
    assert fingerprint(ward_path) == before
    assert DATABASE_FILE in before


def test_what_is_refused_never_reaches_the_engine(
    ward: Store, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_store: Store) -> None:
        raise AssertionError("a refused query opened a cursor")

    monkeypatch.setattr(Store, "cursor", fail)
    for _, _, query in HOSTILE:
        with pytest.raises(UnsafeQuery):
            run_query(ward, query, catalog=catalog)
