"""The sums behind table `code`: whatever comes and goes, they say what a look at all events would say."""

import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ehr import code_table
from ehr.intake import Intake, event_frame
from ehr.store import Store, create_store, opened

LEVELS = str(list(code_table.LEVELS))
RECOUNTED = f"""
    SELECT code, count(*) AS n_events, count(DISTINCT subject_id) AS n_subjects,
           quantile_cont(numeric_value::DOUBLE, {LEVELS}) FILTER (isfinite(numeric_value)) AS quantiles
    FROM event GROUP BY code ORDER BY code
"""
KEPT = "SELECT code, n_events, n_subjects, quantiles FROM code ORDER BY code"

numbers = st.one_of(st.none(), st.floats(-1e6, 1e6, width=32), st.sampled_from([0.0, 1.0, 2.5]))
records = st.tuples(st.integers(0, 5), st.integers(1, 3), st.sampled_from(["LAB//a", "LAB//b", "DRG//x"]), numbers)
steps = st.lists(
    st.tuples(st.lists(records, max_size=6), st.lists(st.integers(0, 5), max_size=3), st.booleans()), max_size=5
)


def take_in(store: Store, number: int, rows: list[dict[str, object]], gone: list[tuple[str | None, int]]) -> None:
    """Import events beside the removal of records."""
    intake = Intake(store, "meds", Path())
    entry = intake.begin(f"file {number}", str(number))
    for record_id, subject_id in gone:
        intake.con.execute(
            "INSERT INTO stage_gone BY NAME SELECT ?::VARCHAR AS record_id, ?::BIGINT AS subject_id",
            [record_id, subject_id],
        )
    added = entry.stage_frame("event", event_frame(rows))
    entry.tally("event", rows_in=added, accepted=added)
    intake.commit()


@settings(max_examples=30, deadline=None)
@given(steps)
def test_the_sums_follow_the_events(
    plan: list[tuple[list[tuple[int, int, str, float | None]], list[int], bool]],
) -> None:
    with tempfile.TemporaryDirectory() as folder, opened(create_store(Path(folder) / "store")) as store:
        for number, (added, removed, whole_subject) in enumerate(plan):
            rows: list[dict[str, object]] = [
                {
                    "subject_id": subject_id,
                    "time": datetime(2150, 1, 1) + timedelta(hours=number),
                    "code": code,
                    "numeric_value": value,
                    "record_id": f"Observation/{record}",
                }
                for record, subject_id, code, value in added
            ]
            gone: list[tuple[str | None, int]] = [
                (f"Observation/{record}", subject) for record in removed for subject in (1, 2, 3)
            ]
            take_in(store, number, rows, [(None, 1)] if whole_subject else gone)
            kept, recounted = (store.con.execute(query).fetchall() for query in (KEPT, RECOUNTED))
            assert [row[:3] for row in kept] == [row[:3] for row in recounted]
            for (*_, quantiles), (*_, expected) in zip(kept, recounted, strict=True):
                assert (quantiles is None) == (expected is None)
                assert quantiles is None or quantiles == pytest.approx(expected, rel=1e-6, abs=1e-3)


def test_sums_are_added_up_when_they_have_grown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_table, "SLACK", 0)
    row: dict[str, object] = {"subject_id": 1, "time": datetime(2150, 1, 1), "code": "LAB//a", "numeric_value": 1.0}
    with opened(create_store(tmp_path / "store")) as store:
        for number in range(9):
            take_in(store, number, [row], [])
        assert store.con.execute("SELECT sum(n) FROM code_value").fetchall() == [(9,)]
        assert store.con.execute("SELECT count(*) <= 2 FROM code_value").fetchall() == [(True,)]
        assert store.con.execute("SELECT n_events FROM code").fetchall() == [(9,)]


def test_numbers_of_events_are_never_given_twice(tmp_path: Path) -> None:
    row: dict[str, object] = {
        "subject_id": 1, "time": datetime(2150, 1, 1), "code": "LAB//a", "record_id": "Observation/1"
    }  # fmt: skip
    with opened(create_store(tmp_path / "store")) as store:
        take_in(store, 0, [row], [])
        take_in(store, 1, [row], [("Observation/1", 1)])
        assert store.con.execute("SELECT event_id FROM event").fetchall() == [(2,)]
