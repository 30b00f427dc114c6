"""Medicines: MedicationRequest, -Administration, -Dispense, -Statement and Medication of FHIR R4 as events.

Each names the medicine itself, or a Medication: one that it contains, or one of the input or of the store, which may
come later. The rules are in docs/fhir.md.
"""

from ehr.importers.fhir_codes import Concept
from ehr.importers.fhir_dates import Moment, moment
from ehr.importers.fhir_orders import check_intent
from ehr.importers.fhir_record import (
    EFFECTIVE,
    MEDICATION,
    Record,
    add_coded,
    begin,
    fact,
    later,
    one_of,
    optional_status,
    span,
)
from ehr.importers.fhir_values import (
    NOTHING,
    Json,
    LeftOut,
    Measured,
    Notes,
    Refused,
    as_text,
    at_fault,
    element,
    elements,
    no_modifier,
    quantity,
)
from ehr.reasons import Reason


def medication_request(resource: Json, record: Record) -> None:
    """A prescription, from when it was written."""
    check_intent(resource)
    if resource.get("doNotPerform"):
        raise LeftOut("doNotPerform is true: left out")
    status = begin("MedicationRequest", resource, record)
    time = moment(resource.get("authoredOn"), "authoredOn", record.notes)
    value = _instructed(resource.get("dosageInstruction"), "dosageInstruction", record.notes)
    _medication(resource, record, time, None, status, value)


def medication_administration(resource: Json, record: Record) -> None:
    """A dose that was given."""
    status = begin("MedicationAdministration", resource, record, encounter="context")
    start, end = span(resource, EFFECTIVE, record.notes)
    dosage = element(resource.get("dosage"), "dosage")
    dose = dosage.get("dose")
    number, text, unit, _ = NOTHING if dose is None else quantity(dose, "dosage.dose", record.notes)
    text = text or as_text(dosage.get("text"), "dosage.text")
    _medication(resource, record, start or end, end, status, (number, text, unit, None))


def medication_dispense(resource: Json, record: Record) -> None:
    """A medicine that was handed over, with its amount."""
    status = begin("MedicationDispense", resource, record, encounter="context")
    time = moment(resource.get("whenHandedOver"), "whenHandedOver", record.notes)
    time = time or moment(resource.get("whenPrepared"), "whenPrepared", record.notes)
    amount = resource.get("quantity")
    number, text, unit, _ = NOTHING if amount is None else quantity(amount, "quantity", record.notes)
    told = _instructed(resource.get("dosageInstruction"), "dosageInstruction", record.notes)
    _medication(resource, record, time, None, status, (number, text or told[1], unit, None))


def medication_statement(resource: Json, record: Record) -> None:
    """A medicine that somebody says the patient takes, from when it was taken and told."""
    status = begin("MedicationStatement", resource, record, encounter="context")
    start, end = span(resource, EFFECTIVE, record.notes)
    time = later(start, moment(resource.get("dateAsserted"), "dateAsserted", record.notes))
    number, text, unit, _ = _instructed(resource.get("dosage"), "dosage", record.notes)
    if text is None and start is not None and time is not None and start.first < time.first:
        text = f"since {start.shown}"
    _medication(resource, record, time or end, end, status, (number, text, unit, None))


def _instructed(dosages: object, name: str, notes: Notes) -> Measured:
    """Return dose and instruction of the first Dosage of a list."""
    for instruction in elements(dosages, name):
        text = as_text(instruction.get("text"), f"{name}.text")
        for rate in elements(instruction.get("doseAndRate"), "doseAndRate"):
            if rate.get("doseQuantity") is not None:
                number, shown, unit, _ = quantity(rate["doseQuantity"], "doseQuantity", notes)
                return number, shown or text, unit, None
        return None, text, None, None
    return NOTHING


def _medication(
    resource: Json, record: Record, time: Moment | None, end: Moment | None, status: str, value: Measured
) -> None:
    """Add the event of a medication, named here, in a contained Medication or in one that is read elsewhere."""
    name = one_of(resource, MEDICATION)
    if name is None:
        raise Refused("no medication[x]", code=Reason.NO_CODE)
    if name == "medicationCodeableConcept":
        named = fact(resource[name], name, record)
    else:
        text = as_text(resource[name].get("reference"), f"{name}.reference")
        if text is None:
            named = _described(resource[name], record)
        elif text.startswith("#"):
            named = _contained(resource, text[1:], record)
        else:
            key = record.scope.resolve(text, name)
            record.add(time, None, None, value=value, end=end, status=status, named_by=key)
            return
    add_coded(record, "MEDICATION", named, time, end=end, status=status, value=value)


def _described(reference: Json, record: Record) -> Concept:
    """Return the medicine that a reference names in words only."""
    if not reference.get("display"):
        fault = at_fault("medicationReference", reference)
        raise Refused("medicationReference has no reference", fault, code=Reason.NO_CODE)
    return fact({"text": reference["display"]}, "medicationReference.display", record)


def _contained(resource: Json, name: str, record: Record) -> Concept:
    """Return what the contained Medication of that id is."""
    for inner in resource.get("contained") or ():
        if inner.get("id") == name and inner.get("resourceType") == "Medication":
            no_modifier(inner, "contained Medication")
            return _product(inner, "contained Medication.code", record)
    raise Refused(
        "medicationReference is not among the contained resources",
        at_fault("medicationReference.reference", f"#{name}"),
        code=Reason.BAD_REFERENCE,
    )


def _product(resource: Json, name: str, record: Record) -> Concept:
    """Return what a Medication is: its code, else that of its only ingredient."""
    optional_status("Medication", resource)
    if not resource.get("code"):
        ingredients = elements(resource.get("ingredient"), "ingredient")
        if len(ingredients) == 1 and ingredients[0].get("itemCodeableConcept"):
            return fact(ingredients[0]["itemCodeableConcept"], "ingredient.itemCodeableConcept", record)
    return fact(resource.get("code"), name, record)


def medication(resource: Json, record: Record) -> None:
    """A product that requests, administrations, dispenses and statements name: no event of its own."""
    record.product = _product(resource, "code", record)
