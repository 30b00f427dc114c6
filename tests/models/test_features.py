"""Features are what plain loops over the past find, and nothing that comes later changes them."""

import math
import random
from datetime import datetime, timedelta

import duckdb
import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from models.features import (
    STATISTICS,
    FeaturePlan,
    FeatureSettings,
    Window,
    past_digest,
    plan_features,
    plan_from,
    read_features,
)
from tests.ehr.made import START, Event, born, event, events_of

SUBJECTS = (1, 2, 3)
CODES = ("A", "B//x", "C")
WINDOWS = (Window(), Window(6), Window(12, 3))
times = st.integers(0, 20).map(lambda hours: START + timedelta(hours=hours))
records = events_of(SUBJECTS, CODES, max_size=30)
asked = st.lists(st.tuples(st.sampled_from([1, 2, 3, 4]), times), min_size=1, max_size=5, unique=True)


def label_rows(keys: list[tuple[int, datetime]]) -> pl.DataFrame:
    schema = {"subject_id": pl.Int64, "prediction_time": pl.Datetime("us")}
    return pl.DataFrame(keys, schema=schema, orient="row")


def table_of(events: list[Event]) -> duckdb.DuckDBPyConnection:
    """Return a connection whose table `event` has no more columns than features need."""
    con = duckdb.connect(config={"threads": 1})
    schema = {"subject_id": pl.Int64, "time": pl.Datetime("us"), "code": pl.String, "numeric_value": pl.Float32}
    con.register("made", pl.DataFrame(events, schema=schema).to_arrow())
    con.execute("CREATE TABLE event AS FROM made")
    return con


def whole_plan(codes: tuple[str, ...] = CODES) -> FeaturePlan:
    own = [("", 0, name) for name in ("age", "days of history", "days since the last record", "records")]
    columns = [(code, window, name) for code in codes for window in range(len(WINDOWS)) for name in STATISTICS]
    return FeaturePlan(FeatureSettings(WINDOWS, tuple(STATISTICS)), (*own, *columns))


def by_loops(events: list[Event], subject: int, at: datetime, plan: FeaturePlan) -> list[float]:
    past = [e for e in events if e["subject_id"] == subject and (e["time"] is None or e["time"] <= at)]
    return [_by_loops(past, at, *column, plan) for column in plan.columns]


def _by_loops(past: list[Event], at: datetime, code: str, window: int, name: str, plan: FeaturePlan) -> float:
    if not code:
        return _own(past, at, name)
    span = plan.settings.windows[window]
    own = [event for event in past if event["code"] == code and _lies_in(event["time"], at, span)]
    if name == "count":
        return len(own)
    timed = [event["time"] for event in own if event["time"] is not None]
    if name == "days since":
        return (at - max(timed)) / timedelta(days=1) if timed else math.nan
    numbers = [
        (e["time"] or datetime.min, np.float32(e["numeric_value"])) for e in own if e["numeric_value"] is not None
    ]
    numbers = [(time, float(value)) for time, value in numbers if math.isfinite(value)]
    return _of_numbers(numbers, at, name) if numbers else math.nan


def _of_numbers(numbers: list[tuple[datetime, float]], at: datetime, name: str) -> float:
    values = [value for _, value in numbers]
    first, last = min(time for time, _ in numbers), max(time for time, _ in numbers)
    moments = {time: np.mean([v for t, v in numbers if t == time]) for time, _ in numbers if time != datetime.min}
    days = np.array([(time - at) / timedelta(days=1) for time in moments])
    means = np.array(list(moments.values()))
    return {
        "last": max(value for time, value in numbers if time == last),
        "first": max(value for time, value in numbers if time == first),
        "min": min(values),
        "max": max(values),
        "mean": float(np.mean(values)),
        "sum": float(np.sum(values)),
        "trend": float(np.polyfit(days - days.mean(), means, 1)[0]) if len(moments) > 1 else math.nan,
    }[name]


def _own(past: list[Event], at: datetime, name: str) -> float:
    births = [e["time"] for e in past if e["code"] == "MEDS_BIRTH" and e["time"] is not None]
    others = [e["time"] for e in past if e["code"] != "MEDS_BIRTH" and e["time"] is not None]
    if name == "records":
        return len(past) or math.nan
    if name == "age":
        return (at - min(births)) / timedelta(days=365.2425) if births else math.nan
    if not others:
        return math.nan
    return (at - (min(others) if name == "days of history" else max(others))) / timedelta(days=1)


