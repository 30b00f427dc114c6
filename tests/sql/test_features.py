"""Features by query are what plain loops over the events find."""

import math
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from sql.cohort.records import records_of_events
from sql.features import write_features

START = datetime(2020, 1, 1)
times = st.integers(0, 6).map(lambda half_days: START + timedelta(hours=12 * half_days))
events = st.lists(
    st.fixed_dictionaries(
        {
            "subject_id": st.integers(1, 3),
            "time": st.one_of(st.none(), times),
            "code": st.sampled_from(["A", "B"]),
            "numeric_value": st.one_of(st.none(), st.sampled_from([1.0, 2.5, -3.0, math.inf, math.nan])),
        }
    ),
    max_size=25,
)
labels = st.lists(st.tuples(st.integers(1, 4), times), max_size=4)

Rows = dict[tuple[int, datetime, str], tuple[Any, ...]]


def by_loops(events: list[dict[str, Any]], rows: list[tuple[int, datetime]]) -> Rows:
    found: Rows = {}
    for subject, at in rows:
        past = [e for e in events if e["subject_id"] == subject and (e["time"] is None or e["time"] <= at)]
        for code in {event["code"] for event in past}:
            own = [event for event in past if event["code"] == code]
            known = [event["time"] for event in own if event["time"] is not None]
            valued = [event for event in own if event["numeric_value"] is not None]
            latest = max((event["time"] or datetime.min for event in valued), default=None)
            last = [event["numeric_value"] for event in valued if (event["time"] or datetime.min) == latest]
            recent = sum(time > at - timedelta(days=1) for time in known)
            greatest = max(last, key=lambda value: math.inf if math.isnan(value) else value, default=None)
            nan = any(math.isnan(value) for value in last)
            found[subject, at, code] = (
                len(own),
                recent,
                max(known, default=None),
                str(math.nan if nan else greatest),
            )
    return found


@settings(max_examples=40, deadline=None)
@given(events, labels)
def test_features_are_those_of_plain_loops(events: list[dict[str, Any]], labels: list[tuple[int, datetime]]) -> None:
    con = duckdb.connect()
    con.execute('CREATE TABLE event (subject_id BIGINT, "time" TIMESTAMP, code VARCHAR, numeric_value FLOAT)')
    for event in events:
        con.execute("INSERT INTO event VALUES ($subject_id, $time, $code, $numeric_value)", event)
    schema = {"subject_id": pl.Int64, "prediction_time": pl.Datetime("us")}
    with TemporaryDirectory() as folder:
        path = Path(folder, "new", "features.parquet")
        write_features(records_of_events(con), pl.DataFrame(labels, schema=schema, orient="row"), str(path))
        frame = pl.read_parquet(path)
    found = {tuple(row[:3]): (*row[3:6], str(row[6])) for row in frame.iter_rows()}
    assert len(found) == frame.height, "one row for each row of the cohort and code"
    assert found == by_loops(events, labels)
