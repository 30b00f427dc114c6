"""What was billed: Claim and ExplanationOfBenefit of FHIR R4, under heads of their own and only when asked for.

Codes on claims are written to be paid, and repeat what clinical records say: they are never mixed with those. The
rules are in docs/fhir.md.
"""

from ehr.importers.fhir_codes import concept
from ehr.importers.fhir_dates import moment
from ehr.importers.fhir_record import Record, add_coded, begin, judge, set_encounter
from ehr.importers.fhir_values import Json, LeftOut, as_objects, elements
from ehr.importers.fhir_words import USES
from ehr.reasons import Reason

_CODED = (
    ("diagnosis", "diagnosisCodeableConcept", "CLAIM_DIAGNOSIS"),
    ("procedure", "procedureCodeableConcept", "CLAIM_PROCEDURE"),
    ("item", "productOrService", "CLAIM_ITEM"),
)


def claim(resource: Json, record: Record) -> None:
    """A claim: an event for each diagnosis, procedure and item that it gives a code for, from when it was made."""
    _read("Claim", resource, record)


def benefit(resource: Json, record: Record) -> None:
    """What an insurer answered to a claim, as the claim itself."""
    _read("ExplanationOfBenefit", resource, record)


def _read(type_name: str, resource: Json, record: Record) -> None:
    status = begin(type_name, resource, record, subject="patient", encounter=None)
    use = resource.get("use")
    if use:
        judge(USES.get(use), use, "use")
    time = moment(resource.get("created"), "created", record.notes)
    for name, field, head in _CODED:
        for number, one in enumerate(elements(resource.get(name), name)):
            if one.get(field):
                named = concept(one[field], f"{name}.{field}", record.notes)
                add_coded(record, head, named, time, status=status, part=f".{name}[{number}]")
            visits = as_objects(one.get("encounter"), "item.encounter") if name == "item" else []
            if visits and record.encounter is None:
                set_encounter({"encounter": visits[0]}, "encounter", record)
    if not record.events:
        raise LeftOut("it gives no code itself: left out", code=Reason.NO_CODE)
