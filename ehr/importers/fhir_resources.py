"""What a FHIR R4 resource says, as events: the table READERS names the function that reads each type.

The rules are in docs/fhir.md. A reader raises Refused for what is wrong and LeftOut for what did not happen or gives
no event; what else is to be known goes to `record.notes`.
"""

from collections.abc import Callable
from typing import Final

from ehr.importers.fhir_billing import benefit, claim
from ehr.importers.fhir_care import care_plan, care_team, goal
from ehr.importers.fhir_devices import device, device_use, supply_delivery
from ehr.importers.fhir_family import family_history
from ehr.importers.fhir_medications import (
    medication,
    medication_administration,
    medication_dispense,
    medication_request,
    medication_statement,
)
from ehr.importers.fhir_observations import diagnostic_report, observation
from ehr.importers.fhir_orders import device_request, nutrition_order, service_request
from ehr.importers.fhir_patients import encounter, patient
from ehr.importers.fhir_problems import adverse_event, allergy, condition, detected_issue, flag
from ehr.importers.fhir_procedures import imaging_study, immunization, procedure
from ehr.importers.fhir_questionnaires import questionnaire_response
from ehr.importers.fhir_record import Record
from ehr.importers.fhir_shapes import check_shape
from ehr.importers.fhir_values import Json

Reader = Callable[[Json, Record], None]


def read_resource(type_name: str, resource: Json, record: Record) -> None:
    """Fill `record` from a resource of a type in READERS or BILLING_READERS; raises Refused or LeftOut."""
    check_shape(type_name, resource, record.notes)
    (READERS.get(type_name) or BILLING_READERS[type_name])(resource, record)


def readers(billing: bool = False) -> frozenset[str]:
    """Return the types that are read, those of bills only when asked for."""
    return frozenset(READERS) | (frozenset(BILLING_READERS) if billing else frozenset())


READERS: Final[dict[str, Reader]] = {
    "Patient": patient,
    "Encounter": encounter,
    "Condition": condition,
    "Observation": observation,
    "MedicationRequest": medication_request,
    "MedicationAdministration": medication_administration,
    "MedicationDispense": medication_dispense,
    "MedicationStatement": medication_statement,
    "Medication": medication,
    "Procedure": procedure,
    "Immunization": immunization,
    "ImagingStudy": imaging_study,
    "AllergyIntolerance": allergy,
    "AdverseEvent": adverse_event,
    "DetectedIssue": detected_issue,
    "Flag": flag,
    "DiagnosticReport": diagnostic_report,
    "QuestionnaireResponse": questionnaire_response,
    "FamilyMemberHistory": family_history,
    "CarePlan": care_plan,
    "CareTeam": care_team,
    "Goal": goal,
    "ServiceRequest": service_request,
    "DeviceRequest": device_request,
    "NutritionOrder": nutrition_order,
    "Device": device,
    "DeviceUseStatement": device_use,
    "SupplyDelivery": supply_delivery,
}
"""Resource type -> the function that reads it; all other types of R4 are counted as skipped."""

BILLING_READERS: Final[dict[str, Reader]] = {"Claim": claim, "ExplanationOfBenefit": benefit}
"""Types that are read only when bills are asked for, and else counted as skipped."""
