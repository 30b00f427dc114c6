"""What one resource gives: a record of events with its patient and stay, and the parts that several types share."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from ehr.importers.fhir_codes import Concept, concept, first_code
from ehr.importers.fhir_dates import Moment, moment, period
from ehr.importers.fhir_values import (
    NOTHING,
    Json,
    LeftOut,
    Measured,
    Notes,
    Refused,
    Scope,
    as_text,
    at_fault,
    no_modifier,
    search_for,
    wrong_type,
)
from ehr.importers.fhir_words import EVENT, LEFT_OUT, STATUSES, VERIFICATIONS
from ehr.reasons import Reason

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
    tuple[str, ...] | None,  # codings: all codes of the concept, the first one being the code; None for a single one
    str | None,  # time_precision
    int | None,  # utc_offset
    str | None,  # Medication/id or Device/id that gives the code
]
CodeRow = tuple[str | None, str | None]
"""Description and system of a code."""


class Codes(dict[str, CodeRow]):
    """The titles of codes; the first title of a code stays.

    `heard` tells what was new and in which order, so that others can learn the same.
    """

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[str, str | None, str | None]] = []

    def hear(self, code: str, title: str | None, system: str | None) -> None:
        """Take in what a record says of a code, unless its title is known."""
        known = self.get(code)
        if known is None:
            self[code] = (title, system)
        elif known[0] is None and title:
            self[code] = (title, known[1] or system)
        else:
            return
        self.heard.append((code, title, system))

    def clear(self) -> None:
        """Forget all codes."""
        super().clear()
        self.heard.clear()


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
    """What one resource gives: its events and the patient and stay that they belong to.

    `subject` is `Patient/id`, or `Patient?identifier=SYSTEM|VALUE` where only an identifier names the patient; so is
    `encounter` for a stay.
    `product` is what a Medication or Device stands for, which other records name. `version_id` and `last_updated`
    tell which version of the resource it is.
    """

    record_id: str
    scope: Scope
    codes: Codes
    subject: str = ""
    encounter: str | None = None
    stay: Stay | None = None
    product: Concept | None = None
    version_id: str | None = None
    last_updated: datetime | None = None
    identifiers: list[str] = field(default_factory=list)
    deceased: bool = False
    events: list[Event] = field(default_factory=list)
    notes: Notes = field(default_factory=list)

    def add(
        self,
        time: Moment | None,
        code: str | None,
        title: str | None,
        system: str | None = None,
        codings: tuple[str, ...] | None = None,
        value: Measured = NOTHING,
        end: Moment | None = None,
        status: str | None = None,
        part: str = "",
        named_by: str | None = None,
    ) -> None:
        """Add an event; `part` names a part of the resource, such as `.component[0]`.

        Without a code the event gets it from the Medication or Device that `named_by` names, once that is read.
        """
        if code is not None:
            known = self.codes.get(code)
            if known is None or (known[0] is None and title):
                self.codes.hear(code, title, system)
        at, precision, offset = (None, None, None) if time is None else time[:3]
        until = None if end is None else end.time
        number, text, unit, answer = value
        name = self.record_id + part if part else self.record_id
        self.events.append(
            (at, code, number, text, answer, unit, until, status, name, codings, precision, offset, named_by)
        )


# Parts that several types have -----------------------------------------------------------------------------------


def set_subject(resource: Json, name: str, record: Record) -> None:
    """Set the patient of the record from a reference, or from an identifier where that is all that is given."""
    reference = resource.get(name)
    if not reference:
        raise Refused(f"no {name}", code=Reason.NO_SUBJECT)
    text = as_text(reference.get("reference"), f"{name}.reference")
    if text is None or "?" in text:
        searched = search_for(reference, name)
        if searched is not None:
            record.subject = searched
            return
    if text is None:
        raise Refused(f"{name} has no reference", at_fault(name, reference), code=Reason.NO_SUBJECT)
    key = record.scope.resolve(text, name)
    if not key.startswith("Patient/"):
        raise Refused(f"{name} is not a Patient", at_fault(f"{name}.reference", text), code=Reason.NO_SUBJECT)
    record.subject = key


def set_encounter(resource: Json, name: str, record: Record) -> None:
    """Set the stay of the record, when it names one that can be resolved, or an identifier of one."""
    reference = resource.get(name)
    if reference:
        text = as_text(reference.get("reference"), f"{name}.reference")
        searched = search_for(reference, name, "Encounter") if text is None or "?" in text else None
        record.encounter = searched or link_of(reference, name, "Encounter/", record)


def link_of(reference: Json, name: str, prefix: str, record: Record) -> str | None:
    """Return `Type/id` of a reference that the record can do without; note why there is none."""
    text = as_text(reference.get("reference"), f"{name}.reference")
    if text is None:
        return None
    try:
        key = record.scope.resolve(text, name)
    except Refused as reason:
        record.notes.append((reason.code, f"{reason}: the link is left out"))
        return None
    if key.startswith(prefix):
        return key
    if name != "context":  # MedicationAdministration.context may be an EpisodeOfCare
        record.notes.append((Reason.BAD_REFERENCE, f"{name} is not an {prefix[:-1]}: the link is left out"))
    return None


def status_of(type_name: str, resource: Json, name: str = "status") -> str:
    """Return the word of `status`; raises for a word that makes the resource no positive fact."""
    word = resource.get(name)
    if not word:
        raise Refused(f"no {name}", code=Reason.BAD_CELL)
    verdict = STATUSES[type_name].get(word)
    if verdict != EVENT:
        judge(verdict, word, name)
    return str(word)


def optional_status(type_name: str, resource: Json) -> str | None:
    """Return the word of a `status` that R4 does not ask for, as `status_of` does; None where there is none."""
    return status_of(type_name, resource) if resource.get("status") else None


def begin(
    type_name: str, resource: Json, record: Record, subject: str = "subject", encounter: str | None = "encounter"
) -> str:
    """Set patient and stay of the record, and return its status; raises for one that makes it no positive fact."""
    status = status_of(type_name, resource)
    set_subject(resource, subject, record)
    if encounter is not None:
        set_encounter(resource, encounter, record)
    return status


def fact(value: object, name: str, record: Record) -> Concept:
    """Return what a CodeableConcept says to be there; raises LeftOut for one that says that there is none."""
    named = concept(value or {}, name, record.notes)
    if named.is_absence:
        raise LeftOut(f"{name} says that there is none: left out")
    return named


def judge(verdict: str | None, word: str, name: str) -> None:
    """Let an `event` pass, else raise; only words of the value sets of FHIR come into the reason."""
    if verdict == EVENT:
        return
    if verdict == LEFT_OUT:
        raise LeftOut(f"{name} is {word}: left out")
    if word == "entered-in-error":
        raise Refused("entered in error", at_fault(name, word), code=Reason.NOT_POSITIVE)
    raise Refused(f"{name} is no word of R4", at_fault(name, word), code=Reason.BAD_CELL)


def clinical_status(type_name: str, resource: Json, record: Record) -> str | None:
    """Check verificationStatus; return the word of clinicalStatus."""
    word = first_code(resource.get("verificationStatus"), "verificationStatus")
    if word is not None:
        judge(VERIFICATIONS[type_name].get(word), word, "verificationStatus")
        if word != "confirmed":
            record.notes.append((Reason.NOTE, f"verificationStatus is {word}"))
    return first_code(resource.get("clinicalStatus"), "clinicalStatus")


def choice_of(prefix: str, suffixes: str) -> dict[str, str]:
    """Return field -> suffix for a choice of R4 such as effective[x]."""
    return {prefix + suffix: suffix for suffix in suffixes.split()}


ONSET: Final = choice_of("onset", "DateTime Period Age Range String")
ABATEMENT: Final = choice_of("abatement", "DateTime Period Age Range String")
PERFORMED: Final = choice_of("performed", "DateTime Period Age Range String")
EFFECTIVE: Final = choice_of("effective", "DateTime Period Instant Timing")
OCCURRENCE: Final = choice_of("occurrence", "DateTime String")
PLANNED: Final = choice_of("occurrence", "DateTime Period Timing")
TIMING: Final = choice_of("timing", "DateTime Period Timing")
IDENTIFIED: Final = choice_of("identified", "DateTime Period")
DECEASED: Final = choice_of("deceased", "DateTime Boolean")
MEDICATION: Final = choice_of("medication", "CodeableConcept Reference")
VALUE: Final = choice_of(
    "value", "Quantity CodeableConcept String Boolean Integer Range Ratio SampledData Time DateTime Period"
)


def one_of(resource: Json, choice: dict[str, str]) -> str | None:
    """Return the field of a choice that is there; raises Refused for two."""
    present = [name for name in resource if name in choice and resource[name] is not None]
    if not present:
        return None
    if len(present) > 1:
        prefix = present[0].removesuffix(choice[present[0]])
        raise Refused(f"more than one {prefix}[x]", ", ".join(present), code=Reason.WRONG_TYPE)
    return present[0]


def span(resource: Json, choice: dict[str, str], notes: Notes) -> tuple[Moment | None, Moment | None]:
    """Return start and end of a choice of dates such as performed[x]; words and ages give no time, with a note."""
    name = one_of(resource, choice)
    if name is None:
        return None, None
    suffix = choice[name]
    if suffix in _ONE_DATE:
        return moment(resource[name], name, notes), None
    if suffix == "Period":
        return period(resource[name], name, notes)
    if suffix == "Timing":
        no_modifier(resource[name], name)
        times = resource[name].get("event") or []
        if type(times) is not list:
            raise wrong_type(f"{name}.event", "a list", times)
        moments = [found for found in (moment(time, f"{name}.event", notes) for time in times) if found]
        if moments:
            return min(moments, key=_first), max(moments, key=_first)
    notes.append((Reason.NO_TIME, f"{name} gives no time"))
    return None, None


_ONE_DATE: Final = frozenset({"DateTime", "Instant", "Date"})


def _first(found: Moment) -> datetime:
    return found.first


def later(one: Moment | None, other: Moment | None) -> Moment | None:
    """Return the moment at which both were reached: the other one where one is not known.

    A date that may lie before or after the other counts by its beginning, so that a year does not put off what was
    recorded at an exact time within it.
    """
    if one is None or other is None:
        return one or other
    return one if one.first > other.last else other


def add_coded(
    record: Record,
    head: str,
    named: Concept,
    time: Moment | None,
    *,
    end: Moment | None = None,
    status: str | None = None,
    value: Measured = NOTHING,
    with_unit: bool = False,
    part: str = "",
) -> None:
    """Add the event `HEAD//SYSTEM//CODE[//UNIT]` of a concept; `codings` keeps all its codes in this form."""
    unit = f"//{value[2].replace('//', '/')}" if with_unit and value[2] is not None else ""
    code = f"{head}//{named.code}{unit}"
    codings = (code, *[f"{head}//{other}{unit}" for other in named.others]) if named.others else None
    if end is not None and time is not None and end.last < time.first:
        record.notes.append((Reason.IMPLAUSIBLE, "implausible: it ends before it began or was recorded"))
    record.add(time, code, named.description, named.system, codings, value, end, status, part)
