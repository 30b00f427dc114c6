"""Rules for all types of FHIR: what is never a positive event, codings, partial dates, references, refusals."""

from pathlib import Path
from typing import Any

import pytest

from ehr.importers.fhir_codes import concept
from ehr.store import Store, create_store, opened
from tests.ehr import fhir_made as made
from tests.ehr.fhir_sent import BILLING, events, numbered, refusals, rows, send


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with opened(create_store(tmp_path / "store")) as store:
        yield store


# What never becomes a positive event ------------------------------------------------------------------------------

NO_ALLERGY = made.code(made.SNOMED, "716186003", "No known allergy")
IPS = "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips"
NEGATED = [{"url": "http://hospital.example.org/negated", "valueBoolean": True}]


NOT_SO = [
    made.allergy(code=NO_ALLERGY),
    made.allergy(code=made.code(made.SNOMED, "409137002", "Allergy status")),
    made.allergy(code=made.code(IPS, "no-known-food-allergies")),
    made.allergy(code={"text": "NKDA"}),
    made.allergy(code={"text": "No Known Allergies"}),
    made.allergy(verificationStatus=made.code("x", "refuted")),
    made.condition(code=made.code(made.SNOMED, "160245001", "No current problems or disability")),
    made.condition(code={"text": "None"}),
    made.condition(verificationStatus=made.code("x", "refuted")),
    made.statement(status="not-taken"),
    made.statement(status="intended"),
    made.statement(medicationCodeableConcept=made.code(made.SNOMED, "787481004", "No known medications")),
    made.dispense(status="declined"),
    made.dispense(status="cancelled"),
    made.administration(status="not-done"),
    made.request(status="draft"),
    made.procedure(status="not-done"),
    made.procedure(code=made.code(IPS, "no-known-procedures")),
    made.immunization(status="not-done"),
    made.immunization(vaccineCode=made.code(IPS, "no-known-immunizations")),
    made.imaging(status="cancelled"),
    made.service_request(doNotPerform=True),
    made.service_request(intent="proposal"),
    made.service_request(status="revoked"),
    made.nutrition_order(status="draft"),
    made.device_request(intent="option"),
    made.care_plan(status="draft"),
    made.care_plan(intent="proposal"),
    made.care_team(status="proposed"),
    made.goal(lifecycleStatus="rejected"),
    made.device(type=made.code(IPS, "no-known-devices")),
    made.device_use(status="intended"),
    made.supply_delivery(status="abandoned"),
    made.family_history(status="health-unknown"),
    made.family_history(condition=[{"code": {"text": "No known problems"}}]),
    made.detected_issue(status="cancelled"),
    made.adverse_event(actuality="potential"),
    made.encounter(status="cancelled"),
    made.report(status="cancelled"),
]


def test_what_is_not_so_is_left_out_and_told(store: Store) -> None:
    report = send(store, made.patient(), *numbered(NOT_SO))
    assert (report.files[0].accepted, report.files[0].skipped, report.rejected) == (1, len(NOT_SO), 0)
    assert rows(store, "SELECT DISTINCT split_part(record_id, '/', 1) FROM event") == [("Patient",)]
    told = rows(store, "SELECT DISTINCT line FROM notice WHERE code IN ('not-positive', 'no-code') ORDER BY 1")
    assert told == [(number + 2,) for number in range(len(NOT_SO))]


def test_what_was_entered_in_error_is_refused_for_every_type(store: Store) -> None:
    word = "entered-in-error"
    verified = {"verificationStatus": made.code("x", word)}
    fields = {"Goal": {"lifecycleStatus": word}, "Condition": verified, "AllergyIntolerance": verified}
    without_status = {"Patient", "AdverseEvent"}
    resources = [one for one in made.one_of_every_type() if one["resourceType"] not in without_status]
    wrong: list[Any] = [{**one, **fields.get(one["resourceType"], {"status": word})} for one in resources]
    send(store, made.patient(), *wrong, options=BILLING)
    assert [row[1:3] for row in refusals(store)] == [("not-positive", "entered in error")] * len(wrong)


