"""Versions and deletions of FHIR resources: the newest state stays, whatever the order in which files bring it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ehr.events import stable_id
from ehr.importers import ImportOptions
from ehr.importers.fhir import import_fhir, import_resources
from ehr.intake import ImportReport
from ehr.store import Store, create_store, opened
from tests.ehr import fhir_made as made

Json = dict[str, Any]


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with opened(create_store(tmp_path / "store")) as store:
        yield store


def rows(store: Store, query: str) -> list[tuple[Any, ...]]:
    return store.cursor().execute(query).fetchall()


def send(store: Store, *resources: Json) -> ImportReport:
    return import_resources(store, resources, "test", ImportOptions())


def version(number: int, day: int | None = None) -> Json:
    """Return the meta of a version, which came to be on a day of January 2024."""
    meta: Json = {"versionId": str(number)}
    if day is not None:
        meta["lastUpdated"] = f"2024-01-{day:02}T12:00:00Z"
    return meta


def measured(value: float, meta: Json | None = None, **other: Any) -> Json:
    quantity = {"value": value, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}
    return made.observation(valueQuantity=quantity, **({"meta": meta} if meta else {}), **other)


def deletion(target: str, day: int | None = None, kind: str = "transaction") -> Json:
    """Return a Bundle that deletes; a history tells the time of the entry, others that of the Bundle."""
    entry: Json = {"request": {"method": "DELETE", "url": target}}
    bundle: Json = {"resourceType": "Bundle", "type": kind, "entry": [entry]}
    if day is not None and kind == "history":
        entry["response"] = {"status": "204", "lastModified": f"2024-01-{day:02}T12:00:00Z"}
    elif day is not None:
        bundle["timestamp"] = f"2024-01-{day:02}T12:00:00Z"
    return bundle


def value(store: Store, record: str = "Observation/o1") -> Any:
    found = rows(store, f"SELECT numeric_value FROM event WHERE record_id = '{record}'")
    assert len(found) <= 1
    return found[0][0] if found else None


def ledger(report: ImportReport) -> tuple[int, int, int]:
    (file,) = report.files
    assert file.rows_in == file.accepted + file.rejected + file.skipped
    return file.accepted, file.rejected, file.skipped


def codes(store: Store) -> list[tuple[str, str]]:
    return rows(store, "SELECT resource, code FROM reject ORDER BY source_id")


# Updates ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (version(1, 1), version(2, 2)),
        (version(9, 1), version(1, 2)),
        (version(9), version(10)),
        (version(1, 1), version(2, 1)),
        ({"lastUpdated": "2024-01-01T12:00:00+14:00"}, {"lastUpdated": "2024-01-01T12:00:00Z"}),
        ({"lastUpdated": "2024-01-01T12:00:00.123Z"}, {"lastUpdated": "2024-01-01T12:00:00.124Z"}),
        ({"versionId": "7"}, {"lastUpdated": "2024-01-01T12:00:00Z"}),
        (None, version(1)),
    ],
)
@pytest.mark.parametrize("together", [False, True])
def test_the_newer_version_stays_in_whatever_order_they_come(
    tmp_path: Path, old: Json | None, new: Json, together: bool
) -> None:
    for name, order in (
        ("forth", (measured(1, old), measured(2, new))),
        ("back", (measured(2, new), measured(1, old))),
    ):
        with opened(create_store(tmp_path / name)) as store:
            send(store, made.patient())
            for batch in [order] if together else [[one] for one in order]:
                send(store, *batch)
            assert value(store) == 2.0
            assert rows(store, "SELECT n_events FROM code WHERE code LIKE 'LAB%'") == [(1,)]
            assert rows(store, "SELECT count(*) FROM record WHERE record_id = 'Observation/o1'") == [(1,)]


def test_an_older_version_is_counted_as_skipped(store: Store) -> None:
    send(store, made.patient(), measured(2, version(2, 2)))
    assert ledger(send(store, measured(1, version(1, 1)))) == (0, 0, 1)
    found = rows(store, "SELECT code, reason FROM notice WHERE resource = 'Observation'")
    assert found == [("old-version", "older than what is known of the record, skipped: 1")]


def test_the_same_version_again_is_a_repeat_and_with_other_content_a_conflict(store: Store) -> None:
    send(store, made.patient(), measured(1, version(1, 1)))
    assert ledger(send(store, measured(1, version(1, 1)))) == (0, 0, 1)
    assert ledger(send(store, measured(2, version(1, 1)))) == (0, 1, 0)
    assert codes(store) == [("Observation/o1", "conflict")]
    assert value(store) == 1.0


def test_content_without_a_version_does_not_replace_content_that_has_one(store: Store) -> None:
    send(store, made.patient(), measured(1, version(1, 1)))
    assert ledger(send(store, measured(1))) == (0, 0, 1)
    assert ledger(send(store, measured(2))) == (0, 1, 0)
    assert value(store) == 1.0


def test_an_update_replaces_the_parts_of_a_record_too(store: Store) -> None:
    def panel(meta: Json, *values: float) -> Json:
        parts = [
            {"code": made.code(made.LOINC, f"8480-{n}"), "valueQuantity": {"value": v, "unit": "mm[Hg]"}}
            for n, v in enumerate(values)
        ]
        return made.observation(valueQuantity=None, component=parts, meta=meta)

    send(store, made.patient(), panel(version(1, 1), 120, 80, 60))
    send(store, panel(version(2, 2), 121))
    found = rows(store, "SELECT record_id, numeric_value FROM event WHERE record_id LIKE 'Obs%' ORDER BY 1")
    assert found == [("Observation/o1", None), ("Observation/o1.component[0]", 121.0)]


def test_an_update_can_move_a_record_to_another_patient(store: Store) -> None:
    send(store, made.patient(), made.patient(id="p2"), measured(1, version(1, 1), encounter=None))
    send(store, measured(1, version(2, 2), subject={"reference": "Patient/p2"}, encounter=None))
    found = rows(store, "SELECT subject_id FROM event WHERE record_id = 'Observation/o1'")
    assert found == [(stable_id("Patient/p2"),)]
    assert rows(store, "SELECT subject_id FROM record WHERE record_id = 'Observation/o1'") == found
    last = rows(store, f"SELECT last_time FROM subject WHERE subject_id = {stable_id('Patient/p1')}")
    assert last == [(None,)]


def test_an_updated_patient_has_the_new_facts_and_marks_only(store: Store) -> None:
    def told(**other: Any) -> list[tuple[Any, ...]]:
        send(store, made.patient(**other))
        return rows(store, "SELECT sex, birth_time::DATE::VARCHAR, died, identifiers[2:] FROM subject")

    first = told(meta=version(1, 1), deceasedBoolean=True, identifier=[{"system": "mrn", "value": "1"}])
    assert first == [("female", "1960-04-02", True, ["mrn|1"])]
    second = told(
        meta=version(2, 2), gender="male", birthDate="1961-04-02", identifier=[{"system": "mrn", "value": "2"}]
    )
    assert second == [("male", "1961-04-02", False, ["mrn|2"])]


def test_an_updated_encounter_replaces_its_stay(store: Store) -> None:
    send(store, made.patient(), made.encounter(meta=version(1, 1), identifier=[{"value": "v1"}]))
    period = {"start": "2020-05-01T07:00:00Z", "end": "2020-05-09T09:00:00Z"}
    changed = {"class": {"code": "AMB"}, "period": period, "identifier": [{"system": "s", "value": "v2"}]}
    send(store, made.encounter(meta=version(2, 2), **changed))
    assert rows(store, 'SELECT "class", end_time::VARCHAR, identifiers FROM encounter') == [
        ("ambulatory", "2020-05-09 09:00:00", ["s|v2"])
    ]
    found = rows(store, "SELECT code FROM event WHERE record_id = 'Encounter/e1' ORDER BY \"time\"")
    assert found == [("ENCOUNTER_START//AMB",), ("ENCOUNTER_END//AMB",)]


def test_an_encounter_that_moves_takes_its_stay_along(store: Store) -> None:
    send(store, made.patient(), made.patient(id="p2"), made.encounter(meta=version(1, 1)))
    send(store, made.encounter(meta=version(2, 2), subject={"reference": "Patient/p2"}))
    assert rows(store, "SELECT subject_id FROM encounter") == [(stable_id("Patient/p2"),)]
    assert rows(store, "SELECT DISTINCT subject_id FROM event WHERE record_id = 'Encounter/e1'") == [
        (stable_id("Patient/p2"),)
    ]


@pytest.mark.parametrize("status", ["entered-in-error", "cancelled"])
def test_a_version_that_takes_a_fact_back_removes_it_and_older_ones_stay_away(store: Store, status: str) -> None:
    send(store, made.patient(), measured(1, version(1, 1)))
    send(store, measured(1, version(3, 3), status=status))
    assert value(store) is None
    send(store, measured(1, version(2, 2)))
    assert value(store) is None
    send(store, measured(4, version(4, 4)))
    assert value(store) == 4.0


def test_what_is_entered_in_error_goes_even_without_versions(store: Store) -> None:
    send(store, made.patient(), measured(1), measured(1, status="entered-in-error"))
    assert value(store) is None
    send(store, measured(1))
    assert value(store) is None


def test_what_was_left_out_without_a_version_does_not_keep_out_what_happened(store: Store) -> None:
    send(store, made.patient(), made.request(status="draft"))
    assert ledger(send(store, made.request())) == (1, 0, 0)
    send(store, made.request(status="cancelled"))
    assert rows(store, "SELECT count(*) FROM event WHERE record_id = 'MedicationRequest/m1'") == [(1,)]
    assert ("conflict",) in rows(store, "SELECT code FROM notice")


def test_a_version_that_cannot_be_read_leaves_the_earlier_one(store: Store) -> None:
    send(store, made.patient(), measured(1, version(1, 1)))
    report = send(store, measured(2, version(2, 2), effectiveDateTime="yesterday"))
    assert ledger(report) == (0, 1, 0)
    assert value(store) == 1.0


def test_a_version_of_somebody_else_takes_the_record_from_the_first_patient(store: Store) -> None:
    moved = measured(2, version(2, 2), subject={"reference": "Patient/p2"})
    send(store, made.patient(), measured(1, version(1, 1)))
    assert ledger(send(store, moved)) == (0, 1, 0)
    assert value(store) is None
    send(store, measured(1, version(1, 1)))
    assert value(store) is None
    send(store, made.patient(id="p2"), moved)
    assert value(store) == 2.0


@pytest.mark.parametrize("updated", ["soon", 7])
def test_a_version_with_a_bad_time_is_one_without(store: Store, updated: Any) -> None:
    report = send(store, made.patient(), measured(1, {"lastUpdated": updated}))
    assert ledger(report) == (2, 0, 0)
    found = rows(store, "SELECT last_updated FROM record WHERE record_id = 'Observation/o1'")
    assert found == [(None,)]


# Deletions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["transaction", "batch", "history"])
@pytest.mark.parametrize(
    "target", ["Observation/o1", "https://here/fhir/Observation/o1", "Observation/o1/_history/2"]
)
def test_a_deletion_removes_a_record_and_older_versions_stay_away(store: Store, kind: str, target: str) -> None:
    send(store, made.patient(), measured(1, version(1, 1)))
    assert ledger(send(store, deletion(target, 2, kind))) == (1, 0, 0)
    assert value(store) is None
    assert rows(store, "SELECT deleted_at::VARCHAR FROM record WHERE record_id = 'Observation/o1'") == [
        ("2024-01-02 12:00:00",)
    ]
    assert rows(store, "SELECT count(*) FROM code WHERE code LIKE 'LAB%'") == [(0,)]
    assert ledger(send(store, measured(1, version(1, 1)))) == (0, 0, 1)
    assert ledger(send(store, measured(1))) == (0, 0, 1)
    assert value(store) is None
    assert ledger(send(store, measured(3, version(3, 3)))) == (1, 0, 0)
    assert value(store) == 3.0
    assert ledger(send(store, deletion(target, 2, kind))) == (0, 0, 1)
    assert value(store) == 3.0


def test_a_deletion_may_come_before_what_it_deletes(store: Store) -> None:
    assert ledger(send(store, deletion("Observation/o1", 2))) == (1, 0, 0)
    send(store, made.patient(), measured(1, version(1, 1)))
    assert value(store) is None


def test_a_deletion_without_a_time_counts_from_its_import(store: Store) -> None:
    send(store, made.patient(), measured(1, version(1, 1)))
    send(store, deletion("Observation/o1"))
    assert value(store) is None
    assert rows(store, "SELECT deleted_at > '2025-01-01' FROM record WHERE record_id = 'Observation/o1'") == [(True,)]


def test_a_deletion_that_names_no_record_is_refused(store: Store) -> None:
    for target in ("Observation?code=x", "Observation", "", "nothing/x"):
        assert ledger(send(store, deletion(target))) == (0, 1, 0)
    found = rows(store, "SELECT code, reason, excerpt FROM reject ORDER BY source_id")
    assert [code for code, _, _ in found] == ["bad-reference"] * 4
    assert found[0][1:] == (
        "a deletion by search, which is not carried out: it must name the record as Type/id",
        'request.url: "Observation?code=x"',
    )


def test_a_deletion_of_a_type_that_is_not_imported_is_skipped(store: Store) -> None:
    assert ledger(send(store, deletion("Practitioner/x", 2))) == (0, 0, 1)
    assert rows(store, "SELECT count(*) FROM record") == [(0,)]


def test_a_deleted_encounter_takes_its_stay_and_leaves_what_happened_in_it(store: Store) -> None:
    send(store, made.patient(), made.encounter(), made.observation())
    send(store, deletion("Encounter/e1", 2))
    assert rows(store, "SELECT count(*) FROM encounter") == [(0,)]
    assert rows(store, "SELECT count(*) FROM event WHERE record_id = 'Encounter/e1'") == [(0,)]
    assert value(store) == 7.5


def test_nothing_of_a_deleted_patient_stays(store: Store) -> None:
    send(store, *made.one_of_each(), measured(2, version(2, 1), id="o2"), made.patient(id="p2"))
    send(store, deletion("Patient/p1", 5))
    assert rows(store, "SELECT identifiers FROM subject") == [(["Patient/p2"],)]
    for table in ("event", "encounter"):
        assert rows(store, f"SELECT count(*) FROM {table} WHERE subject_id = {stable_id('Patient/p1')}") == [(0,)]
    assert rows(store, "SELECT record_id FROM record WHERE deleted_at IS NOT NULL") == [("Patient/p1",)]
    assert rows(store, "SELECT record_id FROM record WHERE digest IS NOT NULL") == [("Patient/p2",)]
    assert rows(store, "SELECT count(*) FROM tombstone") == [(0,)]
    assert ledger(send(store, made.patient(meta=version(1, 1)), measured(9, version(9, 9), id="o9"))) == (0, 1, 1)
    assert codes(store) == [("Observation/o9", "unknown-subject")]


def test_a_patient_who_comes_back_has_the_records_that_come_again(store: Store) -> None:
    send(store, made.patient(), measured(2, version(2, 2)))
    send(store, deletion("Patient/p1", 5))
    send(store, made.patient(meta=version(2, 6)), measured(1, version(1, 1)))
    assert value(store) is None
    send(store, measured(2, version(2, 2)))
    assert value(store) == 2.0


def test_a_patient_and_records_deleted_in_one_import_do_not_come_in(store: Store) -> None:
    bundle = deletion("Patient/p1", 2, "history")
    bundle["entry"] += [{"resource": made.patient(meta=version(1, 1))}, {"resource": made.observation()}]
    assert ledger(send(store, bundle)) == (1, 1, 1)
    assert codes(store) == [("Observation/o1", "deleted-subject")]
    assert rows(store, "SELECT count(*) FROM subject") == [(0,)]


def test_records_of_a_patient_with_a_tombstone_are_refused(store: Store) -> None:
    store.con.execute(f"INSERT INTO tombstone VALUES ({stable_id('Patient/p1')}, '2024-01-01', 3)")
    assert ledger(send(store, made.patient(), made.encounter(), made.observation())) == (0, 3, 0)
    assert {code for _, code in codes(store)} == {"deleted-subject"}
    assert rows(store, "SELECT count(*) FROM subject") == [(0,)]
    assert rows(store, "SELECT count(*) FROM record") == [(0,)]


def test_a_patch_is_refused_and_not_taken_for_a_resource(store: Store) -> None:
    entry = {"request": {"method": "PATCH", "url": "Patient/p1"}, "resource": {"resourceType": "Binary"}}
    assert ledger(send(store, {"resourceType": "Bundle", "type": "batch", "entry": [entry]})) == (0, 1, 0)
    assert rows(store, "SELECT code FROM reject") == [("not-imported",)]


def test_a_history_brings_the_newest_state_and_its_entries_tell_versions(store: Store) -> None:
    def entry(method: str, number: int, resource: Json | None) -> Json:
        response = {"status": "200", "etag": f'W/"{number}"', "lastModified": f"2024-01-{number:02}T12:00:00Z"}
        request = {"method": method, "url": "Observation/o1"}
        return {"request": request, "response": response, **({"resource": resource} if resource else {})}

    entries = [
        entry("PUT", 4, measured(4)),
        entry("DELETE", 3, None),
        entry("PUT", 2, measured(2)),
        entry("POST", 1, measured(1)),
    ]
    bundle = {"resourceType": "Bundle", "type": "history", "entry": entries}
    assert ledger(send(store, made.patient(), bundle)) == (2, 0, 3)
    assert value(store) == 4.0
    found = rows(store, "SELECT version_id, last_updated::VARCHAR FROM record WHERE record_id = 'Observation/o1'")
    assert found == [("4", "2024-01-04 12:00:00")]
    bundle["entry"] = [entry("DELETE", 5, None), *entries]
    send(store, bundle)
    assert value(store) is None


# Laws ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """A version of a record, or its deletion, at a moment that is its own."""

    record: str
    moment: int
    resource: Json | None

    @property
    def document(self) -> Json:
        """The resource, or the Bundle that deletes it."""
        if self.resource is not None:
            return self.resource
        return deletion(self.record, self.moment)


PATIENTS = ("p1", "p2")


def change(record: str, moment: int, state: str, patient: str, number: int) -> Change:
    meta = version(moment, moment)
    subject = {"reference": f"Patient/{patient}"}
    if state == "deleted":
        return Change(record, moment, None)
    kind, name = record.split("/")
    if kind == "Patient":
        identifier = [{"system": "mrn", "value": str(number)}]
        return Change(
            record, moment, made.patient(id=name, meta=meta, birthDate=f"19{number}-01-01", identifier=identifier)
        )
    if kind == "Encounter":
        stay = {"start": f"2020-05-0{number % 9 + 1}T07:00:00Z"}
        return Change(record, moment, made.encounter(id=name, meta=meta, subject=subject, period=stay))
    status = "entered-in-error" if state == "wrong" else "final"
    return Change(record, moment, measured(number, meta, id=name, subject=subject, status=status, encounter=None))


@st.composite
def histories(draw: st.DrawFn) -> list[Change]:
    """Changes of a few records of two patients, one of whom may be deleted at the end."""
    changes = [change(f"Patient/{name}", 1, "there", name, draw(st.integers(50, 60))) for name in PATIENTS]
    if draw(st.booleans()):
        changes.append(change("Patient/p2", 30, "deleted", "p2", 0))
    records = ["Patient/p1", "Patient/p2", "Encounter/e1", "Observation/o1", "Observation/o2", "Observation/o3"]
    for record in records:
        for moment in draw(st.sets(st.integers(2, 20), max_size=3)):
            kept = record.startswith("Patient")
            states = ["there"] if kept else ["there", "there", "deleted", "wrong"]
            state = draw(st.sampled_from(states))
            changes.append(change(record, moment, state, draw(st.sampled_from(PATIENTS)), draw(st.integers(61, 69))))
    return changes


def newest(changes: Sequence[Change]) -> list[Change]:
    latest: dict[str, Change] = {}
    for one in sorted(changes, key=lambda one: one.moment):
        latest[one.record] = one
    return list(latest.values())


STATE = {
    "event": "SELECT * EXCLUDE (event_id, source_id) FROM event ORDER BY ALL",
    "subject": "FROM subject ORDER BY ALL",
    "encounter": "SELECT * EXCLUDE (source_id) FROM encounter ORDER BY ALL",
    "record": "SELECT * EXCLUDE (source_id, subject_id) FROM record ORDER BY ALL",
    "code": "FROM code ORDER BY ALL",
}


def state(store: Store) -> dict[str, str]:
    return {name: str(rows(store, query)) for name, query in STATE.items()}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_order_of_changes_ends_in_the_newest_states(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    changes = data.draw(histories())
    folder = tmp_path_factory.mktemp("law")
    with opened(create_store(folder / "alone")) as store:
        import_files(store, folder / "in-alone", [[one.document for one in newest(changes)]])
        wanted = state(store)
    shuffled = data.draw(st.permutations(changes))
    # records whose patient is not there yet are refused: patients come with the first import
    first = [one for one in shuffled if one.record.startswith("Patient") and one.resource]
    rest = [one for one in shuffled if one not in first]
    cut = data.draw(st.integers(0, len(rest)))
    with opened(create_store(folder / "pieces")) as store:
        for number, part in enumerate(([*first, *rest[:cut]], rest[cut:])):
            files = data.draw(st.integers(1, 3))
            pieces = [[one.document for one in part[start::files]] for start in range(files)]
            import_files(store, folder / f"in-{number}", pieces)
        assert state(store) == wanted


def import_files(store: Store, folder: Path, pieces: list[list[Json]]) -> None:
    folder.mkdir()
    for number, piece in enumerate(pieces):
        (folder / f"{number}.ndjson").write_bytes(b"\n".join(orjson.dumps(one) for one in piece))
    import_fhir(store, folder, ImportOptions(batch_bytes=500))
