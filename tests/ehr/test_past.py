"""Queries and timelines agree on what was known when."""

from datetime import datetime, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from ehr.fitting import fit_vocabulary
from ehr.past import known, known_within
from ehr.timelines import past_ends
from ehr.tokens import NO_EVENT, tokenize
from tests.ehr.made import START, Event, events_of, memory_store, training_subjects

SUBJECTS = tuple(training_subjects[:3])
KNOWN = known(exp.column("time"), exp.column("at", "asked")).sql("duckdb")
times = st.one_of(
    st.integers(0, 12).map(lambda hours: START + timedelta(hours=hours)),
    st.integers(0, 10**9).map(lambda seconds: START + timedelta(seconds=seconds)),
)


@settings(max_examples=12, deadline=None)
@given(events_of(SUBJECTS).filter(bool), times)
def test_a_query_knows_what_the_timeline_knows(events: list[Event], at: datetime) -> None:
    store = memory_store(events)
    con = store.cursor()
    subjects = sorted({event["subject_id"] for event in events})
    timelines = tokenize(con, fit_vocabulary(store))
    begins, ends = past_ends(timelines, subjects, np.full(len(subjects), np.datetime64(at, "us")))
    by_timeline = {
        int(number)
        for begin, end in zip(begins, ends, strict=True)
        for number in timelines.event_ids[begin:end]
        if number != NO_EVENT
    }
    found = con.execute(f'SELECT event_id FROM event, (SELECT ?::TIMESTAMP AS "at") AS asked WHERE {KNOWN}', [at])
    assert {number for (number,) in found.fetchall()} == by_timeline


def test_the_begin_of_a_span_lies_outside_and_static_facts_in_none() -> None:
    con = memory_store([]).cursor()
    within = known_within(exp.column("time"), exp.column("day"), timedelta(hours=24)).sql("duckdb")
    rows = [(START,), (START + timedelta(microseconds=1),), (None,)]
    found = [
        con.execute(f"SELECT {within} FROM (SELECT ?::TIMESTAMP AS time, ?::TIMESTAMP AS day)", [
            time, START + timedelta(hours=24),
        ]).fetchall()[0][0]
        for (time,) in rows
    ]  # fmt: skip
    assert found == [False, True, None]
