"""`ehr scores` as people and programs use it."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from api.cli import main
from tests.ehr.meds_made import write_data_set

AT = datetime(2150, 6, 2, 12)
EVENTS: list[tuple[float, str, float | None]] = [
    (0.5, "LAB//220210//insp/min", 26), (0.5, "LAB//220277//%", 93), (1, "LAB//223834//L/min", 4),
    (0.5, "LAB//220179//mmHg", 98), (0.5, "LAB//220045//bpm", 118), (0.5, "LAB//223761//°F", 102.2),
    (2, "LAB//220739//UNK", 4), (2, "LAB//223900//UNK", 4), (2, "LAB//223901//UNK", 6),
    (900, "DIAGNOSIS//ICD//10//I5023", None), (-2, "LAB//220045//bpm", 70), (-3, "DIAGNOSIS//ICD//10//C780", None),
]  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scores")
    rows = [
        (7, None if hours is None else AT - timedelta(hours=hours), code, value)
        for hours, code, value in [(None, "GENDER//F", None), *EVENTS]
    ]
    schema = {
        "subject_id": pl.Int64(), "time": pl.Datetime("us"), "code": pl.String(), "numeric_value": pl.Float32(),
    }  # fmt: skip
    frame = pl.DataFrame(rows, schema=schema, orient="row").sort("time", nulls_last=False)
    write_data_set(folder / "meds", {"0": frame})
    assert main(["--store", str(folder / "store"), "import", "meds", str(folder / "meds")]) == 0
    return folder / "store"


def say(store: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert main(["--store", str(store), "scores", *words]) == 0
    return capsys.readouterr().out


def as_json(store: Path, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(say(store, capsys, *words, "--json"))
    return said


def test_scores_are_printed_with_values_times_and_what_is_missing(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = say(store, capsys, "7", "--at", "2150-06-02T12:00")
    lines = [" ".join(line.split()) for line in printed.splitlines()]
    assert any(line.startswith("NEWS2 15 of 20 Royal College of Physicians") for line in lines)
    assert any(line.startswith("pulse 2 118 /min 2150-06-02 11:30") for line in lines)
    assert any(line.startswith("temperature 1 39 Cel 2150-06-02 11:30") for line in lines)
    assert any(line.startswith("SOFA no total, 1 points as charted; missing: respiration,") for line in lines)
    assert "platelets - not on record" in lines
    assert any(
        line.startswith("Charlson index with age no total, 1 points as charted; missing: age") for line in lines
    )
    assert "metast" not in printed


def test_json_has_all_components(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = as_json(store, capsys, "7", "--at", "2150-06-02T12:00", "--score", "news2", "--score", "charlson")
    assert [(one["score"], one["total"], one["missing"]) for one in said["scores"]] == [
        ("news2", 15, []),
        ("charlson", 1, []),
    ]
    pulse = next(part for part in said["scores"][0]["components"] if part["component"] == "heart_rate")
    assert (pulse["points"], pulse["value"], pulse["unit"], pulse["code"]) == (2, 118, "/min", "LAB//220045//bpm")


def test_without_a_time_it_is_that_of_the_last_event(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = as_json(store, capsys, "7", "--score", "charlson")
    assert said["at"] == "2150-06-02T15:00:00"
    assert said["scores"][0]["total"] == 7


def test_concepts_of_another_source_can_be_named(
    store: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "ours.yaml"
    file.write_text(
        "metadata: {units: {'LAB//220045//bpm': /min}}\n"
        "predicates: {heart_rate: {code: 'LAB//220045//bpm', value: '> 0 /min'}}\n"
    )
    words = ("7", "--at", "2150-06-02T12:00", "--score", "mews", "--concepts")
    assert as_json(store, capsys, *words, str(file))["scores"][0]["charted"] == 2
    assert as_json(store, capsys, *words, "physionet2012.yaml")["scores"][0]["charted"] is None
    file.write_text("metadata: {units: {HR: furlongs}}\npredicates: {heart_rate: {code: HR}}\n")
    assert main(["--store", str(store), "scores", *words, str(file)]) == 1
    assert "furlongs" in capsys.readouterr().err
    assert main(["--store", str(store), "scores", *words, "nothing.yaml"]) == 1
    assert "nothing.yaml" in capsys.readouterr().err


def test_an_unknown_score_is_refused_with_those_that_there_are(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--store", str(store), "scores", "7", "--score", "apache"]) == 1
    assert "there is no score 'apache'; there are: news2," in capsys.readouterr().err
