"""Medicines: MedicationRequest, MedicationAdministration and Medication of FHIR R4 as events.

A request or administration names the medicine itself, or a Medication: one that it contains, or one of the input,
which may come later. The rules are in docs/fhir.md.
"""

from ehr.importers.fhir_codes import Concept, concept
from ehr.importers.fhir_fields import INTENTS
from ehr.importers.fhir_record import (
    EFFECTIVE,
    MEDICATION,
    Record,
    add_coded,
    judge,
    one_of,
    set_encounter,
    set_subject,
    span,
    status_of,
)
from ehr.importers.fhir_values import (
    NOTHING,
    Json,
    LeftOut,
    Measured,
    Moment,
    Notes,
    Refused,
    as_text,
    at_fault,
    element,
    elements,
    moment,
    no_modifier,
    quantity,
)
from ehr.reasons import Reason


def medication_request(resource: Json, record: Record) -> None:
    """A prescription, from when it was written."""
    status = status_of("MedicationRequest", resource)
    intent = resource.get("intent")
    if intent:
        judge(INTENTS.get(intent), intent, "intent")
    if resource.get("doNotPerform"):
        raise LeftOut("doNotPerform is true: left out")
    set_subject(resource, "subject", record)
    set_encounter(resource, "encounter", record)
    time = moment(resource.get("authoredOn"), "authoredOn", record.notes)
    _medication(resource, record, time, None, status, _prescribed(resource, record.notes))


def medication_administration(resource: Json, record: Record) -> None:
    """A dose that was given."""
    status = status_of("MedicationAdministration", resource)
    set_subject(resource, "subject", record)
    set_encounter(resource, "context", record)
    start, end = span(resource, EFFECTIVE, record.notes)
    dosage = element(resource.get("dosage"), "dosage")
    dose = dosage.get("dose")
    number, text, unit, _ = NOTHING if dose is None else quantity(dose, "dosage.dose", record.notes)
    text = text or as_text(dosage.get("text"), "dosage.text")
    _medication(resource, record, start or end, end, status, (number, text, unit, None))


def _prescribed(resource: Json, notes: Notes) -> Measured:
    """Return dose and instruction of the first dosageInstruction."""
    for instruction in elements(resource.get("dosageInstruction"), "dosageInstruction"):
        text = as_text(instruction.get("text"), "dosageInstruction.text")
        for rate in elements(instruction.get("doseAndRate"), "doseAndRate"):
            if rate.get("doseQuantity") is not None:
                number, shown, unit, _ = quantity(rate["doseQuantity"], "doseQuantity", notes)
                return number, shown or text, unit, None
        return None, text, None, None
    return NOTHING


def _medication(
    resource: Json, record: Record, time: Moment | None, end: Moment | None, status: str, value: Measured
) -> None:
    """Add the event of a medication, named here, in a contained Medication or in one that the input has."""
    name = one_of(resource, MEDICATION)
    if name is None:
        raise Refused("no medication[x]", code=Reason.NO_CODE)
    if name == "medicationCodeableConcept":
        named = concept(resource["medicationCodeableConcept"], "medicationCodeableConcept", record.notes)
        add_coded(record, "MEDICATION", named, time, end=end, status=status, value=value)
        return
    text = as_text(resource["medicationReference"].get("reference"), "medicationReference.reference")
    if text is None:
        raise Refused(
            "medicationReference has no reference",
            at_fault("medicationReference", resource["medicationReference"]),
            code=Reason.NO_CODE,
        )
    if text.startswith("#"):
        add_coded(
            record, "MEDICATION", _contained(resource, text[1:], record), time, end=end, status=status, value=value
        )
        return
    key = record.scope.resolve(text, "medicationReference")
    record.add(time, None, None, value=value, end=end, status=status, named_by=key)


def _contained(resource: Json, name: str, record: Record) -> Concept:
    """Return what the contained Medication of that id is."""
    for inner in resource.get("contained") or ():
        if inner.get("id") == name and inner.get("resourceType") == "Medication":
            no_modifier(inner, "contained Medication")
            return concept(inner.get("code") or {}, "contained Medication.code", record.notes)
    raise Refused(
        "medicationReference is not among the contained resources",
        at_fault("medicationReference.reference", f"#{name}"),
        code=Reason.BAD_REFERENCE,
    )


def medication(resource: Json, record: Record) -> None:
    """A product that requests and administrations name: no event of its own."""
    if resource.get("status") == "entered-in-error":
        raise Refused("entered in error", at_fault("status", "entered-in-error"), code=Reason.NOT_POSITIVE)
    record.product = concept(resource.get("code") or {}, "code", record.notes)
