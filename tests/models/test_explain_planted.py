"""Explanations of a model that learnt an outcome which one code decides."""

from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from ehr.errors import ModelError
from ehr.splits import splits
from models.checkpoint import TaskText
from models.explain import deletion_test, histories, scorer_of
from models.explain.effects import ranked_events
from models.explain.preselect import preselected
from models.training import Labelled, train
from tests.models.made import make_rows, make_timelines, make_vocabulary, tiny_settings, untrained_checkpoint

VOCABULARY = make_vocabulary()
RISK = VOCABULARY.code_tokens["RISK"]
SETTINGS = (
    "max_tokens=32",
    "epochs=1",
    "dropout=0",
    "fine_tune_dropout=0",
    "language_weight=0",
    "fine_tune_epochs=16",
    "fine_tune_patience=16",
    "fine_tune_learning_rate=1e-2",
)


def planted(subjects, seed=0):
    """Return timelines of 12 to 20 events in which RISK, in two of five, decides the outcome; and the rows."""
    rng = np.random.default_rng(seed)
    records, rows, labels = {}, [], []
    for subject in range(subjects):
        days = np.sort(rng.uniform(0, 60, size=rng.integers(12, 21)))
        codes = rng.choice(["A", "B", "C"], size=len(days)).tolist()
        outcome = bool(rng.random() < 0.4)
        if outcome:
            codes[rng.integers(len(codes))] = "RISK"
        records[subject] = [(None, "SEX//F"), *zip(days.tolist(), codes, strict=True)]
        rows.append((subject, 61.0))
        labels.append(outcome)
    return make_timelines(VOCABULARY, records), make_rows(rows, labels)


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    """Return the model, the timelines and the rows of held-out subjects."""
    timelines, rows = planted(400)
    target = Labelled(TaskText("planted", "whether RISK was seen"), rows)
    folder = tmp_path_factory.mktemp("planted")
    checkpoint = train(folder, "m", timelines, VOCABULARY, tiny_settings(*SETTINGS), target=target)
    held_out = rows.filter(splits(rows["subject_id"]) == "held_out")
    return SimpleNamespace(checkpoint=checkpoint, timelines=timelines, rows=held_out)


def test_the_record_that_decides_comes_first(learnt):
    scorer = scorer_of(learnt.checkpoint)
    read, _ = histories(learnt.checkpoint, learnt.timelines, learnt.rows.filter("boolean_value"))
    hits, kept, raised = [], [], []
    for history in read:
        (deciding,) = history.event_ids[history.reading.codes[0].numpy() == RISK]
        event, change = ranked_events(scorer, history, candidates=100)[0]
        hits.append(event == deciding)
        kept.append(deciding in preselected(scorer.classifier, history, 8))
        raised.append(change.effect > 0)
    assert len(read) >= 15
    assert np.mean(hits) > 0.9
    assert np.mean(kept) > 0.9
    assert np.mean(raised) > 0.9


def test_deleting_what_is_named_moves_the_estimate_more_than_chance(learnt):
    found = deletion_test(learnt.checkpoint, learnt.timelines, learnt.rows, deleted=(1, 2, 5), replicates=200)
    assert found["k"] == [1, 2, 5]
    assert found["rows"] == found["subjects"] == learnt.rows.height
    for measure in (found, found["log_odds"]):
        assert all(difference["low"] > 0 for difference in measure["difference"])
        assert [place["value"] for place in measure["difference"]] == pytest.approx(
            [measure["ranked"][at]["value"] - measure["random"][at]["value"] for at in range(3)]
        )
        assert measure["ranked"][0]["value"] > 3 * measure["recent"][0]["value"]


def test_the_deletion_test_is_the_same_for_the_same_seed(learnt):
    def run(rows):
        return deletion_test(learnt.checkpoint, learnt.timelines, rows, most=10, deleted=(1,), replicates=50, seed=3)

    first, again = run(learnt.rows), run(learnt.rows)
    assert first == again
    assert first["rows"] == 10


def test_deleting_more_than_there_is_deletes_all():
    checkpoint = untrained_checkpoint(VOCABULARY)
    timelines = make_timelines(VOCABULARY, {1: [(0.0, "A"), (1.0, "B")], 2: [(0.0, "C"), (3.0, "B")]})
    found = deletion_test(checkpoint, timelines, make_rows([(1, 2.0), (2, 4.0)]), deleted=(2, 20), replicates=20)
    for difference in found["difference"]:
        assert difference["value"] == pytest.approx(0, abs=1e-6)
    assert found["ranked"][1]["value"] == pytest.approx(found["recent"][0]["value"], abs=1e-6)


def test_rows_that_the_model_abstains_on_are_left_out_and_none_left_is_refused():
    checkpoint = untrained_checkpoint(VOCABULARY)
    timelines = make_timelines(VOCABULARY, {1: [(0.0, "A"), (1.0, "B")], 2: [(5.0, "C")]})
    rows = make_rows([(1, 2.0), (2, 4.0)])
    assert deletion_test(checkpoint, timelines, rows, deleted=(1,), replicates=5)["rows"] == 1
    with pytest.raises(ModelError, match="no row has both"):
        deletion_test(checkpoint, timelines, rows.filter(pl.col("subject_id") == 2), deleted=(1,))
