"""Random SQL: legitimate shapes with allowed and forbidden parts, and the queries of the files cut up and mixed."""

import re
import string

import duckdb
from hypothesis import strategies as st

from sql.catalog import LEDGER, RECORDS, TRAINING
from sql.functions import FUNCTIONS, TABLE_FUNCTIONS
from sql.macros import MACROS
from tests.sql.pairs import read_hostile, read_queries

LEGITIMATE = [query for _, query in read_queries("legitimate")]
BASES = LEGITIMATE + [query for _, _, query in read_hostile()]
PIECES = sorted(
    {piece for query in BASES for piece in re.split(r"(?<=[(),])|\b(?=SELECT|FROM|WHERE|JOIN|ON)\b", query)}
)


def engine_functions(kinds: str) -> list[str]:
    """Return the names of the functions of DuckDB of these kinds (a regular expression), plain ones only."""
    with duckdb.connect() as con:
        rows = con.execute(
            "SELECT DISTINCT function_name FROM duckdb_functions() "
            "WHERE regexp_matches(function_type, $1) AND regexp_matches(function_name, '^[a-z][a-z0-9_]*$') "
            "AND NOT regexp_matches(function_name, '^(icu_)?collate_') ORDER BY ALL",
            [kinds],
        ).fetchall()
    return [name for (name,) in rows]


FORBIDDEN_FUNCTIONS = [name for name in engine_functions("scalar|aggregate|macro") if name not in FUNCTIONS]
FORBIDDEN_TABLE_FUNCTIONS = [name for name in engine_functions("table|pragma") if name not in TABLE_FUNCTIONS]
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
        "query('FROM x')",
    ),
    *("DROP TABLE event", "INSERT INTO event", "COPY", "SET", "CALL", "PRAGMA", "ATTACH 'x'", "duckdb_tables()"),
    *("lambda x: x", "->", "::", "[", "]", "{", "}", "#1", "?", "CASE", "WHEN", "THEN", "END", "OVER", "unnest([1])"),
    *("descends_from(code, 'ICD10//E11')", "descends_from(", "'ICD10//E11')", "TABLESAMPLE 50%", "QUALIFY", "FILTER"),
]

GOOD_TABLES = [
    *sorted(RECORDS),
    *("main.encounter", "(FROM condition)", '"death"', "range(3)", "generate_series(1, 3)", "(VALUES (1)) v(a)"),
    *("patient TABLESAMPLE 50%", "(SELECT unnest([1, 2]) AS subject_id)", "(SELECT * FROM patient USING SAMPLE 3)"),
]
BAD_TABLES = [
    *sorted((TRAINING | LEDGER) - RECORDS),
    *("main.reject", "ehr.main.event", "'x.csv'", "'*.parquet'", "information_schema.tables", "sqlite_master"),
    *("duckdb_columns", "pg_catalog.pg_class", "code_ancestor", "hierarchy", "event_by_code", "temp.main.x"),
    *(f"{name}()" for name in FORBIDDEN_TABLE_FUNCTIONS),
    *(f"{name}('x')" for name in FORBIDDEN_TABLE_FUNCTIONS),
]
NAMES = [
    *("event", "patient", "encounter", "code", "reject", "source", "x", "subject_id", "encounter_id", "start_time"),
    *("sex", "value", "time", "identifiers", "excerpt", "getenv", "count", "max", "lower", "list", "current_setting"),
    *("LEFT", "DISTINCT", "ALL", "main", "duckdb_tables", "read_csv", "query", "range", "unnest", "rowid", "NULL"),
]
NUMBERS = ["0", "1", "7", "100", "99999999999", "NULL", "subject_id"]
ARGUMENTS = [
    "",
    "1",
    "'a'",
    "'a', 'b'",
    "1, 2",
    "[1, 2]",
    "NULL",
    "subject_id",
    "TIMESTAMP '2150-01-01'",
    "'{}'",
    "*",
]
GOOD_VALUES = [
    *("1", "'reject'", "count(*)", "max(NULL)", "[1, 2][1]", "CASE WHEN true THEN 1 END", "abs(-1)", "{'a': 1}.a"),
    *("row_number() OVER ()", "sum(1) OVER (ORDER BY 1 ROWS 1 PRECEDING)", "list_transform([1], lambda x: x + 1)"),
    *("count(*) FILTER (WHERE descends_from(code, 'ICD10//E11'))", "age_at(subject_id, start_time)", "subject_id"),
    *("[x FOR x IN [1, 2]]", "(SELECT max(sex) FROM patient)", "'Administered' = 'update'", "grouping(sex)"),
]
BAD_VALUES = [
    *("descends_from(code, (SELECT max(sha256) FROM source))", "#1", "(SELECT max(sha256) FROM source)", "user", "?"),
    *("identifiers", "patient.identifiers", "EXISTS (FROM reject)", "main.current_setting('threads')", "$name"),
]


