"""How care is planned: CarePlan, CareTeam and Goal of FHIR R4 as events.

A plan, a team and a goal are intentions: what was done under them has resources of its own. The rules are in
docs/fhir.md.
"""

from ehr.events import UNKNOWN
from ehr.importers.fhir_codes import Concept, concept, concept_of_any
from ehr.importers.fhir_dates import Moment, moment, period
from ehr.importers.fhir_orders import check_intent
from ehr.importers.fhir_record import (
    Record,
    add_coded,
    begin,
    judge,
    later,
    optional_status,
    set_encounter,
    set_subject,
    status_of,
)
from ehr.importers.fhir_values import Json, LeftOut, as_text, element, elements
from ehr.importers.fhir_words import ACTIVITY_STATUSES
from ehr.reasons import Reason


def care_plan(resource: Json, record: Record) -> None:
    """A plan under its category, with its title as text, and an event for each activity that has a code."""
    status = begin("CarePlan", resource, record)
    check_intent(resource)
    start, end = period(resource.get("period"), "period", record.notes)
    time = later(start, moment(resource.get("created"), "created", record.notes))
    value = (None, as_text(resource.get("title"), "title"), None, None)
    add_coded(record, "CARE_PLAN", _category(resource, record), time, end=end, status=status, value=value)
    for number, activity in enumerate(elements(resource.get("activity"), "activity")):
        detail = element(activity.get("detail"), "activity.detail")
        if detail.get("code"):
            _activity(detail, time, f".activity[{number}]", record)


def _activity(detail: Json, time: Moment | None, part: str, record: Record) -> None:
    """Add the event of an activity, which is known when its plan is; one that shall not be is left out."""
    word = as_text(detail.get("status"), "activity.detail.status")
    try:
        if word is not None:
            judge(ACTIVITY_STATUSES.get(word), word, "activity.detail.status")
        if detail.get("doNotPerform"):
            raise LeftOut("activity.detail.doNotPerform is true: left out")
    except LeftOut as reason:
        record.notes.append((reason.code, str(reason)))
        return
    named = concept(detail["code"], "activity.detail.code", record.notes)
    text = as_text(detail.get("description"), "activity.detail.description")
    add_coded(record, "CARE_PLAN_ACTIVITY", named, time, status=word, value=(None, text, None, None), part=part)


def care_team(resource: Json, record: Record) -> None:
    """A team under its category, while it cares for the patient, and why as coded text."""
    status = optional_status("CareTeam", resource)
    set_subject(resource, "subject", record)
    set_encounter(resource, "encounter", record)
    start, end = period(resource.get("period"), "period", record.notes)
    why = concept_of_any(resource.get("reasonCode"), "reasonCode", record.notes)
    value = (None, why.text, None, why.code) if why else (None, None, None, None)
    add_coded(record, "CARE_TEAM", _category(resource, record), start, end=end, status=status, value=value)


def _category(resource: Json, record: Record) -> Concept:
    """Return the categories of a plan or team as one concept, UNK with a note where it has none."""
    found = concept_of_any(resource.get("category"), "category", record.notes)
    if found is None:
        record.notes.append((Reason.NO_CODE, "no category: kept as UNK"))
        return Concept(UNKNOWN, None, None, (), None, ())
    return found


def goal(resource: Json, record: Record) -> None:
    """What care is to reach, from when it was set."""
    status = status_of("Goal", resource, "lifecycleStatus")
    set_subject(resource, "subject", record)
    time = moment(resource.get("startDate"), "startDate", record.notes)
    time = time or moment(resource.get("statusDate"), "statusDate", record.notes)
    named = concept(resource.get("description") or {}, "description", record.notes)
    add_coded(record, "GOAL", named, time, status=status)
