"""Importing FHIR: what each resource becomes, how references and repeats are settled, and the real records."""

import gzip
from pathlib import Path
from typing import Any

import orjson
import pytest

from ehr.errors import SourceError
from ehr.events import stable_id
from ehr.importers import ImportOptions
from ehr.importers.fhir import import_fhir, import_resources
from ehr.intake import ImportReport
from ehr.store import Store, create_store, opened
from tests.ehr import fhir_made as made

STRICT = ImportOptions(strict=True)


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with opened(create_store(tmp_path / "store")) as store:
        yield store


def rows(store: Store, query: str) -> list[tuple[Any, ...]]:
    return store.cursor().execute(query).fetchall()


def send(store: Store, *resources: Any, options: ImportOptions | None = None) -> ImportReport:
    texts = [one if isinstance(one, bytes) else orjson.dumps(one) for one in resources]
    return import_resources(store, texts, "test", options or ImportOptions())


def reasons(store: Store) -> dict[str | None, str]:
    return dict(rows(store, "SELECT resource, reason FROM reject"))


def notes(store: Store) -> dict[str | None, str]:
    return dict(rows(store, "SELECT resource, reason FROM notice"))


def event(store: Store, record: str, columns: str = 'code, "time"::VARCHAR, numeric_value, text_value, unit') -> Any:
    (found,) = rows(store, f"SELECT {columns} FROM event WHERE record_id = '{record}'")
    return found


def test_one_of_each_type_becomes_its_events(store: Store) -> None:
    report = send(store, *made.one_of_each())
    (file,) = report.files
    assert (file.rows_in, file.accepted, file.rejected, file.skipped) == (10, 10, 0, 0)
    assert (report.subjects, report.encounters) == (1, 1)
    assert event(store, "Observation/o1") == ("LAB//LOINC//4548-4//%", "2020-05-01 08:00:00", 7.5, None, "%")
    assert event(store, "Condition/c1")[:2] == ("CONDITION//SNOMED//44054006", "2019-03-04 00:00:00")
    assert event(store, "MedicationRequest/m1")[0] == "MEDICATION//RXNORM//860975"
    assert event(store, "MedicationAdministration/ma1")[1:] == ("2020-05-01 08:00:00", 500.0, None, "mg")
    assert event(store, "Procedure/pr1", "code, end_time::VARCHAR") == (
        "PROCEDURE//SNOMED//710824005",
        "2020-05-02 09:30:00",
    )
    assert event(store, "Immunization/i1")[0] == "IMMUNIZATION//CVX//140"
    assert event(store, "AllergyIntolerance/a1")[0] == "ALLERGY//SNOMED//288328004"
    assert event(store, "DiagnosticReport/d1")[3] == "normal"
    stays = rows(store, "SELECT code FROM event WHERE record_id = 'Encounter/e1' ORDER BY \"time\"")
    assert stays == [("ENCOUNTER_START//IMP",), ("ENCOUNTER_END//IMP",)]
    assert rows(store, "SELECT sex, birth_time::VARCHAR, died FROM patient") == [
        ("female", "1960-04-02 00:00:00", False)
    ]
    assert rows(store, "SELECT description, system FROM code WHERE code LIKE 'LAB%'") == [("Hemoglobin A1c", "LOINC")]


def test_made_resources_are_valid_for_the_strict_check_too(store: Store) -> None:
    report = send(store, *made.one_of_each(), options=STRICT)
    assert report.files[0].accepted == 10


def test_strict_refuses_what_the_standard_forbids_and_names_the_field_only(store: Store) -> None:
    send(store, made.patient(), made.observation(referenceRange=[{"low": {"value": "secret"}}], encounter=None))
    assert reasons(store) == {}
    strict = create_store(store.path.parent / "strict")
    report = import_resources(
        strict,
        [made.patient(), made.observation(note=[{"txt": "secret"}]), {"resourceType": "Basic"}],
        "test",
        STRICT,
    )
    assert report.files[0].rejected == 2
    told = reasons(strict)
    assert told["Observation/o1"].startswith("not valid R4B: note.0.")
    assert "secret" not in str(told)
    strict.close()