@pytest.mark.parametrize("change", [{"modifierExtension": NEGATED}, {"implicitRules": "http://rules.example.org"}])
def test_what_may_change_the_meaning_is_refused_for_every_type(store: Store, change: dict[str, Any]) -> None:
    resources = [one | change for one in made.one_of_every_type()]
    send(store, *resources, options=BILLING)
    assert [row[1] for row in refusals(store)] == ["not-positive"] * len(resources)
    assert all(next(iter(change)) in row[2] for row in refusals(store))
    assert rows(store, "SELECT count(*) FROM event") == [(0,)]


NEGATED_PARTS = [
    made.observation(component=[{"code": made.code(made.LOINC, "1"), "modifierExtension": NEGATED}]),
    made.request(dosageInstruction=[{"text": "x", "modifierExtension": NEGATED}]),
    made.request(dosageInstruction=[{"doseAndRate": [{"modifierExtension": NEGATED}]}]),
    made.administration(dosage={"text": "x", "modifierExtension": NEGATED}),
    made.statement(dosage=[{"text": "x", "modifierExtension": NEGATED}]),
    made.imaging(series=[{"modifierExtension": NEGATED}]),
    made.care_plan(activity=[{"modifierExtension": NEGATED}]),
    made.care_plan(activity=[{"detail": {"modifierExtension": NEGATED}}]),
    made.family_history(condition=[{"code": {"text": "x"}, "modifierExtension": NEGATED}]),
    made.questionnaire_response(item=[{"linkId": "1", "modifierExtension": NEGATED}]),
    made.questionnaire_response(item=[{"linkId": "1", "answer": [{"modifierExtension": NEGATED}]}]),
    made.nutrition_order(oralDiet={"modifierExtension": NEGATED}),
    made.supply_delivery(suppliedItem={"modifierExtension": NEGATED}),
    made.encounter(hospitalization={"modifierExtension": NEGATED}),
    made.request(
        medicationCodeableConcept=None,
        medicationReference={"reference": "#m"},
        contained=[made.medication(id="m", modifierExtension=NEGATED)],
    ),
]


def test_a_modifier_extension_on_a_part_that_is_read_refuses_the_whole(store: Store) -> None:
    send(store, made.patient(), *numbered(NEGATED_PARTS))
    told = refusals(store)
    assert [row[1] for row in told] == ["not-positive"] * len(NEGATED_PARTS)
    assert all("modifierExtension: it may change the meaning" in row[2] for row in told)


def test_words_that_say_that_there_is_none_are_told_from_those_that_do_not() -> None:
    none = [
        "No known allergies",
        "NKDA",
        "nka.",
        "None",
        "none known",
        "No family history of diabetes",
        "Denies pain",
    ]
    some = [
        "Nonalcoholic fatty liver",
        "Normal pregnancy",
        "Nocturia",
        "Absence of toe",
        "Noonan syndrome",
        "Nil by mouth",
    ]
    assert [concept({"text": text}, "code", []).is_absence for text in none] == [True] * len(none)
    assert [concept({"text": text}, "code", []).is_absence for text in some] == [False] * len(some)


def test_a_result_that_is_absent_keeps_its_value(store: Store) -> None:
    answer = made.code(made.SNOMED, "2667000", "Absent")
    send(store, made.patient(), made.observation(valueQuantity=None, valueCodeableConcept=answer))
    assert events(store, "Observation/o1", "text_value, value_code") == [("Absent", "SNOMED//2667000")]


def test_a_measurement_that_was_not_made_has_no_value_and_says_why(store: Store) -> None:
    why = made.code("http://terminology.hl7.org/CodeSystem/data-absent-reason", "not-performed")
    send(store, made.patient(), made.observation(valueQuantity=None, dataAbsentReason=why))
    assert events(store, "Observation/o1", "numeric_value, text_value") == [(None, None)]
    assert rows(store, "SELECT reason FROM notice WHERE resource = 'Observation/o1' AND reason LIKE 'no value%'") == [
        ("no value: not-performed",)
    ]


def test_an_interpretation_stands_for_a_value_that_is_not_told(store: Store) -> None:
    read = [made.code("http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation", "POS", "Positive")]
    send(
        store,
        made.patient(),
        made.observation(valueQuantity=None, interpretation=read),
        made.observation(id="o2", interpretation=read),
    )
    assert [row[0] for row in events(store, "Observation/o1", "text_value")] == ["Positive"]
    assert events(store, "Observation/o2", "numeric_value, text_value") == [(7.5, None)]


