"""`ehr view` as people and programs use it."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from api.cli import main

VIEW: dict[str, Any] = {
    "resource": "Patient",
    "name": "names",
    "select": [
        {"column": [{"name": "id", "path": "getResourceKey()", "description": "the key"}]},
        {
            "forEachOrNull": "name",
            "column": [
                {"name": "family", "path": "family", "type": "string"},
                {"name": "given", "path": "given", "collection": True},
                {"name": "period", "path": "period"},
                {"name": "unknown", "path": "madeUp"},
            ],
        },
    ],
}
PATIENTS = [
    {"resourceType": "Patient", "id": "a", "name": [
        {"family": "O'Neil", "given": ["x", "y"], "period": {"start": "2000"}, "madeUp": "text"}, {"madeUp": 5}]},
    {"resourceType": "Patient", "id": "b"},
]  # fmt: skip
ROWS = [
    {"id": "a", "family": "O'Neil", "given": ["x", "y"], "period": {"start": "2000"}, "unknown": "text"},
    {"id": "a", "family": None, "given": [], "period": None, "unknown": 5},
    {"id": "b", "family": None, "given": None, "period": None, "unknown": None},
]


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    (tmp_path / "view.json").write_text(json.dumps(VIEW))
    (tmp_path / "patients.ndjson").write_text("\n".join(json.dumps(one) for one in PATIENTS))
    return ["view", "run", str(tmp_path / "view.json"), "--from", str(tmp_path / "patients.ndjson")]


@pytest.mark.parametrize("option", [["--json"], ["--format", "json"]])
def test_json_has_lists_and_objects_as_they_are(
    files: list[str], option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*files, *option]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == ROWS
    assert list(found[0]) == ["id", "family", "given", "period", "unknown"]


def test_no_rows_are_an_empty_list(tmp_path: Path, files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "patients.ndjson").write_text("")
    assert main([*files, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_table_for_people(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(files) == 0
    out = capsys.readouterr().out
    assert "O'Neil" in out
    assert "3 rows" in out


def test_csv(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*files, "--format", "csv"]) == 0
    header, *rows = csv.reader(io.StringIO(capsys.readouterr().out))
    assert header == ["id", "family", "given", "period", "unknown"]
    assert rows[0] == ["a", "O'Neil", '["x","y"]', '{"start":"2000"}', "text"]
    assert rows[2] == ["b", "", "", "", ""]


def test_files_are_written_by_their_endings(tmp_path: Path, files: list[str]) -> None:
    for name in ("rows.parquet", "rows.json", "rows.csv"):
        assert main([*files, "--out", str(tmp_path / name)]) == 0
    assert pq.read_table(tmp_path / "rows.parquet").column("given").to_pylist() == [["x", "y"], [], None]
    assert json.loads((tmp_path / "rows.json").read_text()) == ROWS
    assert (tmp_path / "rows.csv").read_text().startswith("id,family")


def test_check_shows_the_columns_and_the_sql(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["view", "check", files[2]]) == 0
    assert "HumanName" not in (out := capsys.readouterr().out)
    assert "Period" in out
    assert "the key" in out
    assert main(["view", "check", files[2], "--explain", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["sql"].startswith("SELECT")
    assert [column["type"] for column in answer["columns"]] == ["string", "string", "string", "Period", None]


def test_a_view_that_is_refused_exits_with_a_message(
    tmp_path: Path, files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    broken = {"resource": "Patient", "select": [{"column": [{"name": "a", "path": "name.family"}]}]}
    (tmp_path / "view.json").write_text(json.dumps(broken))
    (tmp_path / "patients.ndjson").write_text(
        '{"resourceType": "Patient", "name": [{"family": "a"}, {"family": "b"}]}'
    )
    assert main([*files, "--json"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "ViewDefinition.select[0].column[0] (a).path" in captured.err
    (tmp_path / "view.json").write_text("{}")
    assert main(files) == 1
    assert "view.json: ViewDefinition.resource is missing" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["view"], ["view", "run", "x"], ["view", "run", "x", "--from"]])
def test_wrong_usage_is_told(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