def test_the_store_knows_the_patients_of_earlier_imports(store: Store) -> None:
    send(store, made.patient(), made.encounter())
    report = send(store, made.observation())
    assert report.files[0].accepted == 1
    assert event(store, "Observation/o1", "encounter_id, subject_id") == (
        stable_id("Encounter/e1"),
        stable_id("Patient/p1"),
    )
    assert rows(store, "SELECT DISTINCT format FROM source") == [("grpc",)]


def test_a_record_of_an_unknown_patient_is_rejected(store: Store) -> None:
    report = send(store, made.observation())
    assert reasons(store) == {"Observation/o1": "its Patient is neither in the input nor in the store"}
    assert (report.events, report.subjects) == (0, 0)


def test_equal_records_of_an_unknown_patient_are_each_rejected(store: Store) -> None:
    report = send(store, made.bundle(made.observation(), made.observation()))
    assert (report.files[0].rows_in, report.files[0].rejected) == (2, 2)


def test_records_of_a_rejected_patient_are_rejected_too(store: Store) -> None:
    send(store, made.patient(birthDate=1960), made.observation())
    assert reasons(store).keys() == {"Patient/p1", "Observation/o1"}
    assert rows(store, "SELECT count(*) FROM subject") == [(0,)]


def test_exact_repeats_are_skipped_and_other_versions_rejected(store: Store) -> None:
    changed = made.observation(valueQuantity={"value": 9, "unit": "%"})
    send(store, made.patient(), made.observation(), made.observation(), changed)
    again = send(store, made.patient(), made.observation(), changed)
    assert rows(store, "SELECT rows_accepted, rows_rejected, rows_skipped FROM source ORDER BY source_id") == [
        (2, 1, 1),
        (0, 1, 2),
    ]
    assert again.events == 0
    told = rows(store, "SELECT code, reason FROM reject ORDER BY source_id")
    assert (
        told
        == [("conflict", "another content of it came before, and neither says in meta.lastUpdated which is newer")]
        * 2
    )
    assert event(store, "Observation/o1")[2] == 7.5


def test_a_later_death_or_another_disposition_is_no_exact_repeat(store: Store) -> None:
    send(store, made.patient(), made.encounter())
    send(store, made.patient(deceasedBoolean=True), made.encounter(hospitalization={"admitSource": {"text": "ED"}}))
    assert reasons(store).keys() == {"Patient/p1", "Encounter/e1"}


def test_the_same_file_twice_changes_nothing(store: Store, tmp_path: Path) -> None:
    file = made.write_lines(tmp_path / "all.ndjson", *made.one_of_each())
    import_fhir(store, file, ImportOptions())
    report = import_fhir(store, file, ImportOptions())
    assert report.unchanged == ("all.ndjson",)
    assert rows(store, "SELECT count(*) FROM source") == [(1,)]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"valueQuantity": None, "valueString": " pos "}, (None, "pos", None)),
        ({"valueQuantity": None, "valueBoolean": True}, (None, "true", None)),
        ({"valueQuantity": None, "valueInteger": 3}, (3.0, None, None)),
        ({"valueQuantity": None, "valueCodeableConcept": {"text": "Never smoker"}}, (None, "Never smoker", None)),
        ({"valueQuantity": None, "valueDateTime": "2020-01"}, (None, "2020-01", None)),
        ({"valueQuantity": {"value": 5, "comparator": ">=", "unit": "mg/L"}}, (None, ">=5", "mg/L")),
        ({"valueQuantity": None, "valueRange": {"low": {"value": 1}, "high": {"value": 2}}}, (None, "1 - 2", None)),
        (
            {"valueQuantity": None, "valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 128}}},
            (None, "1:128", None),
        ),
    ],
)
def test_each_kind_of_value_is_kept(store: Store, changes: dict[str, Any], expected: tuple[Any, ...]) -> None:
    send(store, made.patient(), made.observation(**changes))
    assert event(store, "Observation/o1")[2:] == expected


def test_a_coded_answer_keeps_its_code_beside_its_words(store: Store) -> None:
    answer = made.code(made.SNOMED, "266919005", "Never smoker")
    send(store, made.patient(), made.observation(valueQuantity=None, valueCodeableConcept=answer))
    assert event(store, "Observation/o1", "text_value, value_code") == ("Never smoker", "SNOMED//266919005")