# Codes, times and references --------------------------------------------------------------------------------------


def test_all_codings_are_kept_and_the_preferred_one_names_the_event(store: Store) -> None:
    both = {
        "coding": [
            {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "E11.9"},
            {"system": made.SNOMED, "code": "44054006", "display": "Diabetes"},
            {"system": made.SNOMED, "code": "44054006"},
        ]
    }
    send(store, made.patient(), made.condition(code=both), made.condition(id="c2"))
    assert events(store, "Condition/c1", "code, codings") == [
        ("CONDITION//SNOMED//44054006", ["CONDITION//SNOMED//44054006", "CONDITION//ICD10//E11.9"])
    ]
    assert events(store, "Condition/c2", "codings") == [(None,)]


def test_a_medication_gives_all_its_codings(store: Store) -> None:
    both = {
        "coding": [{"system": "http://www.whocc.no/atc", "code": "B01AC06"}, {"system": made.RXNORM, "code": "1191"}]
    }
    named = {"medicationCodeableConcept": None, "medicationReference": {"reference": "Medication/med1"}}
    send(store, made.patient(), made.request(**named), made.medication(code=both))
    assert events(store, "MedicationRequest/m1", "codings") == [
        (["MEDICATION//RXNORM//1191", "MEDICATION//ATC//B01AC06"],)
    ]


def test_products_of_an_earlier_import_name_what_comes_later(store: Store) -> None:
    send(store, made.patient(), made.medication(), made.device())
    named = {"medicationCodeableConcept": None, "medicationReference": {"reference": "Medication/med1/_history/1"}}
    report = send(store, made.dispense(**named), made.statement(**named), made.device_use())
    assert report.rejected == 0
    found = rows(
        store, "SELECT split_part(record_id, '/', 1), code FROM event WHERE \"time\" >= '2020-05-01' ORDER BY 1"
    )
    assert found == [
        ("DeviceUseStatement", "DEVICE//SNOMED//14106009"),
        ("MedicationDispense", "MEDICATION//RXNORM//1191"),
        ("MedicationStatement", "MEDICATION//RXNORM//1191"),
    ]


def test_a_medicine_named_in_words_only_is_kept(store: Store) -> None:
    send(
        store,
        made.patient(),
        made.request(medicationCodeableConcept=None, medicationReference={"display": "Aspirin"}),
        made.request(id="m2", medicationCodeableConcept=None, medicationReference={}),
    )
    assert events(store, "MedicationRequest/m1", "code") == [("MEDICATION//TEXT//Aspirin",)]
    assert [row[:2] for row in refusals(store)] == [("MedicationRequest/m2", "no-code")]


DATES: list[tuple[str, str | None, tuple[Any, ...]]] = [
    ("2019", None, ("2019-12-31 23:59:59", "year", None, None)),
    ("2020-02", None, ("2020-02-29 23:59:59", "month", None, None)),
    ("2019", "2021", ("2021-12-31 23:59:59", "year", None, "onset 2019")),
    ("2019", "2019-06-01T08:00:00+02:00", ("2019-06-01 06:00:00", None, 120, "onset 2019")),
    ("2019-06-02T00:00:00Z", "2019", ("2019-12-31 23:59:59", "year", None, "onset 2019-06-02 00:00:00")),
    ("2019-06-02T00:00:00-00:30", None, ("2019-06-02 00:30:00", None, -30, None)),
    ("2019-06-02T00:00:00", None, ("2019-06-02 00:00:00", None, None, None)),
    ("2019-06-02", "2019-06-01", ("2019-06-02 00:00:00", "day", None, None)),
]
"""Onset, recordedDate, and what the event has: time, precision, offset, text."""


def test_a_partial_date_is_known_at_its_end_and_keeps_its_precision(store: Store) -> None:
    told = [made.condition(onsetDateTime=onset, recordedDate=recorded) for onset, recorded, _ in DATES]
    send(store, made.patient(birthDate="1960"), *numbered(told))
    columns = '"time"::VARCHAR, time_precision, utc_offset, text_value'
    found = [events(store, f"Condition/n{number}", columns) for number in range(len(DATES))]
    assert found == [[expected] for _, _, expected in DATES]


