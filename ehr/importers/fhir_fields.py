"""What FHIR R4 allows: resource types, the JSON shape of each field, status words and what they mean here.

Source: HL7 FHIR R4 (4.0.1) and R4B (4.3.0), the resource definitions and value sets of https://hl7.org/fhir/R4.
tests/ehr/test_import_fhir_fields.py compares the shapes with the models of fhir.resources.R4B.
"""

from typing import Final

_R4_NAMES: Final = """
Account ActivityDefinition AdministrableProductDefinition AdverseEvent AllergyIntolerance Appointment
AppointmentResponse AuditEvent Basic Binary BiologicallyDerivedProduct BodyStructure Bundle CapabilityStatement
CarePlan CareTeam CatalogEntry ChargeItem ChargeItemDefinition Citation Claim ClaimResponse ClinicalImpression
ClinicalUseDefinition CodeSystem Communication CommunicationRequest CompartmentDefinition Composition ConceptMap
Condition Consent Contract Coverage CoverageEligibilityRequest CoverageEligibilityResponse DetectedIssue Device
DeviceDefinition DeviceMetric DeviceRequest DeviceUseStatement DiagnosticReport DocumentManifest DocumentReference
EffectEvidenceSynthesis Encounter Endpoint EnrollmentRequest EnrollmentResponse EpisodeOfCare EventDefinition Evidence
EvidenceReport EvidenceVariable ExampleScenario ExplanationOfBenefit FamilyMemberHistory Flag Goal GraphDefinition
Group GuidanceResponse HealthcareService ImagingStudy Immunization ImmunizationEvaluation ImmunizationRecommendation
ImplementationGuide Ingredient InsurancePlan Invoice Library Linkage List Location ManufacturedItemDefinition Measure
MeasureReport Media Medication MedicationAdministration MedicationDispense MedicationKnowledge MedicationRequest
MedicationStatement MedicinalProduct MedicinalProductAuthorization MedicinalProductContraindication
MedicinalProductDefinition MedicinalProductIndication MedicinalProductIngredient MedicinalProductInteraction
MedicinalProductManufactured MedicinalProductPackaged MedicinalProductPharmaceutical MedicinalProductUndesirableEffect
MessageDefinition MessageHeader MolecularSequence NamingSystem NutritionOrder NutritionProduct Observation
ObservationDefinition OperationDefinition OperationOutcome Organization OrganizationAffiliation
PackagedProductDefinition Parameters Patient PaymentNotice PaymentReconciliation Person PlanDefinition Practitioner
PractitionerRole Procedure Provenance Questionnaire QuestionnaireResponse RegulatedAuthorization RelatedPerson
RequestGroup ResearchDefinition ResearchElementDefinition ResearchStudy ResearchSubject RiskAssessment
RiskEvidenceSynthesis Schedule SearchParameter ServiceRequest Slot Specimen SpecimenDefinition StructureDefinition
StructureMap Subscription SubscriptionStatus SubscriptionTopic Substance SubstanceDefinition SubstanceNucleicAcid
SubstancePolymer SubstanceProtein SubstanceReferenceInformation SubstanceSourceMaterial SubstanceSpecification
SupplyDelivery SupplyRequest Task TerminologyCapabilities TestReport TestScript ValueSet VerificationResult
VisionPrescription
"""
R4_TYPES: Final = frozenset(_R4_NAMES.split())
"""Names that resourceType may have in R4 or R4B."""

OBJECT: Final = "an object"
OBJECTS: Final = "a list of objects"
TEXT: Final = "a string"
TEXTS: Final = "a list of strings"
BOOLEAN: Final = "true or false"
INTEGER: Final = "an integer"


def _shapes(
    *, objects: str = "", lists: str = "", texts: str = "", words: str = "", booleans: str = "", integers: str = ""
) -> dict[str, str]:
    """Return field -> shape for one type, with the fields that every resource has."""
    shapes = dict.fromkeys(f"meta text {objects}".split(), OBJECT)
    shapes |= dict.fromkeys(f"contained extension modifierExtension {lists}".split(), OBJECTS)
    shapes |= dict.fromkeys(f"resourceType id implicitRules language {texts}".split(), TEXT)
    shapes |= dict.fromkeys(words.split(), TEXTS)
    shapes |= dict.fromkeys(booleans.split(), BOOLEAN)
    return shapes | dict.fromkeys(integers.split(), INTEGER)


