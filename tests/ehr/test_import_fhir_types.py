"""What each type of FHIR becomes beyond the first ten: plans, orders, devices, families, forms, imaging, bills."""

from pathlib import Path
from typing import Any

import pytest

from ehr.events import HEADS, head_of
from ehr.importers import ImportOptions
from ehr.importers.fhir_resources import BILLING_READERS, READERS
from ehr.store import Store, create_store, opened
from tests.ehr import fhir_made as made
from tests.ehr.fhir_sent import BILLING, events, refusals, rows, send


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with opened(create_store(tmp_path / "store")) as store:
        yield store


def test_one_of_every_type_is_taken_in(store: Store) -> None:
    resources = made.one_of_every_type()
    report = send(store, *resources, options=BILLING)
    (file,) = report.files
    assert {one["resourceType"] for one in resources} == READERS.keys() | BILLING_READERS.keys()
    assert (file.rows_in, file.accepted, file.rejected) == (len(resources), len(resources), 0)


def test_one_of_every_type_passes_the_strict_check(store: Store) -> None:
    report = send(store, *made.one_of_every_type(), options=ImportOptions(strict=True, billing=True))
    assert (report.rejected, report.files[0].skipped) == (0, 0)


def test_bills_are_skipped_unless_asked_for_and_never_mixed_with_clinical_records(store: Store) -> None:
    report = send(store, made.patient(), made.encounter(), made.claim(), made.benefit())
    assert (report.files[0].accepted, report.files[0].skipped) == (2, 2)
    send(store, made.claim(), made.benefit(), options=BILLING)
    assert events(store, "Claim/cl1", 'code, "time"::VARCHAR, record_id, encounter_id IS NULL') == [
        ("CLAIM_DIAGNOSIS//ICD10//E11.9", "2020-05-10 00:00:00", "Claim/cl1.diagnosis[0]", False),
        ("CLAIM_ITEM//CPT//99213", "2020-05-10 00:00:00", "Claim/cl1.item[0]", False),
    ]
    assert len(events(store, "ExplanationOfBenefit/eob1", "code")) == 2
    assert rows(store, "SELECT DISTINCT kind FROM code WHERE code LIKE 'CLAIM%'") == [("other",)]
    assert rows(store, "SELECT count(*) FROM condition") == [(0,)]


@pytest.mark.parametrize("changes", [{"use": "preauthorization"}, {"status": "draft"}, {"status": "cancelled"}])
def test_only_a_claim_about_what_was_done_counts(store: Store, changes: dict[str, Any]) -> None:
    report = send(store, made.patient(), made.claim(**changes), options=BILLING)
    assert report.files[0].skipped == 1


def test_a_statement_counts_from_when_it_was_told(store: Store) -> None:
    send(store, made.patient(), made.statement(), made.statement(id="ms2", dateAsserted=None))
    assert events(store, "MedicationStatement/ms1", 'code, "time"::VARCHAR, text_value, status') == [
        ("MEDICATION//RXNORM//860975", "2020-05-01 00:00:00", "since 2018-02-03", "active")
    ]
    assert events(store, "MedicationStatement/ms2", '"time"::VARCHAR') == [("2018-02-03 00:00:00",)]


def test_a_dispense_counts_from_when_it_was_handed_over(store: Store) -> None:
    send(store, made.patient(), made.dispense())
    assert events(store, "MedicationDispense/md1", '"time"::VARCHAR, numeric_value, unit, text_value') == [
        ("2020-05-01 10:00:00", 30.0, "{tbl}", "twice a day")
    ]


def test_an_imaging_study_is_one_event_for_each_modality_and_site(store: Store) -> None:
    send(store, made.patient(), made.encounter(), made.imaging())
    assert events(store, "ImagingStudy/im1", "record_id, code, value_code, codings, utc_offset") == [
        (
            "ImagingStudy/im1",
            "IMAGING//DICOM//CT",
            "SNOMED//51185008",
            ["IMAGING//DICOM//CT", "IMAGING//LOINC//24627-2"],
            120,
        ),
        ("ImagingStudy/im1.series[2]", "IMAGING//DICOM//CT", None, None, 120),
    ]


def test_an_imaging_study_without_series_is_named_by_its_modality_or_procedure(store: Store) -> None:
    modality = [{"system": made.DICOM, "code": "MR"}]
    send(
        store,
        made.patient(),
        made.imaging(series=None, modality=modality, procedureCode=None),
        made.imaging(id="im2", series=None),
        made.imaging(id="im3", series=None, procedureCode=None),
    )
    assert events(store, "ImagingStudy/im1", "code") == [("IMAGING//DICOM//MR",)]
    assert events(store, "ImagingStudy/im2", "code") == [("IMAGING//LOINC//24627-2",)]
    assert [row[:2] for row in refusals(store)] == [("ImagingStudy/im3", "no-code")]


