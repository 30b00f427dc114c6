"""Batches of FHIR files: what names what comes later waits for it, and an import that broke off goes on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ehr.importers import ImportOptions
from ehr.importers.fhir import import_fhir, import_resources
from ehr.importers.fhir_files import Listed, fhir_files, type_in_name
from ehr.intake import ImportReport, Intake
from ehr.store import Store, create_store, opened
from tests.ehr import fhir_made as made
from tests.ehr.same_store import LEDGER, differences

Json = dict[str, Any]
EACH_FILE = ImportOptions(batch_bytes=1)
CONTENT = {
    "event": "SELECT * EXCLUDE (event_id, source_id) FROM event ORDER BY ALL",
    "subject": "FROM subject ORDER BY ALL",
    "encounter": "SELECT * EXCLUDE (source_id) FROM encounter ORDER BY ALL",
    "record": "SELECT * EXCLUDE (source_id) FROM record ORDER BY ALL",
    "product": "SELECT * EXCLUDE (source_id) FROM product ORDER BY ALL",
    "code": "FROM code ORDER BY ALL",
    **LEDGER,
    "tally": "SELECT file, tally.* EXCLUDE (source_id) FROM tally JOIN source USING (source_id) ORDER BY ALL",
}


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with opened(create_store(tmp_path / "store")) as store:
        yield store


def rows(store: Store, query: str) -> list[tuple[Any, ...]]:
    return store.cursor().execute(query).fetchall()


def write(folder: Path, **files: list[Json]) -> Path:
    """Write one NDJSON file for each argument; `_` in its name stands for a dot."""
    folder.mkdir(exist_ok=True)
    for name, resources in files.items():
        made.write_lines(folder / f"{name.replace('_', '.')}.ndjson", *resources)
    return folder


@pytest.fixture
def committed(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Return the names of the files of each commit."""
    found: list[list[str]] = []
    honest = Intake.commit

    def commit(intake: Intake, but: Any = ()) -> ImportReport:
        found.append([entry.name for entry in intake.pending if entry not in but])
        return honest(intake, but)

    monkeypatch.setattr(Intake, "commit", commit)
    return found


NAMED: Json = {"medicationCodeableConcept": None, "medicationReference": {"reference": "Medication/x"}}
ASPIRIN: Json = {
    "resourceType": "Medication",
    "id": "x",
    "code": {"coding": [{"system": made.RXNORM, "code": "1", "display": "aspirin"}, {"system": "u", "code": "2"}]},
}


def test_small_files_go_in_together_and_large_ones_one_by_one(store: Store, tmp_path: Path, committed: Any) -> None:
    folder = write(
        tmp_path / "in", Patient=[made.patient()], Encounter=[made.encounter()], Observation=[made.observation()]
    )
    import_fhir(store, folder, EACH_FILE)
    assert committed == [["Patient.ndjson"], ["Encounter.ndjson"], ["Observation.ndjson"]]
    committed.clear()
    with opened(create_store(tmp_path / "other")) as other:
        import_fhir(other, folder, ImportOptions())
        assert committed == [["Patient.ndjson", "Encounter.ndjson", "Observation.ndjson"]]
        assert differences(store, other, CONTENT) == []


def test_a_file_waits_for_the_patients_that_it_names(store: Store, tmp_path: Path, committed: Any) -> None:
    folder = write(
        tmp_path / "in", a=[made.observation()], b=[made.patient(id="p2")], c=[made.patient(), made.encounter()]
    )
    report = import_fhir(store, folder, EACH_FILE)
    assert committed == [[], ["b.ndjson"], ["a.ndjson", "c.ndjson"]]
    assert (report.rejected, report.events) == (0, 7)


