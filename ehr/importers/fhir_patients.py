"""Patients and their stays: Patient and Encounter of FHIR R4 as events. The rules are in docs/fhir.md."""

import re
from typing import Final

from ehr.events import BIRTH, DEATH, UNKNOWN, code_of
from ehr.importers.fhir_codes import first_code, label
from ehr.importers.fhir_dates import Moment, at_first, moment, period
from ehr.importers.fhir_record import DECEASED, Record, Stay, link_of, one_of, set_subject, status_of
from ehr.importers.fhir_values import (
    Json,
    Notes,
    Refused,
    as_object,
    as_objects,
    as_text,
    element,
    elements,
    number_of,
)
from ehr.importers.fhir_words import ENCOUNTER_CLASSES
from ehr.reasons import Reason

GENDERS: Final = {"female": "F", "male": "M", "other": "OTHER", "unknown": UNKNOWN}
MARITAL_STATUSES: Final = {"M": "MARRIED", "S": "SINGLE", "D": "DIVORCED", "W": "WIDOWED"}
RACE_URL: Final = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"
ETHNICITY_URL: Final = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity"
BIRTH_TIME_URL: Final = "http://hl7.org/fhir/StructureDefinition/patient-birthTime"


def patient(resource: Json, record: Record) -> None:
    """Birth, sex, race, ethnicity, marital status, language and death."""
    record.subject = record.record_id
    record.identifiers = [record.record_id, *_identifiers(resource)]
    born = _birth(resource, record.notes)
    if born is not None:
        record.add(born, BIRTH, "Birth")
    gender = resource.get("gender")
    if gender in GENDERS:
        record.add(None, code_of("GENDER", GENDERS[gender]), gender.capitalize())
    elif gender is not None:
        record.notes.append((Reason.BAD_CELL, "gender is no word of R4: left out"))
    for head, name in _demographics(resource):
        record.add(None, code_of(head, name.upper()), name)
    for link in as_objects(resource.get("link"), "link"):
        record.notes.append((Reason.NOTE, f"linked to another Patient: {_link_type(link)}"))
    if resource.get("active") is False:
        record.notes.append((Reason.NOTE, "active is false: the record is not in use any more"))
    _death(resource, record, born)


def _birth(resource: Json, notes: Notes) -> Moment | None:
    """Return the birth, exact where the extension patient-birthTime tells; a bad date leaves it unknown."""
    details = resource.get("_birthDate")
    extensions = (
        as_objects(as_object(details, "_birthDate").get("extension"), "_birthDate.extension") if details else []
    )
    exact = next((e.get("valueDateTime") for e in extensions if e.get("url") == BIRTH_TIME_URL), None)
    try:
        return at_first(moment(exact or resource.get("birthDate"), "birthDate", notes))
    except Refused as reason:
        notes.append((reason.code, f"{reason}: kept without a birth"))
        return None


def _death(resource: Json, record: Record, born: Moment | None) -> None:
    name = one_of(resource, DECEASED)
    if name == "deceasedDateTime":
        died = moment(resource["deceasedDateTime"], "deceasedDateTime", record.notes)
        record.add(died, DEATH, "Death")
        if born is not None and died is not None and died.last < born.first:
            record.notes.append((Reason.IMPLAUSIBLE, "implausible: death before birth"))
    elif name == "deceasedBoolean" and resource[name]:
        record.deceased = True
        record.notes.append((Reason.NO_TIME, "deceased, and the time is not known"))


def _demographics(resource: Json) -> list[tuple[str, str]]:
    found: list[tuple[str, str | None]] = []
    for extension in as_objects(resource.get("extension"), "extension"):
        if extension.get("url") in (RACE_URL, ETHNICITY_URL):
            head = "RACE" if extension["url"] == RACE_URL else "ETHNICITY"
            found.append((head, _us_core_category(extension)))
    marital = first_code(resource.get("maritalStatus"), "maritalStatus")
    if marital is not None:
        found.append(("MARITAL_STATUS", MARITAL_STATUSES.get(marital, marital)))
    spoken = elements(resource.get("communication"), "communication")
    if spoken:
        found.append(("LANGUAGE", label(spoken[0].get("language"), "communication.language")))
    return [(head, name) for head, name in found if name]


def _us_core_category(extension: Json) -> str | None:
    """Return the OMB category of a us-core-race or us-core-ethnicity extension, else its text."""
    text = None
    for part in as_objects(extension.get("extension"), "extension.extension"):
        if part.get("url") == "ombCategory":
            coding = as_object(part.get("valueCoding") or {}, "ombCategory")
            return as_text(coding.get("display") or coding.get("code"), "ombCategory")
        if part.get("url") == "text":
            text = as_text(part.get("valueString"), "race or ethnicity text")
    return text


