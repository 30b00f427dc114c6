"""What was ordered: ServiceRequest, DeviceRequest and NutritionOrder of FHIR R4 as events.

An order is no proof that it was carried out, so none of these events is in the views of procedures or medicines. The
rules are in docs/fhir.md.
"""

from ehr.importers.fhir_codes import Concept, concept
from ehr.importers.fhir_dates import Moment, moment
from ehr.importers.fhir_record import PLANNED, Record, add_coded, begin, judge, one_of, span
from ehr.importers.fhir_values import Json, LeftOut, Measured, Refused, as_objects, as_text, element, elements
from ehr.importers.fhir_words import INTENTS
from ehr.reasons import Reason


def service_request(resource: Json, record: Record) -> None:
    """An order of an examination, a treatment or a referral, from when it was written."""
    if resource.get("doNotPerform"):
        raise LeftOut("doNotPerform is true: left out")
    status = begin("ServiceRequest", resource, record)
    time = _ordered(resource, record)
    named = concept(resource.get("code") or {}, "code", record.notes)
    add_coded(record, "ORDER", named, time, status=status)


def device_request(resource: Json, record: Record) -> None:
    """An order of a device; what `codeReference` names becomes its code."""
    status = begin("DeviceRequest", resource, record)
    time = _ordered(resource, record)
    if one_of(resource, {"codeCodeableConcept": "CodeableConcept", "codeReference": "Reference"}) is None:
        raise Refused("no code[x]", code=Reason.NO_CODE)
    if "codeReference" in resource:
        reference = resource["codeReference"]
        named = concept({"text": reference.get("display")}, "codeReference", record.notes)
    else:
        named = concept(resource["codeCodeableConcept"], "codeCodeableConcept", record.notes)
    add_coded(record, "ORDER", named, time, status=status)


def _ordered(resource: Json, record: Record) -> Moment | None:
    """Return when an order was written, else when it was to be carried out; raises LeftOut for a mere proposal."""
    check_intent(resource)
    written = moment(resource.get("authoredOn"), "authoredOn", record.notes)
    return written or span(resource, PLANNED, record.notes)[0]


def check_intent(resource: Json) -> None:
    """Raise LeftOut for a proposal or an option, Refused for an intent that is none."""
    intent = resource.get("intent")
    if intent:
        judge(INTENTS.get(intent), intent, "intent")


def nutrition_order(resource: Json, record: Record) -> None:
    """An order of food: an event for each diet, supplement and formula that has a code."""
    status = begin("NutritionOrder", resource, record, subject="patient")
    check_intent(resource)
    time = moment(resource.get("dateTime"), "dateTime", record.notes)
    ordered = _foods(resource, record)
    if not ordered:
        raise LeftOut("it names no diet, supplement or formula by code: left out", code=Reason.NO_CODE)
    for part, named, value in ordered:
        add_coded(record, "ORDER", named, time, status=status, value=value, part=part)


def _foods(resource: Json, record: Record) -> list[tuple[str, Concept, Measured]]:
    """Return part, code and instruction of each food that is ordered."""
    diet = element(resource.get("oralDiet"), "oralDiet")
    formula = element(resource.get("enteralFormula"), "enteralFormula")
    told = as_text(diet.get("instruction"), "oralDiet.instruction")
    found = [
        (f".type[{number}]", one, "oralDiet.type", told)
        for number, one in enumerate(as_objects(diet.get("type"), "oralDiet.type"))
    ]
    for number, one in enumerate(elements(resource.get("supplement"), "supplement")):
        instruction = as_text(one.get("instruction"), "supplement.instruction")
        found.append((f".supplement[{number}]", one.get("type") or {}, "supplement.type", instruction))
    if formula.get("baseFormulaType"):
        instruction = as_text(formula.get("administrationInstruction"), "administrationInstruction")
        found.append((".formula[0]", formula["baseFormulaType"], "baseFormulaType", instruction))
    return [
        (part, concept(one, name, record.notes), (None, text, None, None)) for part, one, name, text in found if one
    ]