SHAPES: Final[dict[str, dict[str, str]]] = {
    "Patient": _shapes(
        objects="managingOrganization maritalStatus",
        lists="address communication contact generalPractitioner identifier link name photo telecom",
        texts="birthDate deceasedDateTime gender",
        booleans="active deceasedBoolean multipleBirthBoolean",
        integers="multipleBirthInteger",
    ),
    "Encounter": _shapes(
        objects="class hospitalization length partOf period priority serviceProvider serviceType subject",
        lists="account appointment basedOn classHistory diagnosis episodeOfCare identifier location participant "
        "reasonCode reasonReference statusHistory type",
        texts="status",
    ),
    "Condition": _shapes(
        objects="abatementAge abatementPeriod abatementRange asserter clinicalStatus code encounter onsetAge "
        "onsetPeriod onsetRange recorder severity subject verificationStatus",
        lists="bodySite category evidence identifier note stage",
        texts="abatementDateTime abatementString onsetDateTime onsetString recordedDate",
    ),
    "Observation": _shapes(
        objects="bodySite code dataAbsentReason device effectivePeriod effectiveTiming encounter method specimen "
        "subject valueCodeableConcept valuePeriod valueQuantity valueRange valueRatio valueSampledData",
        lists="basedOn category component derivedFrom focus hasMember identifier interpretation note partOf "
        "performer referenceRange",
        texts="effectiveDateTime effectiveInstant issued status valueDateTime valueString valueTime",
        booleans="valueBoolean",
        integers="valueInteger",
    ),
    "MedicationRequest": _shapes(
        objects="courseOfTherapyType dispenseRequest encounter groupIdentifier medicationCodeableConcept "
        "medicationReference performer performerType priorPrescription recorder reportedReference requester "
        "statusReason subject substitution",
        lists="basedOn category detectedIssue dosageInstruction eventHistory identifier insurance note reasonCode "
        "reasonReference supportingInformation",
        texts="authoredOn intent priority status",
        words="instantiatesCanonical instantiatesUri",
        booleans="doNotPerform reportedBoolean",
    ),
    "MedicationAdministration": _shapes(
        objects="category context dosage effectivePeriod medicationCodeableConcept medicationReference request "
        "subject",
        lists="device eventHistory identifier note partOf performer reasonCode reasonReference statusReason "
        "supportingInformation",
        texts="effectiveDateTime status",
        words="instantiates",
    ),
    "Procedure": _shapes(
        objects="asserter category code encounter location outcome performedAge performedPeriod performedRange "
        "recorder statusReason subject",
        lists="basedOn bodySite complication complicationDetail focalDevice followUp identifier note partOf "
        "performer reasonCode reasonReference report usedCode usedReference",
        texts="performedDateTime performedString status",
        words="instantiatesCanonical instantiatesUri",
    ),
    "Immunization": _shapes(
        objects="doseQuantity encounter fundingSource location manufacturer patient reportOrigin route site "
        "statusReason vaccineCode",
        lists="education identifier note performer programEligibility protocolApplied reaction reasonCode "
        "reasonReference subpotentReason",
        texts="expirationDate lotNumber occurrenceDateTime occurrenceString recorded status",
        booleans="isSubpotent primarySource",
    ),
    "AllergyIntolerance": _shapes(
        objects="asserter clinicalStatus code encounter onsetAge onsetPeriod onsetRange patient recorder "
        "verificationStatus",
        lists="identifier note reaction",
        texts="criticality lastOccurrence onsetDateTime onsetString recordedDate type",
        words="category",
    ),
    "DiagnosticReport": _shapes(
        objects="code effectivePeriod encounter subject",
        lists="basedOn category conclusionCode identifier imagingStudy media performer presentedForm result "
        "resultsInterpreter specimen",
        texts="conclusion effectiveDateTime issued status",
    ),
    "Medication": _shapes(
        objects="amount batch code form manufacturer", lists="identifier ingredient", texts="status"
    ),
}
"""Type -> field -> what JSON it is; a field that is not here is not R4."""

OTHER_FIELDS: Final[dict[str, frozenset[str]]] = {
    "Condition": frozenset({"assertedDate", "context", "dateRecorded", "patient", "abatementBoolean"}),
    "Observation": frozenset({"context", "related"}),
    "MedicationRequest": frozenset({"context", "medication"}),
    "MedicationAdministration": frozenset(
        {"notGiven", "wasNotGiven", "reasonNotGiven", "prescription", "encounter", "medication"}
        | {"occurenceDateTime", "occurencePeriod", "occurenceTiming"}  # spelt so in R5
    ),
    "Procedure": frozenset(
        {"context", "notDone", "notPerformed", "notDoneReason", "occurrenceDateTime", "occurrencePeriod"}
    ),
    "Immunization": frozenset({"notGiven", "wasNotGiven", "date", "explanation", "vaccinationProtocol"}),
    "AllergyIntolerance": frozenset({"assertedDate", "substance"}),
    "DiagnosticReport": frozenset({"context", "codedDiagnosis"}),
    "Encounter": frozenset({"patient", "actualPeriod"}),
    "Patient": frozenset({"animal"}),
}
"""Fields of DSTU2, STU3 and R5 that carry a date, a link or a negation: a resource with one is not read as R4."""

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
}
"""Type -> word of `status` -> event, left out (nothing positive happened) or refused."""

VERIFICATIONS: Final[dict[str, dict[str, str]]] = {
    "Condition": _words("unconfirmed provisional confirmed", "differential refuted"),
    "AllergyIntolerance": _words("unconfirmed confirmed", "refuted"),
}
"""Type -> code of verificationStatus -> what becomes of the resource."""

INTENTS: Final[dict[str, str]] = _words("plan order original-order reflex-order filler-order instance-order") | {
    "proposal": LEFT_OUT,
    "option": LEFT_OUT,
}
"""Code of MedicationRequest.intent -> what becomes of it: a proposal or an option is no prescription."""

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
