"""An evaluation compares all estimators on the same held-out rows, and a report says how far it can be trusted."""

import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import orjson
import polars as pl
import pytest

from ehr.errors import ModelError
from ehr.splits import split_of
from models.estimators import BASELINE, BAYES, SUPERVISED, Estimates, held_out
from models.evaluate import Evaluation, evaluate
from models.metrics import METRICS
from models.report import METRICS_FILE, PREDICTIONS_FILE, REPORT_FILE, in_words, write_report
from tests.conftest import REPOSITORY
from tests.models.made import START

SUBJECTS = range(1, 901)
TASK = """
predicates: {start: {code: A}, death: {code: MEDS_DEATH}}
trigger: start
windows:
  past: {start: null, end: trigger, start_inclusive: true, end_inclusive: true, index_timestamp: end}
  target: {start: trigger, end: start + 30d, start_inclusive: false, end_inclusive: true, label: death}
"""


def made_labels(subjects: range = SUBJECTS, share: float = 0.3, seed: int = 0) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return label rows, two a subject, and the true probabilities that they were drawn with."""
    rng = np.random.default_rng(seed)
    true = rng.beta(2 * share, 2 * (1 - share), 2 * len(subjects))
    keys = {
        "subject_id": np.repeat(list(subjects), 2),
        "prediction_time": [START, datetime(2151, 1, 1)] * len(subjects),
    }
    labels = pl.DataFrame(keys).with_columns(boolean_value=pl.Series(rng.random(len(true)) < true))
    return labels, pl.DataFrame(keys).with_columns(true_probability=pl.Series(true))


def said_by(truth: pl.DataFrame, noise: float, seed: int = 1) -> Estimates:
    """Return an estimator that knows the truth but for some noise."""
    true = truth["true_probability"].to_numpy().clip(1e-3, 1 - 1e-3)
    logit = np.log(true / (1 - true)) + np.random.default_rng(seed).normal(0, noise, len(true))
    risk = 1 / (1 + np.exp(-logit))
    frame = truth.select("subject_id", "prediction_time").with_columns(risk=risk, low=risk / 2, high=(1 + risk) / 2)
    return Estimates(frame, 0.5)


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    labels, truth = made_labels()
    said = {SUPERVISED: said_by(truth, 0.3), BASELINE: said_by(truth, 2.0, seed=2)}
    return evaluate(labels, said, truth=truth, replicates=200, about={"task": "death_in_30_days"})


def test_only_rows_of_held_out_subjects_are_compared(evaluation: Evaluation) -> None:
    subjects = [subject for subject in SUBJECTS if split_of(subject) == "held_out"]
    assert evaluation.compared["subject_id"].unique().sort().to_list() == subjects
    counts = evaluation.metrics["counts"]
    assert counts["held_out"]["subjects"] == len(subjects)
    assert sum(split["rows"] for split in counts.values()) == 2 * len(SUBJECTS)
    assert evaluation.metrics["compared"]["rows"] == 2 * len(subjects)


def test_metrics_hold_every_estimator_every_pair_and_the_truth(evaluation: Evaluation) -> None:
    metrics = evaluation.metrics
    assert list(metrics["estimators"]) == [SUPERVISED, BASELINE, BAYES]
    pairs = [(difference["first"], difference["second"]) for difference in metrics["differences"]]
    assert pairs == [(SUPERVISED, BASELINE), (SUPERVISED, BAYES), (BASELINE, BAYES)]
    for estimator in metrics["estimators"].values():
        assert set(estimator["metrics"]) == set(METRICS)
        held = {
            name: value for name, value in estimator["metrics"].items() if name not in ("ece", "event1", "event2")
        }
        assert all(value["low"] <= value["value"] <= value["high"] for value in held.values())
    near, far = (metrics["estimators"][name]["distance_to_truth"]["value"] for name in (SUPERVISED, BASELINE))
    assert near < far
    assert metrics["estimators"][BAYES]["distance_to_truth"]["value"] == 0
    assert orjson.loads(orjson.dumps(metrics)) == metrics


def test_the_keys_are_those_that_the_docs_list(evaluation: Evaluation) -> None:
    section = (REPOSITORY / "docs" / "evaluation.md").read_text().partition("## Keys of metrics.json")[2]
    section = section.partition("## Keys that the command adds")[0]
    listed = {
        key for cell in re.findall(r"^\| (`[^|]*`) \|", section, re.MULTILINE) for key in re.findall(r"`(\w+)`", cell)
    }
    assert set(evaluation.metrics) == listed


def test_the_better_one_is_named_in_words(evaluation: Evaluation) -> None:
    sentences = " ".join(in_words(evaluation.metrics))
    assert "Supervised transformer ranks better than Logistic regression" in sentences
    same = replace(evaluation, metrics={**evaluation.metrics})
    same.metrics["differences"] = [
        {"first": SUPERVISED, "second": BASELINE, "metrics": {"auroc": {"value": 0.01, "low": -0.1, "high": 0.1}}}
    ]
    assert "cannot be told apart" in " ".join(in_words(same.metrics))


def test_every_prediction_can_be_checked(evaluation: Evaluation, tmp_path: Path) -> None:
    page = write_report(tmp_path / "deep" / "report", evaluation)
    assert page.name == REPORT_FILE
    assert orjson.loads((page.parent / METRICS_FILE).read_bytes()) == evaluation.metrics
    predictions = pl.read_parquet(page.parent / PREDICTIONS_FILE)
    assert predictions.columns == [
        "subject_id", "prediction_time", "boolean_value", "estimator", "risk", "low", "high", "true_probability",
    ]  # fmt: skip
    assert predictions.height == 2 * evaluation.metrics["compared"]["rows"]


@pytest.mark.parametrize(("share", "n"), [(0.3, 40), (0.3, 6), (0.0, 60), (1.0, 60), (0.02, 300)])
def test_small_and_one_sided_sets_are_evaluated_with_a_warning(share: float, n: int, tmp_path: Path) -> None:
    held = [subject for subject in SUBJECTS if split_of(subject) == "held_out"][: n // 2]
    labels, truth = made_labels(SUBJECTS, min(max(share, 0.05), 0.9))
    labels = labels.filter(pl.col("subject_id").is_in(held))
    if share in (0.0, 1.0):
        labels = labels.with_columns(boolean_value=pl.lit(share == 1.0))
    result = evaluate(labels, {SUPERVISED: said_by(truth, 1.0), BASELINE: said_by(truth, 2.0)}, replicates=50)
    assert result.metrics["warnings"]
    page = write_report(tmp_path, result).read_text()
    assert 'class="warning"' in page
    if share in (0.0, 1.0):
        assert result.metrics["estimators"][SUPERVISED]["metrics"]["auroc"]["value"] is None
        assert "undefined" in page


def test_rows_where_one_abstains_are_left_out_and_counted() -> None:
    labels, truth = made_labels()
    whole, partial = said_by(truth, 0.5), said_by(truth, 0.5)
    silent = pl.when(pl.col("prediction_time") == START).then(None).otherwise(pl.col("risk"))
    partial = Estimates(partial.frame.with_columns(risk=silent), 0.1)
    metrics = evaluate(labels, {SUPERVISED: partial, BASELINE: whole}, replicates=20).metrics
    assert metrics["compared"]["rows"] == metrics["counts"]["held_out"]["rows"] // 2
    assert metrics["estimators"][SUPERVISED]["abstained"] == metrics["compared"]["rows"]
    assert metrics["estimators"][BASELINE]["abstained"] == 0
    assert any("left out" in warning for warning in metrics["warnings"])


def test_what_cannot_be_compared_says_why() -> None:
    labels, truth = made_labels()
    said = {SUPERVISED: said_by(truth, 0.5)}
    with pytest.raises(ModelError, match="the truth has no probability for any"):
        evaluate(labels, said, truth=truth.with_columns(subject_id=pl.col("subject_id") + 10_000))
    nothing = Estimates(said[SUPERVISED].frame.with_columns(risk=pl.lit(None, dtype=pl.Float64)), 0.1)
    with pytest.raises(ModelError, match="Supervised transformer abstains"):
        evaluate(labels, {SUPERVISED: nothing})
    train_only = labels.filter(pl.Series([split_of(subject) == "train" for subject in labels["subject_id"]]))
    with pytest.raises(ModelError, match="none of a held-out subject"):
        held_out(train_only)
