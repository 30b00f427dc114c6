"""Reading codes of FHIR: code systems by their short names, and of several codings the one that names the event."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from ehr.events import UNKNOWN, code_of
from ehr.importers.fhir_values import Note, Notes, Refused, as_object, as_objects, as_text, at_fault, wrong_type
from ehr.reasons import Reason

LONGEST_CODE_TEXT: Final = 100

SYSTEMS: Final[dict[str, str]] = {
    "http://loinc.org": "LOINC",
    "urn:oid:2.16.840.1.113883.6.1": "LOINC",
    "http://snomed.info/sct": "SNOMED",
    "urn:oid:2.16.840.1.113883.6.96": "SNOMED",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "RXNORM",
    "urn:oid:2.16.840.1.113883.6.88": "RXNORM",
    "http://hl7.org/fhir/sid/icd-10-cm": "ICD10",
    "urn:oid:2.16.840.1.113883.6.90": "ICD10",
    "http://hl7.org/fhir/sid/icd-10": "ICD10",
    "urn:oid:2.16.840.1.113883.6.3": "ICD10",
    "http://fhir.de/CodeSystem/bfarm/icd-10-gm": "ICD10GM",
    "http://hl7.org/fhir/sid/icd-9-cm": "ICD9",
    "urn:oid:2.16.840.1.113883.6.103": "ICD9",
    "http://www.cms.gov/Medicare/Coding/ICD10": "ICD10PCS",
    "http://hl7.org/fhir/sid/icd-10-pcs": "ICD10PCS",
    "urn:oid:2.16.840.1.113883.6.4": "ICD10PCS",
    "http://hl7.org/fhir/sid/icd-9-cm/procedure": "ICD9PROC",
    "urn:oid:2.16.840.1.113883.6.104": "ICD9PROC",
    "http://hl7.org/fhir/sid/cvx": "CVX",
    "urn:oid:2.16.840.1.113883.12.292": "CVX",
    "http://hl7.org/fhir/sid/ndc": "NDC",
    "urn:oid:2.16.840.1.113883.6.69": "NDC",
    "http://www.whocc.no/atc": "ATC",
    "urn:oid:2.16.840.1.113883.6.73": "ATC",
    "http://www.ama-assn.org/go/cpt": "CPT",
    "urn:oid:2.16.840.1.113883.6.12": "CPT",
    "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets": "HCPCS",
    "urn:oid:2.16.840.1.113883.6.285": "HCPCS",
    "http://fdasis.nlm.nih.gov": "UNII",
    "http://dicom.nema.org/resources/ontology/dcm": "DICOM",
    "urn:oid:1.2.840.10008.2.16.4": "DICOM",
    "http://dicom.nema.org/medical/dicom/current/output/chtml/part16/sect_CID_29.html": "DICOM",
    "http://www.radlex.org": "RADLEX",
    "http://radlex.org": "RADLEX",
    "urn:oid:2.16.840.1.113883.6.256": "RADLEX",
    "https://www.meddra.org": "MEDDRA",
    "urn:oid:2.16.840.1.113883.6.163": "MEDDRA",
    "http://id.who.int/icd/release/11/mms": "ICD11",
    "http://terminology.hl7.org/CodeSystem/icd-o-3": "ICDO3",
    "urn:oid:2.16.840.1.113883.6.43.1": "ICDO3",
    "http://hl7.org/fhir/sid/icpc-2": "ICPC2",
    "urn:iso:std:iso:11073:10101": "MDC",
}
"""URI of a code system -> its short name in the codes of the store."""

PREFERRED: Final[tuple[str, ...]] = (
    "LOINC",
    "SNOMED",
    "RXNORM",
    "CVX",
    "ICD10",
    "ICD10GM",
    "ICD9",
    "ICD10PCS",
    "ICD9PROC",
    "CPT",
    "HCPCS",
    "ATC",
    "NDC",
    "UNII",
    "DICOM",
    "MEDDRA",
    "ICD11",
    "ICDO3",
    "ICPC2",
    "RADLEX",
    "MDC",
)
"""Of several codings the one of the earliest system here names the event; unknown systems come last, as given."""

ABSENCES: Final = frozenset(
    {
        ("SNOMED", "716186003"),  # no known allergy
        ("SNOMED", "409137002"),  # no known drug allergy
        ("SNOMED", "428607008"),  # no known environmental allergy
        ("SNOMED", "429625007"),  # no known food allergy
        ("SNOMED", "428197003"),  # no known insect allergy
        ("SNOMED", "1003774007"),  # no known latex allergy
        ("SNOMED", "160245001"),  # no current problems or disability
        ("SNOMED", "787481004"),  # no known medications
        ("SNOMED", "787482006"),  # no known immunizations
        ("SNOMED", "787480003"),  # no known procedures
        ("SNOMED", "787483001"),  # no known device use
    }
)
"""Codes that say that there is none, as the International Patient Summary uses them; all of ABSENCE_SYSTEM does."""
ABSENCE_SYSTEM: Final = "hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips"
_ABSENCE_WORDS: Final = re.compile(
    r"\s*(?:no (?:known|current|active|significant|information|evidence of|(?:family |past |previous )?history of)\b"
    r"|(?:none|nil)(?: known)?\W*$|nk(?:d|f)?a\W*$|denies\b|negative for\b)",
    re.IGNORECASE,
)

_FOLDED: Final = {system.lower(): name for system, name in SYSTEMS.items()}
_RANK: Final = {name: rank for rank, name in enumerate(PREFERRED)}


class Concept(NamedTuple):
    """A CodeableConcept: `SYSTEM//CODE` of the coding that names it, and of the others.

    `is_absence` says that by code or by words it tells that there is none: no known allergies.
    """

    code: str
    description: str | None
    system: str | None
    others: tuple[str, ...]
    text: str | None
    notes: tuple[Note, ...]
    is_absence: bool = False


Coding = tuple[object, object, object]


def concept(value: object, field: str, notes: Notes) -> Concept:
    """Return what a CodeableConcept names; raises Refused when it names nothing."""
    found = as_object(value, field)
    codings = as_objects(found.get("coding"), f"{field}.coding")
    keys = tuple([(coding.get("system"), coding.get("code"), coding.get("display")) for coding in codings])
    try:
        known = _concept(keys, found.get("text"))
    except TypeError:  # a list or an object, which no cache can hold
        raise wrong_type(f"a part of {field}", "a string", value) from None
    if known is None:
        raise Refused(f"no code: {field} is empty", at_fault(field, value), code=Reason.NO_CODE)
    if known.notes:
        notes.extend([(code, f"{field}: {text}") for code, text in known.notes])
    return known


@lru_cache(maxsize=65_536)
def _concept(codings: tuple[Coding, ...], concept_text: object) -> Concept | None:
    text = as_text(concept_text, "text of a concept")
    notes: Notes = []
    named = list(_named_codings(codings, notes))
    if not named:
        shown = text or next((as_text(display, "display") for _, _, display in codings if display), None)
        if shown is None:
            return None
        code = code_of("TEXT", shown) if len(shown) <= LONGEST_CODE_TEXT else code_of("TEXT", None)
        remarks = (*notes, (Reason.NO_CODE, "no code, only a text"))
        return Concept(code, shown, None, (), shown, remarks, _ABSENCE_WORDS.match(shown) is not None)
    named.sort(key=lambda one: _RANK.get(one[0], len(_RANK)))
    _, code, display, system = named[0]
    description = display or text or next((other[2] for other in named if other[2]), None)
    first, *others = dict.fromkeys(code_of(one[0], one[1]) for one in named)
    shown = text or display or code
    return Concept(first, description, system, tuple(others), shown, tuple(notes), _is_absence(named, text))


def _is_absence(named: list[tuple[str, str, str | None, str | None]], text: str | None) -> bool:
    """Say whether one of the codings, or the words, tell that there is none."""
    if any((name, code) in ABSENCES or name == ABSENCE_SYSTEM for name, code, _, _ in named):
        return True
    words = (text, *(display for _, _, display, _ in named))
    return any(one is not None and _ABSENCE_WORDS.match(one) is not None for one in words)


def concept_of_any(values: object, field: str, notes: Notes) -> Concept | None:
    """Return what a list of CodeableConcepts names together: of all their codings the preferred one, the others too.

    None when the list is empty.
    """
    listed = as_objects(values, field)
    if not listed:
        return None
    codings = [coding for one in listed for coding in as_objects(one.get("coding"), f"{field}.coding")]
    text = next((one["text"] for one in listed if one.get("text")), None)
    return concept({"coding": codings, "text": text}, field, notes)


def _named_codings(codings: tuple[Coding, ...], notes: Notes) -> Iterator[tuple[str, str, str | None, str | None]]:
    """Yield short name of the system, code, display and system for the codings that have a code."""
    for system_value, code_value, display_value in codings:
        system = as_text(system_value, "system of a coding")
        code = as_text(code_value, "code of a coding")
        display = as_text(display_value, "display of a coding")
        if code is None:
            continue
        if code != code_value:
            notes.append((Reason.NOTE, "blanks around a code are trimmed"))
        if "//" in code:
            notes.append((Reason.NOTE, "'//' in a code is written '/'"))
        if system is None:
            notes.append((Reason.NO_CODE, "a code without a system is kept as UNK"))
            yield UNKNOWN, code, display, None
            continue
        name, remark = system_name(system)
        if remark:
            notes.append((Reason.NOTE, remark))
        yield name, code, display, name if name in _RANK else system


@lru_cache(maxsize=4096)
def system_name(system: str) -> tuple[str, str | None]:
    """Return the short name of a code system, or a readable form of an unknown one, and what to know about it.

    >>> system_name("http://loinc.org")
    ('LOINC', None)
    >>> system_name("http://hospital.example.org/codes")
    ('hospital.example.org/codes', None)
    """
    known = SYSTEMS.get(system)
    if known:
        return known, None
    known = _FOLDED.get(system.lower().rstrip("/").replace("https://", "http://", 1))
    if known:
        return known, f"an odd spelling of the code system is read as {known}"
    return re.sub(r"^[a-z]+://", "", system, flags=re.IGNORECASE).rstrip("/"), None


def label(value: object, field: str) -> str | None:
    """Return the words of a CodeableConcept: its text, else the first display, else the first code."""
    if value is None:
        return None
    found = as_object(value, field)
    text = as_text(found.get("text"), f"{field}.text")
    codings = as_objects(found.get("coding"), f"{field}.coding")
    for name in ("display", "code"):
        for coding in codings:
            text = text or as_text(coding.get(name), f"{field}.coding.{name}")
    return text


def first_code(value: object, field: str) -> str | None:
    """Return the first code of a CodeableConcept, such as the word of a status."""
    if value is None:
        return None
    for coding in as_objects(as_object(value, field).get("coding"), f"{field}.coding"):
        code = as_text(coding.get("code"), f"{field}.coding.code")
        if code:
            return code
    return None
