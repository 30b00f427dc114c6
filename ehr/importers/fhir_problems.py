"""What ails a patient: Condition, AllergyIntolerance, AdverseEvent, DetectedIssue and Flag of FHIR R4 as events.

The rules are in docs/fhir.md. A statement that there is none (no known allergies) is left out.
"""

from ehr.importers.fhir_codes import concept, label
from ehr.importers.fhir_dates import Moment, moment, period
from ehr.importers.fhir_record import (
    ABATEMENT,
    IDENTIFIED,
    ONSET,
    Record,
    add_coded,
    begin,
    clinical_status,
    fact,
    judge,
    later,
    set_encounter,
    set_subject,
    span,
)
from ehr.importers.fhir_values import NOTHING, Json, Measured, Refused, as_text
from ehr.importers.fhir_words import ACTUALITIES
from ehr.reasons import Reason


def condition(resource: Json, record: Record) -> None:
    """A diagnosis or problem, from when it was known until it abated."""
    status = clinical_status("Condition", resource, record)
    set_subject(resource, "subject", record)
    set_encounter(resource, "encounter", record)
    time, onset = _known_since(resource, record)
    abated, until = span(resource, ABATEMENT, record.notes)
    named = fact(resource.get("code"), "code", record)
    add_coded(record, "CONDITION", named, time, end=until or abated, status=status, value=onset)


def allergy(resource: Json, record: Record) -> None:
    """An allergy or intolerance."""
    status = clinical_status("AllergyIntolerance", resource, record)
    set_subject(resource, "patient", record)
    set_encounter(resource, "encounter", record)
    time, onset = _known_since(resource, record)
    if time is None:
        time = moment(resource.get("lastOccurrence"), "lastOccurrence", record.notes)
    add_coded(record, "ALLERGY", fact(resource.get("code"), "code", record), time, status=status, value=onset)


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


def adverse_event(resource: Json, record: Record) -> None:
    """Harm that was done, from when it was detected and recorded, with its outcome as text."""
    actuality = resource.get("actuality")
    if not actuality:
        raise Refused("no actuality", code=Reason.BAD_CELL)
    judge(ACTUALITIES.get(actuality), actuality, "actuality")
    set_subject(resource, "subject", record)
    set_encounter(resource, "encounter", record)
    dates = [moment(resource.get(name), name, record.notes) for name in ("date", "detected", "recordedDate")]
    time = later(later(dates[0], dates[1]), dates[2])
    value = (None, label(resource.get("outcome"), "outcome"), None, None)
    add_coded(record, "ADVERSE_EVENT", fact(resource.get("event"), "event", record), time, value=value)


def detected_issue(resource: Json, record: Record) -> None:
    """An issue that was found, such as an interaction of two medicines, with its severity as text."""
    status = begin("DetectedIssue", resource, record, subject="patient")
    time, end = span(resource, IDENTIFIED, record.notes)
    value = (None, as_text(resource.get("severity"), "severity"), None, None)
    named = concept(resource.get("code") or {}, "code", record.notes)
    add_coded(record, "DETECTED_ISSUE", named, time, end=end, status=status, value=value)


def flag(resource: Json, record: Record) -> None:
    """An alert about the patient, while it holds."""
    status = begin("Flag", resource, record)
    start, end = period(resource.get("period"), "period", record.notes)
    add_coded(record, "FLAG", fact(resource.get("code"), "code", record), start, end=end, status=status)
