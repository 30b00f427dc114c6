"""What FHIR R4 allows: resource types, and the JSON shape of each field of those that are read.

Source: HL7 FHIR R4 (4.0.1) and R4B (4.3.0), the resource definitions of https://hl7.org/fhir/R4.
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
    "MedicationStatement": _shapes(
        objects="category context effectivePeriod informationSource medicationCodeableConcept medicationReference "
        "subject",
        lists="basedOn derivedFrom dosage identifier note partOf reasonCode reasonReference statusReason",
        texts="dateAsserted effectiveDateTime status",
    ),
    "MedicationDispense": _shapes(
        objects="category context daysSupply destination location medicationCodeableConcept medicationReference "
        "quantity statusReasonCodeableConcept statusReasonReference subject substitution type",
        lists="authorizingPrescription detectedIssue dosageInstruction eventHistory identifier note partOf "
        "performer receiver supportingInformation",
        texts="status whenHandedOver whenPrepared",
    ),
    "ImagingStudy": _shapes(
        objects="encounter location procedureReference referrer subject",
        lists="basedOn endpoint identifier interpreter modality note procedureCode reasonCode reasonReference series",
        texts="description started status",
        integers="numberOfInstances numberOfSeries",
    ),
    "CarePlan": _shapes(
        objects="author encounter period subject",
        lists="activity addresses basedOn careTeam category contributor goal identifier note partOf replaces "
        "supportingInfo",
        texts="created description intent status title",
        words="instantiatesCanonical instantiatesUri",
    ),
    "CareTeam": _shapes(
        objects="encounter period subject",
        lists="category identifier managingOrganization note participant reasonCode reasonReference telecom",
        texts="name status",
    ),
    "Device": _shapes(
        objects="definition location owner parent patient type",
        lists="contact deviceName identifier note property safety specialization statusReason udiCarrier version",
        texts="distinctIdentifier expirationDate lotNumber manufactureDate manufacturer modelNumber partNumber "
        "serialNumber status url",
    ),
    "DeviceUseStatement": _shapes(
        objects="bodySite device source subject timingPeriod timingTiming",
        lists="basedOn derivedFrom identifier note reasonCode reasonReference",
        texts="recordedOn status timingDateTime",
    ),
    "DeviceRequest": _shapes(
        objects="codeCodeableConcept codeReference encounter groupIdentifier occurrencePeriod occurrenceTiming "
        "performer performerType requester subject",
        lists="basedOn identifier insurance note parameter priorRequest reasonCode reasonReference "
        "relevantHistory supportingInfo",
        texts="authoredOn intent occurrenceDateTime priority status",
        words="instantiatesCanonical instantiatesUri",
    ),
    "FamilyMemberHistory": _shapes(
        objects="ageAge ageRange bornPeriod dataAbsentReason deceasedAge deceasedRange patient relationship sex",
        lists="condition identifier note reasonCode reasonReference",
        texts="ageString bornDate bornString date deceasedDate deceasedString name status",
        words="instantiatesCanonical instantiatesUri",
        booleans="deceasedBoolean estimatedAge",
    ),
    "QuestionnaireResponse": _shapes(
        objects="author encounter identifier source subject",
        lists="basedOn item partOf",
        texts="authored questionnaire status",
    ),
    "ServiceRequest": _shapes(
        objects="asNeededCodeableConcept code encounter occurrencePeriod occurrenceTiming performerType "
        "quantityQuantity quantityRange quantityRatio requester requisition subject",
        lists="basedOn bodySite category identifier insurance locationCode locationReference note orderDetail "
        "performer reasonCode reasonReference relevantHistory replaces specimen supportingInfo",
        texts="authoredOn intent occurrenceDateTime patientInstruction priority status",
        words="instantiatesCanonical instantiatesUri",
        booleans="asNeededBoolean doNotPerform",
    ),
    "NutritionOrder": _shapes(
        objects="encounter enteralFormula oralDiet orderer patient",
        lists="allergyIntolerance excludeFoodModifier foodPreferenceModifier identifier note supplement",
        texts="dateTime intent status",
        words="instantiates instantiatesCanonical instantiatesUri",
    ),
    "Goal": _shapes(
        objects="achievementStatus description expressedBy priority startCodeableConcept subject",
        lists="addresses category identifier note outcomeCode outcomeReference target",
        texts="lifecycleStatus startDate statusDate statusReason",
    ),
    "DetectedIssue": _shapes(
        objects="author code identifiedPeriod patient",
        lists="evidence identifier implicated mitigation",
        texts="detail identifiedDateTime reference severity status",
    ),
    "AdverseEvent": _shapes(
        objects="encounter event identifier location outcome recorder seriousness severity subject",
        lists="category contributor referenceDocument resultingCondition study subjectMedicalHistory suspectEntity",
        texts="actuality date detected recordedDate",
    ),
    "Flag": _shapes(
        objects="author code encounter period subject",
        lists="category identifier",
        texts="status",
    ),
    "SupplyDelivery": _shapes(
        objects="destination occurrencePeriod occurrenceTiming patient suppliedItem supplier type",
        lists="basedOn identifier partOf receiver",
        texts="occurrenceDateTime status",
    ),
    "Claim": _shapes(
        objects="accident billablePeriod enterer facility fundsReserve insurer originalPrescription patient payee "
        "prescription priority provider referral subType total type",
        lists="careTeam diagnosis identifier insurance item procedure related supportingInfo",
        texts="created status use",
    ),
    "ExplanationOfBenefit": _shapes(
        objects="accident benefitPeriod billablePeriod claim claimResponse enterer facility form formCode "
        "fundsReserve fundsReserveRequested insurer originalPrescription patient payee payment prescription "
        "priority provider referral subType type",
        lists="addItem adjudication benefitBalance careTeam diagnosis identifier insurance item preAuthRefPeriod "
        "procedure processNote related supportingInfo total",
        texts="created disposition outcome status use",
        words="preAuthRef",
        integers="precedence",
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
    "AllergyIntolerance": frozenset({"assertedDate", "substance", "onset", "recordedOn"}),
    "DiagnosticReport": frozenset({"context", "codedDiagnosis"}),
    "Encounter": frozenset({"patient", "actualPeriod"}),
    "Patient": frozenset({"animal"}),
    "MedicationStatement": frozenset({"taken", "wasNotTaken", "reasonNotTaken", "encounter", "medication"}),
    "MedicationDispense": frozenset({"notDoneCodeableConcept", "notDoneReference", "encounter", "medication"}),
    "ImagingStudy": frozenset({"patient", "context", "modalityList"}),
    "CarePlan": frozenset({"context"}),
    "CareTeam": frozenset({"context"}),
    "DeviceUseStatement": frozenset({"whenUsed", "patient"}),
    "DeviceRequest": frozenset({"context", "doNotPerform", "code"}),
    "FamilyMemberHistory": frozenset({"notDone", "notDoneReason"}),
    "QuestionnaireResponse": frozenset({"context"}),
    "ServiceRequest": frozenset({"context"}),
    "NutritionOrder": frozenset({"subject"}),
    "Goal": frozenset({"status"}),
    "DetectedIssue": frozenset({"date", "subject", "encounter"}),
    "AdverseEvent": frozenset({"type", "reaction", "occurrenceDateTime", "status", "code"}),
    "Flag": frozenset({"patient"}),
}
"""Fields of DSTU2, STU3 and R5 that carry a date, a link or a negation: a resource with one is not read as R4."""