def test_births_and_starts_of_stays_stand_at_their_start_and_ends_at_their_last_second(store: Store) -> None:
    stay = {"start": "2020-05", "end": "2020-05-04"}
    send(store, made.patient(birthDate="1960", deceasedDateTime="2020"), made.encounter(period=stay))
    assert events(store, "Encounter/e1", '"time"::VARCHAR, time_precision') == [
        ("2020-05-01 00:00:00", "month"),
        ("2020-05-04 23:59:59", "day"),
    ]
    assert rows(store, "SELECT birth_time::VARCHAR, death_time::VARCHAR FROM patient") == [
        ("1960-01-01 00:00:00", "2020-12-31 23:59:59")
    ]
    assert rows(store, "SELECT start_time::VARCHAR, end_time::VARCHAR FROM encounter") == [
        ("2020-05-01 00:00:00", "2020-05-04 23:59:59")
    ]


SUBJECTS = [
    {"reference": "Patient/p1/_history/2"},
    {"reference": "Patient?identifier=http://hospital.example.org%7C7"},
    {"reference": "Patient?identifier=http://hospital.example.org|7"},
    {"identifier": {"system": "http://hospital.example.org", "value": "7"}, "type": "Patient"},
]


def test_a_patient_is_found_by_version_or_identifier(store: Store) -> None:
    known = made.patient(identifier=[{"system": "http://hospital.example.org", "value": "7"}])
    report = send(store, known, *numbered([made.observation(subject=subject) for subject in SUBJECTS]))
    assert (report.files[0].accepted, report.rejected) == (1 + len(SUBJECTS), 0)


NO_SUBJECTS: list[tuple[Any, str, str]] = [
    ({"reference": "#p"}, "bad-reference", "subject is a contained resource"),
    ({"reference": "Patient?name=x"}, "bad-reference", "subject is a search"),
    ({"reference": "Group/g"}, "no-subject", "subject is not a Patient"),
    ({"display": "Ann"}, "no-subject", "subject has no reference"),
    ({"identifier": {"value": "7"}, "type": "Group"}, "no-subject", "subject has no reference"),
    ({"reference": "urn:uuid:none"}, "bad-reference", "reference not in the Bundle"),
]


def test_a_subject_that_leads_to_no_patient_is_refused_with_its_reason(store: Store) -> None:
    lost = [made.observation(subject=subject, contained=[made.patient(id="p")]) for subject, _, _ in NO_SUBJECTS]
    send(store, made.patient(), *numbered(lost))
    for (_, code, reason), refusal in zip(NO_SUBJECTS, refusals(store), strict=True):
        assert refusal[1] == code
        assert reason in refusal[2]


REFUSED: list[tuple[Any, str, str | None]] = [
    (made.observation(effectiveDateTime="2020-13-01"), "bad-time", 'effectiveDateTime: "2020-13-01"'),
    (made.observation(effectiveDateTime=2020), "wrong-type", "effectiveDateTime: 2020"),
    (made.observation(valueQuantity={"value": "7"}), "wrong-type", 'valueQuantity.value: "7"'),
    (
        made.observation(valueQuantity={"value": 7, "comparator": "~"}),
        "bad-number",
        'valueQuantity.comparator: "~"',
    ),
    (made.observation(code={}), "no-code", "code: {}"),
    (made.observation(subject=None), "no-subject", None),
    (made.observation(status="Final"), "bad-cell", 'status: "Final"'),
    (made.condition(assertedDate="2020"), "wrong-type", 'assertedDate: "2020"'),
]


def test_a_refusal_has_its_kind_and_shows_the_faulty_field_only(store: Store) -> None:
    send(store, made.patient(), *numbered([resource for resource, _, _ in REFUSED]))
    assert [(row[1], row[3]) for row in refusals(store)] == [(code, excerpt) for _, code, excerpt in REFUSED]


def test_a_bundle_under_rules_of_its_own_and_an_entry_with_a_modifier_are_refused(store: Store) -> None:
    document = made.bundle(made.patient(), made.observation())
    document["entry"][1]["modifierExtension"] = NEGATED
    send(store, document)
    assert [row[1:3] for row in refusals(store)] == [
        ("not-positive", "entry.modifierExtension: it may change the meaning and is not understood")
    ]
    send(store, made.bundle(made.condition(), implicitRules="http://rules.example.org"))
    assert rows(store, "SELECT count(*) FROM condition") == [(0,)]
    assert len(refusals(store)) == 2
