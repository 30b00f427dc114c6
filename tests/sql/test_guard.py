"""The two walls: what is refused, and what passes with its meaning kept."""

import ast
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from sqlglot import exp

from ehr.errors import QueryFailed, UnsafeQuery
from ehr.store import Store
from sql.catalog import ROLES, Catalog, names_for
from sql.engine import reread
from sql.functions import FUNCTIONS, OPERATORS, TABLE_FUNCTIONS
from sql.guard import guard
from sql.query import run_query
from sql.refusals import MEANINGS, Refusal
from tests.sql.pairs import read_hostile, read_queries

LEGITIMATE = read_queries("legitimate")
HOSTILE = read_hostile()
FEATURES = read_queries("features")


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
    "SELECT system.main.lower('a')",
    "SELECT 1,, 2",
]


@pytest.mark.parametrize("query", SECOND_WALL_ALONE)
def test_the_second_wall_refuses_without_the_first(query: str, ward: Store, catalog: Catalog) -> None:
    with pytest.raises(UnsafeQuery) as refusal:
        reread(ward.cursor(), query, catalog, "analyst", 10)
    assert Refusal(refusal.value.code) is not Refusal.NOT_ALLOWED


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


@pytest.mark.parametrize(
    ("query", "code", "at", "allowed"),
    [
        ("SELECT 1,, 2", Refusal.UNREADABLE, (1, 10), ()),
        ("SELECT 'é',\n getenv('a')", Refusal.FORBIDDEN_FUNCTION, (2, 2), ()),
        ("SELECT medain(1)", Refusal.FORBIDDEN_FUNCTION, (1, 8), ("median",)),
        ("SELECT sx\nFROM patient", Refusal.UNKNOWN_COLUMN, (1, 8), ("sex",)),
        ("SELECT p.six FROM patient p", Refusal.UNKNOWN_COLUMN, (1, 10), ("sex",)),
        ("SELECT *\nFROM paitent", Refusal.UNKNOWN_TABLE, (2, 6), ("patient",)),
        ("FROM glob('*')", Refusal.FORBIDDEN_FUNCTION, (1, 6), ("generate_series", "range", "unnest")),
        ("DROP TABLE x", Refusal.NOT_A_SELECT, (1, 1), ("SELECT", "WITH", "FROM")),
        ("SELECT 'x\x00'", Refusal.BAD_TEXT, (1, 10), ()),
    ],
)
def test_a_refusal_is_data_too(
    query: str, code: Refusal, at: tuple[int, int], allowed: tuple[str, ...], ward: Store
) -> None:
    with pytest.raises(UnsafeQuery) as refusal:
        run_query(ward, query)
    error = refusal.value
    assert (error.code, (error.line, error.column)) == (code, at)
    assert set(allowed) <= set(error.allowed)


def test_every_code_has_a_meaning_that_the_documentation_gives() -> None:
    documented = (Path(__file__).parents[2] / "docs" / "sql.md").read_text(encoding="utf-8")
    assert set(Refusal) == set(MEANINGS)
    for code, meaning in MEANINGS.items():
        assert f"| `{code}` | {meaning} |" in documented


def test_the_documentation_lists_every_function() -> None:
    page = (Path(__file__).parents[2] / "docs" / "sql.md").read_text(encoding="utf-8")
    listed = page.partition("## Functions")[2].replace("**", " ").replace(".", " ").replace(",", " ").split()
    assert {word.strip("`") for word in listed} >= FUNCTIONS | TABLE_FUNCTIONS


def test_roles_read_what_they_may(ward: Store, catalog: Catalog) -> None:
    assert run_query(ward, "SELECT reason FROM reject", role="admin").table.to_pylist() == [
        {"reason": "value is no number"}
    ]
    assert run_query(ward, "SELECT count(*) AS n FROM timeline", role="trainer").table.to_pylist() == [{"n": 0}]
    for role in ("analyst", "clinician", "trainer"):
        with pytest.raises(UnsafeQuery, match="may not read"):
            run_query(ward, "SELECT reason FROM reject", role=role)
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


def test_what_a_role_may_not_see_is_not_there(ward: Store, catalog: Catalog) -> None:
    for query in (
        "FROM patient",
        "SELECT COLUMNS(*) FROM patient",
        "SELECT p.* FROM patient p",
        "SELECT * FROM (TABLE patient)",
        "SELECT * FROM main.subject",
        "SELECT * FROM encounter TABLESAMPLE 100%",
        "WITH a AS (FROM patient) FROM a",
        "WITH patient AS (FROM patient) FROM patient",
        "SELECT * FROM patient JOIN encounter USING (subject_id)",
        "FROM patient POSITIONAL JOIN encounter",
        "UNPIVOT (FROM patient) ON birth_time, death_time INTO NAME n VALUE v",
    ):
        assert "identifiers" in " ".join(run_query(ward, query, role="clinician").table.column_names), query
        assert "identifiers" not in " ".join(run_query(ward, query).table.column_names), query
    row = run_query(ward, "SELECT p FROM patient p WHERE p.subject_id = 1").table.to_pylist()[0]["p"]
    assert "identifiers" not in row
    for query in (
        "SELECT unnest(identifiers) FROM patient",
        "SELECT COLUMNS('ident.*') FROM patient",
        "SELECT count(*) FROM patient WHERE (SELECT i FROM (SELECT unnest(patient.identifiers) AS i) LIMIT 1) = 'x'",
        "SELECT list_transform([1], lambda x: identifiers) FROM patient, (SELECT unnest([1]))",
        "SELECT 1 FROM patient NATURAL JOIN (SELECT ['a'] AS identifiers) WHERE patient.identifiers[1] = 'a'",
        "SELECT struct_extract(p, 'identifiers') FROM patient p",
        "SELECT main.patient.identifiers FROM main.patient",
    ):
        with pytest.raises((UnsafeQuery, QueryFailed)):
            run_query(ward, query)


def test_a_step_that_hides_a_view_keeps_its_columns(ward: Store) -> None:
    query = "WITH patient AS (SELECT sex, 1 AS one FROM patient WHERE died) SELECT * FROM patient ORDER BY sex"
    assert run_query(ward, query).table.to_pylist() == [{"sex": "female", "one": 1}, {"sex": "male", "one": 1}]


@pytest.mark.parametrize(("title", "query"), FEATURES, ids=[title for title, _ in FEATURES])
def test_every_kind_of_query_gives_the_rows_it_should(title: str, query: str, ward: Store) -> None:
    """In the ward, stay 100 + n of patient n lasts n days; those with an even number are in intensive care too."""
    assert rows_of(run_query(ward, query).table) == ast.literal_eval(title.partition(" => ")[2])
