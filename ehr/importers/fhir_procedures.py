"""What was done: Procedure, Immunization and ImagingStudy of FHIR R4 as events. The rules are in docs/fhir.md."""

from ehr.importers.fhir_codes import Concept, concept, concept_of_any
from ehr.importers.fhir_dates import Moment, moment
from ehr.importers.fhir_record import OCCURRENCE, PERFORMED, Record, add_coded, begin, fact, span
from ehr.importers.fhir_values import (
    NOTHING,
    Json,
    Measured,
    Notes,
    Refused,
    as_object,
    as_objects,
    as_text,
    elements,
    quantity,
)
from ehr.reasons import Reason


def procedure(resource: Json, record: Record) -> None:
    """A procedure that was done."""
    status = begin("Procedure", resource, record)
    start, end = span(resource, PERFORMED, record.notes)
    named = fact(resource.get("code"), "code", record)
    add_coded(record, "PROCEDURE", named, start or end, end=end, status=status)


def immunization(resource: Json, record: Record) -> None:
    """A vaccine that was given."""
    status = begin("Immunization", resource, record, subject="patient")
    time, _ = span(resource, OCCURRENCE, record.notes)
    time = time or moment(resource.get("recorded"), "recorded", record.notes)
    dose = resource.get("doseQuantity")
    value = NOTHING if dose is None else quantity(dose, "doseQuantity", record.notes)
    if resource.get("isSubpotent"):
        record.notes.append((Reason.NOTE, "isSubpotent is true: the dose was too weak"))
    named = fact(resource.get("vaccineCode"), "vaccineCode", record)
    add_coded(record, "IMMUNIZATION", named, time, status=status, value=value)


def imaging_study(resource: Json, record: Record) -> None:
    """An imaging study: one event for each modality and body site, however many series it took.

    The first event has the codes of the procedure among its codings; it has them alone where no modality is told.
    """
    status = begin("ImagingStudy", resource, record)
    series = elements(resource.get("series"), "series")
    time = _started(resource, series, record.notes)
    done = concept_of_any(resource.get("procedureCode"), "procedureCode", record.notes)
    seen = _modalities(resource, series, record.notes)
    if not seen and done is None:
        raise Refused("no code: neither a modality nor a procedureCode", code=Reason.NO_CODE)
    if not seen and done is not None:
        seen = {(done, NOTHING): ""}
    description = as_text(resource.get("description"), "description")
    for number, ((named, site), part) in enumerate(seen.items()):
        if number == 0 and done is not None and named is not done:
            named = named._replace(others=(*named.others, done.code, *done.others))
        value = site if site[1] else (None, description, None, None)
        add_coded(record, "IMAGING", named, time, status=status, value=value, part=part if number else "")


def _started(resource: Json, series: list[Json], notes: Notes) -> Moment | None:
    """Return when the study started, else when its first series did."""
    started = moment(resource.get("started"), "started", notes)
    if started is not None:
        return started
    times = [moment(one.get("started"), "series.started", notes) for one in series]
    return min((time for time in times if time is not None), key=lambda time: time.first, default=None)


def _modalities(resource: Json, series: list[Json], notes: Notes) -> dict[tuple[Concept, Measured], str]:
    """Return each modality with the body site that it showed, and the first series that says so."""
    seen: dict[tuple[Concept, Measured], str] = {}
    for number, one in enumerate(series):
        if one.get("modality"):
            named = concept({"coding": [one["modality"]]}, "series.modality", notes)
            seen.setdefault((named, _body_site(one, notes)), f".series[{number}]")
    if not seen:
        for number, coding in enumerate(as_objects(resource.get("modality"), "modality")):
            named = concept({"coding": [coding]}, "modality", notes)
            seen.setdefault((named, NOTHING), f".modality[{number}]")
    return seen


def _body_site(series: Json, notes: Notes) -> Measured:
    """Return the part of the body that a series shows, as words and code."""
    site = series.get("bodySite")
    if not site:
        return NOTHING
    shown = concept({"coding": [as_object(site, "series.bodySite")]}, "series.bodySite", notes)
    return None, shown.text, None, shown.code
