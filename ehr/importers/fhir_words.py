"""What the status words of FHIR R4 mean here: an event, nothing that happened, or a refusal.

Source: the value sets of HL7 FHIR R4 (4.0.1), https://hl7.org/fhir/R4/terminologies-valuesets.html.
tests/ehr/test_import_fhir_fields.py compares their words with the definitions in fhir.resources.R4B.
"""

from typing import Final

EVENT: Final = "event"
LEFT_OUT: Final = "left out"
REFUSED: Final = "refused"


def _words(event: str = "", left_out: str = "") -> dict[str, str]:
    """Return status word -> what becomes of the resource; entered-in-error is refused for every type."""
    words = dict.fromkeys(event.split(), EVENT) | dict.fromkeys(left_out.split(), LEFT_OUT)
    return words | {"entered-in-error": REFUSED}


STATUSES: Final[dict[str, dict[str, str]]] = {
    "Encounter": _words("arrived triaged in-progress onleave finished unknown", "planned cancelled"),
    "Observation": _words("registered preliminary final amended corrected unknown", "cancelled"),
    "MedicationRequest": _words("active on-hold completed stopped unknown", "cancelled draft"),
    "MedicationAdministration": _words("in-progress on-hold completed stopped unknown", "not-done"),
    "Procedure": _words("in-progress on-hold stopped completed unknown", "preparation not-done"),
    "Immunization": _words("completed", "not-done"),
    "DiagnosticReport": _words(
        "registered partial preliminary final amended corrected appended unknown", "cancelled"
    ),
    "MedicationStatement": _words("active completed stopped on-hold unknown", "intended not-taken"),
    "MedicationDispense": _words("in-progress on-hold completed stopped unknown", "preparation cancelled declined"),
    "Medication": _words("active inactive"),
    "ImagingStudy": _words("registered available unknown", "cancelled"),
    "CarePlan": _words("active on-hold revoked completed unknown", "draft"),
    "CareTeam": _words("active suspended inactive", "proposed"),
    "Device": _words("active inactive unknown"),
    "DeviceUseStatement": _words("active completed stopped on-hold", "intended"),
    "DeviceRequest": _words("active on-hold completed unknown", "draft revoked"),
    "ServiceRequest": _words("active on-hold completed unknown", "draft revoked"),
    "NutritionOrder": _words("active on-hold completed unknown", "draft revoked"),
    "Goal": _words("planned accepted active on-hold completed", "proposed cancelled rejected"),
    "FamilyMemberHistory": _words("partial completed", "health-unknown"),
    "QuestionnaireResponse": _words("in-progress completed amended stopped"),
    "DetectedIssue": _words("registered preliminary final amended corrected unknown", "cancelled"),
    "Flag": _words("active inactive"),
    "SupplyDelivery": _words("in-progress completed", "abandoned"),
    "Claim": _words("active", "cancelled draft"),
    "ExplanationOfBenefit": _words("active", "cancelled draft"),
}
"""Type -> word of `status` -> event, left out (nothing positive happened) or refused."""

ACTIVITY_STATUSES: Final = _words("not-started scheduled in-progress on-hold completed stopped unknown", "cancelled")
"""Word of CarePlan.activity.detail.status -> what becomes of the activity."""

ACTUALITIES: Final[dict[str, str]] = {"actual": EVENT, "potential": LEFT_OUT}
"""Word of AdverseEvent.actuality -> what becomes of it: what only might have happened did not."""

USES: Final[dict[str, str]] = {"claim": EVENT, "preauthorization": LEFT_OUT, "predetermination": LEFT_OUT}
"""Word of Claim.use -> what becomes of it: only a claim is about something that was done."""

VERIFICATIONS: Final[dict[str, dict[str, str]]] = {
    "Condition": _words("unconfirmed provisional confirmed", "differential refuted"),
    "AllergyIntolerance": _words("unconfirmed confirmed", "refuted"),
}
"""Type -> code of verificationStatus -> what becomes of the resource."""

INTENTS: Final[dict[str, str]] = _words(
    "plan directive order original-order reflex-order filler-order instance-order", "proposal option"
)
"""Word of `intent` -> what becomes of a request or plan: a proposal or an option is none yet."""

ENCOUNTER_CLASSES: Final[dict[str, str]] = {
    "AMB": "ambulatory",
    "EMER": "emergency",
    "IMP": "inpatient",
    "ACUTE": "inpatient",
    "NONAC": "inpatient",
    "OBSENC": "inpatient",
    "HH": "home",
    "VR": "virtual",
    "SS": "other",
    "PRENC": "other",
    "FLD": "other",
}
"""Code of Encounter.class (v3 ActEncounterCode) -> encounter.class of the store."""