def test_a_file_that_names_what_waits_waits_too(store: Store, tmp_path: Path, committed: Any) -> None:
    folder = write(
        tmp_path / "in",
        a=[made.patient(), made.request(**NAMED)],
        b=[made.condition()],
        c=[made.patient(id="p2")],
        d=[ASPIRIN],
    )
    import_fhir(store, folder, EACH_FILE)
    assert committed == [[], [], ["c.ndjson"], ["a.ndjson", "b.ndjson", "d.ndjson"]]
    assert rows(store, "SELECT code FROM event WHERE record_id = 'MedicationRequest/m1'") == [
        ("MEDICATION//RXNORM//1",)
    ]


def test_a_file_named_after_its_type_is_not_waited_for_in_vain(store: Store, tmp_path: Path, committed: Any) -> None:
    lost = made.observation(subject={"reference": "Patient/nobody"})
    folder = write(
        tmp_path / "in", Condition=[lost, made.condition()], Patient=[made.patient()], Procedure=[made.procedure()]
    )
    report = import_fhir(store, folder, EACH_FILE)
    assert committed == [["Patient.ndjson"], ["Condition.ndjson"], ["Procedure.ndjson"]]
    assert report.rejected == 1


def test_what_never_comes_is_rejected_at_the_end(store: Store, tmp_path: Path, committed: Any) -> None:
    folder = write(tmp_path / "in", a=[made.observation()], b=[made.patient(id="p2")])
    report = import_fhir(store, folder, EACH_FILE)
    assert {(file.file, file.accepted, file.rejected) for file in report.files} == {
        ("a.ndjson", 0, 1),
        ("b.ndjson", 1, 0),
    }
    assert rows(store, "SELECT code, excerpt FROM reject") == [("unknown-subject", "Patient/p1")]


def test_a_held_file_keeps_its_titles_notices_and_rejects(store: Store, tmp_path: Path) -> None:
    broken = made.observation(id="bad", status=None)
    folder = write(
        tmp_path / "in",
        a=[made.observation(effectiveDateTime="2020-05"), broken],
        b=[made.patient()],
        c=[made.condition()],
    )
    import_fhir(store, folder, EACH_FILE)
    assert rows(store, "SELECT description FROM code WHERE code LIKE 'LAB%'") == [("Hemoglobin A1c",)]
    assert rows(store, "SELECT resource FROM reject") == [("Observation/bad",)]
    assert ("Observation/o1", "partial-time") in rows(store, "SELECT resource, code FROM notice")


def test_medicines_of_earlier_imports_give_their_codes(store: Store) -> None:
    import_resources(store, [made.patient(), ASPIRIN], "first", ImportOptions())
    assert rows(store, "SELECT count(*) FROM code WHERE code LIKE 'MEDICATION%'") == [(0,)]
    import_resources(store, [made.request(**NAMED)], "second", ImportOptions())
    found = rows(
        store, "SELECT code, codings, description FROM event JOIN code USING (code) WHERE code LIKE 'MED%//1'"
    )
    assert found == [("MEDICATION//RXNORM//1", ["MEDICATION//RXNORM//1", "MEDICATION//u//2"], "aspirin")]


def test_the_newest_version_of_a_medicine_gives_the_code(store: Store) -> None:
    def product(code: str, day: int) -> Json:
        return {
            **ASPIRIN,
            "code": made.code(made.RXNORM, code),
            "meta": {"lastUpdated": f"2024-01-{day:02}T00:00:00Z"},
        }

    import_resources(store, [product("2", 2), made.patient(), product("1", 1)], "first", ImportOptions())
    import_resources(store, [made.request(**NAMED), product("1", 1)], "second", ImportOptions())
    assert rows(store, "SELECT code FROM event WHERE record_id LIKE 'Med%'") == [("MEDICATION//RXNORM//2",)]
    assert rows(store, "SELECT codes FROM product") == [(["RXNORM//2"],)]


