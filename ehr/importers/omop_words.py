"""What fixed concepts of OMOP mean, and how its vocabularies are called in the codes of the store.

Concept ids of OMOP never change (OHDSI Standardized Vocabularies), so these tables hold where the concept table of a
source has no row for them, as small extracts often have none.
"""

from typing import Final

SYSTEMS: Final[dict[str, str]] = {
    "SNOMED": "SNOMED",
    "LOINC": "LOINC",
    "RxNorm": "RXNORM",
    "RxNorm Extension": "RXNORM_EXTENSION",
    "ICD10": "ICD10",
    "ICD10CM": "ICD10",
    "ICD10GM": "ICD10GM",
    "ICD10PCS": "ICD10PCS",
    "ICD9CM": "ICD9",
    "ICD9Proc": "ICD9PROC",
    "CVX": "CVX",
    "NDC": "NDC",
    "ATC": "ATC",
    "CPT4": "CPT",
    "HCPCS": "HCPCS",
    "UNII": "UNII",
    "DICOM": "DICOM",
    "UCUM": "UCUM",
}
"""vocabulary_id -> short name of the code system, as for FHIR; others keep theirs, in capitals, without blanks."""

UNKNOWN_CONCEPT: Final = "OMOP"
"""System of a concept that the concept table does not have: its code is the concept_id."""

NAMED: Final[tuple[tuple[int, str, str, str], ...]] = (
    (8507, "Gender", "M", "MALE"),
    (8532, "Gender", "F", "FEMALE"),
    (8521, "Gender", "O", "OTHER"),
    (8551, "Gender", "U", "UNKNOWN"),
    (8570, "Gender", "A", "AMBIGUOUS"),
    (8515, "Race", "2", "Asian"),
    (8516, "Race", "3", "Black or African American"),
    (8527, "Race", "5", "White"),
    (8557, "Race", "4", "Native Hawaiian or Other Pacific Islander"),
    (8657, "Race", "1", "American Indian or Alaska Native"),
    (38003563, "Ethnicity", "Hispanic", "Hispanic or Latino"),
    (38003564, "Ethnicity", "Not Hispanic", "Not Hispanic or Latino"),
    (262, "Visit", "ERIP", "Emergency Room and Inpatient Visit"),
    (9201, "Visit", "IP", "Inpatient Visit"),
    (9202, "Visit", "OP", "Outpatient Visit"),
    (9203, "Visit", "ER", "Emergency Room Visit"),
)
"""concept_id, vocabulary_id, concept_code and concept_name of concepts that every source uses."""

GENDERS: Final[dict[int, str]] = {8507: "M", 8532: "F", 8521: "OTHER", 8570: "OTHER", 8551: "UNK"}
"""gender_concept_id -> the word in GENDER//..."""

GENDER_WORDS: Final[dict[str, str]] = {
    "m": "M",
    "male": "M",
    "f": "F",
    "female": "F",
    "o": "OTHER",
    "other": "OTHER",
    "u": "UNK",
    "unknown": "UNK",
}
"""gender_source_value in small letters -> the word in GENDER//..., where there is no concept."""

COMPARATORS: Final[dict[int, str]] = {4172704: ">", 4171756: "<", 4171755: ">=", 4171754: "<="}
"""operator_concept_id -> comparator of a number; 4172703 is =."""

DECEASED: Final = (4216643, 44814686)
"""discharged_to_concept_id of patients who died: Patient died, Deceased."""

VISITS: Final[dict[int, str]] = {
    9201: "IMP",
    262: "IMP",
    8717: "IMP",
    38004311: "IMP",
    32037: "ICU",
    9203: "EMER",
    8870: "EMER",
    9202: "AMB",
    581477: "AMB",
    8756: "AMB",
    8883: "AMB",
    8940: "AMB",
    32036: "AMB",
    581476: "HH",
    8536: "HH",
    5083: "VR",
    581478: "FLD",
}
"""visit_concept_id -> the word in ENCOUNTER_START//..., of HL7 v3 ActCode as for FHIR; ICU is intensive care."""