def test_a_plan_is_its_category_and_the_activities_that_shall_be(store: Store) -> None:
    send(store, made.patient(), made.care_plan())
    assert events(store, "CarePlan/cp1", 'record_id, code, "time"::VARCHAR, end_time::VARCHAR, status') == [
        ("CarePlan/cp1", "CARE_PLAN//SNOMED//736377009", "2020-05-02 00:00:00", "2020-06-30 23:59:59", "active"),
        (
            "CarePlan/cp1.activity[0]",
            "CARE_PLAN_ACTIVITY//SNOMED//229065009",
            "2020-05-02 00:00:00",
            None,
            "in-progress",
        ),
    ]
    told = rows(store, "SELECT code, reason FROM notice WHERE code = 'not-positive' ORDER BY reason")
    assert told == [
        ("not-positive", "activity.detail.doNotPerform is true: left out"),
        ("not-positive", "activity.detail.status is cancelled: left out"),
    ]


def test_a_team_and_a_goal_are_events_of_their_own(store: Store) -> None:
    send(store, made.patient(), made.care_team(), made.care_team(id="ct2", category=None), made.goal())
    assert events(store, "CareTeam/ct1", "code, text_value, value_code") == [
        ("CARE_TEAM//LOINC//LA27976-2", "Concussion", "SNOMED//62106007")
    ]
    assert events(store, "CareTeam/ct2", "code") == [("CARE_TEAM//UNK",)]
    assert events(store, "Goal/g1", 'code, "time"::VARCHAR') == [("GOAL//TEXT//to walk again", "2020-05-03 00:00:00")]


def test_orders_are_known_when_written_and_are_no_procedures(store: Store) -> None:
    send(store, made.patient(), made.service_request(), made.device_request(), made.nutrition_order())
    assert events(store, "ServiceRequest/sr1", 'code, "time"::VARCHAR') == [
        ("ORDER//LOINC//24627-2", "2020-05-01 06:00:00")
    ]
    assert events(store, "DeviceRequest/dr1", "code") == [("ORDER//SNOMED//170615005",)]
    assert events(store, "NutritionOrder/no1", "record_id, code, text_value") == [
        ("NutritionOrder/no1.type[0]", "ORDER//SNOMED//160670007", "less salt"),
        ("NutritionOrder/no1.supplement[0]", "ORDER//SNOMED//442901000124100", None),
    ]
    assert rows(store, "SELECT count(*) FROM procedure") == [(0,)]


def test_no_date_of_a_device_says_when_it_was_used(store: Store) -> None:
    send(store, made.patient(), made.device(), made.device_use(), made.device(id="dev2", patient=None))
    assert events(store, "Device/dev1", 'code, "time"') == [("DEVICE//SNOMED//14106009", None)]
    assert events(store, "DeviceUseStatement/du1", 'code, "time"::VARCHAR, text_value, value_code') == [
        ("DEVICE//SNOMED//14106009", "2020-05-01 08:00:00", "Heart", "SNOMED//80891009")
    ]
    assert events(store, "Device/dev2", "code") == []
    assert rows(store, "SELECT count(*) FROM event WHERE COLUMNS(*)::VARCHAR LIKE '%secret-serial%'") == [(0,)]


def test_a_contained_device_names_the_use(store: Store) -> None:
    inner = made.device(id="d", patient=None)
    send(store, made.patient(), made.device_use(contained=[inner], device={"reference": "#d"}))
    assert events(store, "DeviceUseStatement/du1", "code") == [("DEVICE//SNOMED//14106009",)]


def test_a_supply_has_its_amount_and_one_without_a_patient_is_stock(store: Store) -> None:
    report = send(store, made.patient(), made.supply_delivery(), made.supply_delivery(id="sd2", patient=None))
    assert events(store, "SupplyDelivery/sd1", "code, numeric_value") == [("SUPPLY//SNOMED//337388004", 50.0)]
    assert report.files[0].skipped == 1


def test_a_condition_of_a_relative_is_never_one_of_the_patient(store: Store) -> None:
    send(store, made.patient(), made.family_history())
    assert events(store, "FamilyMemberHistory/f1", "record_id, code, numeric_value, unit") == [
        ("FamilyMemberHistory/f1.condition[0]", "FAMILY_HISTORY//MTH//SNOMED//44054006", 50.0, "a")
    ]
    assert rows(store, "SELECT count(*) FROM condition") == [(0,)]
    assert rows(store, "SELECT kind, description FROM code WHERE code LIKE 'FAMILY%'") == [
        ("other", "Diabetes mellitus type 2 in the family (mother)")
    ]


