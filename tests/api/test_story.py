"""The main job, end to end, through the command line."""

import json
from pathlib import Path

import pytest

from api.story import MARK, TASK, clear_folder
from ehr.errors import EhrError
from tests.api.conftest import Told, ehr


def test_the_demo_tells_every_chapter_and_leaves_a_report(told: Told) -> None:
    for chapter in ("1. A hospital", "2. Records in", "3. One patient", "4. Asking", "6. A cohort", "9. The service"):
        assert chapter in told.printed
    assert "UNANSWERABLE" in told.printed
    assert "the service ended with exit code 0" in told.printed
    assert (told.folder / "report" / "report.html").stat().st_size > 10_000
    metrics = json.loads((told.folder / "report" / "metrics.json").read_text())
    assert metrics


def test_the_store_of_the_demo_answers_further_commands(told: Told) -> None:
    stats = ehr("--store", str(told.store), "stats", "--json")
    assert stats.returncode == 0, stats.stderr
    counts = json.loads(stats.stdout)
    assert counts["subjects"] > 0
    assert counts["events"] == sum(counts["kinds"].values())
    assert counts["rejected"] == 0
    assert all(s["rows_in"] == s["rows_accepted"] + s["rows_rejected"] + s["rows_skipped"] for s in counts["sources"])
    asked = ehr("--store", str(told.store), "ask", "How many patients are there?", "--json")
    assert asked.returncode == 0, asked.stderr
    assert str(counts["subjects"]) in asked.stdout


def test_the_model_of_the_demo_foresees_with_an_interval_and_its_origin(told: Told) -> None:
    rows = ehr("--store", str(told.store), "sql", "SELECT min(subject_id) AS s FROM encounter", "--format", "json")
    subject = str(json.loads(rows.stdout)[0]["s"])
    predicted = ehr(
        "--store", str(told.store), "predict", "--model", "demo", "--task", TASK, "--subject", subject, "--json"
    )
    assert predicted.returncode == 0, predicted.stderr
    foresight = json.loads(predicted.stdout)
    assert foresight["model"]["vocabulary_hash"]
    for estimate in foresight["estimates"]:
        assert estimate["abstention"] or 0 <= estimate["low"] <= estimate["risk"] <= estimate["high"] <= 1


def test_a_demo_replaces_an_earlier_one_and_nothing_else(tmp_path: Path) -> None:
    clear_folder(tmp_path / "demo")
    (tmp_path / "demo" / "old").touch()
    clear_folder(tmp_path / "demo")
    assert [entry.name for entry in (tmp_path / "demo").iterdir()] == [MARK]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with pytest.raises(EhrError, match="no demo made"):
        clear_folder(tmp_path / "mine")


def test_trouble_is_one_sentence_and_exit_code_1(told: Told, tmp_path: Path) -> None:
    store = ("--store", str(told.store))
    troubles = {
        ("--store", str(tmp_path / "none"), "stats"): "there is no store",
        ("--store", str(tmp_path / "new"), "import", "mimic", str(tmp_path / "nowhere")): "nowhere",
        (*store, "timeline", "no-such-patient"): "no patient",
        (*store, "predict", "--model", "other", "--task", TASK, "--subject", "1"): "other",
        (*store, "cohort", "no_such_task"): "no_such_task",
        (*store, "sql", "DROP TABLE event"): "DROP",
        (*store, "train", "--model", "../evil"): "evil",
    }
    for words, expected in troubles.items():
        done = ehr(*words)
        assert done.returncode == 1, (words, done)
        assert expected in done.stderr
        assert "Traceback" not in done.stderr
        # Of a query that is wrong, the sentence is followed by its line and a caret.
        assert len(done.stderr.strip().splitlines()) == (3 if "sql" in words else 1), done.stderr


def test_wrong_usage_ends_with_exit_code_2() -> None:
    assert ehr("import", "spreadsheet", "x").returncode == 2
    assert ehr().returncode == 2
