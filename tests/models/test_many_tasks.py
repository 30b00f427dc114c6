import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from ehr.errors import ModelError
from ehr.splits import splits
from models.checkpoint import TaskText, find_model, list_models, load_model
from models.predict import predict
from models.training import Labelled, train
from tests.models.made import make_rows, make_timelines, make_vocabulary, tiny_settings

VOCABULARY = make_vocabulary()
FIRST, SECOND = TaskText("risky", "RISK was seen"), TaskText("coded", "C was seen")
SETTINGS = (
    "epochs=1", "width=8", "learning_rate=5e-3", "fine_tune_epochs=12", "fine_tune_learning_rate=1e-2",
)  # fmt: skip


@pytest.fixture(scope="module")
def planted():
    """Return records, and the label frames of two tasks that one code each decides."""
    rng = np.random.default_rng(0)
    chosen = rng.random((400, 2)) < [0.4, 0.3]
    records = {
        subject: [(0.0, "A"), (1.0, "B"), *([(2.0, "RISK")] if one else []), *([(3.0, "C")] if other else [])]
        for subject, (one, other) in enumerate(chosen)
    }
    rows = [(subject, 5.0) for subject in records]
    flipped = chosen ^ (rng.random(chosen.shape) < 0.1)
    frames = [make_rows(rows, flipped[:, task].tolist()) for task in (0, 1)]
    return make_timelines(VOCABULARY, records), frames, chosen


def test_two_tasks_are_learnt_on_one_decoder_and_each_is_calibrated(tmp_path, planted):
    timelines, (first, second), chosen = planted
    settings = tiny_settings(*SETTINGS)
    targets = Labelled(FIRST, first), Labelled(SECOND, second)
    train(tmp_path, "m", timelines, VOCABULARY, settings, target=targets[0], also=targets[1:])
    checkpoint = load_model(find_model(tmp_path, "m"))
    assert checkpoint.identity["tasks"] == ["risky", "coded"]
    assert [model.task for model in list_models(tmp_path)] == ["risky, coded"]
    one, other = (trained.classifier for trained in checkpoint.trained)
    assert one.decoder is other.decoder
    held_out = splits(first["subject_id"]) == "held_out"
    for text, frame, has_code in ((FIRST, first, chosen[:, 0]), (SECOND, second, chosen[:, 1])):
        rows = frame.filter(held_out)
        risks = predict(checkpoint.of(text.hash), timelines, rows)["risk"]
        assert roc_auc_score(has_code[held_out.to_numpy()], risks) > 0.85
        assert risks.mean() == pytest.approx(rows["boolean_value"].mean(), abs=0.12)
    assert checkpoint.of("of another task") is checkpoint
    assert checkpoint.report["also"][0]["task"] == "coded"


def test_a_task_is_learnt_once(tmp_path, planted):
    timelines, (first, _), _ = planted
    target = Labelled(FIRST, first)
    with pytest.raises(ModelError, match="named twice"):
        train(tmp_path, "m", timelines, VOCABULARY, tiny_settings(), target=target, also=[target])


@pytest.mark.parametrize("weight", ["1", "8"])
def test_risks_are_right_in_the_large_whatever_positives_weigh(tmp_path, planted, weight):
    timelines, (first, _), _ = planted
    settings = tiny_settings(*SETTINGS, f"positive_weight={weight}")
    checkpoint = train(tmp_path, "m", timelines, VOCABULARY, settings, target=Labelled(FIRST, first))
    rows = first.filter(pl.Series(splits(first["subject_id"])) != "train")
    risks = predict(checkpoint, timelines, rows)["risk"]
    assert risks.mean() == pytest.approx(rows["boolean_value"].mean(), abs=0.08)
    assert roc_auc_score(rows["boolean_value"], risks) > 0.75
    assert abs(checkpoint.calibration.intercept) < 1
