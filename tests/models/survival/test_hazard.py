from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from ehr.errors import ModelError
from models.checkpoint import TaskText, find_model, load_model
from models.survival.hazard import Times
from models.survival.predict import evaluate_times, predict_times
from models.training import Timed, train
from tests.models.made import START, make_rows, make_timelines, make_vocabulary, tiny_settings

VOCABULARY = make_vocabulary()
TASK = TaskText("planted", "when it comes after RISK")
SETTINGS = (
    "epochs=4", "learning_rate=5e-3", "fine_tune_epochs=24", "fine_tune_patience=24", "fine_tune_learning_rate=5e-3",
    "fine_tune_dropout=0", "language_weight=0", "intervals=6",
)  # fmt: skip


def planted(subjects, seed=0):
    """Return records in which RISK makes the event eight times as frequent, and when it came, or a discharge did."""
    rng = np.random.default_rng(seed)
    records, rows, days, causes = {}, [], [], []
    for subject in range(subjects):
        at_risk = rng.random() < 0.5
        codes = [(float(day), str(code)) for day, code in enumerate(rng.choice(["A", "B", "C"], 3))]
        records[subject] = [*codes, *([(2.5, "RISK")] if at_risk else [])]
        waits = rng.exponential([1 / (0.16 if at_risk else 0.02), 1 / 0.05])
        days.append(min(*waits, 20.0))
        causes.append(0 if days[-1] == 20.0 else int(waits.argmin()) + 1)
        rows.append((subject, 3.0))
    frame = make_rows(rows).with_columns(days=pl.Series(days), cause=pl.Series(causes))
    return make_timelines(VOCABULARY, records), Times("comes", ("death", "discharge"), frame)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hazard")
    timelines, times = planted(500)
    train(folder, "m", timelines, VOCABULARY, tiny_settings(*SETTINGS), times=Timed(TASK, times))
    return load_model(find_model(folder, "m")), timelines, times


def test_a_planted_hazard_is_learnt(trained):
    checkpoint, timelines, times = trained
    found = evaluate_times(checkpoint, timelines, times, [5.0, 15.0], replicates=20)
    assert found["concordance"]["value"] > 0.6
    for horizon in found["horizons"]:
        assert horizon["auroc"]["value"] > 0.6
        assert horizon["mean_risk"] == pytest.approx(horizon["observed"], abs=0.15)


def test_curves_rise_and_follow_the_true_risks(trained):
    checkpoint, timelines, times = trained
    curves, usable = predict_times(checkpoint, timelines, times.rows, "comes")
    assert usable.all()
    assert (np.diff(curves.incidence, axis=2) >= 0).all()
    assert curves.free.min() >= 0
    assert (curves.low <= curves.incidence).all()
    assert (curves.incidence <= curves.high).all()
    risk = curves.at(np.array([10.0]))[:, 0]
    at_risk = np.array([(timelines.tokens[a:b] == VOCABULARY.token_of("RISK")).any() for a, b in _spans(timelines)])
    for hazard, rows in ((0.16, at_risk), (0.02, ~at_risk)):
        truth = hazard / (hazard + 0.05) * (1 - np.exp(-10 * (hazard + 0.05)))
        assert risk[rows].mean() == pytest.approx(truth, abs=0.12)


def test_a_model_of_one_endpoint_knows_no_other(trained):
    checkpoint, timelines, times = trained
    assert checkpoint.identity["endpoint"] == "comes"
    with pytest.raises(ModelError, match="knows the time of comes"):
        predict_times(checkpoint, timelines, times.rows, "other")
    with pytest.raises(ModelError, match="no endpoint"):
        predict_times(replace(checkpoint, hazard=None), timelines, times.rows, "comes")


def test_an_endpoint_that_never_comes_cannot_be_learnt(tmp_path):
    timelines, times = planted(60)
    never = replace(times, rows=times.rows.with_columns(cause=pl.lit(0)))
    with pytest.raises(ModelError, match="no training row has the event"):
        train(tmp_path, "m", timelines, VOCABULARY, tiny_settings("epochs=1", "width=8"), times=Timed(TASK, never))


def _spans(timelines):
    return zip(timelines.offsets[:-1], timelines.offsets[1:], strict=True)


def test_times_as_they_stood_at_a_moment_are_censored_there():
    rows = make_rows([(1, 0.0), (2, 5.0), (3, 9.0), (4, 10.0)]).with_columns(
        days=pl.Series([4.0, 8.0, 1.0, 2.0]), cause=pl.Series([1, 2, 0, 1])
    )
    then = Times("comes", ("death", "discharge"), rows).until(START + timedelta(days=10))
    assert then.rows["subject_id"].to_list() == [1, 2, 3]
    assert then.rows["days"].to_list() == [4.0, 5.0, 1.0]
    assert then.rows["cause"].to_list() == [1, 0, 0]


def test_a_model_of_a_time_and_its_base_know_nothing_of_later_times(tmp_path):
    timelines, times = planted(120)
    until = START + timedelta(days=8)
    settings = tiny_settings("epochs=1", "fine_tune_epochs=1", "width=8", "intervals=4")
    checkpoint = train(tmp_path, "m", timelines, VOCABULARY, settings, times=Timed(TASK, times), until=until)
    assert max(checkpoint.hazard.grid.edges) <= 5.0
    found = evaluate_times(checkpoint, timelines, times, replicates=5)
    assert found["learnt_until"] == until.isoformat()
    assert max(horizon["days"] for horizon in found["horizons"]) <= 5.0
