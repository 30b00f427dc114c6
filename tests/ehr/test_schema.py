"""The schema documents itself, and docs/data-model.md says the same."""

import re
from pathlib import Path

import duckdb
import pytest

from ehr.events import HEADS, code_of, head_of, stable_id
from ehr.store import create_store
from tests.conftest import REPOSITORY


@pytest.fixture
def con(tmp_path: Path) -> duckdb.DuckDBPyConnection:
    return create_store(tmp_path / "store").con


def test_every_table_and_every_column_is_described(con: duckdb.DuckDBPyConnection) -> None:
    silent = con.execute(
        """
        SELECT table_name || '.' || column_name FROM duckdb_columns() JOIN duckdb_tables() USING (table_name)
        WHERE duckdb_columns.comment IS NULL
        UNION ALL SELECT table_name FROM duckdb_tables() WHERE comment IS NULL
        UNION ALL SELECT view_name FROM duckdb_views() WHERE NOT internal AND comment IS NULL
        """
    ).fetchall()
    assert silent == []


def test_the_documented_columns_are_those_of_the_schema(con: duckdb.DuckDBPyConnection) -> None:
    page = (REPOSITORY / "docs" / "data-model.md").read_text()
    documented = {
        name: re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
        for name, section in re.findall(r"^### `(\w+)`\n(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL)
    }
    actual: dict[str, list[str]] = {}
    for table, column in con.execute(
        "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal ORDER BY table_name, column_index"
    ).fetchall():
        actual.setdefault(table, []).append(column)
    assert documented == actual


def test_every_documented_head_is_one_of_the_code_heads() -> None:
    page = (REPOSITORY / "docs" / "data-model.md").read_text()
    table = page.split("## Heads of codes", 1)[1]
    assert set(re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)) == set(HEADS)


def test_a_separator_inside_a_part_cannot_break_a_code() -> None:
    code = code_of("LAB", "local", "a//b", None)
    assert code == "LAB//local//a/b//UNK"
    assert head_of(code) == "LAB"


def test_the_stable_id_is_the_same_in_sql(con: duckdb.DuckDBPyConnection) -> None:
    names = ["Patient/p1", "", "Encounter/ü"]
    in_sql = con.execute("SELECT (md5_number_lower(n) >> 1)::BIGINT FROM (SELECT unnest($n) AS n)", {"n": names})
    assert [row[0] for row in in_sql.fetchall()] == [stable_id(name) for name in names]