VISIT_NAMES: Final[tuple[tuple[str, str], ...]] = (
    (r"emergency.*inpatient|inpatient.*emergency", "IMP"),
    (r"(^|[^-\w])emergency (room|department|visit|care)", "EMER"),
    (r"intensive care|critical care|\b[a-z]{0,3}icu\b", "ICU"),
    (r"inpatient", "IMP"),
    (r"telehealth|telemedicine|telephone|virtual|online|e-visit", "VR"),
    (r"\bhome (visit|health|care)\b|^home$", "HH"),
    (r"outpatient|ambulatory|office|clinic|urgent care", "AMB"),
)
"""Regular expression over the name of any other visit concept, in small letters -> its word; the first that fits."""

CLASSES: Final[dict[str, str]] = {
    "IMP": "inpatient",
    "ICU": "icu",
    "EMER": "emergency",
    "AMB": "ambulatory",
    "HH": "home",
    "VR": "virtual",
}
"""Word -> encounter.class; any other is `other`."""

AT_DISCHARGE: Final = (32896, 32903, 32909)
"""condition_status_concept_id of discharge diagnoses: of any rank, primary, secondary."""

BILLED: Final = (32019, 32810, 32821, 32844, 32845, 32846, 32853, 32854, 32855, *range(38000183, 38000246))
"""condition_type_concept_id of diagnoses from bills and claims: EHR billing, facility and inpatient claims, and the
positions of inpatient and outpatient claims in older vocabularies."""

BILLED_NAMES: Final = r"\b(claim|billing)\b"
"""Regular expression over the name of a condition type, in small letters, that tells a diagnosis from a bill."""

TITLES: Final[dict[str, str]] = {
    "MEDS_BIRTH": "Birth",
    "MEDS_DEATH": "Death",
    "GENDER//F": "Female",
    "GENDER//M": "Male",
    "GENDER//OTHER": "Other",
    "GENDER//UNK": "Unknown",
    "ENCOUNTER_START//AMB": "Start of ambulatory visit",
    "ENCOUNTER_END//AMB": "End of ambulatory visit",
    "ENCOUNTER_START//EMER": "Start of emergency visit",
    "ENCOUNTER_END//EMER": "End of emergency visit",
    "ENCOUNTER_START//IMP": "Start of inpatient stay",
    "ENCOUNTER_END//IMP": "End of inpatient stay",
    "ENCOUNTER_START//HH": "Start of home health visit",
    "ENCOUNTER_END//HH": "End of home health visit",
    "ENCOUNTER_START//VR": "Start of virtual visit",
    "ENCOUNTER_END//VR": "End of virtual visit",
    "ENCOUNTER_START//FLD": "Start of field encounter",
    "ENCOUNTER_END//FLD": "End of field encounter",
    "ICU_ADMISSION//IMP": "Admission to intensive care",
    "ICU_DISCHARGE//IMP": "Discharge from intensive care",
}
"""Titles of codes that name no concept, in the words that FHIR encounters and patients have."""


def values_sql(table: dict[int, str] | dict[str, str], column: str, otherwise: str = "NULL") -> str:
    """Return the SQL that looks a column up in one of these tables.

    >>> values_sql({4171756: "<"}, "operator_concept_id")
    "CASE operator_concept_id WHEN 4171756 THEN '<' ELSE NULL END"
    """
    cases = " ".join(f"WHEN {_literal(key)} THEN '{value}'" for key, value in table.items())
    return f"CASE {column} {cases} ELSE {otherwise} END"


def visit_word_sql(concept_id: str, name: str) -> str:
    """Return the SQL of the word of a visit concept from its id, else from its name; NULL where neither is known."""
    by_name = " ".join(
        f"WHEN regexp_matches(lower({name}), '{pattern}') THEN '{word}'" for pattern, word in VISIT_NAMES
    )
    return values_sql(VISITS, concept_id, f"CASE {by_name} END")


def _literal(key: int | str) -> str:
    return str(key) if isinstance(key, int) else f"'{key}'"
