"""Small stores in memory and random events, for tests of tokens and timelines."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
from hypothesis import strategies as st

from ehr.intake import Intake, event_frame
from ehr.splits import split_of
from ehr.store import Store

START = datetime(2150, 1, 1)
CODES = (
    "HOSPITAL_ADMISSION//URGENT",
    "HOSPITAL_DISCHARGE//HOME",
    "LAB//50912//mg/dL",
    "LAB//50912//umol/L",
    "LAB//50971//mEq/L",
    "DIAGNOSIS//ICD//10//A0471",
    "DIAGNOSIS//ICD//10//A0472",
    "MEDICATION//ATC//A10BA02",
    "Q1",
    "MEDS_DEATH",
)
STATIC = ("GENDER//F", "GENDER//M", "RACE//WHITE")

Event = dict[str, Any]

training_subjects = [number for number in range(1, 60) if split_of(number) == "train"]
other_subjects = [number for number in range(1, 200) if split_of(number) != "train"]


def memory_store(events: Iterable[Event]) -> Store:
    """Return a store in memory that holds the events."""
    con = duckdb.connect()
    con.execute(files("ehr").joinpath("schema.sql").read_text(encoding="utf-8"))
    store = Store(Path("in-memory"), con, writable=True)
    add_events(store, events)
    return store


def add_events(store: Store, events: Iterable[Event]) -> None:
    """Import more events."""
    frame = event_frame(events)
    intake = Intake(store, "made", Path())
    entry = intake.begin("made", str(frame.hash_rows().sum()))
    added = entry.stage_frame("event", frame)
    entry.tally("event", rows_in=added, accepted=added)
    intake.commit()


def event(
    subject_id: int,
    code: str,
    time: datetime | None = None,
    value: float | None = None,
    unit: str | None = None,
) -> Event:
    return {"subject_id": subject_id, "time": time, "code": code, "numeric_value": value, "unit": unit}


def born(subject_id: int, years_before: float = 50) -> Event:
    return event(subject_id, "MEDS_BIRTH", START - timedelta(days=365.2425 * years_before))


values = st.one_of(
    st.none(),
    st.sampled_from([0.0, 1.0, -1.5, 7.25]),
    st.floats(-1e4, 1e4, width=32),
    st.sampled_from([float("nan"), float("inf")]),
)
units = st.sampled_from([None, None, "mg/dL", "MG/DL", "TAB", "mL"])
moments = st.one_of(
    st.none(),
    st.integers(0, 12).map(lambda hours: START + timedelta(hours=hours)),
    st.integers(0, 10**9).map(lambda seconds: START + timedelta(seconds=seconds)),
)


def events_of(
    subjects: Sequence[int], codes: Sequence[str] = CODES, max_size: int = 40
) -> st.SearchStrategy[list[Event]]:
    """Return a strategy for events of the subjects; codes without a time are static facts."""
    timed = st.builds(event, st.sampled_from(subjects), st.sampled_from(codes), moments.filter(bool), values, units)
    static = st.builds(event, st.sampled_from(subjects), st.sampled_from(STATIC))
    births = st.builds(born, st.sampled_from(subjects), st.sampled_from([0.0, 30.5, 64.9, -0.0001]))
    return st.lists(st.one_of(timed, timed, timed, static, births), max_size=max_size)
