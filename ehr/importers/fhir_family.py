"""Conditions of relatives: FamilyMemberHistory of FHIR R4 as events that can never be taken for the patient's own.

The relationship stands where the code system stands in other codes: FAMILY_HISTORY//MTH//SNOMED//44054006. The rules
are in docs/fhir.md.
"""

from typing import Final

from ehr.events import code_of
from ehr.importers.fhir_codes import concept, first_code, label
from ehr.importers.fhir_dates import moment, period_text
from ehr.importers.fhir_record import Record, add_coded, begin, choice_of, one_of
from ehr.importers.fhir_values import NOTHING, Json, LeftOut, Measured, Notes, as_text, elements, quantity, range_text
from ehr.reasons import Reason

ONSET: Final = choice_of("onset", "Age Period Range String")


def family_history(resource: Json, record: Record) -> None:
    """An event for each condition of a relative, from when it was told, with the age at its onset."""
    status = begin("FamilyMemberHistory", resource, record, subject="patient", encounter=None)
    time = moment(resource.get("date"), "date", record.notes)
    relative = resource.get("relationship")
    head = code_of("FAMILY_HISTORY", first_code(relative, "relationship") or label(relative, "relationship"))
    shown = label(relative, "relationship") or "relative"
    for number, one in enumerate(elements(resource.get("condition"), "condition")):
        named = concept(one.get("code") or {}, "condition.code", record.notes)
        if named.is_absence:
            record.notes.append((Reason.NOT_POSITIVE, "condition.code says that there is none: left out"))
            continue
        named = named._replace(description=f"{named.description or named.code} in the family ({shown})")
        value = _onset(one, record.notes)
        add_coded(record, head, named, time, status=status, value=value, part=f".condition[{number}]")
    if not record.events:
        raise LeftOut("it names no condition: left out", code=Reason.NO_CODE)


def _onset(holder: Json, notes: Notes) -> Measured:
    """Return when the condition began: an age as number and unit, anything else as text."""
    name = one_of(holder, ONSET)
    if name is None:
        return NOTHING
    value = holder[name]
    match ONSET[name]:
        case "Age":
            return quantity(value, "condition.onsetAge", notes)
        case "Range":
            return None, range_text(value, "condition.onsetRange"), None, None
        case "Period":
            return None, period_text(value, "condition.onsetPeriod", notes), None, None
        case _:
            return None, as_text(value, "condition.onsetString"), None, None
