"""What an import promises: all or nothing, every record counted, the same bytes once."""

from datetime import datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from ehr.errors import StoreError
from ehr.events import EVENT_SCHEMA
from ehr.intake import Intake, event_frame, shorten
from ehr.reasons import Reason
from ehr.store import Store, create_store, open_store, opened, require_subjects, transaction

NOON = datetime(2150, 3, 1, 12)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return create_store(tmp_path / "store")


def take_in(store: Store, folder: Path, text: str, rows: list[dict[str, object]]) -> Intake:
    """Stage `rows` as the events of a file that holds `text`."""
    path = folder / "events.txt"
    path.write_text(text)
    intake = Intake(store, "meds", folder)
    with intake.file(path) as entry:
        if entry is not None:
            added = entry.stage_frame("event", event_frame(rows))
            entry.tally("event", rows_in=added, accepted=added)
    return intake


def person(subject_id: int = 1) -> list[dict[str, object]]:
    return [
        {"subject_id": subject_id, "time": datetime(2100, 1, 1), "code": "MEDS_BIRTH"},
        {"subject_id": subject_id, "time": None, "code": "GENDER//F"},
        {"subject_id": subject_id, "time": NOON, "code": "LAB//50971//mEq/L", "numeric_value": 4.1, "unit": "mEq/L"},
        {"subject_id": subject_id, "time": datetime(2151, 1, 1), "code": "MEDS_DEATH"},
    ]


def test_events_of_an_import_give_the_subject_and_the_codes(store: Store, tmp_path: Path) -> None:
    report = take_in(store, tmp_path, "one", person()).commit()
    assert (report.events, report.subjects) == (4, 1)
    subject = store.con.execute("SELECT birth_time, sex, death_time, first_time, last_time FROM subject").fetchall()
    assert subject == [(datetime(2100, 1, 1), "female", datetime(2151, 1, 1), NOON, datetime(2151, 1, 1))]
    code = store.con.execute("SELECT kind, unit, n_events, n_subjects FROM code WHERE code LIKE 'LAB%'").fetchall()
    assert code == [("observation", "mEq/L", 1, 1)]


def test_the_same_bytes_go_in_once(store: Store, tmp_path: Path) -> None:
    take_in(store, tmp_path, "one", person()).commit()
    again = take_in(store, tmp_path, "one", person()).commit()
    assert again.unchanged == ("events.txt",)
    assert store.con.execute("SELECT count(*) FROM event").fetchall() == [(4,)]


def test_a_second_import_adds_to_a_subject(store: Store, tmp_path: Path) -> None:
    take_in(store, tmp_path, "one", person()[:3]).commit()
    take_in(store, tmp_path, "two", person()[3:]).commit()
    events = store.con.execute("SELECT count(*), count(DISTINCT event_id) FROM event").fetchall()
    assert events == [(4, 4)]
    assert store.con.execute("SELECT death_time FROM subject").fetchall() == [(datetime(2151, 1, 1),)]


def test_nothing_is_in_the_store_when_the_counts_do_not_add_up(store: Store, tmp_path: Path) -> None:
    intake = take_in(store, tmp_path, "one", person())
    intake.pending[0].tally("event", rows_in=1)
    with pytest.raises(AssertionError, match="read 5, but accepted 4"):
        intake.commit()
    assert store.con.execute("SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM source)").fetchall() == [
        (0, 0)
    ]


def test_rejects_and_notices_are_kept_with_short_excerpts(store: Store, tmp_path: Path) -> None:
    intake = take_in(store, tmp_path, "one", person())
    entry = intake.pending[0]
    entry.reject(3, "Observation/x", "no subject", "x" * 1000, code=Reason.NO_SUBJECT)
    entry.notice(None, None, "unknown column", code=Reason.UNKNOWN_COLUMN)
    entry.tally("Observation", rows_in=1, rejected=1)
    intake.commit()
    rejected = store.con.execute("SELECT source_id, line, reason, length(excerpt) FROM reject").fetchall()
    assert rejected == [(1, 3, "no subject", 200)]
    assert store.con.execute("SELECT line, resource, reason FROM notice").fetchall() == [
        (None, None, "unknown column")
    ]
    assert shorten(None) is None


def test_an_event_frame_has_every_column(tmp_path: Path) -> None:
    frame = event_frame(person())
    assert frame.schema == pl.Schema(EVENT_SCHEMA)
    assert len(frame) == 4


def test_opening_what_is_no_store_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"there is no store at .*ehr import"):
        open_store(tmp_path / "none")
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(StoreError, match="holds no store"):
        create_store(tmp_path)
    duckdb.connect(str(tmp_path / "ehr.duckdb")).close()
    with pytest.raises(StoreError, match="not a store of Anamnesis"):
        open_store(tmp_path)


def test_an_empty_store_is_named_as_such(store: Store) -> None:
    with pytest.raises(StoreError, match="is empty"):
        require_subjects(store)


def test_a_locked_store_touches_no_file_and_keeps_its_settings(store: Store, tmp_path: Path) -> None:
    store.close()
    (tmp_path / "secret.csv").write_text("a\n1\n")
    with opened(open_store(store.path, locked=True)) as locked:
        for statement in (
            f"FROM read_csv('{tmp_path / 'secret.csv'}')",
            f"COPY (SELECT 1) TO '{tmp_path / 'out.csv'}'",
            "SET enable_external_access = true",
            "CREATE TABLE t (a INTEGER)",
        ):
            with pytest.raises(duckdb.Error):
                locked.cursor().execute(statement)
    assert not (tmp_path / "out.csv").exists()


def test_a_death_without_a_time_marks_the_subject_and_is_no_event(store: Store, tmp_path: Path) -> None:
    intake = take_in(store, tmp_path, "one", person()[:3])
    known = pl.DataFrame({"subject_id": [1], "identifiers": [["fhir|a"]], "deceased": [True]})
    intake.pending[0].stage_frame("subject", known)
    intake.commit()
    patient = store.con.execute("SELECT died, death_time, identifiers FROM patient").fetchall()
    assert patient == [(True, None, ["fhir|a"])]
    take_in(store, tmp_path, "two", person()[3:]).commit()
    assert store.con.execute("SELECT died, death_time IS NULL FROM patient").fetchall() == [(True, False)]
    assert store.con.execute("SELECT count(*) FROM death").fetchall() == [(1,)]


def test_a_store_cannot_be_opened_twice_in_one_process_in_different_ways(store: Store) -> None:
    with pytest.raises(StoreError, match="open in this process"):
        open_store(store.path)
    store.close()
    with opened(open_store(store.path, locked=True)), pytest.raises(StoreError, match="locked one"):
        open_store(store.path)


def interrupted_work(store: Store) -> None:
    with transaction(store.con):
        store.con.rollback()
        raise KeyboardInterrupt


def failing_work(store: Store) -> None:
    with transaction(store.con):
        store.con.execute("INSERT INTO tombstone VALUES (1, now()::TIMESTAMP, 0)")
        raise ValueError("undone")


def test_an_interruption_that_ended_the_transaction_is_told_as_it_is(store: Store) -> None:
    with pytest.raises(KeyboardInterrupt):
        interrupted_work(store)


def test_a_transaction_that_fails_leaves_nothing(store: Store) -> None:
    with pytest.raises(ValueError, match="undone"):
        failing_work(store)
    assert store.con.execute("SELECT count(*) FROM tombstone").fetchall() == [(0,)]
