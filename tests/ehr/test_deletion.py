"""Deleting a patient: nothing stays but the tombstone, and compacting the store leaves no byte behind."""

from datetime import datetime
from pathlib import Path

import pytest

from ehr.compaction import NEW_FOLDER, compact_store
from ehr.deletion import delete_subject, lift_deletion
from ehr.errors import UnknownSubject
from ehr.intake import Intake, event_frame
from ehr.reasons import Reason
from ehr.store import DATABASE_FILE, Store, create_store, open_store, opened
from tests.ehr.same_store import CONTENTS, contents, differences

NOON = datetime(2150, 3, 1, 12)
PATIENT_TABLES = ("event", "encounter", "subject", "timeline", "record")


def fill(store: Store, subject_ids: tuple[int, ...], name: str = "a") -> None:
    """Import a little of each patient: events, a stay, a record version, a timeline, a refused record."""
    intake = Intake(store, "meds", Path())
    entry = intake.begin(name, name)
    for subject_id in subject_ids:
        word = f"secret{subject_id:04}word"
        rows: list[dict[str, object]] = [
            {"subject_id": subject_id, "time": NOON, "code": "LAB//1", "text_value": word},
            {"subject_id": subject_id, "time": None, "code": "GENDER//F"},
        ]
        added = entry.stage_frame("event", event_frame(rows))
        entry.stage("subject", f"SELECT {subject_id} AS subject_id, ['h|{word}'] AS identifiers, false AS deceased")
        entry.stage(
            "encounter", f"SELECT {subject_id + 100} AS encounter_id, {subject_id} AS subject_id, 'icu' AS class"
        )
        entry.stage("record", f"SELECT 'O/{subject_id}' AS record_id, {subject_id} AS subject_id")
        entry.reject(1, f"Patient/{word}", "bad", f"id {word}", code=Reason.BAD_ID)
        entry.tally("event", rows_in=added + 1, accepted=added, rejected=1)
    intake.commit()
    for subject_id in subject_ids:
        store.con.execute("INSERT INTO timeline VALUES ('v', ?, [1], [NULL], [1], [NULL], 1, 1)", [subject_id])


def test_a_deleted_patient_is_gone_everywhere(tmp_path: Path) -> None:
    with opened(create_store(tmp_path / "store")) as store:
        fill(store, (1, 2))
        deleted = delete_subject(store, "1")
        assert (deleted.events, deleted.encounters, deleted.excerpts) == (2, 1, 1)
        for table in PATIENT_TABLES:
            found = store.con.execute(f"SELECT DISTINCT subject_id FROM {table}").fetchall()
            assert found == [(2,)], table
        assert store.con.execute("SELECT subject_id, n_events FROM tombstone").fetchall() == [(1, 2)]
        ledger = store.con.execute("SELECT resource, excerpt FROM reject ORDER BY resource").fetchall()
        assert ledger == [("Patient", None), ("Patient/secret0002word", "id secret0002word")]
        assert store.con.execute("SELECT code, n_events, n_subjects FROM code ORDER BY code").fetchall() == [
            ("GENDER//F", 1, 1),
            ("LAB//1", 1, 1),
        ]


def test_a_deleted_patient_does_not_come_back(tmp_path: Path) -> None:
    with opened(create_store(tmp_path / "store")) as store:
        fill(store, (1, 2))
        delete_subject(store, "1")
        fill(store, (1, 3), "b")
        assert store.con.execute("SELECT DISTINCT subject_id FROM event ORDER BY 1").fetchall() == [(2,), (3,)]
        assert store.con.execute("SELECT subject_id FROM encounter ORDER BY 1").fetchall() == [(2,), (3,)]
        with pytest.raises(UnknownSubject):
            delete_subject(store, "1")


def test_a_deletion_can_be_lifted(tmp_path: Path) -> None:
    with opened(create_store(tmp_path / "store")) as store:
        fill(store, (1,))
        delete_subject(store, "1")
        assert lift_deletion(store, "1") == 1
        fill(store, (1,), "b")
        assert store.con.execute("SELECT count(*) FROM event").fetchall() == [(2,)]
        with pytest.raises(UnknownSubject, match="no patient '1' was deleted"):
            lift_deletion(store, "1")


def test_compacting_keeps_all_and_leaves_no_byte_of_the_deleted(tmp_path: Path) -> None:
    path = tmp_path / "store"
    with opened(create_store(path)) as store:
        fill(store, tuple(range(1, 300)))
        store.con.execute("ALTER TABLE event ADD COLUMN ward VARCHAR")
        store.con.execute("COMMENT ON COLUMN event.ward IS 'it''s further'")
        store.con.execute("UPDATE event SET ward = 'w'")
        delete_subject(store, "7")
        before, state = contents(store), store.con.execute("FROM store_state").fetchall()
    (path / NEW_FOLDER).mkdir()
    (path / NEW_FOLDER / DATABASE_FILE).write_text("left over")
    compact_store(path)
    assert not (path / NEW_FOLDER).exists()
    with opened(open_store(path)) as store:
        after = contents(store)
        assert [name for name in CONTENTS if not before[name].equals(after[name])] == []
        assert store.con.execute("FROM store_state").fetchall() == state
        comment = "SELECT comment FROM duckdb_columns() WHERE column_name = 'ward'"
        assert store.con.execute(comment).fetchall() == [("it's further",)]
    bytes_now = (path / DATABASE_FILE).read_bytes()
    assert b"secret0007word" not in bytes_now
    assert b"secret0008word" in bytes_now


def test_a_compacted_store_takes_in_more(tmp_path: Path) -> None:
    for name in ("one", "other"):
        with opened(create_store(tmp_path / name)) as store:
            fill(store, (1, 2))
        if name == "one":
            compact_store(tmp_path / name)
        with opened(create_store(tmp_path / name)) as store:
            fill(store, (3, 2), "b")
    with opened(open_store(tmp_path / "one")) as one, opened(open_store(tmp_path / "other")) as other:
        assert differences(one, other) == []
