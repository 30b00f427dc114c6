"""The events in the order of codes: the same events, whatever is imported, replaced and deleted."""

import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ehr import code_order
from ehr.check import check_store
from ehr.code_order import keeps_code_order
from ehr.compaction import compact_store
from ehr.deletion import delete_subject
from ehr.intake import Intake, event_frame
from ehr.store import Store, create_store, opened

BEGIN = datetime(2150, 3, 1)
CODES = ("LAB//K", "LAB//NA", "LAB//CREATININE", "DIAGNOSIS//I50")

Record = tuple[int, int, str, int | None, str | None]
"""Number of the record, subject_id, code, hour, unit."""

RECORDS = st.tuples(
    st.integers(1, 9),
    st.integers(1, 4),
    st.sampled_from(CODES),
    st.none() | st.integers(0, 5),
    st.sampled_from((None, "mg/dL", "mmol/L")),
)
STEPS = st.lists(st.lists(RECORDS, max_size=8) | st.integers(1, 4), max_size=6)
"""What happens to a store: records come, in place of those of the same number; or a patient is deleted."""


@pytest.fixture(autouse=True)
def _in_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_order, "LEAST", 6)
    monkeypatch.setattr(code_order, "SLICE", 3)


def take(store: Store, records: list[Record], name: str) -> None:
    """Import records; one of the same subject and number goes before."""
    intake = Intake(store, "meds", Path())
    entry = intake.begin(name, name)
    rows: list[dict[str, object]] = [
        {
            "subject_id": subject_id,
            "time": None if hour is None else BEGIN + timedelta(hours=hour),
            "code": code,
            "numeric_value": float(number),
            "unit": unit,
            "record_id": f"O/{number}",
        }
        for number, subject_id, code, hour, unit in records
    ]
    added = entry.stage_frame("event", event_frame(rows))
    for number, subject_id, *_ in records:
        entry.stage("gone", f"SELECT 'O/{number}' AS record_id, {subject_id} AS subject_id")
    entry.tally("event", rows_in=added, accepted=added)
    intake.commit()


def events(store: Store, table: str) -> list[tuple[object, ...]]:
    """Return the events of one order with the columns that both have, sorted."""
    columns = 'subject_id, "time", code, numeric_value, unit'
    return store.cursor().execute(f"SELECT {columns} FROM {table} ORDER BY ALL").fetchall()


def second_order(store: Store) -> list[tuple[object, ...]]:
    return events(store, "event_by_code JOIN code_place USING (place)")


@settings(max_examples=25, deadline=None)
@given(STEPS)
def test_both_orders_hold_the_same_events(steps: list[list[Record] | int]) -> None:
    with tempfile.TemporaryDirectory() as folder, opened(create_store(Path(folder) / "store")) as store:
        for number, step in enumerate(steps):
            if isinstance(step, list):
                take(store, step, str(number))
            elif store.con.execute("FROM subject WHERE subject_id = ?", [step]).fetchall():
                delete_subject(store, str(step))
            if keeps_code_order(store.con):
                assert second_order(store) == events(store, "event")
            else:
                assert len(events(store, "event")) < 6
                assert second_order(store) == []


def test_a_small_store_does_without(tmp_path: Path) -> None:
    with opened(create_store(tmp_path / "store")) as store:
        take(store, [(1, 1, "LAB//K", 1, None)], "a")
        assert not keeps_code_order(store.con)
        take(store, [(number, 2, "LAB//K", 1, None) for number in range(1, 6)], "b")
        assert keeps_code_order(store.con)
        assert len(second_order(store)) == 6


def test_nothing_of_a_deleted_patient_stays(tmp_path: Path) -> None:
    with opened(create_store(tmp_path / "store")) as store:
        take(
            store, [(number, 1, "LAB//K", 1, None) for number in range(1, 8)] + [(8, 2, "SECRET//1", 1, "jars")], "a"
        )
        delete_subject(store, "2")
        assert store.con.execute("SELECT DISTINCT code, unit FROM code_place").fetchall() == [("LAB//K", None)]


def test_compacting_puts_all_in_the_order_of_places(tmp_path: Path) -> None:
    path = tmp_path / "store"
    with opened(create_store(path)) as store:
        for name in "abc":
            take(store, [(number, number % 3 + 1, CODES[number % 4], number, None) for number in range(1, 10)], name)
        before = second_order(store)
    compact_store(path)
    with opened(create_store(path)) as store:
        assert second_order(store) == before == events(store, "event")
        laid = store.con.execute('SELECT place, subject_id, "time" FROM event_by_code ORDER BY rowid').fetchall()
        assert laid == sorted(laid)


@pytest.mark.parametrize(
    "fault",
    [
        "DELETE FROM event_by_code WHERE numeric_value = 3",
        "UPDATE event_by_code SET subject_id = 2 WHERE numeric_value = 3",
        "DELETE FROM code_place WHERE code = 'LAB//NA'",
    ],
)
def test_a_store_is_checked_for_orders_that_differ(tmp_path: Path, fault: str) -> None:
    with opened(create_store(tmp_path / "store")) as store:
        take(store, [(number, 1, CODES[number % 2], number, None) for number in range(1, 8)], "a")
        assert found(store) == 0
        store.con.execute(fault)
        assert found(store) == 1


def found(store: Store) -> int:
    outcomes = {outcome.check.name: outcome for outcome in check_store(store).outcomes}
    return outcomes["code-order-differs"].found
