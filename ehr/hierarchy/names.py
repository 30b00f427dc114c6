"""Names of concepts: `SYSTEM//CODE` without dots, written one way whatever the source or the analyst writes.

A concept is a code of a code system apart from what an event says of it: `DIAGNOSIS//ICD//10//E119` of MIMIC-IV and
`CONDITION//ICD10//E11.9` of FHIR are events of the one concept `ICD10//E119`. Codes of diagnoses and of procedures
are different concepts, also where their digits agree: `ICD9//3893` and `ICD9PROC//3893`.
"""

import re
from functools import lru_cache
from typing import Final

from ehr.events import SEPARATOR, UNKNOWN

_SYSTEMS: Final[dict[str, tuple[str, ...]]] = {
    "ICD10": ("ICD10CM", "ICD10WHO"),
    "ICD10GM": (),
    "ICD9": ("ICD9CM",),
    "ICD10PCS": (),
    "ICD9PROC": ("ICD9CMPROC", "ICD9PCS"),
    "ATC": (),
    "SNOMED": ("SNOMEDCT",),
    "LOINC": (),
    "RXNORM": (),
    "RXNORMEXTENSION": (),
    "CVX": (),
    "NDC": (),
    "CPT": ("CPT4",),
    "HCPCS": (),
    "UNII": (),
    "DICOM": (),
}
"""Code systems and what else they are called, all without the signs -, _ and space."""

SYSTEMS: Final[dict[str, str]] = {written: name for name, others in _SYSTEMS.items() for written in (name, *others)}
"""How a system may be written, in capitals without signs -> its name in concepts."""

PROCEDURES: Final = {"ICD10": "ICD10PCS", "ICD9": "ICD9PROC"}
"""What a source that says ICD-9 or ICD-10 of a procedure means."""

APART: Final = frozenset(
    {"ALLERGY", "FAMILY_HISTORY", "FLAG", "DETECTED_ISSUE", "ORDER", "CARE_PLAN", "CARE_PLAN_ACTIVITY", "CARE_TEAM"}
    | {"GOAL", "CLAIM_DIAGNOSIS", "CLAIM_PROCEDURE", "CLAIM_ITEM"}
)
"""Heads of codes that do not say that the patient has or gets what the code names: their concepts keep the head."""

DIAGNOSIS_10: Final = re.compile(r"(?:[A-Z]\d|QA)[0-9A-Z][0-9A-Z]{0,4}")
"""Shape of a code of ICD-10, ICD-10-CM or ICD-10-GM without its dot."""

SHAPES: Final[dict[str, re.Pattern[str]]] = {
    "ICD10": DIAGNOSIS_10,
    "ICD10GM": DIAGNOSIS_10,
    "ICD9": re.compile(r"(?:\d{3}|V\d{2})\d{0,2}|E\d{3}\d?"),
    "ICD9PROC": re.compile(r"\d{2}\d{0,2}"),
    "ICD10PCS": re.compile(r"[0-9B-DF-HX][0-9A-HJ-NP-Z]{0,6}"),
    "ATC": re.compile(r"[A-Z](?:\d{2}(?:[A-Z](?:[A-Z](?:\d{2})?)?)?)?"),
}
"""Shapes of the codes from whose text their hierarchy follows."""

_DOTTED: Final = {
    "ICD10": re.compile(r"(?:[A-Z]\d|QA)[0-9A-Z](?:\.[0-9A-Z]*)?"),
    "ICD10GM": re.compile(r"[A-Z]\d[0-9A-Z](?:\.[0-9A-Z]*)?"),
    "ICD9": re.compile(r"(?:\d{3}|V\d{2}|E\d{3})(?:\.\d*)?"),
    "ICD9PROC": re.compile(r"\d{2}(?:\.\d*)?"),
}
"""Where the dot may stand: 38.9 is no diagnosis of ICD-9, which would be 038.9."""

