"""Small FHIR resources for tests, valid unless a test breaks them."""

from pathlib import Path
from typing import Any

import orjson

Json = dict[str, Any]
SUBJECT = {"reference": "Patient/p1"}
DURING = {"reference": "Encounter/e1"}


def code(system: str, value: str, display: str = "") -> Json:
    return {"coding": [{"system": system, "code": value, "display": display or value}]}


LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"


def patient(**other: Any) -> Json:
    return {"resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1960-04-02", **other}


def encounter(**other: Any) -> Json:
    return {
        "resourceType": "Encounter",
        "id": "e1",
        "status": "finished",
        "class": {"code": "IMP"},
        "subject": SUBJECT,
        "period": {"start": "2020-05-01T07:00:00Z", "end": "2020-05-04T09:00:00Z"},
        **other,
    }


def observation(**other: Any) -> Json:
    return {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "code": code(LOINC, "4548-4", "Hemoglobin A1c"),
        "subject": SUBJECT,
        "encounter": DURING,
        "effectiveDateTime": "2020-05-01T08:00:00Z",
        "valueQuantity": {"value": 7.5, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"},
        **other,
    }


def condition(**other: Any) -> Json:
    return {
        "resourceType": "Condition",
        "id": "c1",
        "clinicalStatus": code("http://terminology.hl7.org/CodeSystem/condition-clinical", "active"),
        "code": code(SNOMED, "44054006", "Diabetes mellitus type 2"),
        "subject": SUBJECT,
        "onsetDateTime": "2019-03-04",
        **other,
    }


def request(**other: Any) -> Json:
    return {
        "resourceType": "MedicationRequest",
        "id": "m1",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": code(RXNORM, "860975", "metformin"),
        "subject": SUBJECT,
        "authoredOn": "2020-05-01",
        **other,
    }


def administration(**other: Any) -> Json:
    return {
        "resourceType": "MedicationAdministration",
        "id": "ma1",
        "status": "completed",
        "medicationCodeableConcept": code(RXNORM, "860975", "metformin"),
        "subject": SUBJECT,
        "context": DURING,
        "effectivePeriod": {"start": "2020-05-01T08:00:00Z", "end": "2020-05-01T09:00:00Z"},
        "dosage": {"dose": {"value": 500, "unit": "mg"}},
        **other,
    }


def procedure(**other: Any) -> Json:
    return {
        "resourceType": "Procedure",
        "id": "pr1",
        "status": "completed",
        "code": code(SNOMED, "710824005", "Assessment"),
        "subject": SUBJECT,
        "performedPeriod": {"start": "2020-05-02T08:00:00Z", "end": "2020-05-02T09:30:00Z"},
        **other,
    }


def immunization(**other: Any) -> Json:
    return {
        "resourceType": "Immunization",
        "id": "i1",
        "status": "completed",
        "vaccineCode": code("http://hl7.org/fhir/sid/cvx", "140"),
        "patient": SUBJECT,
        "occurrenceDateTime": "2020-10-01",
        **other,
    }


def allergy(**other: Any) -> Json:
    return {
        "resourceType": "AllergyIntolerance",
        "id": "a1",
        "code": code(SNOMED, "288328004", "Bee venom"),
        "patient": SUBJECT,
        "recordedDate": "2013-08-07",
        **other,
    }


def report(**other: Any) -> Json:
    return {
        "resourceType": "DiagnosticReport",
        "id": "d1",
        "status": "final",
        "code": code(LOINC, "58410-2", "CBC panel"),
        "subject": SUBJECT,
        "effectiveDateTime": "2020-05-01T08:00:00Z",
        "conclusion": "normal",
        **other,
    }


def one_of_each() -> list[Json]:
    makers = (patient, encounter, observation, condition, request, administration, procedure, immunization)
    return [make() for make in (*makers, allergy, report)]


def statement(**other: Any) -> Json:
    return {
        "resourceType": "MedicationStatement",
        "id": "ms1",
        "status": "active",
        "medicationCodeableConcept": code(RXNORM, "860975", "metformin"),
        "subject": SUBJECT,
        "effectivePeriod": {"start": "2018-02-03"},
        "dateAsserted": "2020-05-01",
        **other,
    }


def dispense(**other: Any) -> Json:
    return {
        "resourceType": "MedicationDispense",
        "id": "md1",
        "status": "completed",
        "medicationCodeableConcept": code(RXNORM, "860975", "metformin"),
        "subject": SUBJECT,
        "quantity": {"value": 30, "unit": "{tbl}"},
        "whenPrepared": "2020-05-01T08:00:00Z",
        "whenHandedOver": "2020-05-01T10:00:00Z",
        "dosageInstruction": [{"text": "twice a day"}],
        **other,
    }


def medication(**other: Any) -> Json:
    return {"resourceType": "Medication", "id": "med1", "code": code(RXNORM, "1191", "aspirin"), **other}


DICOM = "http://dicom.nema.org/resources/ontology/DCM"


def imaging(**other: Any) -> Json:
    chest = {"system": SNOMED, "code": "51185008", "display": "Chest"}
    series = {"uid": "1.2.3", "modality": {"system": DICOM, "code": "CT", "display": "Computed Tomography"}}
    return {
        "resourceType": "ImagingStudy",
        "id": "im1",
        "status": "available",
        "subject": SUBJECT,
        "encounter": DURING,
        "started": "2020-05-01T09:00:00+02:00",
        "procedureCode": [code(LOINC, "24627-2", "CT chest")],
        "series": [{**series, "bodySite": chest}, {**series, "bodySite": chest}, series],
        **other,
    }


def care_plan(**other: Any) -> Json:
    return {
        "resourceType": "CarePlan",
        "id": "cp1",
        "status": "active",
        "intent": "plan",
        "category": [code(SNOMED, "736377009", "Respiratory care plan")],
        "subject": SUBJECT,
        "period": {"start": "2020-05-01", "end": "2020-06"},
        "created": "2020-05-02",
        "activity": [
            {"detail": {"code": code(SNOMED, "229065009", "Exercise"), "status": "in-progress"}},
            {
                "detail": {
                    "code": code(SNOMED, "226138001", "Alcohol"),
                    "status": "scheduled",
                    "doNotPerform": True,
                }
            },
            {"detail": {"code": code(SNOMED, "183051005", "Rest"), "status": "cancelled"}},
            {"reference": {"reference": "ServiceRequest/sr1"}},
        ],
        **other,
    }


def care_team(**other: Any) -> Json:
    return {
        "resourceType": "CareTeam",
        "id": "ct1",
        "status": "active",
        "category": [code(LOINC, "LA27976-2", "Encounter-focused care team")],
        "subject": SUBJECT,
        "period": {"start": "2020-05-01"},
        "reasonCode": [code(SNOMED, "62106007", "Concussion")],
        **other,
    }


def goal(**other: Any) -> Json:
    return {
        "resourceType": "Goal",
        "id": "g1",
        "lifecycleStatus": "active",
        "description": {"text": "to walk again"},
        "subject": SUBJECT,
        "startDate": "2020-05-03",
        **other,
    }


def service_request(**other: Any) -> Json:
    return {
        "resourceType": "ServiceRequest",
        "id": "sr1",
        "status": "active",
        "intent": "order",
        "code": code(LOINC, "24627-2", "CT chest"),
        "subject": SUBJECT,
        "authoredOn": "2020-05-01T06:00:00Z",
        "occurrenceDateTime": "2020-05-01T09:00:00Z",
        **other,
    }


def device_request(**other: Any) -> Json:
    return {
        "resourceType": "DeviceRequest",
        "id": "dr1",
        "status": "active",
        "intent": "order",
        "codeCodeableConcept": code(SNOMED, "170615005", "Home nebulizer"),
        "subject": SUBJECT,
        "authoredOn": "2020-05-02",
        **other,
    }


def nutrition_order(**other: Any) -> Json:
    return {
        "resourceType": "NutritionOrder",
        "id": "no1",
        "status": "active",
        "intent": "order",
        "patient": SUBJECT,
        "dateTime": "2020-05-02",
        "oralDiet": {"type": [code(SNOMED, "160670007", "Diabetic diet")], "instruction": "less salt"},
        "supplement": [{"type": code(SNOMED, "442901000124100", "Protein supplement")}],
        **other,
    }


def device(**other: Any) -> Json:
    return {
        "resourceType": "Device",
        "id": "dev1",
        "status": "active",
        "manufactureDate": "2019-01-01",
        "serialNumber": "secret-serial",
        "type": code(SNOMED, "14106009", "Cardiac pacemaker"),
        "patient": SUBJECT,
        **other,
    }


def device_use(**other: Any) -> Json:
    return {
        "resourceType": "DeviceUseStatement",
        "id": "du1",
        "status": "active",
        "subject": SUBJECT,
        "timingDateTime": "2020-05-01T08:00:00Z",
        "device": {"reference": "Device/dev1"},
        "bodySite": code(SNOMED, "80891009", "Heart"),
        **other,
    }


def supply_delivery(**other: Any) -> Json:
    return {
        "resourceType": "SupplyDelivery",
        "id": "sd1",
        "status": "completed",
        "patient": SUBJECT,
        "suppliedItem": {"quantity": {"value": 50}, "itemCodeableConcept": code(SNOMED, "337388004", "Test strips")},
        "occurrenceDateTime": "2020-05-05",
        **other,
    }


def family_history(**other: Any) -> Json:
    return {
        "resourceType": "FamilyMemberHistory",
        "id": "f1",
        "status": "completed",
        "patient": SUBJECT,
        "date": "2020-05-01",
        "relationship": code("http://terminology.hl7.org/CodeSystem/v3-RoleCode", "MTH", "mother"),
        "condition": [
            {
                "code": code(SNOMED, "44054006", "Diabetes mellitus type 2"),
                "onsetAge": {"value": 50, "unit": "years", "system": "http://unitsofmeasure.org", "code": "a"},
            }
        ],
        **other,
    }


def questionnaire_response(**other: Any) -> Json:
    return {
        "resourceType": "QuestionnaireResponse",
        "id": "q1",
        "questionnaire": "http://hospital.example.org/forms/intake|3",
        "status": "completed",
        "subject": SUBJECT,
        "authored": "2020-05-01T08:30:00Z",
        "item": [
            {"linkId": "/8302-2", "text": "Height", "answer": [{"valueQuantity": {"value": 170, "unit": "cm"}}]},
            {
                "linkId": "smoking",
                "answer": [
                    {
                        "valueCoding": {"system": SNOMED, "code": "77176002", "display": "Smoker"},
                        "item": [{"linkId": "packs", "answer": [{"valueDecimal": 1.5}]}],
                    }
                ],
            },
            {"linkId": "group", "item": [{"linkId": "walks", "answer": [{"valueBoolean": False}]}]},
        ],
        **other,
    }


def detected_issue(**other: Any) -> Json:
    return {
        "resourceType": "DetectedIssue",
        "id": "di1",
        "status": "final",
        "code": code("http://terminology.hl7.org/CodeSystem/v3-ActCode", "DRG", "Drug interaction alert"),
        "severity": "high",
        "patient": SUBJECT,
        "identifiedDateTime": "2020-05-01T08:10:00Z",
        **other,
    }


def adverse_event(**other: Any) -> Json:
    return {
        "resourceType": "AdverseEvent",
        "id": "ae1",
        "actuality": "actual",
        "event": code(SNOMED, "217082002", "Accidental fall"),
        "subject": SUBJECT,
        "date": "2020-05-02",
        "recordedDate": "2020-05-03T10:00:00Z",
        **other,
    }


def flag(**other: Any) -> Json:
    return {
        "resourceType": "Flag",
        "id": "fl1",
        "status": "active",
        "code": code(SNOMED, "129839007", "At risk of falls"),
        "subject": SUBJECT,
        "period": {"start": "2020-05-01", "end": "2020-05-04"},
        **other,
    }


def claim(**other: Any) -> Json:
    return {
        "resourceType": "Claim",
        "id": "cl1",
        "status": "active",
        "type": {"coding": [{"code": "institutional"}]},
        "use": "claim",
        "patient": SUBJECT,
        "created": "2020-05-10",
        "provider": {"reference": "Organization/x"},
        "priority": {"coding": [{"code": "normal"}]},
        "insurance": [{"sequence": 1, "focal": True, "coverage": {"display": "x"}}],
        "diagnosis": [
            {
                "sequence": 1,
                "diagnosisCodeableConcept": code("http://hl7.org/fhir/sid/icd-10-cm", "E11.9", "Type 2 diabetes"),
            },
            {"sequence": 2, "diagnosisReference": {"reference": "Condition/c1"}},
        ],
        "item": [
            {
                "sequence": 1,
                "productOrService": code("http://www.ama-assn.org/go/cpt", "99213"),
                "encounter": [DURING],
            }
        ],
        **other,
    }


def benefit(**other: Any) -> Json:
    changed = {
        "resourceType": "ExplanationOfBenefit",
        "id": "eob1",
        "outcome": "complete",
        "insurer": {"display": "x"},
        "insurance": [{"focal": True, "coverage": {"display": "x"}}],
    }
    return {**claim(), **changed, **other}


def one_of_every_type() -> list[Json]:
    """One resource of every type that is read, those of bills last."""
    makers = (
        *(statement, dispense, medication, imaging, care_plan, care_team, goal, service_request, device_request),
        *(nutrition_order, device, device_use, supply_delivery, family_history, questionnaire_response),
        *(detected_issue, adverse_event, flag, claim, benefit),
    )
    return [*one_of_each(), *[make() for make in makers]]


def bundle(*resources: Json, **other: Any) -> Json:
    entries = [
        {"fullUrl": f"urn:uuid:{resource.get('id')}", "resource": resource, "request": {"method": "POST"}}
        for resource in resources
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries, **other}


def write_lines(path: Path, *resources: Any) -> Path:
    """Write NDJSON; a resource that is bytes goes in as it is."""
    path.write_bytes(b"\n".join(one if isinstance(one, bytes) else orjson.dumps(one) for one in resources))
    return path


def write_document(path: Path, document: Any) -> Path:
    path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    return path
