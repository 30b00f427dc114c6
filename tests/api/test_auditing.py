"""`ehr audit` and what `ehr train` does with what it finds."""

import json
from datetime import timedelta

import polars as pl
import pytest

from api.cli import main
from tests.models.leakage.made import TASK, Ward, ward

HOUR = timedelta(hours=1)
TINY = [
    "width=16",
    "layers=1",
    "heads=2",
    "ensemble=2",
    "max_tokens=64",
    "epochs=1",
    "fine_tune_epochs=1",
    "threads=1",
]
SETTINGS = [part for setting in TINY for part in ("--set", setting)]


@pytest.fixture(scope="module")
def clean() -> Ward:
    return ward(200)


@pytest.fixture(scope="module")
def folder(clean, tmp_path_factory):
    """Return a folder with task.yaml, and the ward as MEDS: clean.parquet, and leaky.parquet with a code of cases."""
    folder = tmp_path_factory.mktemp("audit")
    (folder / "task.yaml").write_text(TASK)
    leaky = clean.plant(clean.positives, "ORDER//HOSPICE", -HOUR).plant(clean.positives, "DRG//1//1//X", -HOUR)
    for name, made in (("clean", clean), ("leaky", leaky)):
        made.events.select("subject_id", "time", "code", "numeric_value").write_parquet(folder / f"{name}.parquet")
    return folder


