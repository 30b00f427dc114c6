"""Measurements: Observation and DiagnosticReport of FHIR R4 as events. The rules are in docs/fhir.md."""

from collections.abc import Callable
from typing import Final

from ehr.importers.fhir_codes import concept, concept_of_any, first_code
from ehr.importers.fhir_dates import Moment, moment, period_text
from ehr.importers.fhir_record import (
    EFFECTIVE,
    VALUE,
    Record,
    add_coded,
    begin,
    one_of,
    span,
)
from ehr.importers.fhir_values import (
    NOTHING,
    Json,
    Measured,
    Notes,
    as_object,
    as_objects,
    as_text,
    elements,
    quantity,
    range_text,
    ratio_text,
    wrong_type,
)
from ehr.reasons import Reason

OTHER_CATEGORIES: Final = frozenset(
    {"social-history", "survey", "exam", "imaging", "procedure", "therapy", "activity"}
)
MEASURED_CATEGORIES: Final = frozenset({"laboratory", "vital-signs", "LAB"})
_ABSENT_REASONS: Final = """
unknown asked-unknown temp-unknown not-asked asked-declined masked not-applicable unsupported as-text error
not-a-number negative-infinity positive-infinity not-performed not-permitted
"""
ABSENT_REASONS: Final = frozenset(_ABSENT_REASONS.split())
"""Words of dataAbsentReason in R4 that may be repeated in a notice."""


def observation(resource: Json, record: Record) -> None:
    """A measurement: an event for its own value, and one for each component."""
    status = begin("Observation", resource, record)
    time = _effective(resource, record.notes)
    head = _observation_head(resource)
    named = concept(resource.get("code") or {}, "code", record.notes)
    value = measured(resource, record.notes)
    add_coded(record, head, named, time, status=status, value=value, with_unit=True)
    for number, component in enumerate(elements(resource.get("component"), "component")):
        named = concept(component.get("code") or {}, "component.code", record.notes)
        value = measured(component, record.notes)
        part = f".component[{number}]"
        add_coded(record, head, named, time, status=status, value=value, with_unit=True, part=part)


def _effective(resource: Json, notes: Notes) -> Moment | None:
    """Return when the value was known: the end of a period of measuring, the instant, or when it was issued."""
    start, end = span(resource, EFFECTIVE, notes)
    if start is None and end is None:
        return moment(resource.get("issued"), "issued", notes)
    return end or start


def _observation_head(resource: Json) -> str:
    """Return LAB for laboratory and vital signs and where no category says otherwise, else OBSERVATION."""
    is_other = False
    for category in resource.get("category") or ():
        for coding in as_objects(category.get("coding"), "category.coding"):
            code = coding.get("code")
            if type(code) is not str:
                continue
            if code in MEASURED_CATEGORIES:
                return "LAB"
            is_other = is_other or code in OTHER_CATEGORIES
    return "OBSERVATION" if is_other else "LAB"


def measured(holder: Json, notes: Notes) -> Measured:
    """Return what value[x] of an Observation or a component says; without one, how it was interpreted."""
    name = one_of(holder, VALUE)
    if name is not None:
        return _VALUE_READERS[VALUE[name]](holder[name], name, notes)
    if holder.get("dataAbsentReason"):
        word = first_code(holder["dataAbsentReason"], "dataAbsentReason")
        notes.append((Reason.NOTE, f"no value: {word if word in ABSENT_REASONS else 'dataAbsentReason is given'}"))
    if holder.get("interpretation"):
        read = concept_of_any(holder["interpretation"], "interpretation", notes)
        return NOTHING if read is None else (None, read.text, None, read.code)
    return NOTHING


def _value_text(value: object, name: str, _notes: Notes) -> Measured:
    return None, as_text(value, name), None, None


def _value_concept(value: object, name: str, notes: Notes) -> Measured:
    answer = concept(value, name, notes)
    return None, answer.text, None, answer.code


def _value_boolean(value: object, name: str, _notes: Notes) -> Measured:
    if type(value) is not bool:
        raise wrong_type(name, "true or false", value)
    return None, "true" if value else "false", None, None


def _value_integer(value: object, name: str, _notes: Notes) -> Measured:
    if type(value) is not int:
        raise wrong_type(name, "an integer", value)
    return float(value), None, None, None


def _value_moment(value: object, name: str, notes: Notes) -> Measured:
    moment(value, name, notes)
    return None, as_text(value, name), None, None


def _value_period(value: object, name: str, notes: Notes) -> Measured:
    return None, period_text(value, name, notes), None, None


def _value_range(value: object, name: str, _notes: Notes) -> Measured:
    return None, range_text(value, name) or None, None, None


def _value_ratio(value: object, name: str, _notes: Notes) -> Measured:
    return None, ratio_text(value, name), None, None


def _value_samples(value: object, name: str, _notes: Notes) -> Measured:
    return None, as_text(as_object(value, name).get("data"), f"{name}.data"), None, None


_VALUE_READERS: Final[dict[str, Callable[[object, str, Notes], Measured]]] = {
    "Quantity": quantity,
    "CodeableConcept": _value_concept,
    "String": _value_text,
    "Boolean": _value_boolean,
    "Integer": _value_integer,
    "Range": _value_range,
    "Ratio": _value_ratio,
    "SampledData": _value_samples,
    "Time": _value_text,
    "DateTime": _value_moment,
    "Period": _value_period,
}


def diagnostic_report(resource: Json, record: Record) -> None:
    """A report, with its conclusion as text and code; the results are Observations of their own."""
    status = begin("DiagnosticReport", resource, record)
    time = _effective(resource, record.notes)
    named = concept(resource.get("code") or {}, "code", record.notes)
    text = as_text(resource.get("conclusion"), "conclusion")
    found = concept_of_any(resource.get("conclusionCode"), "conclusionCode", record.notes)
    value = (None, text, None, None) if found is None else (None, text or found.text, None, found.code)
    add_coded(record, "REPORT", named, time, status=status, value=value)
