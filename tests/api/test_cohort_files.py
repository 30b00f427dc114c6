"""The files of a cohort say where their rows come from, and whether the rows can be had again."""

import json
from datetime import datetime
from pathlib import Path

import meds
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from api.cli import main

TASK = """
include: shared.yaml
trigger: adm
windows:
  input: {start: null, end: trigger, start_inclusive: true, end_inclusive: true, index_timestamp: end}
  target: {start: input.end, end: start + 30d, start_inclusive: false, end_inclusive: true}
endpoints:
  died: {window: target, predicate: death}
  labs: {window: target, predicate: k, kind: count}
  k: {window: target, predicate: k, kind: value, take: max}
  level: {window: target, predicate: k, kind: ordinal, levels: {low: "<= 4", high: "> 4"}}
  until: {window: target, predicate: death, kind: time}
"""
SHARED = "predicates: {adm: {code: ADM}, death: {code: DEATH}, k: {code: K}}"
ROWS = [
    (1, datetime(2150, 1, 1), "ADM", None),
    (1, datetime(2150, 1, 3), "K", 3.5),
    (1, datetime(2150, 1, 4), "K", 5.0),
    (1, datetime(2150, 1, 5), "DEATH", None),
    (2, datetime(2150, 1, 1), "ADM", None),
    (2, datetime(2150, 1, 11), "OTHER", None),
]


def write_meds(path: Path, rows: list[tuple[int, datetime, str, float | None]]) -> None:
    columns = {
        "subject_id": pa.array([row[0] for row in rows], pa.int64()),
        "time": pa.array([row[1] for row in rows], pa.timestamp("us")),
        "code": pa.array([row[2] for row in rows]),
        "numeric_value": pa.array([row[3] for row in rows], pa.float32()),
    }
    pq.write_table(pa.table(columns), path)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "task.yaml").write_text(TASK)
    (tmp_path / "shared.yaml").write_text(SHARED)
    write_meds(tmp_path / "meds.parquet", ROWS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def labels(endpoint: str | None) -> pa.Table:
    chosen = ["--endpoint", endpoint] if endpoint else []
    assert main(["cohort", "task.yaml", "--data", "meds.parquet", "--out", "labels.parquet", *chosen]) == 0
    table = pq.read_table("labels.parquet")
    meds.LabelSchema.validate(table)
    assert [field.name for field in table.schema][:2] == ["subject_id", "prediction_time"]
    return table


@pytest.mark.parametrize(
    ("endpoint", "column", "values"),
    [
        (None, "boolean_value", [True, False]),
        ("died", "boolean_value", [True, False]),
        ("labs", "integer_value", [2, 0]),
        ("k", "float_value", [5.0]),
        ("level", "categorical_value", ["low"]),
    ],
)
def test_a_label_file_has_the_column_of_meds_for_the_kind_of_the_endpoint(
    folder: Path, endpoint: str | None, column: str, values: list[object]
) -> None:
    table = labels(endpoint)
    assert table.column_names == ["subject_id", "prediction_time", column]
    assert table.column(column).to_pylist() == values
    assert not any(field.nullable for field in table.schema)


@pytest.mark.parametrize(("endpoint", "hint"), [("until", "--wide"), ("ghost", "died, labs, k, level")])
def test_an_endpoint_that_a_label_file_cannot_hold_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], endpoint: str, hint: str
) -> None:
    assert main(["cohort", "task.yaml", "--data", "meds.parquet", "--out", "x.parquet", "--endpoint", endpoint]) != 0
    assert hint in capsys.readouterr().err
    assert not (folder / "x.parquet").exists()


def test_a_wide_file_has_every_endpoint(folder: Path) -> None:
    assert main(["cohort", "task.yaml", "--data", "meds.parquet", "--wide", "wide.parquet"]) == 0
    rows = pq.read_table("wide.parquet").to_pylist()
    wanted = ("died", "labs", "k", "level", "until", "until_event")
    assert [[row[name] for name in wanted] for row in rows] == [
        [True, 2, 5.0, 0, 4.0, 1],
        [False, 0, None, None, 10.0, 0],
    ]


def check(capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, object]:
    capsys.readouterr()
    status = main(["cohort", "--check", "labels.parquet", "--data", "meds.parquet", "--json", *more])
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    assert (status == 0) == found["is_reproduced"]
    return found


def test_rows_can_be_had_again_whatever_becomes_of_the_task_file(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels("died")
    (folder / "task.yaml").unlink()
    (folder / "shared.yaml").unlink()
    found = check(capsys)
    assert found == found | {"is_untouched": True, "same_data": True, "same_rows": True, "rows_now": 2}


def test_what_has_changed_since_is_told_apart(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels("died")
    write_meds(folder / "meds.parquet", [*ROWS, (3, datetime(2150, 1, 1), "OTHER", None)])
    assert check(capsys) == check(capsys) | {"is_untouched": True, "same_data": False, "same_rows": True}
    write_meds(folder / "meds.parquet", [*ROWS, (3, datetime(2150, 1, 1), "ADM", None)])
    found = check(capsys)
    assert found == found | {"same_data": False, "same_rows": False, "rows_then": 2, "rows_now": 3}
    write_meds(folder / "meds.parquet", ROWS)
    pq.write_table(pq.read_table("labels.parquet").slice(1), "labels.parquet")
    assert check(capsys) == check(capsys) | {"is_untouched": False, "same_data": True, "same_rows": True}


def test_the_digests_stand_in_the_file_too(folder: Path) -> None:
    labels("died")
    beside = json.loads((folder / "labels.parquet.json").read_text())
    inside = json.loads(pq.read_schema("labels.parquet").metadata[b"anamnesis.cohort"])
    assert inside == {key: beside[key] for key in inside}
    assert {"definition", "data", "rows_digest"} <= inside.keys()