def test_components_are_events_of_their_own_beside_the_panel(store: Store) -> None:
    parts = [
        {"code": made.code(made.LOINC, "8480-6"), "valueQuantity": {"value": 124, "unit": "mm[Hg]"}},
        {"code": made.code(made.LOINC, "8462-4"), "valueQuantity": {"value": 77, "unit": "mm[Hg]"}},
    ]
    send(store, made.patient(), made.observation(valueQuantity=None, component=parts))
    found = rows(store, "SELECT record_id, code, numeric_value FROM event WHERE code LIKE 'LAB%' ORDER BY ALL")
    assert found == [
        ("Observation/o1", "LAB//LOINC//4548-4", None),
        ("Observation/o1.component[0]", "LAB//LOINC//8480-6//mm[Hg]", 124.0),
        ("Observation/o1.component[1]", "LAB//LOINC//8462-4//mm[Hg]", 77.0),
    ]


@pytest.mark.parametrize(
    ("categories", "head"),
    [([], "LAB"), (["laboratory"], "LAB"), (["vital-signs"], "LAB"), (["survey"], "OBSERVATION")],
)
def test_the_category_decides_the_head(store: Store, categories: list[str], head: str) -> None:
    listed = [made.code("http://terminology.hl7.org/CodeSystem/observation-category", one) for one in categories]
    send(store, made.patient(), made.observation(category=listed))
    assert event(store, "Observation/o1", "code") == (f"{head}//LOINC//4548-4//%",)


def test_a_condition_counts_from_when_it_was_recorded(store: Store) -> None:
    send(store, made.patient(), made.condition(recordedDate="2021-06-01"))
    assert event(store, "Condition/c1", '"time"::VARCHAR, text_value') == (
        "2021-06-01 00:00:00",
        "onset 2019-03-04",
    )


def test_a_diagnosis_without_a_date_is_known_at_the_end_of_its_encounter(store: Store) -> None:
    send(store, made.patient(), made.encounter(), made.condition(onsetDateTime=None, encounter=made.DURING))
    assert event(store, "Condition/c1")[1] == "2020-05-04 09:00:00"
    assert "end of its Encounter" in notes(store)["Condition/c1"]


def test_an_encounter_of_another_patient_is_not_linked(store: Store) -> None:
    other = made.patient(id="p2")
    send(store, made.patient(), other, made.encounter(subject={"reference": "Patient/p2"}), made.observation())
    assert event(store, "Observation/o1", "encounter_id") == (None,)
    assert "another patient" in notes(store)["Observation/o1"]


def test_an_icu_stay_within_a_stay_is_told_from_it(store: Store) -> None:
    inner = made.encounter(
        id="icu", partOf=made.DURING, location=[{"location": {"display": "Medical Intensive Care Unit (MICU)"}}]
    )
    dead = {"dischargeDisposition": {"coding": [{"code": "exp"}]}}
    send(store, made.patient(), made.encounter(hospitalization=dead), inner)
    found = rows(store, 'SELECT record_id, "class", parent_id, disposition FROM encounter ORDER BY 1')
    assert found == [
        ("Encounter/e1", "inpatient", None, "DIED"),
        ("Encounter/icu", "icu", stable_id("Encounter/e1"), None),
    ]
    codes = rows(store, "SELECT code FROM event WHERE record_id = 'Encounter/icu' ORDER BY \"time\"")
    assert [code.split("//")[0] for (code,) in codes] == ["ICU_ADMISSION", "ICU_DISCHARGE"]


def test_a_stay_that_is_part_of_itself_has_no_parent(store: Store) -> None:
    send(store, made.patient(), made.encounter(partOf=made.DURING))
    assert rows(store, "SELECT parent_id FROM encounter") == [(None,)]


