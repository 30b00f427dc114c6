"""`ehr cohort describe` and `ehr cohort compare` from the command line."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from api.cli import main

TASK = """
predicates:
  adm: {code: {regex: "^HOSPITAL_ADMISSION//"}}
  death: {code: MEDS_DEATH}
trigger: adm
windows:
  target:
    {start: trigger, end: start + 30d, start_inclusive: false, end_inclusive: true, label: death,
     index_timestamp: start}
"""
BEGIN = datetime(2150, 1, 1)
EVENTS = [
    (1, 0, "HOSPITAL_ADMISSION//ED"),
    (1, 5, "MEDS_DEATH"),
    (2, 0, "HOSPITAL_ADMISSION//ED"),
    (2, 90, "HOSPITAL_ADMISSION//ED"),
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data.parquet"
    pl.DataFrame(
        [(subject, BEGIN + timedelta(days=day), code) for subject, day, code in EVENTS],
        schema={"subject_id": pl.Int64, "time": pl.Datetime("us"), "code": pl.String},
        orient="row",
    ).write_parquet(path)
    return path


@pytest.fixture
def task(tmp_path: Path) -> Path:
    path = tmp_path / "task.yaml"
    path.write_text(TASK)
    return path


def test_a_cohort_is_described(task: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cohort", "describe", str(task), "--data", str(data), "--by", "label", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(group["name"], group["rows"]) for group in found["groups"]] == [("label", 1), ("no label", 2)]
    admissions = next(line for line in found["lines"] if line["name"] == "admissions to hospital")
    assert [cell["median"] for cell in admissions["cells"]] == [1.0, 1.5]
    assert main(["cohort", "describe", str(task), "--data", str(data)]) == 0
    shown = capsys.readouterr().out
    assert "age, years" in shown
    assert "known at the prediction time" in shown


def test_a_file_of_labels_is_compared_with_a_task(
    task: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "labels.parquet"
    assert main(["cohort", str(task), "--data", str(data), "--out", str(out)]) == 0
    pl.read_parquet(out).filter(pl.col("boolean_value")).write_parquet(out)
    capsys.readouterr()
    assert main(["--json", "cohort", "compare", str(task), str(out), "--data", str(data)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["overlap"]["subjects"] == {"both": 1, "only_first": 1, "only_second": 0, "jaccard": 0.5}
    assert found["overlap"]["rows"]["only_first"] == 2
    assert main(["cohort", "compare", str(task), str(out), "--data", str(data)]) == 0
    assert "SMD" in capsys.readouterr().out


def test_what_is_no_cohort_is_refused(
    task: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cohort", "describe", str(data), "--data", str(data)]) == 1
    assert "is no cohort; it needs subject_id and one of" in capsys.readouterr().err
    assert main(["cohort", "describe", str(tmp_path / "none.parquet"), "--data", str(data)]) == 1
    assert "cannot be read as a cohort" in capsys.readouterr().err
    without = tmp_path / "without.yaml"
    without.write_text(TASK.replace("label: death,", ""))
    assert main(["cohort", "describe", str(without), "--data", str(data), "--by", "label"]) == 1
    assert "has no label to part by" in capsys.readouterr().err