def made_folder(folder: Path) -> Path:
    """Files of several batches: versions, deletions, repeats, rejects, and records that come before their patient."""

    def stamp(day: int) -> Json:
        return {"lastUpdated": f"2024-01-{day:02}T00:00:00Z"}

    write(
        folder,
        Patient=[made.patient(), made.patient(id="p2", meta=stamp(1))],
        Encounter=[made.encounter(), made.encounter(id="e2", subject={"reference": "Patient/p3"})],
        Observation_1=[
            made.observation(meta=stamp(2)),
            made.observation(id="o2"),
            made.observation(id="o3", status="x"),
        ],
        Observation_2=[made.observation(meta=stamp(1)), made.observation(id="o2"), {"resourceType": "Device"}],
        early=[made.condition(subject={"reference": "Patient/p3"}), made.request(**NAMED)],
        later=[made.patient(id="p3"), ASPIRIN, made.patient(id="p2", gender="male", meta=stamp(3))],
        lost=[made.procedure(subject={"reference": "Patient/nobody"})],
    )
    gone = {"request": {"method": "DELETE", "url": "Observation/o2"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "timestamp": "2024-02-01T00:00:00Z", "entry": [gone]}
    made.write_document(folder / "deleted.json", bundle)
    (folder / "broken.json").write_bytes(b'{"resourceType": "Bundle", "entry": [')
    return folder


class Stopped(Exception):
    """An import was stopped."""


@pytest.mark.parametrize(("batch_bytes", "moment"), [(1, "within"), (1500, "before"), (1500, "within")])
def test_an_import_that_broke_off_goes_on_to_the_store_of_a_clean_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch_bytes: int, moment: str
) -> None:
    folder = made_folder(tmp_path / "in")
    options = ImportOptions(batch_bytes=batch_bytes)
    with opened(create_store(tmp_path / "clean")) as clean:
        n_commits = count_commits(monkeypatch, lambda: import_fhir(clean, folder, options))
        assert n_commits > 2
        assert rows(clean, "SELECT count(*) FROM event WHERE record_id = 'Observation/o2'") == [(0,)]
        for number in range(1, n_commits + 1):
            with opened(create_store(tmp_path / f"stopped-{number}")) as store:
                stop_at(monkeypatch, number, moment)
                with pytest.raises(Stopped):
                    import_fhir(store, folder, options)
                monkeypatch.undo()
                import_fhir(store, folder, options)
                assert differences(clean, store, CONTENT) == []


