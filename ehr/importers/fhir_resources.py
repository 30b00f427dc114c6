"""What a FHIR R4 resource says, as events: the table READERS names the function that reads each type.

The rules are in docs/fhir.md. A reader raises Refused for what is wrong and LeftOut for what did not happen; what
else is to be known goes to `record.notes`.
"""

from collections.abc import Callable
from typing import Final

from ehr.importers.fhir_codes import concept
from ehr.importers.fhir_medications import medication, medication_administration, medication_request
from ehr.importers.fhir_observations import diagnostic_report, observation
from ehr.importers.fhir_patients import encounter, patient
from ehr.importers.fhir_record import (
    ABATEMENT,
    OCCURRENCE,
    ONSET,
    PERFORMED,
    Record,
    add_coded,
    check_shape,
    clinical_status,
    later,
    set_encounter,
    set_subject,
    span,
    status_of,
)
from ehr.importers.fhir_values import NOTHING, Json, Measured, Moment, moment, quantity

Reader = Callable[[Json, Record], None]


def read_resource(type_name: str, resource: Json, record: Record) -> None:
    """Fill `record` from a resource; raises Refused or LeftOut."""
    check_shape(type_name, resource, record.notes)
    READERS[type_name](resource, record)


def _known_since(resource: Json, record: Record) -> tuple[Moment | None, Measured]:
    """Return when a condition was known, and its onset as text where that was earlier.

    A prediction must not know a condition before it was recorded, so the later of recordedDate and onset counts.
    """
    onset, _ = span(resource, ONSET, record.notes)
    recorded = moment(resource.get("recordedDate"), "recordedDate", record.notes)
    time = later(onset, recorded)
    if onset is None or time is None or time is onset or onset.first >= time.time:
        return time, NOTHING
    return time, (None, f"onset {onset.shown}", None, None)


def condition(resource: Json, record: Record) -> None:
    """A diagnosis or problem, from when it was known until it abated."""
    status = clinical_status("Condition", resource, record)
    set_subject(resource, "subject", record)
    set_encounter(resource, "encounter", record)
    time, onset = _known_since(resource, record)
    abated, until = span(resource, ABATEMENT, record.notes)
    named = concept(resource.get("code") or {}, "code", record.notes)
    add_coded(record, "CONDITION", named, time, end=until or abated, status=status, value=onset)


def allergy(resource: Json, record: Record) -> None:
    """An allergy or intolerance."""
    status = clinical_status("AllergyIntolerance", resource, record)
    set_subject(resource, "patient", record)
    set_encounter(resource, "encounter", record)
    time, onset = _known_since(resource, record)
    if time is None:
        time = moment(resource.get("lastOccurrence"), "lastOccurrence", record.notes)
    add_coded(
        record, "ALLERGY", concept(resource.get("code") or {}, "code", record.notes), time, status=status, value=onset
    )


def procedure(resource: Json, record: Record) -> None:
    """A procedure that was done."""
    status = status_of("Procedure", resource)
    set_subject(resource, "subject", record)
    set_encounter(resource, "encounter", record)
    start, end = span(resource, PERFORMED, record.notes)
    named = concept(resource.get("code") or {}, "code", record.notes)
    add_coded(record, "PROCEDURE", named, start or end, end=end, status=status)


def immunization(resource: Json, record: Record) -> None:
    """A vaccine that was given."""
    status = status_of("Immunization", resource)
    set_subject(resource, "patient", record)
    set_encounter(resource, "encounter", record)
    time, _ = span(resource, OCCURRENCE, record.notes)
    dose = resource.get("doseQuantity")
    value: Measured = NOTHING if dose is None else quantity(dose, "doseQuantity", record.notes)
    named = concept(resource.get("vaccineCode") or {}, "vaccineCode", record.notes)
    add_coded(
        record,
        "IMMUNIZATION",
        named,
        time or moment(resource.get("recorded"), "recorded", record.notes),
        status=status,
        value=value,
    )


READERS: Final[dict[str, Reader]] = {
    "Patient": patient,
    "Encounter": encounter,
    "Condition": condition,
    "Observation": observation,
    "MedicationRequest": medication_request,
    "MedicationAdministration": medication_administration,
    "Procedure": procedure,
    "Immunization": immunization,
    "AllergyIntolerance": allergy,
    "DiagnosticReport": diagnostic_report,
    "Medication": medication,
}
"""Resource type -> the function that reads it; all other types of R4 are counted as skipped."""