_RANGE: Final = re.compile(r"([A-Z]?[0-9A-Z]{2,3})-([A-Z]?[0-9A-Z]{2,3})")
_ENGLISH: Final = re.compile(r"\s*(?P<system>[A-Za-z][\w -]*?)\s*(?://|/|:|\s)\s*(?P<code>\S+)\s*")


def concept_of(code: str) -> str:
    """Return the concept that a stored code states; the code itself where it states none of a known system.

    >>> concept_of("DIAGNOSIS//ICD//9//4280"), concept_of("CONDITION//ICD9//428.0")
    ('ICD9//4280', 'ICD9//4280')
    >>> concept_of("PROCEDURE//ICD//9//3893")
    'ICD9PROC//3893'
    >>> concept_of("LAB//LOINC//4548-4//%"), concept_of("LAB//50912//mg/dL"), concept_of("ALLERGY//RXNORM//7980")
    ('LOINC//4548-4', 'LAB//50912//mg/dL', 'ALLERGY//RXNORM//7980')
    """
    return _concept_of(code)


@lru_cache(maxsize=65_536)
def _concept_of(code: str) -> str:
    parts = code.split(SEPARATOR)
    head = parts[0]
    if len(parts) == 1:
        system, slash, value = code.partition("/")  # SNOMED/44054006, as MEDS extractions write parents
        return (_named(system, value, None) if slash else None) or code
    if len(parts) > 2:
        parts = parts[1:]
        if parts[0] == "ICD" and len(parts) > 2:
            parts = [f"ICD{parts[1]}", *parts[2:]]
        found = _named(parts[0], parts[1], head) if len(parts) > 1 else None
        return code if found is None else f"{head}{SEPARATOR}{found}" if head in APART else found
    return (_named(head, parts[1], None) if len(parts) == 2 else None) or code


def read_concept(text: str) -> str:
    """Return the name of the concept that a person wrote; one that is not understood comes back as it is.

    >>> {read_concept(text) for text in ("ICD10//E11.9", "ICD10 E11.9", "ICD-10-CM E11.9", "ICD10:E119")}
    {'ICD10//E119'}
    >>> read_concept("ICD10 E08-E13"), read_concept("DIAGNOSIS//ICD//10//E119"), read_concept("heart failure")
    ('ICD10//E08-E13', 'ICD10//E119', 'heart failure')
    """
    text = text.strip()
    stated = concept_of(text)
    if stated != text or SEPARATOR in text.partition(SEPARATOR)[2]:
        return stated
    match = _ENGLISH.fullmatch(text)
    named = _named(match["system"], match["code"], None) if match else None
    return named or text


def _named(system: str, code: str, head: str | None) -> str | None:
    """Return the concept of a code of a system; None where the system is unknown or the code none of it."""
    name = SYSTEMS.get(re.sub(r"[-_ ]", "", system).upper())
    if name is None or not code or code == UNKNOWN:
        return None
    if name not in SHAPES:
        return f"{name}{SEPARATOR}{code}"
    written = code.upper().rstrip("*+†‡!-")
    if _is_procedure(name, written, head):
        name = PROCEDURES[name]
    bare = _bare(name, written)
    return None if bare is None else f"{name}{SEPARATOR}{bare}"


def _is_procedure(name: str, written: str, head: str | None) -> bool:
    """Say whether a source that names ICD-9 or ICD-10 of a procedure means the classification of procedures."""
    if head != "PROCEDURE" or name not in PROCEDURES:
        return False
    pattern = SHAPES[PROCEDURES[name]]
    if name == "ICD10":
        return len(written) == 7 and pattern.fullmatch(written) is not None
    return _bare("ICD9PROC", written) is not None


def _bare(name: str, written: str) -> str | None:
    """Return a code without its dot, or a group such as E08-E13; None where it has not the shape of the system."""
    if name.startswith("ICD") and name != "ICD10PCS" and _RANGE.fullmatch(written):
        return written
    if "." in written and (name not in _DOTTED or not _DOTTED[name].fullmatch(written)):
        return None
    bare = written.replace(".", "")
    return bare if SHAPES[name].fullmatch(bare) else None
