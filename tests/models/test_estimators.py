"""Every estimator speaks of the same rows: the model, the baselines beside it, the control, and the blend of them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import orjson
import polars as pl
import pytest

from ehr.errors import ModelError
from ehr.splits import Split, splits
from ehr.tasks import parse_task
from ehr.timelines import Timelines
from ehr.vocabulary import Vocabulary
from models.baselines import Effort
from models.checkpoint import TaskText
from models.estimators import (
    BASELINE,
    BOOSTING,
    GENERATED,
    LOGISTIC,
    SUPERVISED,
    TITLES,
    baselines_of,
    estimate_all,
    held_out,
)
from models.evaluate import evaluate
from models.generative.rollout import Sampling
from models.kept import BLEND, KEPT, say_kept
from tests.ehr.made import event, memory_store
from tests.models.made import START, make_timelines, make_vocabulary, untrained_checkpoint

AT = datetime(2150, 1, 2)
TASK = """
predicates: {start: {code: A}, death: {code: MEDS_DEATH}}
trigger: start
windows:
  past: {start: null, end: trigger, start_inclusive: true, end_inclusive: true, index_timestamp: end}
  target: {start: trigger, end: start + 30d, start_inclusive: false, end_inclusive: true, label: death}
"""
History = tuple[Vocabulary, Timelines, pl.DataFrame, duckdb.DuckDBPyConnection]


@pytest.fixture(scope="module")
def history() -> History:
    vocabulary = make_vocabulary()
    rng = np.random.default_rng(0)
    records = {
        subject: [(None, "SEX//F"), (0.0, "A"), *([(0.5, "RISK")] if rng.random() < 0.5 else []), (2.0, "B")]
        for subject in range(1, 201)
    }
    outcomes = [rng.random() < (0.8 if (0.5, "RISK") in records[subject] else 0.1) for subject in records]
    labels = pl.DataFrame({"subject_id": list(records), "prediction_time": AT, "boolean_value": outcomes})
    store = memory_store(
        event(subject, code, None if day is None else START + timedelta(days=day))
        for subject, record in records.items()
        for day, code in record
    )
    return vocabulary, make_timelines(vocabulary, records), labels, store.cursor()


def test_a_model_of_this_task_stands_beside_the_baselines_and_their_blend(history: History, tmp_path: Path) -> None:
    vocabulary, timelines, labels, events = history
    checkpoint = untrained_checkpoint(vocabulary)
    task, text = parse_task(TASK, "death"), TaskText("death", "a text")
    said = estimate_all(checkpoint, timelines, labels, task, text, events=events, folder=tmp_path)
    assert list(said.held_out) == list(said.tuning) == [SUPERVISED, LOGISTIC, BOOSTING, BLEND]
    assert set(said.held_out) <= set(TITLES)
    (remark,) = said.remarks
    assert remark.startswith("no clinical score is shown, since too few inputs are on record")
    rows = held_out(labels)
    for estimates in said.held_out.values():
        assert estimates.frame["subject_id"].to_list() == rows["subject_id"].to_list()
        assert estimates.frame["risk"].is_between(0, 1).all()
    control = said.held_out[LOGISTIC].about["control"]
    assert control["lowest"] <= control["mean_auroc"] <= control["highest"]
    assert sum(said.held_out[BLEND].about["weights"].values()) == pytest.approx(1, abs=1e-3)
    files = {path.name for path in tmp_path.iterdir()}
    assert files == {"baseline_logistic.json", "baseline_boosting.json", "baseline_shuffled.json", "blend.json"}
    result = evaluate(labels, said.held_out, replicates=50)
    for name in (BASELINE, BOOSTING):
        assert result.metrics["estimators"][name]["metrics"]["auroc"]["value"] > 0.7
    assert orjson.loads(orjson.dumps(result.metrics)) == result.metrics
    for name in KEPT:
        kept = say_kept(name, checkpoint, tmp_path, text, timelines, events, rows)
        assert kept.equals(said.held_out[name].frame.select(kept.columns))
        with pytest.raises(ModelError, match=f"has no {name} beside it for task death"):
            say_kept(name, checkpoint, tmp_path, TaskText("death", "another text"), timelines, events, rows)
    (tmp_path / "blend.json").write_text("[]")
    with pytest.raises(ModelError, match="is damaged"):
        say_kept(BLEND, checkpoint, tmp_path, text, timelines, events, rows)
    again = estimate_all(checkpoint, timelines, labels, task, text, events=events, folder=tmp_path)
    assert again.held_out[BASELINE].frame.equals(said.held_out[BASELINE].frame)
    assert again.held_out[BLEND].frame.equals(said.held_out[BLEND].frame)


def test_kept_baselines_are_read_again_until_something_that_they_saw_changes(
    history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, labels, events = history
    text, effort = TaskText("death", "a text"), Effort(replicates=2)
    kept = baselines_of(events, labels, text, folder=tmp_path, effort=effort)
    monkeypatch.setattr("models.estimators.gather", lambda *_: pytest.fail("nothing changed"))
    again = baselines_of(events, labels, text, folder=tmp_path, effort=effort)
    assert [baseline.fitted.report for baseline in again.values()] == [it.fitted.report for it in kept.values()]
    monkeypatch.undo()
    flipped = labels.with_columns(boolean_value=~pl.col("boolean_value"))
    other = baselines_of(events, flipped, text, folder=tmp_path, effort=effort)
    assert other[LOGISTIC].fitted.report["positives"] != kept[LOGISTIC].fitted.report["positives"]


def test_an_explicit_split_decides_who_is_judged(history: History) -> None:
    vocabulary, timelines, labels, events = history
    split: Mapping[int, Split] = {
        subject: "held_out" if subject <= 40 else "tuning" if subject <= 80 else "train" for subject in range(1, 191)
    }
    text = TaskText("death", "a text")
    said = estimate_all(
        untrained_checkpoint(vocabulary),
        timelines,
        labels,
        parse_task(TASK, "death"),
        text,
        events=events,
        split=split,
    )
    assert said.held_out[LOGISTIC].frame["subject_id"].to_list() == list(range(1, 41))
    assert said.tuning[BLEND].frame["subject_id"].to_list() == list(range(41, 81))
    assert said.held_out[LOGISTIC].about["rows"] == 110, "a subject without a split is nowhere"


def test_those_beside_a_model_learn_from_no_later_rows_than_it(history: History) -> None:
    vocabulary, timelines, labels, events = history
    until = AT + timedelta(days=100)
    late = pl.col("subject_id") % 2 == 0
    labels = labels.with_columns(prediction_time=pl.when(late).then(until + timedelta(days=1)).otherwise(AT))
    checkpoint = replace(untrained_checkpoint(vocabulary), report={"until": until.isoformat()})
    task, text = parse_task(TASK, "death"), TaskText("death", "a text")
    with pytest.raises(ModelError, match="must not either"):
        estimate_all(checkpoint, timelines, labels, task, text, events=events)
    learnable = labels.filter(~late)
    said = estimate_all(checkpoint, timelines, labels, task, text, learnable=learnable, events=events)
    split = splits(learnable["subject_id"])
    assert said.held_out[LOGISTIC].frame.height == held_out(labels).height
    for name in (SUPERVISED, LOGISTIC, BOOSTING, BLEND):
        assert said.tuning[name].frame.height == (split == "tuning").sum()
    assert said.held_out[LOGISTIC].about["rows"] == (split == "train").sum()
    assert said.held_out[BLEND].about["rows"] == (split == "tuning").sum()


def test_no_blend_without_both_outcomes_among_tuning_subjects(history: History) -> None:
    vocabulary, timelines, labels, events = history
    split: Mapping[int, Split] = {
        subject: "held_out" if subject <= 40 else "train" for subject in range(1, 201)
    }  # fmt: skip
    text = TaskText("death", "a text")
    said = estimate_all(
        untrained_checkpoint(vocabulary),
        timelines,
        labels,
        parse_task(TASK, "death"),
        text,
        events=events,
        split=split,
    )
    assert BLEND not in said.held_out
    assert said.tuning == {}
    assert any("no blend" in remark for remark in said.remarks)
    assert any("no tuning subject" in remark for remark in said.remarks)


def test_a_model_of_another_task_or_of_none_is_refused_with_the_reason(history: History) -> None:
    vocabulary, timelines, labels, events = history
    task, text = parse_task(TASK, "death"), TaskText("death", TASK)
    checkpoint = untrained_checkpoint(vocabulary)
    with pytest.raises(ModelError, match=r"not for this death.*ehr train"):
        estimate_all(checkpoint, timelines, labels, task, text, events=events)
    pretrained = replace(checkpoint, classifier=None, calibration=None, task=None)
    with pytest.raises(ModelError, match="pre-trained without a task"):
        estimate_all(pretrained, timelines, labels, task, text, events=events)


def test_a_model_without_a_head_is_judged_by_its_futures(history: History) -> None:
    vocabulary, timelines, labels, events = history
    pretrained = replace(untrained_checkpoint(vocabulary), classifier=None, calibration=None, task=None)
    task, text = parse_task(TASK, "death"), TaskText("death", TASK)
    sampling = Sampling(futures=2, max_events=8)
    said = estimate_all(pretrained, timelines, labels, task, text, events=events, sampling=sampling)
    assert list(said.held_out) == [GENERATED, LOGISTIC, BOOSTING, BLEND]
    assert "without a task" in said.remarks[0]
    result = evaluate(labels, said.held_out, replicates=20)
    assert result.metrics["estimators"][GENERATED]["about"] == {"futures": 2}