def _identifiers(resource: Json) -> list[str]:
    pairs = (
        (as_text(one.get("system"), "identifier.system"), as_text(one.get("value"), "identifier.value"))
        for one in as_objects(resource.get("identifier"), "identifier")
    )
    return [f"{system or ''}|{value}" for system, value in pairs if value]


def _link_type(link: Json) -> str:
    known = ("replaced-by", "replaces", "refer", "seealso")
    return next((word for word in known if link.get("type") == word), UNKNOWN)


# Encounter -------------------------------------------------------------------------------------------------------

_ICU: Final = re.compile(r"\b(?:[A-Z]{0,3}ICU|intensive care|critical care)\b", re.IGNORECASE)
EXPIRED: Final = frozenset({"exp", "20", "40", "41", "42"})
"""Discharge dispositions that mean death: FHIR's `exp`, and 20, 40, 41, 42 of NUBC."""


def encounter(resource: Json, record: Record) -> None:
    """A stay, with ENCOUNTER_START and ENCOUNTER_END; an ICU stay within another has ICU_ADMISSION, ICU_DISCHARGE."""
    status = status_of("Encounter", resource)
    set_subject(resource, "subject", record)
    start, end = period(resource.get("period"), "period", record.notes)
    start = at_first(start)
    word = _encounter_class(resource, record.notes)
    types = as_objects(resource.get("type"), "type")
    kind = next((text for text in (label(one, "type") for one in types) if text), None)
    part_of = resource.get("partOf")
    parent = link_of(part_of, "partOf", "Encounter/", record) if part_of else None
    if parent == record.record_id:
        record.notes.append((Reason.BAD_REFERENCE, "partOf names the Encounter itself: left out"))
        parent = None
    is_icu = bool(part_of) and _is_icu(resource, kind)
    admitted, discharged = _hospitalization(resource)
    record.encounter = record.record_id
    record.identifiers = _identifiers(resource)
    record.stay = Stay(
        number_of(record.record_id),
        number_of(parent) if parent else None,
        "icu" if is_icu else ENCOUNTER_CLASSES.get(word, "other"),
        kind,
        start.time if start else None,
        end.time if end else None,
        admitted,
        discharged,
    )
    if start is None:
        record.notes.append((Reason.NO_TIME, "no period.start: a stay without events"))
        return
    begin, finish = ("ICU_ADMISSION", "ICU_DISCHARGE") if is_icu else ("ENCOUNTER_START", "ENCOUNTER_END")
    record.add(start, code_of(begin, word), f"Start of {_CLASS_WORDS.get(word, 'encounter')}", status=status)
    if end is not None:
        record.add(end, code_of(finish, word), f"End of {_CLASS_WORDS.get(word, 'encounter')}", status=status)


_CLASS_WORDS: Final = {
    "AMB": "ambulatory visit",
    "EMER": "emergency visit",
    "IMP": "inpatient stay",
    "ACUTE": "acute inpatient stay",
    "NONAC": "non-acute inpatient stay",
    "OBSENC": "observation stay",
    "HH": "home health visit",
    "VR": "virtual visit",
    "SS": "short stay",
    "PRENC": "pre-admission encounter",
    "FLD": "field encounter",
}


def _encounter_class(resource: Json, notes: Notes) -> str:
    """Return the code of Encounter.class, UNK with a note where it is missing."""
    word = as_text((resource.get("class") or {}).get("code"), "class.code")
    if word is None:
        notes.append((Reason.NO_CODE, "no class.code"))
    elif word not in ENCOUNTER_CLASSES:
        notes.append((Reason.NOTE, "class.code is no word of R4's value set"))
    return word or UNKNOWN


def _is_icu(resource: Json, kind: str | None) -> bool:
    """Say whether the type, the service or a location names an intensive care unit."""
    places = [
        as_object(one.get("location") or {}, "location") for one in elements(resource.get("location"), "location")
    ]
    words = [kind, label(resource.get("serviceType"), "serviceType")]
    words += [as_text(place.get("display"), "location.display") for place in places]
    return any(word and _ICU.search(word) for word in words)


def _hospitalization(resource: Json) -> tuple[str | None, str | None]:
    """Return where the patient came from and went to."""
    stay = element(resource.get("hospitalization"), "hospitalization")
    went = stay.get("dischargeDisposition")
    code = first_code(went, "hospitalization.dischargeDisposition")
    admitted = label(stay.get("admitSource"), "hospitalization.admitSource")
    return admitted, "DIED" if code in EXPIRED else label(went, "hospitalization.dischargeDisposition")