def told(capsys, *arguments: str) -> tuple[int, dict]:
    capsys.readouterr()
    status = main(["audit", *arguments, "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_a_clean_task_exits_with_zero_and_says_what_was_looked_at(folder, clean, capsys):
    status, found = told(capsys, str(folder / "task.yaml"), "--data", str(folder / "clean.parquet"))
    assert (status, found["findings"], found["fails"], found["warns"]) == (0, [], 0, 0)
    assert found["positives"] == len(clean.positives)
    assert {check["verdict"] for check in found["checks"]} == {"clean"}


def test_leaks_exit_with_one_and_say_what_to_do(folder, clean, capsys):
    status, found = told(capsys, str(folder / "task.yaml"), "--data", str(folder / "leaky.parquet"))
    assert status == 1
    by_code = {finding["code"]: finding for finding in found["findings"]}
    assert set(by_code) == {"single-code-separates", "billing-before-discharge"}
    assert {example["code"] for example in by_code["single-code-separates"]["examples"]} == {
        "ORDER//HOSPICE",
        "DRG//1//1//X",
    }
    assert by_code["billing-before-discharge"]["rows"] == len(clean.positives)
    assert all(finding["advice"] and finding["severity"] == "fails" for finding in by_code.values())


def test_a_person_reads_the_same(folder, capsys):
    capsys.readouterr()
    assert main(["audit", str(folder / "task.yaml"), "--data", str(folder / "leaky.parquet")]) == 1
    printed = capsys.readouterr().out
    assert "fails  billing-before-discharge" in printed
    assert "code DRG//1//1//X" in printed
    assert "do: date billing codes" in printed
    assert "2 fail, 0 warn" in printed


def test_label_files_and_splits_are_audited(folder, clean, capsys):
    clean.rows.select("subject_id", "prediction_time", "boolean_value").write_parquet(folder / "labels.parquet")
    labels = ["--labels", str(folder / "labels.parquet")]
    assert told(capsys, *labels, "--data", str(folder / "clean.parquet"))[0] == 0
    status, found = told(capsys, *labels, "--data", str(folder / "leaky.parquet"))
    assert status == 1
    assert "single-code-separates" in {finding["code"] for finding in found["findings"]}
    numbers = clean.rows["subject_id"].to_list()
    splits = pl.DataFrame({"subject_id": [*numbers, numbers[0]], "split": ["train"] * len(numbers) + ["held_out"]})
    splits.write_parquet(folder / "splits.parquet")
    status, found = told(
        capsys, *labels, "--data", str(folder / "clean.parquet"), "--splits", str(folder / "splits.parquet")
    )
    assert (status, [finding["code"] for finding in found["findings"]]) == (1, ["subject-in-two-splits"])


def test_wrong_requests_get_one_sentence(folder, capsys):
    data = ["--data", str(folder / "clean.parquet")]
    no_label = folder / "no_label.yaml"
    no_label.write_text(TASK.replace("label: infarct", ""))
    for arguments, expected in (
        (data, "name a task, or a label file"),
        ([*data, "--labels", str(folder / "clean.parquet")], "is no parquet file with columns subject_id"),
        ([*data, str(no_label)], "no window has a label"),
    ):
        capsys.readouterr()
        assert main(["audit", *arguments]) == 1
        assert expected in capsys.readouterr().err


@pytest.fixture(scope="module")
def leaky_store(folder):
    path = str(folder / "store")
    assert main(["import", "--store", path, "meds", str(folder / "leaky.parquet")]) == 0
    assert main(["tokenize", "--store", path]) == 0
    return path


def test_training_is_refused_on_a_leak_unless_a_reason_is_given(folder, leaky_store, capsys):
    train = ["train", "--store", leaky_store, "--task", str(folder / "task.yaml"), "--model", "leaky", *SETTINGS]
    capsys.readouterr()
    assert main(train) == 1
    refusal = capsys.readouterr().err
    assert "leak its label" in refusal
    assert "--despite-audit" in refusal
    assert main([*train, "--despite-audit", "to see what it costs", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)["report"]["audit"]
    assert report["despite"] == "to see what it costs"
    assert report["fails"] == 2
    assert {finding["code"] for finding in report["findings"]} == {
        "single-code-separates",
        "billing-before-discharge",
    }


def test_ready_tasks_on_made_patients_have_no_false_alarm(tmp_path, capsys):
    made = tmp_path / "made"
    store = ["--store", str(tmp_path / "store")]
    assert main(["simulate", "--patients", "150", "--seed", "3", "--out", str(made), "--format", "mimic"]) == 0
    assert main(["import", *store, "mimic", str(made)]) == 0
    for task in ("in_hospital_mortality", "readmission_30d", "hyponatraemia", "icu_transfer", "aki"):
        status, found = told(capsys, *store, task)
        assert (task, status, found["findings"]) == (task, 0, [])


def test_an_endpoint_is_audited_as_a_label_is(folder, clean, leaky_store, capsys):
    task = folder / "times.yaml"
    endpoints = "endpoints:\n  days_to_infarct: {window: later, predicate: infarct, kind: time}\n"
    task.write_text(TASK.replace("label: infarct", "") + endpoints)
    endpoint = ["--endpoint", "days_to_infarct"]
    status, found = told(capsys, str(task), *endpoint, "--data", str(folder / "clean.parquet"))
    assert (status, found["findings"], found["positives"]) == (0, [], len(clean.positives))
    status, found = told(capsys, str(task), *endpoint, "--data", str(folder / "leaky.parquet"))
    assert {finding["code"] for finding in found["findings"]} >= {"single-code-separates"}
    train = ["train", "--store", leaky_store, "--task", str(task), "--model", "times", *endpoint, *SETTINGS]
    capsys.readouterr()
    assert main(train) == 1
    assert "leak its endpoint days_to_infarct" in capsys.readouterr().err
    assert main([*train, "--despite-audit", "to see what it costs", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)["report"]
    assert report["audit"]["despite"] == "to see what it costs"
    assert report["time_to_event"]["endpoint"] == "days_to_infarct"
    for wrong, expected in (
        ([str(task), "--endpoint", "days_to_death"], "no endpoint days_to_death"),
        (["--labels", str(folder / "labels.parquet"), *endpoint], "a label file has none"),
    ):
        assert main(["audit", *wrong, "--data", str(folder / "clean.parquet")]) == 1
        assert expected in capsys.readouterr().err
