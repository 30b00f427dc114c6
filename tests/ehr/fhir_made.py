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
