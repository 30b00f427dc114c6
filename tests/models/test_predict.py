import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from ehr.errors import ModelError, VocabularyError
from ehr.events import BIRTH, DEATH
from models.calibration import fit_calibration
from models.predict import NO_HISTORY, predict
from tests.models.made import make_rows, make_timelines, make_vocabulary, untrained_checkpoint

VOCABULARY = make_vocabulary()
CHECKPOINT = untrained_checkpoint(VOCABULARY)
events = st.lists(
    st.tuples(st.floats(0, 200).map(lambda day: round(day, 3)), st.sampled_from(["A", "B", "C"])),
    min_size=1,
    max_size=30,
)


def risks(records, rows, checkpoint=CHECKPOINT):
    return predict(checkpoint, make_timelines(checkpoint.vocabulary, records), make_rows(rows))


@given(past=events, future=events, other=events)
@settings(max_examples=40, deadline=None)
def test_changing_the_future_changes_no_prediction(past, future, other):
    found = [
        risks({1: [(None, "SEX//F"), *past, *((201 + day, code) for day, code in tail)]}, [(1, 200.5)])
        for tail in (future, other)
    ]
    assert found[0].equals(found[1])


@given(past=events, shift=st.integers(-30_000, 30_000))
@settings(max_examples=40, deadline=None)
def test_moving_a_whole_timeline_in_time_changes_no_prediction(past, shift):
    here = risks({1: past}, [(1, 201.0)])
    there = risks({1: [(day + shift, code) for day, code in past]}, [(1, 201.0 + shift)])
    assert here["risk"].to_list() == pytest.approx(there["risk"].to_list(), abs=1e-9)


def test_a_risk_does_not_depend_on_who_else_is_asked_about():
    records = {number: [(float(day), "ABC"[(number + day) % 3]) for day in range(number + 2)] for number in range(5)}
    rows = [(number, 20.0) for number in records]
    together = risks(records, rows)["risk"].to_list()
    alone = [risks(records, [row])["risk"][0] for row in rows]
    assert together == pytest.approx(alone, abs=1e-6)
    assert len({round(risk, 4) for risk in together}) == 5


def test_the_time_since_the_last_event_counts():
    # By how much depends on the untrained weights; with equal gaps the two would be equal to the bit.
    found = risks({1: [(0.0, "A"), (1.0, "B")], 2: [(7.0, "A"), (8.0, "B")]}, [(1, 1.0), (1, 400.0), (2, 8.0)])
    assert found["risk"][0] == pytest.approx(found["risk"][2], abs=1e-9)
    assert abs(found["risk"][0] - found["risk"][1]) > 1e-6


def test_nothing_is_guessed_for_subjects_without_a_history():
    records = {1: [(None, "SEX//F"), (-9000.0, BIRTH), (5.0, "A")], 2: [(3.0, "A"), (5.0, "B")]}
    found = risks(records, [(1, 1.0), (2, 4.0), (3, 4.0)])
    assert found["risk"].is_null().to_list() == [True, False, True]
    assert found["low"].is_null().to_list() == [True, False, True]
    assert found["reason"].to_list() == [NO_HISTORY, None, NO_HISTORY]
    assert found["events"].to_list() == [0, 1, 0]


def test_nothing_is_foreseen_for_the_dead():
    found = risks({1: [(0.0, "A"), (3.0, DEATH)]}, [(1, 2.0), (1, 3.0)])
    assert found["risk"].is_null().to_list() == [False, True]
    assert "death" in found["reason"][1]


def test_an_empty_list_of_rows_gives_an_empty_frame():
    assert risks({1: [(0.0, "A")]}, []).is_empty()


def test_a_history_of_unknown_codes_carries_a_warning():
    found = risks({1: [(0.0, "A"), (1.0, "never seen"), (2.0, "B")], 2: [(0.0, "A")]}, [(1, 2.0), (2, 2.0)])
    assert found["unseen"].to_list() == pytest.approx([1 / 3, 0.0])
    assert found["warning"][0].startswith("33 % of the events known")
    assert found["warning"][1] is None


def test_timelines_of_another_vocabulary_are_refused():
    other = make_vocabulary(codes=("A", "Z"))
    with pytest.raises(VocabularyError, match=f"{VOCABULARY.hash[:12]}.*{other.hash[:12]}"):
        predict(CHECKPOINT, make_timelines(other, {1: [(0.0, "A")]}), make_rows([(1, 1.0)]))


def test_a_model_without_a_task_is_refused():
    from dataclasses import replace

    with pytest.raises(ModelError, match="without a task"):
        risks({1: [(0.0, "A")]}, [(1, 1.0)], replace(CHECKPOINT, classifier=None))


def test_calibration_brings_overconfident_scores_back():
    rng = np.random.default_rng(1)
    truth = rng.normal(-1, 1, size=4000)
    labels = (rng.random(4000) < expit(truth)).astype(float)
    scores = np.column_stack([3 * truth + 2, 3 * truth + 2])
    calibration = fit_calibration(scores, labels, np.arange(4000), seed=0)
    risk, low, high = calibration.risks(scores)
    assert np.abs(risk - expit(truth)).mean() < 0.02
    assert ((low <= risk) & (risk <= high)).all()
    assert ((low <= expit(truth)) & (expit(truth) <= high)).mean() > 0.6
    assert (high - low).mean() < 0.1


def test_a_handful_of_tuning_rows_cannot_throw_the_calibration_far():
    scores = np.array([[-1.0], [0.5], [-2.0]])
    calibration = fit_calibration(scores, np.zeros(3), np.arange(3), seed=0)
    assert 0.3 < calibration.slope < 2
    assert -2 < calibration.intercept < 0.5
    assert (calibration.events, calibration.rows) == (0, 3)


def test_intervals_are_wider_with_fewer_tuning_rows():
    rng = np.random.default_rng(2)
    scores = rng.normal(size=(2000, 4))
    labels = (rng.random(2000) < expit(scores.mean(axis=1))).astype(float)
    widths = []
    for count in (60, 2000):
        calibration = fit_calibration(scores[:count], labels[:count], np.arange(count), seed=0)
        _, low, high = calibration.risks(np.zeros((1, 4)))
        widths.append(float(high[0] - low[0]))
    assert widths[0] > 3 * widths[1]