def test_an_unreadable_file_fails_alone(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made.write_lines(tmp_path / "a.ndjson", made.patient())
    made.write_lines(tmp_path / "b.ndjson", made.patient(id="p2"))
    honest = Path.open

    def refusing(path: Path, *args: Any, **kwargs: Any) -> Any:
        if path.name == "a.ndjson":
            raise PermissionError(13, "Permission denied")
        return honest(path, *args, **kwargs)

    monkeypatch.setattr(Path, "open", refusing)
    report = import_fhir(store, tmp_path, ImportOptions())
    assert report.failed == ("a.ndjson",)
    assert report.subjects == 1


def test_what_ends_before_it_began_is_flagged(store: Store) -> None:
    send(store, made.patient(), made.condition(abatementDateTime="2018-01-01"))
    assert "ends before" in notes(store)["Condition/c1"]


def test_a_medication_of_its_own_gives_the_code_wherever_it_stands(store: Store) -> None:
    named = {"medicationCodeableConcept": None, "medicationReference": {"reference": "Medication/x"}}
    product = {"resourceType": "Medication", "id": "x", "code": made.code(made.RXNORM, "1", "aspirin")}
    lost = {"medicationCodeableConcept": None, "medicationReference": {"reference": "Medication/y"}}
    send(store, made.patient(), made.request(**named), product, made.request(id="m2", **lost))
    assert event(store, "MedicationRequest/m1", "code") == ("MEDICATION//RXNORM//1",)
    assert rows(store, "SELECT description FROM code WHERE code = 'MEDICATION//RXNORM//1'") == [("aspirin",)]
    assert reasons(store) == {"MedicationRequest/m2": "medicationReference is neither in the input nor in the store"}


@pytest.mark.parametrize(
    ("resource", "reason"),
    [
        (made.observation(status="entered-in-error"), "entered in error"),
        (made.observation(status="Final"), "status is no word of R4"),
        (made.observation(status=None), "no status"),
        (made.observation(code=None), "no code: code is empty"),
        (made.observation(code={"coding": [{"code": ["x"]}]}), "wrong JSON type: a part of code is not a string"),
        (made.observation(modifierExtension=[{"url": "x"}]), "modifierExtension: it may change the meaning"),
        (made.observation(effectivePeriod={"start": "2020"}), "more than one effective[x]"),
        (made.observation(valueQuantity={"value": True}), "wrong JSON type: valueQuantity.value is not a number"),
        (made.observation(valueQuantity={"value": 1, "comparator": []}), "bad valueQuantity.comparator"),
        (made.observation(id="a b"), "bad id"),
        (made.observation(component=[{}]), "no code: component.code is empty"),
        (made.condition(id="c1", assertedDate="2020"), "not R4: assertedDate"),
        (made.encounter(period="2020"), "wrong JSON type: period is not an object"),
        (made.procedure(performedPeriod={"start": 2020}), "wrong JSON type: performedPeriod.start is not a string"),
        (made.request(medicationCodeableConcept=None), "no medication[x]"),
        (made.patient(id=None), "no id"),
        (made.patient(deceasedDateTime="never"), "bad deceasedDateTime"),
        (made.patient(identifier=["x"]), "wrong JSON type: identifier is not a list of objects"),
        (b'{"resourceType":"Observation","id":"o1","status":"final","status":"cancelled"}', "the same key twice"),
        (b'{"resourceType":"Claim","id":"x","status":"act', "JSON ends too early"),
        (b'{"resourceType":"Observation","id":"\xff"}', "not UTF-8 at byte 37"),
        (b'{"a":' * 2000 + b"1" + b"}" * 2000, "not JSON: depth limit exceeded"),
        (b"{" + b'"x":{' * 500 + b"}" * 500 + b"}", "no resourceType"),
        ({"resourceType": "Bundle", "entry": {"resource": 1}}, "Bundle.entry is not a list"),
    ],
)
def test_what_is_wrong_is_refused_with_its_reason(store: Store, resource: Any, reason: str) -> None:
    report = send(store, resource)
    (found,) = rows(store, "SELECT reason FROM reject")
    assert reason in found[0]
    assert (report.files[0].rows_in, report.files[0].rejected, report.events) == (1, 1, 0)


@pytest.mark.parametrize(
    ("resource", "reason"),
    [
        (made.observation(status="cancelled"), "status is cancelled: left out"),
        (made.request(doNotPerform=True), "doNotPerform is true: left out"),
        (made.request(intent="proposal"), "intent is proposal: left out"),
        (made.procedure(status="not-done"), "status is not-done: left out"),
        (made.encounter(status="planned"), "status is planned: left out"),
        (
            made.allergy(verificationStatus={"coding": [{"code": "refuted"}]}),
            "verificationStatus is refuted: left out",
        ),
    ],
)
def test_what_did_not_happen_is_left_out_and_told(store: Store, resource: Any, reason: str) -> None:
    report = send(store, made.patient(), resource)
    assert (report.files[0].accepted, report.files[0].skipped) == (1, 1)
    assert reason in notes(store).values()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2020-05-01T08:00:00.123456789+14:00", "2020-04-30 18:00:00.123456"),
        ("2020-12-31T23:59:60Z", "2021-01-01 00:00:00"),
        ("2020-05-01T08:00:00", "2020-05-01 08:00:00"),
        ("2020-02-29", "2020-02-29 00:00:00"),
        ("2021-02-29", None),
        ("2020-05-01T08:00:00+15:00", None),
        ("2020-05-01T24:00:00Z", None),
        ("9999-12-31T23:59:59-12:00", None),
        ("٢٠٢٠-٠٥-٠١", None),
        ("2020-W01", None),
        ("2020-05-01\n", None),
    ],
)
def test_dates_are_read_exactly_or_refused(store: Store, text: str, expected: str | None) -> None:
    send(store, made.patient(), made.observation(effectiveDateTime=text))
    if expected is None:
        assert reasons(store) == {"Observation/o1": "bad effectiveDateTime"}
    else:
        assert event(store, "Observation/o1")[1] == expected


