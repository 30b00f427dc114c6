"""Laws of effects that hold for any weights."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ehr.errors import ModelError
from ehr.events import BIRTH
from ehr.tokens import NO_EVENT
from models.explain.effects import groups_removed, ranked_events, scorer_of
from models.explain.history import VARIANTS_AT_ONCE, histories
from models.explain.preselect import preselected, steepness
from models.predict import predict
from tests.models.made import make_rows, make_timelines, make_vocabulary, untrained_checkpoint

VOCABULARY = make_vocabulary()
CHECKPOINT = untrained_checkpoint(VOCABULARY)
SCORER = scorer_of(CHECKPOINT)
events = st.lists(
    st.tuples(st.floats(0, 200).map(lambda day: round(day, 3)), st.sampled_from(["A", "B", "C"])),
    min_size=1,
    max_size=30,
)


def opened(records, rows, checkpoint=CHECKPOINT):
    return histories(checkpoint, make_timelines(checkpoint.vocabulary, records), make_rows(rows))[0]


def effects(history, candidates=100):
    return {event: change.effect for event, change in ranked_events(SCORER, history, candidates)}


@given(past=events, future=events, other=events)
@settings(max_examples=30, deadline=None)
def test_the_future_changes_no_explanation(past, future, other):
    first, second = (
        opened({1: [(None, "SEX//F"), *past, *((201 + day, code) for day, code in tail)]}, [(1, 200.5)])[0]
        for tail in (future, other)
    )
    assert first.event_ids.tolist() == second.event_ids.tolist()
    assert ranked_events(SCORER, first, 100) == ranked_events(SCORER, second, 100)
    assert (steepness(SCORER.classifier, first) == steepness(SCORER.classifier, second)).all()


@given(past=events, future=events)
@settings(max_examples=30, deadline=None)
def test_effects_are_of_past_events_only(past, future):
    timelines = make_timelines(VOCABULARY, {1: [*past, *((201 + day, code) for day, code in future)]})
    (history,), _ = histories(CHECKPOINT, timelines, make_rows([(1, 200.5)]))
    at = dict(zip(timelines.event_ids.tolist(), timelines.times, strict=True))
    found = effects(history)
    assert found.keys() == set(history.events().tolist())
    assert all(at[event] <= make_rows([(1, 200.5)])["prediction_time"].to_numpy()[0] for event in found)


@given(past=events)
@settings(max_examples=20, deadline=None)
def test_leaving_out_nothing_changes_nothing(past):
    (history,) = opened({1: [(None, "SEX//F"), *past]}, [(1, 201.0)])
    absent = np.array([10**9], dtype=np.int64)
    (change,) = SCORER.changes(history, groups_removed(history, [absent]))
    assert (change.effect, change.low, change.high, change.log_odds) == (0, 0, 0, 0)


@given(past=events, chosen=st.integers(0, 29))
@settings(max_examples=20, deadline=None)
def test_an_estimate_without_an_event_is_that_of_the_record_without_it(past, chosen):
    past = sorted(past, key=lambda event: event[0])[:20]
    chosen %= len(past)
    if len(past) == 1 or chosen == 0:  # the first event is what days are counted from; the only one leaves no history
        return
    (history,) = opened({1: past}, [(1, 201.0)])
    event = history.events()[chosen : chosen + 1]
    (without,) = SCORER.risks(history, history.without(event))
    rest = [*past[:chosen], *past[chosen + 1 :]]
    expected = predict(CHECKPOINT, make_timelines(VOCABULARY, {1: rest}), make_rows([(1, 201.0)]))["risk"][0]
    assert without == pytest.approx(expected, abs=1e-6)


def test_many_at_once_and_one_alone_give_the_same():
    records = {1: [(None, "SEX//F"), *((float(day), "ABC"[day % 3]) for day in range(15))]}
    (history,) = opened(records, [(1, 20.0)])
    removed = np.random.default_rng(0).random((3 * VARIANTS_AT_ONCE, len(history))) < 0.3
    together = SCORER.risks(history, removed)
    alone = [SCORER.risks(history, removed[at : at + 1])[0] for at in range(len(removed))]
    assert together == pytest.approx(alone, abs=1e-6)
    assert len(set(together.round(6))) > VARIANTS_AT_ONCE


def test_the_estimate_that_is_explained_is_the_one_that_is_predicted():
    records = {1: [(None, "SEX//F"), (-9000.0, BIRTH), *((float(day), "ABC"[day % 3]) for day in range(40))]}
    (history,) = opened(records, [(1, 45.0)])
    said = predict(CHECKPOINT, make_timelines(VOCABULARY, records), make_rows([(1, 45.0)]))
    estimate = SCORER.estimates(history, np.zeros((1, len(history)), dtype=bool))[0]
    assert estimate == pytest.approx(said.select("risk", "low", "high").row(0), abs=1e-6)


def test_a_history_that_was_thinned_and_read_both_ways_is_explained_as_it_was_read():
    checkpoint = untrained_checkpoint(VOCABULARY, "thin_hours=96", "max_tokens=64", "both_ways=true", "pools=2")
    rng = np.random.default_rng(4)
    past = [(float(day), "ABC"[rng.integers(3)]) for day in np.sort(rng.uniform(0, 20, size=60)).round(3)]
    timelines, rows = make_timelines(VOCABULARY, {1: past}), make_rows([(1, 20.5)])
    (history,), _ = histories(checkpoint, timelines, rows)
    assert len(history) < len(past)
    scorer = scorer_of(checkpoint)
    estimate = scorer.estimates(history, np.zeros((1, len(history)), dtype=bool))[0]
    assert estimate == pytest.approx(
        predict(checkpoint, timelines, rows).select("risk", "low", "high").row(0), abs=1e-6
    )


def test_what_is_fixed_is_no_candidate_but_can_be_left_out():
    records = {1: [(None, "SEX//F"), (-9000.0, BIRTH), (1.0, "A"), (2.0, "B")]}
    (history,) = opened(records, [(1, 3.0)])
    fixed = history.event_ids[history.is_fixed][:-1]
    assert len(fixed) == 2
    assert not set(fixed) & set(history.events())
    assert len(history.events()) == 2
    (change,) = SCORER.changes(history, history.without_all(fixed))
    assert abs(change.effect) > 1e-6


def test_the_query_is_never_left_out():
    (history,) = opened({1: [(1.0, "A"), (2.0, "B")]}, [(1, 3.0)])
    assert history.event_ids[-1] == NO_EVENT
    everything = np.ones((1, len(history)), dtype=bool)
    nearly = everything.copy()
    nearly[:, -1] = False
    assert SCORER.risks(history, everything) == SCORER.risks(history, nearly)
    assert not history.without_all(np.array([NO_EVENT])).any()


def test_of_many_events_the_steepest_are_tried():
    (history,) = opened({1: [(float(day), "ABC"[day % 3]) for day in range(20)]}, [(1, 21.0)])
    chosen = preselected(SCORER.classifier, history, 5)
    weight = dict(zip(history.event_ids.tolist(), steepness(SCORER.classifier, history), strict=True))
    assert len(chosen) == 5
    assert min(weight[event] for event in chosen) >= max(
        weight[event] for event in history.events().tolist() if event not in chosen
    )
    assert effects(history, 5).keys() == set(chosen.tolist())


def test_effects_come_in_order_of_size_within_their_interval():
    (history,) = opened({1: [(float(day), "ABC"[day % 3]) for day in range(15)]}, [(1, 21.0)])
    changes = [change for _, change in ranked_events(SCORER, history, 100)]
    sizes = [abs(change.effect) for change in changes]
    assert sizes == sorted(sizes, reverse=True)
    for change in changes:
        assert change.low <= change.effect <= change.high
        assert change.effect == pytest.approx(change.risk - change.without)
        assert (change.effect > 0) == (change.log_odds > 0)


def test_a_model_without_a_task_has_nothing_to_explain():
    with pytest.raises(ModelError, match="no supervised estimate to explain"):
        scorer_of(replace(CHECKPOINT, classifier=None))
