"""`ehr cohort` from the command line: what it prints, what it writes, and how it fails."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from api.cli import main
from ehr.store import create_store
from ehr.tasks import ready_tasks

TASK = """
predicates:
  adm: {code: {regex: "^ADM//"}}
  death: {code: DEATH}
trigger: adm
windows:
  input: {start: null, end: trigger, start_inclusive: true, end_inclusive: true, index_timestamp: end}
  target: {start: trigger, end: start + 30d, start_inclusive: false, end_inclusive: true, label: death}
"""
BEGIN = datetime(2150, 1, 1)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = [(1, 0, "ADM//ED"), (1, 5, "DEATH"), (2, 0, "ADM//ED"), (2, 90, "ADM//ED"), (3, 0, "LAB")]
    frame = pl.DataFrame(
        rows, schema={"subject_id": pl.Int64(), "day": pl.Int64(), "code": pl.String()}, orient="row"
    )
    path = tmp_path / "data.parquet"
    frame.select("subject_id", (pl.lit(BEGIN) + pl.duration(days=pl.col("day"))).alias("time"), "code").write_parquet(
        path
    )
    return path


@pytest.fixture
def task(tmp_path: Path) -> Path:
    path = tmp_path / "task.yaml"
    path.write_text(TASK)
    return path


def test_labels_and_wide_rows_are_written(
    task: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, wide = tmp_path / "made" / "labels.parquet", tmp_path / "wide.parquet"
    assert main(["cohort", str(task), "--data", str(data), "--out", str(out), "--wide", str(wide)]) == 0
    printed = capsys.readouterr().out
    assert "3 rows of 2 patients; label positive in 1 (33.3%)." in printed
    assert pq.read_table(out).to_pylist()[0] == {"subject_id": 1, "prediction_time": BEGIN, "boolean_value": True}
    rows = pl.read_parquet(wide)
    assert rows["target.end@end"].to_list() == [time + timedelta(days=30) for time in rows["trigger"]]
    assert rows["input.start#adm"].to_list() == [1, 1, 2]


def test_json_holds_the_attrition(task: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json", "cohort", str(task), "--data", str(data)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["subjects"], found["rows"], found["positive"]) == (2, 3, 1)
    assert found["attrition"][0]["subjects_before"] == 3
    assert found["attrition"][-1]["rows_after"] == 3
    assert found["note"] is None


def test_an_empty_cohort_is_no_failure_and_names_the_rule(
    task: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task.write_text(TASK.replace("label: death", 'label: death, has: {adm: "(3, None)"}'))
    out = tmp_path / "labels.parquet"
    assert main(["cohort", str(task), "--data", str(data), "--out", str(out)]) == 0
    assert "nobody is left after the rule 'target: at least 3 adm after the trigger, until 30 days later'" in (
        " ".join(capsys.readouterr().out.split())
    )
    assert pq.read_table(out).num_rows == 0


def test_explain_runs_nothing(task: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "labels.parquet"
    assert main(["cohort", str(task), "--data", str(data), "--explain", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "target.end" in printed
    assert "SELECT" in printed
    assert not out.exists()


def test_mistakes_end_with_one_sentence_and_write_nothing(
    task: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "labels.parquet"
    task.write_text(TASK.replace("trigger: adm", "trigger: admission"))
    create_store(tmp_path / "empty").close()
    for arguments, hint in (
        ([str(task), "--data", str(data), "--out", str(out)], "trigger: there is no predicate 'admission'"),
        (["no_such_task", "--data", str(data), "--out", str(out)], "in_hospital_mortality"),
        (["in_hospital_mortality", "--data", str(tmp_path / "absent"), "--out", str(out)], "no MEDS data set"),
        (["in_hospital_mortality", "--store", str(tmp_path / "empty"), "--out", str(out)], "is empty"),
        (["in_hospital_mortality", "--store", str(tmp_path / "absent"), "--out", str(out)], "there is no store"),
    ):
        assert main(["cohort", *arguments]) == 1
        message = capsys.readouterr().err
        assert hint in message
        assert message.count("\n") == 1
    assert not out.exists()


def test_without_a_task_the_ready_tasks_are_listed(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cohort"]) == 0
    printed = capsys.readouterr().out
    assert "readmission_30d" in printed
    assert "Admission to hospital within 30 days of a discharge alive, foreseen at the discharge" in printed
    assert main(["--json", "cohort"]) == 0
    assert json.loads(capsys.readouterr().out).keys() == ready_tasks().keys()
    assert main(["cohort", "--out", str(tmp_path / "labels.parquet")]) == 1
    assert "name a task file or a ready task" in capsys.readouterr().err
