"""`ehr tokenize` and `ehr evaluate` as a person calls them."""

from datetime import timedelta
from pathlib import Path

import orjson
import polars as pl
import pytest

import models  # noqa: F401  before torch is imported
from api.cli import main
from ehr.store import create_store
from ehr.vocabulary import load_vocabulary
from models.checkpoint import TaskText, save
from tests.ehr.made import START, add_events, born, event
from tests.models.made import untrained_checkpoint

TASK = """
predicates: {start: {code: A}, death: {code: MEDS_DEATH}}
trigger: start
windows:
  past: {start: null, end: trigger, start_inclusive: true, end_inclusive: true, index_timestamp: end}
  target: {start: trigger, end: start + 30d, start_inclusive: false, end_inclusive: true, label: death}
"""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "store"
    with_death = [
        event(subject, "MEDS_DEATH", START + timedelta(days=9)) for subject in range(1, 121) if subject % 3 == 0
    ]
    rows = [
        row
        for subject in range(1, 121)
        for row in (
            event(subject, "GENDER//F"),
            born(subject, 50),
            event(subject, "LAB//1", START - timedelta(hours=1), 9.0 if subject % 3 == 0 else 1.0),
            event(subject, "A", START),
        )
    ]
    made = create_store(path)
    add_events(made, rows + with_death)
    made.close()
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_tokenize_reports_and_keeps_its_vocabulary(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "tokenize", "--store", str(store), "--json")
    first = orjson.loads(out)
    assert code == 0
    assert first["fitted_now"]
    assert (first["subjects"], first["refreshed"], first["events"]) == (120, 120, 520)
    assert first["coverage"]["held_out"]["unseen_rate"] == 0
    code, out, _ = run(capsys, "tokenize", "--store", str(store), "--json")
    again = orjson.loads(out)
    assert (again["fitted_now"], again["refreshed"], again["hash"]) == (False, 0, first["hash"])
    code, out, _ = run(capsys, "tokenize", "--store", str(store))
    assert code == 0
    assert "kept as it was fitted" in out


def test_tokenize_refuses_other_settings_for_a_frozen_vocabulary(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, "tokenize", "--store", str(store))[0] == 0
    code, _, err = run(capsys, "tokenize", "--store", str(store), "--quantiles", "4")
    assert code == 1
    assert "fitted with other settings" in err
    assert run(capsys, "tokenize", "--store", str(store), "--quantiles", "4", "--refit")[0] == 0
    assert run(capsys, "tokenize", "--store", str(store), "--quantiles", "0", "--vocabulary", "plain")[0] == 0


def test_tokenize_says_that_a_store_is_empty_or_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    create_store(tmp_path / "empty").close()
    for name, words in (("empty", "is empty"), ("missing", "there is no store")):
        code, _, err = run(capsys, "tokenize", "--store", str(tmp_path / name))
        assert code == 1
        assert words in err
        assert "Traceback" not in err


def test_evaluate_writes_a_report(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from dataclasses import replace

    from ehr.store import open_store

    task, out_folder, truth = tmp_path / "death.yaml", tmp_path / "report", tmp_path / "truth.parquet"
    task.write_text(TASK)
    assert run(capsys, "tokenize", "--store", str(store))[0] == 0
    opened = open_store(store)
    checkpoint = untrained_checkpoint(load_vocabulary(opened))
    opened.close()
    save(store / "models" / "made" / "1", replace(checkpoint, task=TaskText("death", TASK)))
    chances = pl.DataFrame({"subject_id": range(1, 121), "prediction_time": START, "task": "death"})
    chances.with_columns(true_probability=pl.lit(1 / 3)).write_parquet(truth)
    arguments = ("evaluate", "--store", str(store), "--model", "made", "--task", str(task), "--out", str(out_folder))
    code, out, err = run(capsys, *arguments, "--truth", str(truth), "--replicates", "50", "--json")
    assert code == 0, err
    metrics = orjson.loads(out)
    assert metrics["task"] == "death"
    assert list(metrics["estimators"]) == ["supervised", "baseline", "bayes"]
    assert metrics["estimators"]["baseline"]["metrics"]["auroc"]["value"] > 0.95
    assert metrics["attrition"][-1]["rows"] == 120
    assert (out_folder / "report.html").read_text().startswith("<!doctype html>")
    code, out, _ = run(capsys, *arguments, "--replicates", "20")
    assert code == 0
    assert "mind:" in out
    code, _, err = run(capsys, *arguments, "--truth", str(task))
    assert code == 1
    assert "cannot be read as truth.parquet" in err
    code, _, err = run(capsys, *arguments[:-4], "--task", "nowhere.yaml", "--out", str(out_folder))
    assert code == 1
    assert "there is no task file" in err
