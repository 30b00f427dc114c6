from pathlib import Path

import duckdb
import pytest
from sqlglot import parse_one

from ehr.errors import CatalogueError, QueryFailed, SourceError, UnsafeQuery
from sql.query import Limits
from sql.text.answering.database import opened_database
from sql.text.answering.ground import Ground
from tests.sql.text.records.hospital import CATALOGUE


def test_a_folder_has_the_types_of_its_schema_file(ground: Ground) -> None:
    result = ground.database.run(parse_one("SELECT typeof(dob), typeof(subject_id) FROM patients LIMIT 1"))

    assert list(result.table.to_pylist()[0].values()) == ["TIMESTAMP", "BIGINT"]


def test_an_empty_cell_is_missing(ground: Ground) -> None:
    result = ground.database.run(parse_one("SELECT count(*) AS n FROM admissions WHERE dischtime IS NULL"))

    assert result.table.to_pylist() == [{"n": 1}]


def test_a_duckdb_file_serves_as_well_as_a_folder(ward: Path, tmp_path: Path) -> None:
    file = tmp_path / "ward.duckdb"
    with duckdb.connect(str(file)) as con:
        for table in CATALOGUE.tables():
            con.execute(f"CREATE TABLE {table} AS FROM read_csv('{ward / table}.csv.gz')")

    with opened_database(file, CATALOGUE) as database:
        result = database.run(parse_one("SELECT count(*) AS n FROM patients"))
        assert result.table.to_pylist() == [{"n": 3}]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM elsewhere",
        "SELECT getenv('HOME') FROM patients",
        "SELECT * FROM duckdb_settings()",
    ],
)
def test_nothing_but_the_tables_of_the_catalogue_is_read(ground: Ground, query: str) -> None:
    with pytest.raises(UnsafeQuery):
        ground.database.run(parse_one(query, read="duckdb"))


def test_a_query_that_takes_too_long_is_stopped(ward: Path) -> None:
    slow = "SELECT sum(a.range * b.range) FROM range(1000000) AS a, range(1000000) AS b"

    with (
        opened_database(ward, CATALOGUE, Limits(seconds=0.2)) as database,
        pytest.raises(QueryFailed, match="longer"),
    ):
        database.run(parse_one(slow, read="duckdb"))


def test_a_missing_table_is_named(ward: Path, tmp_path: Path) -> None:
    (tmp_path / "patients.csv").write_text("row_id\n1\n", encoding="utf-8")

    with pytest.raises(SourceError, match=r"has no admissions\.csv"), opened_database(tmp_path, CATALOGUE):
        pass


def test_a_missing_column_is_named(ward: Path, tmp_path: Path) -> None:
    for file in ward.glob("*.csv.gz"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "patients.csv.gz").unlink()
    (tmp_path / "patients.csv").write_text("row_id,subject_id\n1,1\n", encoding="utf-8")

    with pytest.raises(CatalogueError, match=r"patients.*no column dob"), opened_database(tmp_path, CATALOGUE):
        pass


@pytest.mark.parametrize("name", ["nowhere", "text.txt"])
def test_what_is_no_database_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "text.txt").write_text("not a database", encoding="utf-8")

    with pytest.raises(SourceError, match=name), opened_database(tmp_path / name, CATALOGUE):
        pass