def mostly(usual: list[str], others: list[str], *, good: int) -> st.SearchStrategy[str]:
    """Return a strategy for the usual parts, `good` times as often as for the others."""
    return st.integers(0, good).flatmap(lambda roll: st.sampled_from(usual if roll else others))


ALLOWED_FUNCTIONS = sorted(FUNCTIONS | MACROS.keys())
calls = st.builds("{}({})".format, mostly(ALLOWED_FUNCTIONS, FORBIDDEN_FUNCTIONS, good=4), st.sampled_from(ARGUMENTS))
values = st.one_of(*(mostly(GOOD_VALUES, BAD_VALUES, good=15),) * 5, calls)
names = st.sampled_from(["a", "event", "patient", "source", "reject", "duckdb_tables", '"x.csv"', "step"])


def queries_over(tables: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Return a strategy for queries that nest: most parts allowed, some not."""
    source = st.one_of(*(mostly(GOOD_TABLES, BAD_TABLES, good=15),) * 5, tables.map("({})".format))
    select = st.builds("SELECT {} AS x FROM {}".format, values, source)
    return st.one_of(
        select,
        st.builds("SELECT {} AS x FROM {} WHERE {} IS NULL".format, values, source, values),
        st.builds("SELECT sex, {} AS x FROM {} GROUP BY CUBE (sex)".format, values, source),
        st.builds(
            "SELECT {} AS x FROM {} QUALIFY row_number() OVER (ORDER BY {}) = 1".format, values, source, values
        ),
        st.builds("{} {} {}".format, select, st.sampled_from(["UNION", "EXCEPT ALL", "INTERSECT"]), select),
        st.builds("SELECT ({} LIMIT 1) AS x FROM {}".format, select, source),
        st.builds("SELECT 1 AS x FROM {} WHERE EXISTS ({})".format, source, select),
        st.builds("SELECT 1 AS x FROM {} a CROSS JOIN {} b".format, source, source),
        st.builds("SELECT 1 AS x FROM {} a POSITIONAL JOIN {} b".format, source, source),
        st.builds("SELECT 1 AS x FROM {} a, LATERAL ({}) b".format, source, select),
        st.builds("SELECT * FROM ({}) PIVOT (count(*) FOR x IN (1, 2))".format, select),
        st.builds("UNPIVOT ({}) ON x INTO NAME n VALUE v".format, select),
        st.builds("FROM ({}) USING SAMPLE 50%".format, select),
        st.builds("WITH {0} AS ({1}) SELECT 1 AS x FROM {2}".format, names, select, st.one_of(names, source)),
        st.builds("WITH RECURSIVE {0} AS ({1} UNION {1}) SELECT 1 AS x FROM {0}".format, names, select),
        st.builds(
            "SELECT 1 AS x FROM ({0}) a WHERE 1 IN (WITH {1} AS ({2}) SELECT 1 FROM {1})".format,
            select,
            names,
            select,
        ),
    )


composed = st.recursive(st.just("FROM patient SELECT 1 AS x"), queries_over, max_leaves=4)


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


@st.composite
def swapped(draw: st.DrawFn) -> str:
    """Return a legitimate query with some of its words changed for others: names, numbers, keywords."""
    parts = re.split(r"(\w+)", draw(st.sampled_from(LEGITIMATE)))
    for _ in range(draw(st.integers(1, 2))):
        place = draw(st.sampled_from(range(1, len(parts), 2))) if len(parts) > 1 else 0
        parts[place] = draw(st.sampled_from(NAMES if not parts[place].isdigit() else NUMBERS))
    return "".join(parts)


@st.composite
def spliced(draw: st.DrawFn) -> str:
    """Return the beginning of one query of the files and the end of another, or pieces of several."""
    if draw(st.booleans()):
        return "".join(draw(st.lists(st.sampled_from(PIECES), min_size=2, max_size=8)))
    first, second = draw(st.sampled_from(BASES)), draw(st.sampled_from(BASES))
    words = first.split(" ")[: draw(st.integers(1, 12))] + second.split(" ")[draw(st.integers(0, 12)) :]
    return " ".join(words)


rubbish = st.one_of(st.lists(st.sampled_from(WORDS), max_size=15).map(" ".join), st.text(max_size=30))
anything = st.one_of(*(composed,) * 5, *(swapped(),) * 3, mutated(), spliced(), st.sampled_from(BASES), rubbish)
"""Queries of every kind, about a third of which pass."""