def _lies_in(time: datetime | None, at: datetime, window: Window) -> bool:
    if time is None:
        return window.hours is None
    ago = (at - time) / timedelta(hours=1)
    return (window.hours is None or ago < window.hours) and (not window.until or ago >= window.until)


@settings(max_examples=25, deadline=None)
@given(records, asked)
def test_features_are_what_plain_loops_find(events: list[Event], keys: list[tuple[int, datetime]]) -> None:
    plan = whole_plan()
    found = read_features(table_of(events), label_rows(keys), plan)
    expected = np.array([by_loops(events, subject, at, plan) for subject, at in keys])
    is_loose = np.array([name in ("trend", "mean", "sum") for _, _, name in plan.columns])
    np.testing.assert_allclose(found[:, ~is_loose], expected[:, ~is_loose], rtol=1e-5, atol=1e-5)
    scale = max(
        [
            abs(e["numeric_value"])
            for e in events
            if e["numeric_value"] is not None and math.isfinite(e["numeric_value"])
        ],
        default=1,
    )
    np.testing.assert_allclose(found[:, is_loose], expected[:, is_loose], rtol=1e-3, atol=1e-4 * (1 + scale))


@settings(max_examples=10, deadline=None)
@given(records, records, asked)
def test_the_future_changes_no_feature(
    past: list[Event], other: list[Event], keys: list[tuple[int, datetime]]
) -> None:
    """Whatever comes after the last prediction time: other codes, numbers, births."""
    end = max(at for _, at in keys)
    later = [
        {**e, "time": end + timedelta(seconds=1) + (e["time"] - datetime(1900, 1, 1))} for e in other if e["time"]
    ]
    rows = label_rows(keys)
    one, two = table_of(past), table_of([*past, *later])
    chosen = FeatureSettings(WINDOWS, tuple(STATISTICS), min_rows=1)
    assert plan_features(one, rows, chosen) == plan_features(two, rows, chosen)
    np.testing.assert_array_equal(read_features(one, rows, whole_plan()), read_features(two, rows, whole_plan()))
    assert past_digest(one, rows) == past_digest(two, rows)


@settings(max_examples=10, deadline=None)
@given(records, asked, st.randoms())
def test_the_order_of_events_changes_no_feature(
    events: list[Event], keys: list[tuple[int, datetime]], rng: random.Random
) -> None:
    rows, mixed = label_rows(keys), rng.sample(events, len(events))
    one, two = table_of(events), table_of(mixed)
    names = tuple(name for name in STATISTICS if name not in ("mean", "sum", "trend"))
    plan = FeaturePlan(
        FeatureSettings(WINDOWS, names), tuple((c, w, s) for c in CODES for w in range(3) for s in names)
    )
    np.testing.assert_array_equal(read_features(one, rows, plan), read_features(two, rows, plan))
    assert past_digest(one, rows) == past_digest(two, rows)


def test_a_plan_keeps_what_tells_rows_apart() -> None:
    events = [
        row
        for subject in range(1, 7)
        for row in (
            born(subject, 40 + subject),
            event(subject, "SAME", START, 2.0),
            event(subject, "LAB", START, subject * 1.5),
            *([event(subject, "DRUG", START)] if subject % 2 else []),
            *([event(subject, "RARE", START, 1.0)] if subject == 3 else []),
        )
    ]
    con = table_of(events)
    rows = label_rows([(subject, START + timedelta(days=subject)) for subject in range(1, 7)])
    plan = plan_features(con, rows, FeatureSettings((Window(),), min_rows=2))
    assert plan.names[0] == "age"
    assert "last: LAB" in plan.names
    assert "count: DRUG" in plan.names
    assert not {"max: LAB", "count: SAME", "count: RARE", "last: DRUG", "count: MEDS_BIRTH"} & set(plan.names)
    assert plan_from(plan.as_mapping()) == plan
    few = plan_features(con, rows, FeatureSettings((Window(),), min_rows=2, max_codes=1))
    assert {code for code, _, _ in few.columns} <= {"", "LAB", "MEDS_BIRTH"}


def test_rows_without_a_past_have_no_counts_and_no_numbers() -> None:
    con = table_of([event(1, "A", START, 1.0)])
    matrix = read_features(con, label_rows([(1, START - timedelta(days=1)), (9, START)]), whole_plan(("A",)))
    is_count = [name == "count" for _, _, name in whole_plan(("A",)).columns]
    assert (matrix[:, is_count] == 0).all()
    assert np.isnan(matrix[:, np.logical_not(is_count)]).all()