def test_files_of_every_form_give_the_same_events(tmp_path: Path) -> None:
    resources = made.one_of_each()
    compact = orjson.dumps(made.bundle(*resources))
    forms: dict[str, bytes] = {
        "lines.ndjson": b"\xef\xbb\xbf" + b"\r\n\r\n".join(orjson.dumps(one) for one in resources),
        "lines.json": b"\n".join(orjson.dumps(one) for one in resources) + b"\n",
        "bundle.json": orjson.dumps(made.bundle(*resources), option=orjson.OPT_INDENT_2),
        "bundle.ndjson": orjson.dumps(made.bundle(*resources), option=orjson.OPT_INDENT_2),
        "line.ndjson": compact,
        "packed.json.gz": gzip.compress(compact[:500]) + gzip.compress(compact[500:]),
        "packed.json": gzip.compress(compact),
    }
    seen = set()
    for name, data in forms.items():
        (tmp_path / name).write_bytes(data)
        with opened(create_store(tmp_path / f"store-{name}")) as store:
            report = import_fhir(store, tmp_path / name, ImportOptions())
            assert report.files[0].accepted == 10, name
            seen.add(str(rows(store, "SELECT * EXCLUDE (event_id, source_id) FROM event ORDER BY ALL")))
    assert len(seen) == 1


