"""What a FHIR R4 resource says, as events: one function per resource type, in the table READERS at the end.

The rules are explained in docs/fhir.md. A function raises Refused for what is wrong and LeftOut for what did not
happen; it writes what else is to be known into `record.notes`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from ehr.events import BIRTH, DEATH, UNKNOWN, code_of
from ehr.importers.fhir_fields import (
    BOOLEAN,
    ENCOUNTER_CLASSES,
    EVENT,
    INTEGER,
    INTENTS,
    LEFT_OUT,
    OBJECT,
    OBJECTS,
    OLD_FIELDS,
    SHAPES,
    STATUSES,
    TEXT,
    TEXTS,
    VERIFICATIONS,
)
from ehr.importers.fhir_values import (
    NOTHING,
    Concept,
    Json,
    LeftOut,
    Measured,
    Notes,
    Refused,
    Scope,
    as_object,
    as_objects,
    as_text,
    concept,
    first_code,
    label,
    moment,
    number_of,
    period,
    quantity,
    quantity_text,
)

Event = tuple[
    datetime | None,  # time
    str | None,  # code; None while the Medication that it names was not read
    float | None,  # numeric_value
    str | None,  # text_value
    str | None,  # value_code
    str | None,  # unit
    datetime | None,  # end_time
    str | None,  # status
    str,  # record_id
    str | None,  # Medication/id that gives the code
]
CodeRow = tuple[str | None, str | None, tuple[str, ...]]
"""Description, system and parents of a code."""


class Stay(NamedTuple):
    """What an Encounter gives for the encounter table."""

    encounter_id: int
    parent_id: int | None
    class_name: str
    type: str | None
    start_time: datetime | None
    end_time: datetime | None
    admit_source: str | None
    disposition: str | None


@dataclass(slots=True)
class Record:
    """What one resource gives: its events and the patient and stay that they belong to."""

    record_id: str
    scope: Scope
    codes: dict[str, CodeRow]
    medications: dict[str, Concept]
    subject: str = ""
    encounter: str | None = None
    stay: Stay | None = None
    identifiers: list[str] = field(default_factory=list)
    deceased: bool = False
    events: list[Event] = field(default_factory=list)
    notes: Notes = field(default_factory=list)

    def add(
        self,
        time: datetime | None,
        code: str,
        title: str | None,
        *,
        system: str | None = None,
        parents: tuple[str, ...] = (),
        value: Measured = NOTHING,
        end: datetime | None = None,
        status: str | None = None,
        part: str = "",
    ) -> None:
        """Add an event; `part` names a part of the resource, such as `.component[0]`."""
        known = self.codes.get(code)
        if known is None or (known[0] is None and title) or (parents and not set(parents) <= set(known[2])):
            self.codes[code] = _merged(known, (title, system, parents))
        number, text, unit, answer = value
        self.events.append((time, code, number, text, answer, unit, end, status, self.record_id + part, None))


def _merged(known: CodeRow | None, new: CodeRow) -> CodeRow:
    if known is None:
        return new
    return known[0] or new[0], known[1] or new[1], tuple(dict.fromkeys(known[2] + new[2]))


Reader = Callable[[Json, Record], None]


def read_resource(type_name: str, resource: Json, record: Record) -> None:
    """Fill `record` from a resource; raises Refused or LeftOut."""
    check_shape(type_name, resource, record.notes)
    READERS[type_name](resource, record)


_PYTHON_TYPES: Final[dict[str, type]] = {
    OBJECT: dict,
    OBJECTS: list,
    TEXT: str,
    TEXTS: list,
    BOOLEAN: bool,
    INTEGER: int,
}
_EXPECTED: Final = {
    type_name: {name: _PYTHON_TYPES[shape] for name, shape in shapes.items()} for type_name, shapes in SHAPES.items()
}
_ITEM_TYPES: Final[dict[str, type]] = {OBJECTS: dict, TEXTS: str}


def check_shape(type_name: str, resource: Json, notes: Notes) -> None:
    """Check that every field is one of R4 and is the JSON that R4 says; raises Refused.

    An unknown field is a note, one of an older FHIR that carries a date, a link or a negation is refused.
    """
    expected = _EXPECTED[type_name]
    for name, value in resource.items():
        kind = type(value)
        if kind is not expected.get(name):
            _check_odd_field(type_name, name, value, notes)
        elif kind is list:
            item_type = _ITEM_TYPES[SHAPES[type_name][name]]
            for item in value:
                if type(item) is not item_type:
                    raise Refused(f"wrong JSON type: {name} is not {SHAPES[type_name][name]}")
    if resource.get("modifierExtension"):
        raise Refused("modifierExtension: it may change the meaning and is not understood")


def _check_odd_field(type_name: str, name: str, value: object, notes: Notes) -> None:
    """Judge a field that R4 does not have, or that is not the JSON that R4 says."""
    shape = SHAPES[type_name].get(name)
    if shape is None and name in OLD_FIELDS.get(type_name, ()):
        raise Refused(f"not R4: {name} belongs to an older FHIR")
    if shape is None:
        if not (name.startswith("_") and name[1:] in SHAPES[type_name]):
            notes.append("a field that R4 does not have is left out")
    elif value is None:
        notes.append(f"{name} is null")
    else:
        raise Refused(f"wrong JSON type: {name} is not {shape}")


# Parts that several types have -----------------------------------------------------------------------------------


def _subject(resource: Json, name: str, record: Record) -> None:
    """Set the patient of the record from a reference."""
    reference = resource.get(name)
    if not reference:
        raise Refused(f"no {name}")
    text = as_text(reference.get("reference"), f"{name}.reference")
    if text is None:
        raise Refused(f"{name} has no reference")
    key = record.scope.resolve(text, name)
    if not key.startswith("Patient/"):
        raise Refused(f"{name} is not a Patient")
    record.subject = key


def _encounter(resource: Json, name: str, record: Record) -> None:
    """Set the stay of the record, when it names one that can be resolved."""
    reference = resource.get(name)
    if reference:
        record.encounter = _link(reference, name, "Encounter/", record)


def _link(reference: Json, name: str, prefix: str, record: Record) -> str | None:
    """Return `Type/id` of a reference that the record can do without; note why there is none."""
    text = as_text(reference.get("reference"), f"{name}.reference")
    if text is None:
        return None
    try:
        key = record.scope.resolve(text, name)
    except Refused as reason:
        record.notes.append(str(reason))
        return None
    if key.startswith(prefix):
        return key
    if name != "context":  # MedicationAdministration.context may be an EpisodeOfCare
        record.notes.append(f"{name} is not an {prefix[:-1]}")
    return None


def _status(type_name: str, resource: Json) -> str:
    """Return the word of `status`; raises for a word that makes the resource no positive fact."""
    word = resource.get("status")
    if not word:
        raise Refused("no status")
    _judge(STATUSES[type_name].get(word), word, "status")
    return str(word)


def _judge(verdict: str | None, word: str, name: str) -> None:
    """Let an `event` pass, else raise; only words of the value sets of FHIR come into the reason."""
    if verdict == EVENT:
        return
    if verdict == LEFT_OUT:
        raise LeftOut(f"{name} is {word}: left out")
    if word == "entered-in-error":
        raise Refused("entered in error")
    raise Refused(f"{name} is no word of R4")


def _verified(type_name: str, resource: Json, record: Record) -> str | None:
    """Check verificationStatus; return the word of clinicalStatus."""
    word = first_code(resource.get("verificationStatus"), "verificationStatus")
    if word is not None:
        _judge(VERIFICATIONS[type_name].get(word), word, "verificationStatus")
        if word != "confirmed":
            record.notes.append(f"verificationStatus is {word}")
    return first_code(resource.get("clinicalStatus"), "clinicalStatus")


def _choice(prefix: str, suffixes: str) -> dict[str, str]:
    """Return field -> suffix for a choice of R4 such as effective[x]."""
    return {prefix + suffix: suffix for suffix in suffixes.split()}


ONSET: Final = _choice("onset", "DateTime Period Age Range String")
ABATEMENT: Final = _choice("abatement", "DateTime Period Age Range String")
PERFORMED: Final = _choice("performed", "DateTime Period Age Range String")
EFFECTIVE: Final = _choice("effective", "DateTime Period Instant Timing")
OCCURRENCE: Final = _choice("occurrence", "DateTime String")
DECEASED: Final = _choice("deceased", "DateTime Boolean")
MEDICATION: Final = _choice("medication", "CodeableConcept Reference")
VALUE: Final = _choice(
    "value", "Quantity CodeableConcept String Boolean Integer Range Ratio SampledData Time DateTime Period"
)


def _one_of(resource: Json, choice: dict[str, str]) -> str | None:
    """Return the field of a choice that is there; raises Refused for two."""
    present = [name for name in resource if name in choice and resource[name] is not None]
    if not present:
        return None
    if len(present) > 1:
        raise Refused(f"more than one {present[0].removesuffix(choice[present[0]])}[x]")
    return present[0]


def _span(resource: Json, choice: dict[str, str], notes: Notes) -> tuple[datetime | None, datetime | None]:
    """Return start and end of a choice of dates such as performed[x]; words and ages give no time, with a note."""
    name = _one_of(resource, choice)
    if name is None:
        return None, None
    suffix = choice[name]
    if suffix in {"DateTime", "Instant"}:
        return moment(resource[name], name, notes), None
    if suffix == "Period":
        return period(resource[name], name, notes)
    if suffix == "Timing":
        times = resource[name].get("event") or []
        if type(times) is not list:
            raise Refused(f"wrong JSON type: {name}.event is not a list")
        moments = [found for found in (moment(time, f"{name}.event", notes) for time in times) if found]
        if moments:
            return min(moments), max(moments)
    notes.append(f"{name} gives no time")
    return None, None


def _coded(
    record: Record,
    head: str,
    named: Concept,
    time: datetime | None,
    *,
    end: datetime | None = None,
    status: str | None = None,
    value: Measured = NOTHING,
    with_unit: bool = False,
    part: str = "",
) -> None:
    """Add the event `HEAD//SYSTEM//CODE[//UNIT]` of a concept; its other codings become parents of the code."""
    code = f"{head}//{named.code}"
    if with_unit and value[2] is not None:
        code = f"{code}//{value[2].replace('//', '/')}"
    parents = tuple([f"{head}//{other}" for other in named.others]) if named.others else ()
    record.add(
        time,
        code,
        named.description,
        system=named.system,
        parents=parents,
        value=value,
        end=end,
        status=status,
        part=part,
    )


# Patient ---------------------------------------------------------------------------------------------------------

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
        record.notes.append("gender is no word of R4: left out")
    for head, name in _demographics(resource):
        record.add(None, code_of(head, name.upper()), name)
    for link in as_objects(resource.get("link"), "link"):
        record.notes.append(f"linked to another Patient: {_link_type(link)}")
    _death(resource, record, born)


def _birth(resource: Json, notes: Notes) -> datetime | None:
    """Return the birth, exact where the extension patient-birthTime tells; a bad date leaves it unknown."""
    details = resource.get("_birthDate")
    extensions = (
        as_objects(as_object(details, "_birthDate").get("extension"), "_birthDate.extension") if details else []
    )
    exact = next((e.get("valueDateTime") for e in extensions if e.get("url") == BIRTH_TIME_URL), None)
    try:
        return moment(exact or resource.get("birthDate"), "birthDate", notes)
    except Refused as reason:
        notes.append(f"{reason}: kept without a birth")
        return None


def _death(resource: Json, record: Record, born: datetime | None) -> None:
    name = _one_of(resource, DECEASED)
    if name == "deceasedDateTime":
        died = moment(resource["deceasedDateTime"], "deceasedDateTime", record.notes)
        record.add(died, DEATH, "Death")
        if born is not None and died is not None and died < born:
            record.notes.append("implausible: death before birth")
    elif name == "deceasedBoolean" and resource[name]:
        record.deceased = True
        record.notes.append("deceased, and the time is not known")


def _demographics(resource: Json) -> list[tuple[str, str]]:
    found: list[tuple[str, str | None]] = []
    for extension in as_objects(resource.get("extension"), "extension"):
        if extension.get("url") in (RACE_URL, ETHNICITY_URL):
            head = "RACE" if extension["url"] == RACE_URL else "ETHNICITY"
            found.append((head, _us_core_category(extension)))
    marital = first_code(resource.get("maritalStatus"), "maritalStatus")
    if marital is not None:
        found.append(("MARITAL_STATUS", MARITAL_STATUSES.get(marital, marital)))
    spoken = as_objects(resource.get("communication"), "communication")
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
    status = _status("Encounter", resource)
    _subject(resource, "subject", record)
    start, end = period(resource.get("period"), "period", record.notes)
    word = _encounter_class(resource, record.notes)
    types = as_objects(resource.get("type"), "type")
    kind = next((text for text in (label(one, "type") for one in types) if text), None)
    part_of = resource.get("partOf")
    parent = _link(part_of, "partOf", "Encounter/", record) if part_of else None
    is_icu = parent is not None and _is_icu(resource, kind)
    admitted, discharged = _hospitalization(resource)
    record.encounter = record.record_id
    record.stay = Stay(
        number_of(record.record_id),
        number_of(parent) if parent else None,
        "icu" if is_icu else ENCOUNTER_CLASSES.get(word, "other"),
        kind,
        start,
        end,
        admitted,
        discharged,
    )
    if start is None:
        record.notes.append("no period.start: a stay without events")
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
        notes.append("no class.code")
    elif word not in ENCOUNTER_CLASSES:
        notes.append("class.code is no word of R4's value set")
    return word or UNKNOWN


def _is_icu(resource: Json, kind: str | None) -> bool:
    """Say whether the type, the service or a location names an intensive care unit."""
    places = [
        as_object(one.get("location") or {}, "location") for one in as_objects(resource.get("location"), "location")
    ]
    words = [kind, label(resource.get("serviceType"), "serviceType")]
    words += [as_text(place.get("display"), "location.display") for place in places]
    return any(word and _ICU.search(word) for word in words)


def _hospitalization(resource: Json) -> tuple[str | None, str | None]:
    """Return where the patient came from and went to."""
    stay = resource.get("hospitalization") or {}
    went = stay.get("dischargeDisposition")
    code = first_code(went, "hospitalization.dischargeDisposition")
    admitted = label(stay.get("admitSource"), "hospitalization.admitSource")
    return admitted, "DIED" if code in EXPIRED else label(went, "hospitalization.dischargeDisposition")


# Conditions and allergies ----------------------------------------------------------------------------------------


def _known_since(resource: Json, record: Record) -> tuple[datetime | None, Measured]:
    """Return when a condition was known, and its onset as text where that was earlier.

    A prediction must not know a condition before it was recorded, so the later of recordedDate and onset counts.
    """
    onset, _ = _span(resource, ONSET, record.notes)
    recorded = moment(resource.get("recordedDate"), "recordedDate", record.notes)
    if onset is None or recorded is None:
        return onset or recorded, NOTHING
    if onset < recorded:
        return recorded, (None, f"onset {onset.isoformat(sep=' ')}", None, None)
    return onset, NOTHING


def condition(resource: Json, record: Record) -> None:
    """A diagnosis or problem, from when it was known until it abated."""
    status = _verified("Condition", resource, record)
    _subject(resource, "subject", record)
    _encounter(resource, "encounter", record)
    time, onset = _known_since(resource, record)
    abated, until = _span(resource, ABATEMENT, record.notes)
    named = concept(resource.get("code") or {}, "code", record.notes)
    _coded(record, "CONDITION", named, time, end=until or abated, status=status, value=onset)


def allergy(resource: Json, record: Record) -> None:
    """An allergy or intolerance."""
    status = _verified("AllergyIntolerance", resource, record)
    _subject(resource, "patient", record)
    _encounter(resource, "encounter", record)
    time, onset = _known_since(resource, record)
    if time is None:
        time = moment(resource.get("lastOccurrence"), "lastOccurrence", record.notes)
    _coded(
        record, "ALLERGY", concept(resource.get("code") or {}, "code", record.notes), time, status=status, value=onset
    )


# Observations and reports ----------------------------------------------------------------------------------------

OTHER_CATEGORIES: Final = frozenset(
    {"social-history", "survey", "exam", "imaging", "procedure", "therapy", "activity"}
)
MEASURED_CATEGORIES: Final = frozenset({"laboratory", "vital-signs", "LAB"})


def observation(resource: Json, record: Record) -> None:
    """A measurement: an event for its own value, and one for each component."""
    status = _status("Observation", resource)
    _subject(resource, "subject", record)
    _encounter(resource, "encounter", record)
    time = _effective(resource, record.notes)
    head = _observation_head(resource)
    named = concept(resource.get("code") or {}, "code", record.notes)
    value = measured(resource, record.notes)
    _coded(record, head, named, time, status=status, value=value, with_unit=True)
    for number, component in enumerate(resource.get("component") or ()):
        named = concept(component.get("code") or {}, "component.code", record.notes)
        value = measured(component, record.notes)
        part = f".component[{number}]"
        _coded(record, head, named, time, status=status, value=value, with_unit=True, part=part)


def _effective(resource: Json, notes: Notes) -> datetime | None:
    """Return when the value was known: the end of a period of measuring, the instant, or when it was issued."""
    start, end = _span(resource, EFFECTIVE, notes)
    if start is None and end is None:
        return moment(resource.get("issued"), "issued", notes)
    return end or start


def _observation_head(resource: Json) -> str:
    """Return LAB for laboratory and vital signs and where no category says otherwise, else OBSERVATION."""
    is_other = False
    for category in resource.get("category") or ():
        for coding in as_objects(category.get("coding"), "category.coding"):
            code = coding.get("code")
            if type(code) is not str:
                continue
            if code in MEASURED_CATEGORIES:
                return "LAB"
            is_other = is_other or code in OTHER_CATEGORIES
    return "OBSERVATION" if is_other else "LAB"


def measured(holder: Json, notes: Notes) -> Measured:
    """Return what value[x] of an Observation or a component says."""
    name = _one_of(holder, VALUE)
    if name is None:
        return NOTHING
    return _VALUE_READERS[VALUE[name]](holder[name], name, notes)


def _value_text(value: object, name: str, _notes: Notes) -> Measured:
    return None, as_text(value, name), None, None


def _value_concept(value: object, name: str, notes: Notes) -> Measured:
    answer = concept(value, name, notes)
    return None, answer.text, None, answer.code


def _value_boolean(value: object, name: str, _notes: Notes) -> Measured:
    if type(value) is not bool:
        raise Refused(f"wrong JSON type: {name} is not true or false")
    return None, "true" if value else "false", None, None


def _value_integer(value: object, name: str, _notes: Notes) -> Measured:
    if type(value) is not int:
        raise Refused(f"wrong JSON type: {name} is not an integer")
    return float(value), None, None, None


def _value_moment(value: object, name: str, notes: Notes) -> Measured:
    moment(value, name, notes)
    return None, as_text(value, name), None, None


def _value_period(value: object, name: str, notes: Notes) -> Measured:
    start, end = period(value, name, notes)
    return None, f"{start or ''} to {end or ''}", None, None


def _value_range(value: object, name: str, _notes: Notes) -> Measured:
    found = as_object(value, name)
    low, high = (quantity_text(found.get(end) or {}, f"{name}.{end}") for end in ("low", "high"))
    return None, f"{low} - {high}", None, None


def _value_ratio(value: object, name: str, _notes: Notes) -> Measured:
    found = as_object(value, name)
    above, below = (quantity_text(found.get(part) or {}, f"{name}.{part}") for part in ("numerator", "denominator"))
    return None, f"{above}:{below}", None, None


def _value_samples(value: object, name: str, _notes: Notes) -> Measured:
    return None, as_text(as_object(value, name).get("data"), f"{name}.data"), None, None


_VALUE_READERS: Final[dict[str, Callable[[object, str, Notes], Measured]]] = {
    "Quantity": quantity,
    "CodeableConcept": _value_concept,
    "String": _value_text,
    "Boolean": _value_boolean,
    "Integer": _value_integer,
    "Range": _value_range,
    "Ratio": _value_ratio,
    "SampledData": _value_samples,
    "Time": _value_text,
    "DateTime": _value_moment,
    "Period": _value_period,
}


def diagnostic_report(resource: Json, record: Record) -> None:
    """A report, with its conclusion as text; the results are Observations of their own."""
    status = _status("DiagnosticReport", resource)
    _subject(resource, "subject", record)
    _encounter(resource, "encounter", record)
    time = _effective(resource, record.notes)
    named = concept(resource.get("code") or {}, "code", record.notes)
    value = (None, as_text(resource.get("conclusion"), "conclusion"), None, None)
    _coded(record, "REPORT", named, time, status=status, value=value)


# Medications, procedures, immunisations --------------------------------------------------------------------------


def medication_request(resource: Json, record: Record) -> None:
    """A prescription, from when it was written."""
    status = _status("MedicationRequest", resource)
    intent = resource.get("intent")
    if intent:
        _judge(INTENTS.get(intent), intent, "intent")
    if resource.get("doNotPerform"):
        raise LeftOut("doNotPerform is true: left out")
    _subject(resource, "subject", record)
    _encounter(resource, "encounter", record)
    time = moment(resource.get("authoredOn"), "authoredOn", record.notes)
    _medication(resource, record, time, None, status, _prescribed(resource, record.notes))


def medication_administration(resource: Json, record: Record) -> None:
    """A dose that was given."""
    status = _status("MedicationAdministration", resource)
    _subject(resource, "subject", record)
    _encounter(resource, "context", record)
    start, end = _span(resource, EFFECTIVE, record.notes)
    dosage = resource.get("dosage") or {}
    dose = dosage.get("dose")
    number, text, unit, _ = NOTHING if dose is None else quantity(dose, "dosage.dose", record.notes)
    text = text or as_text(dosage.get("text"), "dosage.text")
    _medication(resource, record, start or end, end, status, (number, text, unit, None))


def _prescribed(resource: Json, notes: Notes) -> Measured:
    """Return dose and instruction of the first dosageInstruction."""
    for instruction in resource.get("dosageInstruction") or ():
        text = as_text(instruction.get("text"), "dosageInstruction.text")
        for rate in as_objects(instruction.get("doseAndRate"), "doseAndRate"):
            if rate.get("doseQuantity") is not None:
                number, shown, unit, _ = quantity(rate["doseQuantity"], "doseQuantity", notes)
                return number, shown or text, unit, None
        return None, text, None, None
    return NOTHING


def _medication(
    resource: Json, record: Record, time: datetime | None, end: datetime | None, status: str, value: Measured
) -> None:
    """Add the event of a medication, named here, in a contained Medication or in one that the input has."""
    name = _one_of(resource, MEDICATION)
    if name is None:
        raise Refused("no medication[x]")
    if name == "medicationCodeableConcept":
        named = concept(resource["medicationCodeableConcept"], "medicationCodeableConcept", record.notes)
        _coded(record, "MEDICATION", named, time, end=end, status=status, value=value)
        return
    text = as_text(resource["medicationReference"].get("reference"), "medicationReference.reference")
    if text is None:
        raise Refused("medicationReference has no reference")
    if text.startswith("#"):
        _coded(
            record, "MEDICATION", _contained(resource, text[1:], record), time, end=end, status=status, value=value
        )
        return
    key = record.scope.resolve(text, "medicationReference")
    known = record.medications.get(key)
    if known is not None:
        _coded(record, "MEDICATION", known, time, end=end, status=status, value=value)
        return
    number, words, unit, _ = value
    record.events.append((time, None, number, words, None, unit, end, status, record.record_id, key))


def _contained(resource: Json, name: str, record: Record) -> Concept:
    """Return what the contained Medication of that id is."""
    for inner in resource.get("contained") or ():
        if inner.get("id") == name and inner.get("resourceType") == "Medication":
            return concept(inner.get("code") or {}, "contained Medication.code", record.notes)
    raise Refused("medicationReference is not among the contained resources")


def medication(resource: Json, record: Record) -> None:
    """A product that requests and administrations name: no event of its own."""
    if resource.get("status") == "entered-in-error":
        raise Refused("entered in error")
    record.medications[record.record_id] = concept(resource.get("code") or {}, "code", record.notes)


def procedure(resource: Json, record: Record) -> None:
    """A procedure that was done."""
    status = _status("Procedure", resource)
    _subject(resource, "subject", record)
    _encounter(resource, "encounter", record)
    start, end = _span(resource, PERFORMED, record.notes)
    named = concept(resource.get("code") or {}, "code", record.notes)
    _coded(record, "PROCEDURE", named, start or end, end=end, status=status)


def immunization(resource: Json, record: Record) -> None:
    """A vaccine that was given."""
    status = _status("Immunization", resource)
    _subject(resource, "patient", record)
    _encounter(resource, "encounter", record)
    time, _ = _span(resource, OCCURRENCE, record.notes)
    dose = resource.get("doseQuantity")
    value: Measured = NOTHING if dose is None else quantity(dose, "doseQuantity", record.notes)
    named = concept(resource.get("vaccineCode") or {}, "vaccineCode", record.notes)
    _coded(
        record,
        "IMMUNIZATION",
        named,
        time or moment(resource.get("recorded"), "recorded", record.notes),
        status=status,
        value=value,
    )


READERS: Final[dict[str, Reader]] = {
    "Patient": patient,
    "Encounter": encounter,
    "Condition": condition,
    "Observation": observation,
    "MedicationRequest": medication_request,
    "MedicationAdministration": medication_administration,
    "Procedure": procedure,
    "Immunization": immunization,
    "AllergyIntolerance": allergy,
    "DiagnosticReport": diagnostic_report,
    "Medication": medication,
}
"""Resource type -> the function that reads it; all other types of R4 are counted as skipped."""