def test_the_onset_in_a_relative_is_kept_as_it_was_told(store: Store) -> None:
    onsets: list[dict[str, Any]] = [
        {"onsetString": "as a child"},
        {"onsetRange": {"low": {"value": 50}, "high": {"value": 60}}},
        {"onsetPeriod": {"start": "1990"}},
        {},
    ]
    told = [{"code": made.code(made.SNOMED, "44054006"), **onset} for onset in onsets]
    send(store, made.patient(), made.family_history(condition=told))
    found = events(store, "FamilyMemberHistory/f1", "text_value")
    assert found == [("as a child",), ("50 - 60",), ("1990 to ",), (None,)]


def test_a_form_is_an_event_for_each_answer(store: Store) -> None:
    send(store, made.patient(), made.questionnaire_response())
    form = "QUESTIONNAIRE//hospital.example.org/forms/intake"
    found = events(
        store, "QuestionnaireResponse/q1", "record_id[25:], code, numeric_value, text_value, value_code, unit"
    )
    assert found == [
        (".item[0].answer[0]", "QUESTIONNAIRE//LOINC//8302-2//cm", 170.0, None, None, "cm"),
        (".item[1].answer[0]", f"{form}//smoking", None, "Smoker", "SNOMED//77176002", None),
        (".item[1].answer[0].item[0].answer[0]", f"{form}//packs", 1.5, None, None, None),
        (".item[2].item[0].answer[0]", f"{form}//walks", None, "false", None, None),
    ]
    assert rows(store, "SELECT kind FROM code WHERE code LIKE '%8302-2%'") == [("observation",)]


ANSWERS: list[tuple[dict[str, Any], tuple[Any, ...]]] = [
    ({"valueInteger": 3}, (3.0, None)),
    ({"valueDecimal": 1e300}, (None, "1e+300")),
    ({"valueDate": "2020-05"}, (None, "2020-05")),
    ({"valueTime": "08:30:00"}, (None, "08:30:00")),
    ({"valueString": " yes "}, (None, "yes")),
    ({"valueReference": {"reference": "Patient/p2", "display": "a cousin"}}, (None, "a cousin")),
    ({"valueAttachment": {"data": "AAAA", "title": "scan"}}, (None, "scan")),
    ({"valueUri": "urn:x"}, (None, "urn:x")),
]


def test_each_kind_of_answer_is_kept(store: Store) -> None:
    definition = "http://hospital.example.org/defs/vitals#weight"
    item = {"linkId": "1", "definition": definition, "answer": [answer for answer, _ in ANSWERS]}
    send(store, made.patient(), made.questionnaire_response(item=[item]))
    found = events(store, "QuestionnaireResponse/q1", "numeric_value, text_value")
    assert found == [expected for _, expected in ANSWERS]
    code = "QUESTIONNAIRE//hospital.example.org/defs/vitals//weight"
    assert set(events(store, "QuestionnaireResponse/q1", "code")) == {(code,)}


def test_a_deep_form_is_read_to_its_end(store: Store) -> None:
    item: dict[str, Any] = {"linkId": "end", "answer": [{"valueBoolean": True}]}
    for depth in range(100):
        item = {"linkId": str(depth), "item": [item]}
    send(store, made.patient(), made.questionnaire_response(item=[item]))
    assert len(events(store, "QuestionnaireResponse/q1", "code")) == 1


def test_alerts_issues_and_harm_are_known_when_they_were_told(store: Store) -> None:
    send(store, made.patient(), made.detected_issue(), made.adverse_event(), made.flag())
    code = "terminology.hl7.org/CodeSystem/v3-ActCode//DRG"
    assert events(store, "DetectedIssue/di1", "code, text_value") == [(f"DETECTED_ISSUE//{code}", "high")]
    assert events(store, "AdverseEvent/ae1", 'code, "time"::VARCHAR') == [
        ("ADVERSE_EVENT//SNOMED//217082002", "2020-05-03 10:00:00")
    ]
    assert events(store, "Flag/fl1", 'code, "time"::VARCHAR, end_time::VARCHAR') == [
        ("FLAG//SNOMED//129839007", "2020-05-01 00:00:00", "2020-05-04 23:59:59")
    ]


def test_every_head_that_is_written_is_listed(store: Store) -> None:
    send(store, *made.one_of_every_type(), options=BILLING)
    assert {head_of(code) for (code,) in rows(store, "SELECT code FROM code")} <= HEADS.keys()