def test_a_damaged_file_is_rejected_whole_and_the_others_go_on(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    lines = b"\n".join(orjson.dumps(made.observation(id=f"x{i}")) for i in range(300))
    (folder / "cut.ndjson.gz").write_bytes(
        gzip.compress(made.write_lines(tmp_path / "p", made.patient()).read_bytes() + b"\n" + lines)[:-200]
    )
    (folder / "utf16.json").write_bytes('{"resourceType":"Patient"}'.encode("utf-16"))
    (folder / "list.json").write_bytes(b"[1, 2]")
    (folder / "latin.json").write_bytes('{"resourceType":"Patient","id":"\xe9"}'.encode("latin-1"))
    (folder / "manifest.json").write_bytes(b'{"transactionTime":"2020","output":[]}')
    (folder / "empty.json").write_bytes(b" \n")
    (folder / "readme.txt").write_bytes(b"no FHIR")
    made.write_lines(folder / "good.ndjson", *made.one_of_each())
    report = import_fhir(store, folder, ImportOptions())
    assert {file.file: file.status for file in report.files} == {
        "cut.ndjson.gz": "failed",
        "utf16.json": "failed",
        "list.json": "failed",
        "latin.json": "failed",
        "manifest.json": "skipped",
        "empty.json": "empty",
        "good.ndjson": "imported",
    }
    assert rows(store, "SELECT count(*) FROM event WHERE record_id LIKE 'Observation/x%'") == [(0,)]
    assert rows(store, "SELECT sum(rows_in), sum(rows_accepted), sum(rows_rejected) FROM source") == [(14, 10, 4)]


def test_odd_entries_of_a_bundle_are_each_told(store: Store, tmp_path: Path) -> None:
    inner = made.bundle(made.observation(id="inner", subject={"reference": "urn:uuid:p1"}), made.patient())
    document = made.bundle(made.patient())
    document["entry"] += [
        {"request": {"method": "DELETE", "url": "Observation?code=x"}},
        {"response": {"status": "201"}},
        {"fullUrl": "urn:uuid:none"},
        {"resource": None},
        "text",
        {"resource": inner},
        {"resource": made.observation(subject={"reference": "Patient?name=1"})},
    ]
    file = made.write_document(tmp_path / "odd.json", document)
    report = import_fhir(store, file, ImportOptions())
    (counts,) = report.files
    assert (counts.rows_in, counts.accepted, counts.rejected, counts.skipped) == (9, 2, 5, 2)
    told = dict(rows(store, "SELECT line, reason FROM reject"))
    assert told == {
        2: "a deletion by search, which is not carried out: it must name the record as Type/id",
        4: "the entry has no resource",
        5: "the entry has no resource",
        6: "the entry is not an object",
        8: "subject is a search, which is not carried out",
    }


def test_a_key_twice_in_a_bundle_is_found_where_it_stands(store: Store, tmp_path: Path) -> None:
    good = orjson.dumps(made.patient())
    entry = b'{"resource":%b,"resource":%b}' % (good, good)
    file = tmp_path / "twice.json"
    file.write_bytes(b'{"resourceType":"Bundle","type":"batch","entry":[{"resource":%b},%b]}' % (good, entry))
    import_fhir(store, file, ImportOptions())
    assert rows(store, "SELECT line, reason FROM reject") == [(2, "the same key twice in one object")]
    whole = tmp_path / "whole.json"
    whole.write_bytes(b'{"resourceType":"Bundle","entry":[{"resource":%b}],"entry":[]}' % good)
    report = import_fhir(store, whole, ImportOptions())
    assert report.failed == ("whole.json",)


def test_absolute_references_reach_only_their_own_server(store: Store, tmp_path: Path) -> None:
    def at(server: str) -> dict[str, str]:
        return {"reference": f"https://{server}/fhir/Patient/p1/_history/2"}

    document = made.bundle(
        made.patient(), made.observation(subject=at("here")), made.observation(id="o2", subject=at("there"))
    )
    document["entry"][0]["fullUrl"] = "https://here/fhir/Patient/p1"
    import_fhir(store, made.write_document(tmp_path / "b.json", document), ImportOptions())
    assert reasons(store) == {"Observation/o2": "subject is on another server"}


def test_nothing_to_read_is_one_clear_sentence(store: Store, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no file or folder"):
        import_fhir(store, tmp_path / "absent", ImportOptions())
    (tmp_path / "bare").mkdir()
    with pytest.raises(SourceError, match="holds no FHIR file"):
        import_fhir(store, tmp_path / "bare", ImportOptions())


# The real records ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["bundles", "ndjson"])
def real(request: pytest.FixtureRequest, data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    with opened(create_store(tmp_path_factory.mktemp(request.param) / "store")) as store:
        import_fhir(store, data_root / "fhir" / request.param, ImportOptions())
        yield request.param, store


FACTS = {
    "F01": "SELECT count(*), count(*) FILTER (died) FROM patient",
    "F02": "SELECT resource, sum(rows_in)::BIGINT FROM tally GROUP BY 1 ORDER BY 1",
    "F03": "SELECT split_part(code, '//', 2), count(*) FROM event WHERE code LIKE 'ENCOUNTER_START//%' "
    "GROUP BY 1 ORDER BY 2 DESC, 1",
    "F06": "SELECT count(DISTINCT subject_id) FROM condition WHERE code = 'CONDITION//SNOMED//15777000'",
    "F09": "SELECT count(*) FILTER (v >= 30), count(*) FROM (SELECT arg_max(value, (start_time, value)) AS v "
    "FROM observation WHERE code LIKE 'LAB//LOINC//39156-5%' GROUP BY subject_id)",
    "F11": """
        SELECT k, count(*) FROM (SELECT CASE WHEN bool_or(is_own AND value IS NOT NULL) THEN 'quantity'
                    WHEN bool_or(is_own AND value_code IS NOT NULL) THEN 'concept'
                    WHEN bool_or(is_own AND text_value IS NOT NULL) THEN 'string'
                    WHEN bool_or(NOT is_own) THEN 'component' ELSE 'none' END AS k
        FROM (SELECT numeric_value AS value, text_value, value_code, split_part(record_id, '.component', 1) AS root,
                     root = record_id AS is_own FROM event WHERE record_id LIKE 'Observation/%')
        GROUP BY root) GROUP BY 1 ORDER BY 2 DESC, 1""",
    "F13": "SELECT strftime(min(start_time), '%Y-%m-%dT%H:%M:%SZ'), strftime(max(start_time), '%Y-%m-%dT%H:%M:%SZ') "
    "FROM encounter",
    "F15": "SELECT count(*) FILTER (end_time IS NULL), count(*) FILTER (status = 'active'), count(*) FROM condition "
    "WHERE code LIKE 'CONDITION//%'",
    "F17": "SELECT count(*), round(median((epoch(end_time) - epoch(start_time)) / 3600), 3) FROM encounter "
    "WHERE class = 'inpatient'",
    "F19": "SELECT list_filter(identifiers, lambda i: starts_with(i, 'Patient/'))[1][9:] AS p, count(DISTINCT root) "
    "FROM (SELECT subject_id, split_part(record_id, '.component', 1) AS root FROM event WHERE split_part(record_id, "
    "'/', 1) IN ('Condition', 'Encounter', 'Observation', 'MedicationRequest', 'Procedure', 'Immunization')) "
    "JOIN subject USING (subject_id) GROUP BY 1 ORDER BY 1",
    "F21": "SELECT count(*), count(DISTINCT subject_id) FROM encounter WHERE class = 'emergency'",
}


@pytest.mark.parametrize("fact", FACTS)
def test_the_store_answers_the_reference_facts(fact: str, real: tuple[str, Store], data_root: Path) -> None:
    name, store = real
    known = {one["id"]: one for one in orjson.loads((data_root / "reference-facts.json").read_bytes())["facts"]}
    value = known[fact]["value"]
    found = [list(row) for row in rows(store, FACTS[fact])]
    wanted = value if isinstance(value, list) and isinstance(value[0], list) else [value]
    wanted = [row if isinstance(row, list) else [row] for row in wanted]
    if fact == "F02" and name == "bundles":
        wanted = [[kind, n + (kind in {"Organization", "Practitioner"})] for kind, n in wanted]
    assert [pytest.approx(row, abs=known[fact].get("tolerance", 0)) for row in wanted] == found


def test_every_real_resource_is_accounted_for(real: tuple[str, Store]) -> None:
    name, store = real
    (total,) = rows(
        store, "SELECT sum(rows_in), sum(rows_accepted), sum(rows_rejected), sum(rows_skipped) FROM source"
    )
    assert total == {"bundles": (7075, 5515, 0, 1560), "ndjson": (7073, 5515, 0, 1558)}[name]
    assert rows(
        store, "SELECT count(*) FROM event WHERE encounter_id NOT IN (SELECT encounter_id FROM encounter)"
    ) == [(0,)]


def test_bundles_and_ndjson_of_the_same_patients_give_the_same_events(data_root: Path, store: Store) -> None:
    import_fhir(store, data_root / "fhir" / "bundles", ImportOptions())
    before = rows(store, "SELECT count(*) FROM event")
    report = import_fhir(store, data_root / "fhir" / "ndjson", ImportOptions())
    assert (report.events, report.rejected) == (0, 0)
    assert sum(file.skipped for file in report.files) == 7073
    assert rows(store, "SELECT count(*) FROM event") == before


def test_the_strict_check_accepts_the_real_records(data_root: Path, store: Store) -> None:
    report = import_fhir(store, data_root / "fhir" / "bundles", STRICT)
    assert (report.rejected, sum(file.accepted for file in report.files)) == (0, 5515)
