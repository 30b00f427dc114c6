import json
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from api.cli import main
from api.learning import label_frame, labels_known_by, prediction_times, read_task_file
from ehr.splits import splits
from ehr.store import open_store, opened
from models.generative.futures import past_part
from sql.cohort import labels, run_cohort, run_cohort_on_subject

TASK = "in_hospital_mortality"
RETURN = """
include: stays.yaml
trigger: hospital_discharge
windows:
  alive: {start: end - 1s, end: trigger, start_inclusive: false, end_inclusive: true, has: {death: "(None, 0)"}}
  next_year: {start: trigger, end: start + 365d, start_inclusive: false, end_inclusive: true, index_timestamp: start}
endpoints:
  days_to_return: {window: next_year, predicate: hospital_admission, kind: time, competing: death}
"""
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
def store(tmp_path_factory):
    """Return the folder of a store of 80 made patients with a model for TASK."""
    folder = tmp_path_factory.mktemp("learning")
    path = str(folder / "store")
    assert (
        main(["simulate", "--patients", "80", "--seed", "3", "--out", str(folder / "made"), "--format", "mimic"]) == 0
    )
    assert main(["import", "--store", path, "mimic", str(folder / "made")]) == 0
    assert main(["tokenize", "--store", path]) == 0
    assert main(["train", "--store", path, "--task", TASK, "--model", "tiny", *SETTINGS]) == 0
    return path


@pytest.fixture(scope="module")
def patient(store):
    """Return the number of a patient for whom the task predicts, and when it last does."""
    with opened(open_store(Path(store))) as opened_store:
        last = label_frame(opened_store, read_task_file(TASK).task).sort("prediction_time").tail(1)
    return last["subject_id"][0], last["prediction_time"][0]


def answer(capsys, *arguments):
    capsys.readouterr()
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refusal(capsys, *arguments):
    capsys.readouterr()
    assert main(list(arguments)) == 1
    return capsys.readouterr().err


def test_a_prediction_says_what_it_rests_on(store, patient, capsys):
    found = answer(
        capsys, "predict", "--store", store, "--model", "tiny", "--task", TASK, "--subject", str(patient[0]),
        "--generate", "8",
    )  # fmt: skip
    assert datetime.fromisoformat(found["prediction_time"]) == patient[1]
    assert found["known_events"] > 0
    assert [estimate["method"] for estimate in found["estimates"]] == ["supervised", "generated"]
    for estimate in found["estimates"]:
        assert 0 <= estimate["low"] <= estimate["risk"] <= estimate["high"] <= 1
        assert "90 % interval" in estimate["interval"]
    assert found["estimates"][1]["details"]["futures"] == 8
    assert {"model", "version", "vocabulary_hash", "data_hash", "calibration_hash"} <= found["model"].keys()
    assert found["warnings"] == []


def test_no_risk_is_printed_without_its_interval(store, patient, capsys):
    capsys.readouterr()
    assert main(["predict", "--store", store, "--model", "tiny", "--task", TASK, "--subject", str(patient[0])]) == 0
    printed = capsys.readouterr().out
    assert " in 100 patients" in printed or " in 1,000 patients" in printed
    assert " to " in printed
    assert "model tiny version 1" in printed


def test_an_explanation_leads_from_effects_to_records(store, patient, capsys):
    command = ["predict", "--store", store, "--model", "tiny", "--task", TASK, "--subject", str(patient[0])]
    found = answer(capsys, *command, "--explain", "4")
    explanation, risk = found["explanation"], found["estimates"][0]["risk"]
    effects = explanation["events"]
    assert len(effects) == 4
    assert found["what_if"] is None
    sizes = [abs(effect["change"]["effect"]) for effect in effects]
    assert sizes == sorted(sizes, reverse=True)
    assert explanation["tried"] <= explanation["read"] <= found["known_events"]
    with opened(open_store(Path(store))) as opened_store:
        for effect in effects:
            record = effect["record"]
            row = opened_store.cursor().execute(
                'SELECT subject_id, code, "time" FROM event WHERE event_id = ?', [record["event_id"]]
            )
            assert row.fetchall() == [(patient[0], record["code"], datetime.fromisoformat(record["time"]))]
            assert datetime.fromisoformat(record["time"]) <= patient[1]
            assert effect["change"]["risk"] == pytest.approx(risk, abs=1e-6)
    assert {group["kind"] for group in explanation["groups"]} == {"code", "day", "encounter"}
    assert "nothing of causes" in explanation["note"]


def test_the_estimate_without_an_event_is_what_its_effect_says(store, patient, capsys):
    command = ["predict", "--store", store, "--model", "tiny", "--task", TASK, "--subject", str(patient[0])]
    effect = answer(capsys, *command, "--explain")["explanation"]["events"][0]
    event, code = str(effect["record"]["event_id"]), effect["record"]["code"]
    alone = answer(capsys, *command, "--without", event)
    assert alone["explanation"] is None
    assert alone["what_if"]["after"][0] == pytest.approx(effect["change"]["without"], abs=1e-6)
    assert alone["what_if"]["before"][0] == pytest.approx(alone["estimates"][0]["risk"], abs=1e-6)
    low, high = alone["what_if"]["after"][1:]
    assert low <= alone["what_if"]["after"][0] <= high
    of_code = answer(capsys, *command, "--without-code", f"{code[:-1]}*", "--without", event)["what_if"]["records"]
    assert event in {str(record["event_id"]) for record in of_code}
    assert all(record["code"].startswith(code[:-1]) for record in of_code)