def count_commits(monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> int:
    calls: list[Intake] = []
    honest = Intake.commit

    def commit(intake: Intake, but: Any = ()) -> ImportReport:
        calls.append(intake)
        return honest(intake, but)

    monkeypatch.setattr(Intake, "commit", commit)
    work()
    monkeypatch.undo()
    return len(calls)


def stop_at(monkeypatch: pytest.MonkeyPatch, number: int, moment: str) -> None:
    """Let the n-th commit raise: before it begins, or when the ledger is to be written, within the transaction."""
    calls = []
    name = "commit" if moment == "before" else "_write_ledger"
    honest = getattr(Intake, name)

    def stopping(intake: Intake, *arguments: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) == number:
            raise Stopped
        return honest(intake, *arguments, **named)

    monkeypatch.setattr(Intake, name, stopping)


def test_the_order_of_files_is_that_of_what_names_what(tmp_path: Path) -> None:
    names = ["Observation.ndjson", "Encounter.000.ndjson.gz", "1.Medication.ndjson", "Patient-2.ndjson", "x.json"]
    for name in names:
        (tmp_path / name).write_bytes(b"{}")
    assert [file.path.name for file in fhir_files(tmp_path)] == [
        "Patient-2.ndjson",
        "1.Medication.ndjson",
        "Encounter.000.ndjson.gz",
        "Observation.ndjson",
        "x.json",
    ]
    assert fhir_files(tmp_path)[0] == Listed(tmp_path / "Patient-2.ndjson")
    assert type_in_name(Path("MedicationRequest.ndjson")) == "MedicationRequest"


# Searches --------------------------------------------------------------------------------------------------------


MRN = [{"system": "http://h.example.org/mrn", "value": "7"}]


@pytest.mark.parametrize(
    "subject",
    [
        {"reference": "Patient?identifier=http://h.example.org/mrn|7"},
        {"reference": "Patient?identifier=http%3A%2F%2Fh.example.org%2Fmrn%7C7"},
        {"reference": "Patient?identifier=7"},
        {"identifier": MRN[0]},
    ],
)
@pytest.mark.parametrize("is_stored", [False, True])
def test_a_patient_is_found_by_the_identifier_that_only_one_has(store: Store, subject: Json, is_stored: bool) -> None:
    patients = [made.patient(identifier=MRN), made.patient(id="p2", identifier=[{"system": "other", "value": "8"}])]
    record = made.observation(subject=subject)
    batches = [patients, [record]] if is_stored else [[record, *patients]]
    for batch in batches:
        import_resources(store, batch, "test", ImportOptions())
    assert rows(store, "SELECT identifiers[1] FROM event JOIN subject USING (subject_id) WHERE code LIKE 'LAB%'") == [
        ("Patient/p1",)
    ]
    assert ("note", "Patient found by its identifier") in rows(store, "SELECT code, reason FROM notice")
    assert rows(store, "SELECT count(*) FROM reject") == [(0,)]


@pytest.mark.parametrize("identifier", ["http://h.example.org/mrn|8", "|7", "", "|"])
def test_an_identifier_of_nobody_is_rejected(store: Store, identifier: str) -> None:
    subject = {"reference": f"Patient?identifier={identifier}"}
    import_resources(store, [made.patient(identifier=MRN), made.observation(subject=subject)], "t", ImportOptions())
    assert rows(store, "SELECT code FROM reject") == [("bad-reference",)]


def test_an_identifier_of_two_patients_names_neither(store: Store) -> None:
    patients = [made.patient(identifier=MRN), made.patient(id="p2", identifier=MRN)]
    import_resources(store, [*patients, made.observation(subject={"identifier": MRN[0]})], "test", ImportOptions())
    assert rows(store, "SELECT code, reason FROM reject") == [
        ("bad-reference", "its identifier is that of no Patient, or of several")
    ]


def test_a_file_does_not_wait_for_a_patient_who_is_found(store: Store, tmp_path: Path, committed: Any) -> None:
    import_resources(store, [made.patient(identifier=MRN)], "first", ImportOptions())
    committed.clear()
    folder = write(tmp_path / "in", a=[made.observation(subject={"identifier": MRN[0]}, encounter=None)], b=[])
    import_fhir(store, folder, EACH_FILE)
    assert committed == [["a.ndjson"], ["b.ndjson"]]


def test_a_file_waits_for_the_patient_that_it_searches(store: Store, tmp_path: Path, committed: Any) -> None:
    folder = write(
        tmp_path / "in", a=[made.observation(subject={"identifier": MRN[0]})], b=[made.patient(identifier=MRN)]
    )
    report = import_fhir(store, folder, EACH_FILE)
    assert report.rejected == 0
    assert committed == [[], ["a.ndjson", "b.ndjson"]]


@pytest.mark.parametrize("is_stored", [False, True])
def test_a_stay_is_found_by_its_identifier(store: Store, is_stored: bool) -> None:
    stay = made.encounter(identifier=[{"system": "visit", "value": "9"}])
    record = made.observation(encounter={"reference": "Encounter?identifier=visit|9"})
    batches = [[made.patient(), stay], [record]] if is_stored else [[record, made.patient(), stay]]
    for batch in batches:
        import_resources(store, batch, "test", ImportOptions())
    assert rows(
        store, "SELECT e.record_id FROM event e JOIN encounter n USING (encounter_id) WHERE code LIKE 'LAB%'"
    ) == [("Observation/o1",)]


def test_a_search_is_looked_up_as_text_and_never_run(store: Store) -> None:
    subject = {"reference": "Patient?identifier=x'; DROP TABLE event; --|7"}
    import_resources(store, [made.patient(), made.observation(subject=subject)], "test", ImportOptions())
    assert rows(store, "SELECT code FROM reject") == [("bad-reference",)]
    assert rows(store, "SELECT count(*) FROM event WHERE record_id LIKE 'Obs%'") == [(0,)]
