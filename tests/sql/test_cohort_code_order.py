"""A store that keeps its events in the order of codes gives the cohorts that it gives without."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ehr import code_order
from ehr.deletion import delete_subject
from ehr.intake import Intake, event_frame
from ehr.store import Store, create_store, opened
from ehr.tasks import Task, parse_task
from sql.cohort import explain_cohort, find_cohort
from sql.cohort.records import records_of_store
from tests.sql.cohort_reference import Event
from tests.sql.test_cohort_property import BEGIN, event_tables, tasks


@pytest.fixture(autouse=True)
def _in_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_order, "LEAST", 5)
    monkeypatch.setattr(code_order, "SLICE", 7)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with opened(create_store(tmp_path / "store")) as store:
        take(store, [Event(subject_id, BEGIN, "LAB//K", 1.0, "A") for subject_id in range(1, 10)], "a")
        yield store


def take(store: Store, events: list[Event], name: str) -> None:
    """Import events, the record of each named by its subject and hour: later ones replace those before."""
    intake = Intake(store, "meds", Path())
    entry = intake.begin(name, name)
    rows: list[dict[str, object]] = []
    for event in events:
        record_id = f"O/{event.subject_id}-{event.time and event.time.hour}"
        entry.stage("gone", f"SELECT '{record_id}' AS record_id, {event.subject_id} AS subject_id")
        rows.append({name: getattr(event, name) for name in Event.__dataclass_fields__} | {"record_id": record_id})
    entry.stage_frame("event", event_frame(rows))
    entry.tally("event", rows_in=len(rows), accepted=len(rows))
    intake.commit()


@settings(max_examples=12, deadline=None)
@given(tasks(), event_tables(), event_tables(), st.integers(1, 3))
def test_cohorts_are_the_same_with_and_without(task: Task, events: list[Event], more: list[Event], gone: int) -> None:
    with tempfile.TemporaryDirectory() as folder, opened(create_store(Path(folder) / "store")) as store:
        for name, part in (("a", events), ("b", more[:20])):
            take(store, part, name)
        if store.con.execute("FROM subject WHERE subject_id = ?", [gone]).fetchall():
            delete_subject(store, str(gone))
        if not store.is_empty():
            records = records_of_store(store)
            with_it, without = (find_cohort(one, task) for one in (records, replace(records, by_code=None)))
            assert with_it.rows.equals(without.rows)
            assert with_it.attrition == without.attrition


ASKED = """
predicates:
  lab: {code: LAB//K%s}
trigger: lab
windows: {day: {start: trigger, end: start + 24h, start_inclusive: false, end_inclusive: true}}
"""


@pytest.mark.parametrize(
    ("more", "is_read", "rows"),
    [("", True, 9), (", value_min: 0.5", True, 9), (", unit: A", True, 9), (", status: x", False, 0)],
)
def test_the_second_order_is_read_for_its_columns(store: Store, more: str, is_read: bool, rows: int) -> None:
    task, records = parse_task(ASKED % more, "asked"), records_of_store(store)
    _tree, sql = explain_cohort(records, task)
    assert ("event_by_code" in sql) == is_read
    assert find_cohort(records, task).rows.height == rows