def test_an_estimate_without_anything_known_says_that_there_would_be_none(store, patient, capsys):
    command = ["predict", "--store", store, "--model", "tiny", "--task", TASK, "--subject", str(patient[0])]
    text = answer(capsys, *command, "--without-code", "*")["what_if"]["text"]
    assert "gives no estimate of its own" in text


def test_an_explanation_is_printed_in_plain_english(store, patient, capsys):
    capsys.readouterr()
    command = ["predict", "--store", store, "--model", "tiny", "--task", TASK, "--subject", str(patient[0])]
    assert main([*command, "--explain", "3", "--without-code", "*"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "Records that move the supervised estimate" in printed
    assert "What if Without these" in printed
    assert "nothing of causes" in printed


def test_wrong_questions_about_an_estimate_get_one_sentence(store, patient, capsys):
    command = ["predict", "--store", store, "--model", "tiny", "--task", TASK, "--subject", str(patient[0])]
    with opened(open_store(Path(store))) as opened_store:
        query = 'SELECT max(event_id) FROM event WHERE subject_id = ? AND "time" > ?'
        later = opened_store.cursor().execute(query, patient).fetchall()[0][0]
    assert "lies after the prediction time" in refusal(capsys, *command, "--without", str(later))
    assert "has no event 999999999" in refusal(capsys, *command, "--without", "999999999")
    assert "has code 'LAB//none*'" in refusal(capsys, *command, "--without-code", "LAB//none*")
    other = [*command[:6], "readmission_30d", *command[7:]]
    assert "only supervised estimates are explained" in refusal(capsys, *other, "--generate", "4", "--explain")
    with pytest.raises(SystemExit):
        main([*command, "--explain", "0"])


def test_where_the_model_abstains_nothing_is_explained(store, capsys):
    with opened(open_store(Path(store))) as opened_store:
        dead = opened_store.cursor().execute(
            "SELECT subject_id, death_time FROM subject WHERE death_time IS NOT NULL ORDER BY ALL LIMIT 1"
        )
        subject, died = dead.fetchall()[0]
    found = answer(
        capsys, "predict", "--store", store, "--model", "tiny", "--task", TASK, "--subject", str(subject),
        "--at", str(died), "--explain",
    )  # fmt: skip
    assert found["estimates"][0]["risk"] is None
    assert found["explanation"] is None


def test_a_time_at_which_the_task_does_not_predict_is_remarked(store, patient, capsys):
    found = answer(
        capsys, "predict", "--store", store, "--model", "tiny", "--task", TASK, "--subject", str(patient[0]),
        "--at", "2100-01-01",
    )  # fmt: skip
    assert "does not predict at this time" in found["warnings"][0]


def test_futures_answer_a_task_that_the_model_was_not_trained_for(store, patient, capsys):
    command = [
        "predict",
        "--store",
        store,
        "--model",
        "tiny",
        "--task",
        "readmission_30d",
        "--subject",
        str(patient[0]),
    ]
    assert "was trained for task in_hospital_mortality" in refusal(capsys, *command)
    found = answer(capsys, *command, "--generate", "4")
    assert [estimate["method"] for estimate in found["estimates"]] == ["generated"]


def test_a_task_predicts_for_patients_whose_outcome_is_still_open(store):
    with opened(open_store(Path(store))) as opened_store:
        for name in (TASK, "readmission_30d"):
            task = read_task_file(name).task
            rows = label_frame(opened_store, task)
            by_subject = rows.group_by("subject_id").agg(pl.col("prediction_time").sort()).head(5)
            for subject, times in by_subject.iter_rows():
                assert set(times) <= set(prediction_times(opened_store, task, subject))


def test_further_tasks_share_a_model_that_answers_each(store, patient, capsys):
    other = "readmission_30d"
    train = ["train", "--store", store, "--model", "both"]
    found = answer(capsys, *train, "--task", TASK, "--also", other, *SETTINGS)
    assert found["tasks"] == [TASK, other]
    assert [one["task"] for one in found["report"]["also"]] == [other]
    assert found["report"]["also"][0]["audit"]["findings"] == []
    predict = ["predict", "--store", store, "--model", "both", "--subject", str(patient[0])]
    risks = [answer(capsys, *predict, "--task", name)["estimates"][0]["risk"] for name in (TASK, other)]
    assert risks[0] != risks[1]
    for wrong, expected in (
        (["--also", other], "stand beside --task"),
        (["--task", TASK, "--also", TASK], "is named twice"),
        (["--task", TASK, "--also", other, "--endpoint", "days"], "leave out --also"),
    ):
        assert expected in refusal(capsys, *train, *wrong)


def test_the_time_of_an_endpoint_is_learnt_foretold_and_judged(store, patient, tmp_path, capsys):
    task = tmp_path / "return.yaml"
    task.write_text(RETURN)
    endpoint = ["--task", str(task), "--endpoint", "days_to_return"]
    train = ["train", "--store", store, "--model", "times"]
    found = answer(capsys, *train, *endpoint, *SETTINGS, "--set", "intervals=4")
    assert (found["endpoint"], found["report"]["time_to_event"]["endpoint"]) == ("days_to_return", "days_to_return")
    assert found["report"]["audit"]["findings"] == []
    predict = ["predict", "--store", store, "--model", "times", "--subject", str(patient[0])]
    course = answer(capsys, *predict, *endpoint)
    assert [curve["cause"] for curve in course["curves"]] == ["hospital_admission", "death"]
    assert course["curves"][0]["risk"] == sorted(course["curves"][0]["risk"])
    assert "which --endpoint asks for" in refusal(capsys, *predict, "--task", str(task))
    evaluate = ["evaluate", "--store", store, "--model", "times", "--out", str(tmp_path / "report")]
    judged = answer(capsys, *evaluate, *endpoint, "--horizon", "90")
    assert [one["days"] for one in judged["horizons"]] == [90.0]
    assert json.loads((tmp_path / "report" / "days_to_return.json").read_text())["rows"] == judged["rows"]
    assert "no endpoint days" in refusal(capsys, *train, "--task", str(task), "--endpoint", "days")
    assert "stand beside --task" in refusal(capsys, *train, "--endpoint", "days_to_return")


def test_those_beside_a_model_are_asked_once_an_evaluation_has_fitted_them(store, patient, capsys):
    predict = ["predict", "--store", store, "--model", "tiny", "--task", TASK, "--subject", str(patient[0])]
    assert "has no blend beside it" in refusal(capsys, *predict, "--estimator", "blend")


def test_rows_are_known_by_a_time_when_all_their_windows_are_over(store):
    task = read_task_file("readmission_30d").task
    with opened(open_store(Path(store))) as opened_store:
        rows = label_frame(opened_store, task)
        until = rows["prediction_time"].sort()[rows.height // 2]
        known = labels_known_by(opened_store, task, until)
    settled = rows.filter(pl.col("prediction_time") + pl.duration(days=30) <= until)
    assert 0 < settled.height < rows.height
    assert known.sort("subject_id", "prediction_time").equals(settled.sort("subject_id", "prediction_time"))


def test_a_training_up_to_a_time_says_so_and_is_refused_for_times_to_come(store, capsys):
    command = ["train", "--store", store, "--task", TASK, "--model", "early", *SETTINGS]
    found = answer(capsys, *command, "--until", "2017-06-01T02:00+02:00")
    assert found["report"]["until"] == "2017-06-01T00:00:00"
    with opened(open_store(Path(store))) as opened_store:
        known = labels_known_by(opened_store, read_task_file(TASK).task, datetime(2017, 6, 1))
    training = known.filter(splits(known["subject_id"]) == "train")
    assert found["report"]["fine_tuning"]["rows"] == training.height
    assert "has not come yet" in refusal(capsys, *command, "--until", "2150-01-01")
    assert "has learnt from events of all times" in refusal(
        capsys, *command, "--until", "2018-01-01", "--from", "tiny"
    )


def test_wrong_requests_get_one_sentence(store, patient, capsys):
    subject = str(patient[0])
    predict = ["predict", "--store", store, "--task", TASK]
    said = refusal(capsys, *predict, "--model", "other", "--subject", subject)
    assert "there is no finished model other" in said
    assert "tiny (version 1)" in said
    assert "no patient" in refusal(capsys, *predict, "--model", "tiny", "--subject", "nobody")
    train = ["train", "--store", store, "--model", "new"]
    assert "no vocabulary 'other'" in refusal(capsys, *train, "--vocabulary", "other")
    assert "no setting 'widht'" in refusal(capsys, *train, "--set", "widht=2")
    assert "no task file" in refusal(capsys, *train, "--task", "nothing.yaml")
    assert "no finished model other" in refusal(capsys, *train, "--from", "other")


def test_a_model_of_another_vocabulary_is_refused(store, patient, capsys):
    assert main(["tokenize", "--store", store, "--refit", "--min-subjects", "9"]) == 0
    message = refusal(
        capsys, "predict", "--store", store, "--model", "tiny", "--task", TASK, "--subject", str(patient[0])
    )
    assert "model tiny was trained with vocabulary default" in message
    assert main(["tokenize", "--store", store, "--refit"]) == 0


def test_a_task_looks_at_one_patient_as_it_looks_at_all(store):
    task = past_part(read_task_file(TASK).task)
    with opened(open_store(Path(store))) as opened_store:
        of_all = labels(run_cohort(opened_store, task, wide=False))
        subjects = [row[0] for row in opened_store.cursor().execute("SELECT subject_id FROM subject").fetchall()]
        alone = [labels(run_cohort_on_subject(opened_store, task, subject)) for subject in subjects]
    assert of_all.height > 0
    assert pl.concat(alone).sort("subject_id", "prediction_time").equals(of_all.sort("subject_id", "prediction_time"))
