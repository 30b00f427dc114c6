"""`ehr tokenize` and `ehr evaluate` as a person calls them."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest

import models  # noqa: F401  before torch is imported
from api.cli import main
from ehr.store import create_store, open_store, opened
from ehr.vocabulary import load_vocabulary
from models.checkpoint import TaskText, save
from tests.conftest import REPOSITORY
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


def hold_what_the_command_adds(metrics: dict[str, Any]) -> None:
    """Assert that what stands beside the figures tells of this run, and that small cells are hidden."""
    table = metrics["table_one"]
    assert [(group["name"], group["rows"]) for group in table["groups"]] == [("event", 40), ("no event", 80)]
    values = next(line for line in table["lines"] if line["name"] == "LAB//1")
    assert [cell["median"] for cell in values["cells"]] == [9.0, 1.0]
    assert not any(line["name"] == "label" for line in table["lines"])
    assert sum(group["subjects"] for group in metrics["table_one_parts"]["groups"]) < 120
    assert metrics["unseen"]["held_out"]["unknown"] == 0
    assert metrics["runtime"]["parameters"] > 0
    assert metrics["runtime"]["bytes"] > 1000
    assert metrics["versions"]["torch"]
    assert metrics["task_text"].strip() == TASK.strip()
    assert metrics["audit"] is None
    assert metrics["data"]["people"] == 120
    documented = (REPOSITORY / "docs" / "evaluation.md").read_text()
    undocumented = {key for key in metrics if f"`{key}`" not in documented}
    assert undocumented == set()


def hold_the_card_of_the_model(capsys: pytest.CaptureFixture[str], store: Path, report: Path, tmp_path: Path) -> None:
    """Assert that `ehr model` lists the model, and prints its card with the figures of its own report only."""
    code, out, _ = run(capsys, "model", "list", "--store", str(store), "--json")
    assert [(model["name"], model["version"], model["task"]) for model in orjson.loads(out)] == [("made", 1, "death")]
    assert "made" in run(capsys, "model", "list", "--store", str(store))[1]
    code, out, _ = run(capsys, "model", "card", "made", "--store", str(store))
    assert (code, out.splitlines()[0]) == (0, "# Model card: made version 1")
    assert "Made from the model alone" in out
    code, out, _ = run(
        capsys, "model", "card", "made", "--store", str(store), "--report", str(report), "--out", str(tmp_path)
    )
    assert (code, out.strip()) == (0, str(tmp_path / "model_card.md"))
    assert "Supervised transformer: AUROC" in (tmp_path / "model_card.md").read_text()
    metrics = orjson.loads((report / "metrics.json").read_bytes())
    other = tmp_path / "other"
    other.mkdir()
    for content, words in (
        (orjson.dumps({**metrics, "model": {**metrics["model"], "version": 2}}), "is not of model made version 1"),
        (b"{", "is damaged"),
        (None, "cannot be read"),
    ):
        path = other / "metrics.json"
        path.unlink() if content is None else path.write_bytes(content)
        code, _, err = run(capsys, "model", "card", "made", "--store", str(store), "--report", str(other))
        assert code == 1
        assert words in err


def hold_what_those_beside_the_model_say_of_one_patient(
    capsys: pytest.CaptureFixture[str], store: Path, task: Path
) -> None:
    """Assert that `ehr predict` has the estimates of the baselines and the blend, and what moves the first."""
    names = ("logistic", "boosting", "blend")
    asked = [part for name in names for part in ("--estimator", name)]
    command = ("predict", "--store", str(store), "--model", "made", "--task", str(task), "--subject", "3", *asked)
    code, out, err = run(capsys, *command, "--explain", "3", "--json")
    assert code == 0, err
    found = orjson.loads(out)
    estimates = {one["method"]: one for one in found["estimates"]}
    assert list(estimates) == ["supervised", *names]
    assert all(0 < one["low"] <= one["risk"] <= one["high"] < 1 for one in estimates.values())
    sizes = [abs(one["log_odds"]) for one in found["contributions"]]
    assert 1 <= len(sizes) <= 3
    assert sizes == sorted(sizes, reverse=True)
    first = found["contributions"][0]
    assert "LAB//1" in first["column"], "the one value that tells"
    assert first["effect"] > 0
    code, out, _ = run(capsys, *command, "--explain", "3")
    assert code == 0
    assert "Features that move the logistic regression" in out
    code, out, _ = run(capsys, *command, "--json")
    assert orjson.loads(out)["contributions"] == []


def test_a_store_without_models_says_how_to_train_one(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "model", "list", "--store", str(store))
    assert code == 0
    assert "ehr train --model NAME" in out
    code, _, err = run(capsys, "model", "card", "nowhere", "--store", str(store))
    assert code == 1
    assert "there is no finished model nowhere" in err


def test_evaluate_writes_a_report(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    task, out_folder, truth = tmp_path / "death.yaml", tmp_path / "report", tmp_path / "truth.parquet"
    task.write_text(TASK)
    assert run(capsys, "tokenize", "--store", str(store))[0] == 0
    with opened(open_store(store)) as opened_store:
        checkpoint = untrained_checkpoint(load_vocabulary(opened_store))
    save(store / "models" / "made" / "1", replace(checkpoint, task=TaskText("death", TASK)))
    chances = pl.DataFrame({"subject_id": range(1, 121), "prediction_time": START, "task": "death"})
    chances.with_columns(true_probability=pl.lit(1 / 3)).write_parquet(truth)
    arguments = ("evaluate", "--store", str(store), "--model", "made", "--task", str(task), "--out", str(out_folder))
    code, out, err = run(capsys, *arguments, "--truth", str(truth), "--replicates", "50", "--json")
    assert code == 0, err
    metrics = orjson.loads(out)
    assert metrics["task"] == "death"
    assert next(iter(metrics["estimators"])) == "supervised"
    assert list(metrics["estimators"])[-1] == "bayes"
    assert metrics["estimators"]["logistic"]["metrics"]["auroc"]["value"] > 0.95
    assert metrics["attrition"][-1]["rows"] == 120
    page, card = (out_folder / "report.html").read_text(), (out_folder / "model_card.md").read_text()
    assert page.startswith("<!doctype html>")
    assert "What they are like" in page
    assert card.startswith("# Model card: made version 1")
    assert orjson.loads((out_folder / "metrics.json").read_bytes()) == {
        key: value for key, value in metrics.items() if key not in ("report", "model_card")
    }
    hold_what_the_command_adds(metrics)
    code, out, _ = run(capsys, *arguments, "--replicates", "20")
    assert code == 0
    assert "mind:" in out
    assert out.rstrip().endswith(f"model card: {out_folder / 'model_card.md'}")
    hold_the_card_of_the_model(capsys, store, out_folder, tmp_path)
    hold_what_those_beside_the_model_say_of_one_patient(capsys, store, task)
    code, _, err = run(capsys, *arguments, "--truth", str(task))
    assert code == 1
    assert "cannot be read as truth.parquet" in err
    code, _, err = run(capsys, *arguments[:-4], "--task", "nowhere.yaml", "--out", str(out_folder))
    assert code == 1
    assert "there is no task file" in err


def test_what_is_beside_a_model_of_an_earlier_time_learns_from_no_later_outcome(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = tmp_path / "death.yaml"
    task.write_text(TASK)
    assert run(capsys, "tokenize", "--store", str(store))[0] == 0
    with opened(open_store(store)) as opened_store:
        checkpoint = untrained_checkpoint(load_vocabulary(opened_store))
    until = START + timedelta(days=29)  # the windows of all rows end a day later
    bound = replace(checkpoint, task=TaskText("death", TASK), report={"until": until.isoformat()})
    save(store / "models" / "made" / "1", bound)
    code, _, err = run(
        capsys, "evaluate", "--store", str(store), "--model", "made", "--task", str(task), "--out", str(tmp_path)
    )
    assert code == 1
    assert "no row of the task belongs to a training subject" in err
