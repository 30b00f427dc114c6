from datetime import timedelta

import pytest

from ehr.errors import ModelError
from models.generative.monitor import course, event_times, regular_times
from models.predict import predict
from tests.models.made import START, make_rows, make_timelines, make_vocabulary, untrained_checkpoint

VOCABULARY = make_vocabulary()
RECORDS = {1: [(None, "SEX//F"), (0.0, "A"), (1.0, "B"), (1.0, "C"), (3.0, "A")], 2: [(0.0, "B")]}


def test_a_course_is_the_estimate_of_each_time_alone():
    checkpoint, timelines = untrained_checkpoint(VOCABULARY), make_timelines(VOCABULARY, RECORDS)
    times = regular_times(START, START + timedelta(days=3), timedelta(days=1))
    found = course(checkpoint, timelines, 1, times)
    alone = predict(checkpoint, timelines, make_rows([(1, float(day)) for day in range(4)]))
    assert found.equals(alone)
    assert found["events"].to_list() == [2, 4, 4, 5]


def test_the_moments_of_a_stay_are_each_there_once():
    timelines = make_timelines(VOCABULARY, RECORDS)
    days = [START, START + timedelta(days=1), START + timedelta(days=3)]
    assert event_times(timelines, 1, START, START + timedelta(days=9)) == days
    assert event_times(timelines, 1, days[1], days[1]) == days[1:2]
    assert event_times(timelines, 7, START, days[1]) == []


@pytest.mark.parametrize(
    ("every", "message"), [(timedelta(0), "more than 0 hours"), (timedelta(seconds=1), "too many")]
)
def test_steps_that_make_no_course_are_refused(every, message):
    with pytest.raises(ModelError, match=message):
        regular_times(START, START + timedelta(days=1), every)
