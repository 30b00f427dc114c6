"""What was known when: the future of a prediction time changes nothing that a model sees."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ehr.timelines
from ehr.errors import UnknownSubject, VocabularyError
from ehr.fitting import fit_vocabulary
from ehr.store import Store, create_store, open_store
from ehr.timelines import (
    Timelines,
    before_prediction,
    join_timelines,
    known_at,
    load_timelines,
    past_ends,
    tokenize_store,
)
from ehr.tokens import tokenize
from ehr.vocabulary import TokenSettings
from tests.ehr.made import CODES, START, Event, add_events, born, event, events_of, memory_store, training_subjects

SUBJECT = training_subjects[0]
SMALL = TokenSettings(min_subjects=1)
times = st.integers(0, 12).map(lambda hours: START + timedelta(hours=hours))


def same(one: Timelines, other: Timelines) -> bool:
    names = ("subject_ids", "offsets", "tokens", "event_ids")
    return (
        all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)
        and np.array_equal(one.times, other.times, equal_nan=True)
        and np.array_equal(one.values, other.values, equal_nan=True)
    )


def is_past(row: Event, at: datetime) -> bool:
    return row["time"] is None or row["time"] <= at


@settings(max_examples=30, deadline=None)
@given(past=events_of([SUBJECT]), one=events_of([SUBJECT]), other=events_of([SUBJECT]), at=times)
def test_changing_the_future_changes_no_input(
    past: list[Event], one: list[Event], other: list[Event], at: datetime
) -> None:
    past = [event(SUBJECT, "GENDER//F"), *(row for row in past if is_past(row, at))]
    futures = [[row for row in future if not is_past(row, at)] for future in (one, other)]
    vocabulary = fit_vocabulary(memory_store([*past, *futures[0]]), settings=SMALL)
    inputs = []
    for future in futures:
        store = memory_store([*future, *past])
        known = before_prediction(tokenize(store.cursor(), vocabulary), SUBJECT, at)
        inputs.append((known.tokens.tolist(), known.times.astype(str).tolist(), known.values.astype(str).tolist()))
    assert inputs[0] == inputs[1]


@settings(max_examples=15, deadline=None)
@given(events=events_of(training_subjects[:4], max_size=80), at=times)
def test_the_cut_keeps_all_of_the_past_and_none_of_the_future(events: list[Event], at: datetime) -> None:
    store = memory_store([*events, *(event(subject, "GENDER//F") for subject in training_subjects[:4])])
    timelines = tokenize(store.cursor(), fit_vocabulary(store, settings=SMALL))
    begins, ends = past_ends(timelines, timelines.subject_ids, [np.datetime64(at, "us")] * len(timelines))
    assert begins.tolist() == timelines.offsets[:-1].tolist()
    for subject, begin, end, stop in zip(timelines.subject_ids, begins, ends, timelines.offsets[1:], strict=True):
        known, later = timelines.times[begin:end], timelines.times[end:stop]
        assert (np.isnat(known) | (known <= np.datetime64(at, "us"))).all()
        assert (later > np.datetime64(at, "us")).all()
        assert before_prediction(timelines, int(subject), at).tokens.tolist() == timelines.tokens[begin:end].tolist()


def test_what_happens_at_the_prediction_time_is_known() -> None:
    store = memory_store(
        [event(SUBJECT, "LAB//1", START), event(SUBJECT, "LAB//1", START + timedelta(microseconds=1))]
    )
    timelines = tokenize(store.cursor(), fit_vocabulary(store, settings=SMALL))
    assert len(before_prediction(timelines, SUBJECT, START)) == 1
    assert len(before_prediction(timelines, SUBJECT, START - timedelta(microseconds=1))) == 0


def test_an_unknown_subject_is_named() -> None:
    store = memory_store([event(SUBJECT, "LAB//1", START)])
    vocabulary = fit_vocabulary(store)
    timelines = tokenize(store.cursor(), vocabulary)
    with pytest.raises(UnknownSubject, match="subject 987654 has no timeline"):
        before_prediction(timelines, 987654, START)
    with pytest.raises(UnknownSubject, match="subject 5 has no timeline"):
        before_prediction(load_timelines(store, vocabulary, []), 5, START)


@pytest.fixture
def store() -> Store:
    rows = [
        event(subject, code, START + timedelta(hours=place * subject), place / 3)
        for subject in training_subjects[:6]
        for place, code in enumerate(CODES)
    ]
    return memory_store([*rows, *(born(subject, 40) for subject in training_subjects[:6])])


def test_stored_timelines_are_those_that_tokenising_gives(store: Store) -> None:
    vocabulary = fit_vocabulary(store)
    direct = load_timelines(store, vocabulary)
    report = tokenize_store(store, vocabulary)
    assert (report.subjects, report.refreshed, report.events) == (6, 6, 66)
    assert report.tokens == len(direct.tokens)
    stored = load_timelines(store, vocabulary)
    assert same(stored, direct)
    assert same(
        load_timelines(store, vocabulary, stored.subject_ids[2:4]),
        tokenize(store.cursor(), vocabulary, stored.subject_ids[2:4]),
    )
    nulls = (
        store.cursor()
        .execute(
            "SELECT bool_and(len(tokens) = len(times) AND len(tokens) = len(event_ids)), "
            "sum(len(list_filter(event_ids, lambda x: x IS NULL))) FROM timeline"
        )
        .fetchall()
    )
    assert nulls == [(True, int((stored.event_ids == -1).sum()))]


def test_tokenising_again_refreshes_only_what_changed(store: Store) -> None:
    vocabulary = fit_vocabulary(store)
    tokenize_store(store, vocabulary)
    assert tokenize_store(store, vocabulary).refreshed == 0
    add_events(store, [event(training_subjects[1], "LAB//50971//mEq/L", START, 3.0)])
    store.cursor().execute("DELETE FROM event WHERE subject_id = ?", [training_subjects[2]])
    fresh = tokenize(store.cursor(), vocabulary)
    assert same(load_timelines(store, vocabulary), fresh)
    report = tokenize_store(store, vocabulary)
    assert (report.refreshed, report.subjects) == (2, 5)
    assert same(load_timelines(store, vocabulary), fresh)


def test_an_interrupted_run_leaves_the_timelines_as_they_were(store: Store) -> None:
    vocabulary = fit_vocabulary(store)
    tokenize_store(store, vocabulary)
    add_events(store, [event(training_subjects[1], "LAB//50971//mEq/L", START, 3.0)])
    before = store.cursor().execute("FROM timeline ORDER BY subject_id").fetchall()

    def interrupt(_what: str, _done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tokenize_store(store, vocabulary, interrupt)
    assert store.cursor().execute("FROM timeline ORDER BY subject_id").fetchall() == before
    assert tokenize_store(store, vocabulary).refreshed == 1


def test_many_batches_give_the_same_timelines(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    vocabulary = fit_vocabulary(store)
    monkeypatch.setattr(ehr.timelines, "EVENTS_AT_ONCE", 12)
    tokenize_store(store, vocabulary)
    assert same(load_timelines(store, vocabulary), tokenize(store.cursor(), vocabulary))


def test_another_vocabulary_under_the_same_name_is_refused(store: Store) -> None:
    tokenize_store(store, fit_vocabulary(store))
    with pytest.raises(VocabularyError, match="has hash"):
        load_timelines(store, fit_vocabulary(store, settings=TokenSettings(quantiles=3)))


def test_joined_timelines_are_in_order_of_subject(store: Store) -> None:
    vocabulary = fit_vocabulary(store)
    ids = training_subjects[:6]
    parts = [tokenize(store.cursor(), vocabulary, chosen) for chosen in (ids[1::2], ids[0::2])]
    assert same(join_timelines(parts), tokenize(store.cursor(), vocabulary))


def test_a_read_only_store_gives_timelines_too(store: Store, tmp_path: Path) -> None:
    vocabulary = fit_vocabulary(store)
    kept = create_store(tmp_path / "store")
    add_events(kept, [event(SUBJECT, "LAB//50971//mEq/L", START, 3.0)])
    kept.close()
    reader = open_store(tmp_path / "store", locked=True)
    assert load_timelines(reader, vocabulary).subject_ids.tolist() == [SUBJECT]
    reader.close()


@settings(max_examples=20, deadline=None)
@given(events=events_of(training_subjects[:4], max_size=60), at=times)
def test_what_was_known_at_a_time_is_what_a_store_of_that_time_holds(events: list[Event], at: datetime) -> None:
    events = [*events, *(event(subject, "GENDER//F") for subject in training_subjects[:4])]
    then = [row for row in events if is_past(row, at)]
    store, vocabulary = memory_store(events), fit_vocabulary(memory_store(events), settings=SMALL)
    known = known_at(tokenize(store.cursor(), vocabulary), at)
    of_then = tokenize(memory_store(then).cursor(), vocabulary)
    seen = {row["subject_id"] for row in then if row["time"] is not None}
    assert known.subject_ids.tolist() == sorted(seen)
    for place, subject in enumerate(known.subject_ids.tolist()):
        there = int(np.searchsorted(of_then.subject_ids, subject))
        for name in ("tokens", "times", "values"):
            one = getattr(known, name)[known.offsets[place] : known.offsets[place + 1]]
            other = getattr(of_then, name)[of_then.offsets[there] : of_then.offsets[there + 1]]
            assert np.array_equal(one, other, equal_nan=name != "tokens")
