"""Reading the data types of FHIR: dates with their precision, quantities, references; codes are in fhir_codes.py."""

import calendar
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

import orjson

from ehr.events import stable_id
from ehr.reasons import Reason

Json = dict[str, Any]
Note = tuple[Reason, str]
Notes = list[Note]
"""What is to be known about a record that is taken in, kind and sentence: filled by the functions here."""

LARGEST_FLOAT: Final = 3.4028234663852886e38
LONGEST_FAULT: Final = 120


class Refused(Exception):
    """A record cannot be taken in; the text says why, without a value of the patient.

    `excerpt` shows the part that is at fault, `code` is the kind of reason for the ledger.
    """

    def __init__(self, reason: str, excerpt: str | None = None, *, code: Reason = Reason.BAD_CELL) -> None:
        super().__init__(reason)
        self.excerpt = excerpt
        self.code = code


class LeftOut(Exception):
    """A record says that something did not happen, or not yet, or gives no event; the text says what."""

    def __init__(self, reason: str, *, code: Reason = Reason.NOT_POSITIVE) -> None:
        super().__init__(reason)
        self.code = code


def at_fault(field: str, value: object) -> str | None:
    """Return the excerpt that shows a field and what stands in it, None for a field that is not there.

    >>> at_fault("birthDate", 1960)
    'birthDate: 1960'
    """
    if value is None:
        return None
    try:
        shown = orjson.dumps(value).decode()
    except (TypeError, ValueError):  # nested too deeply, or a text that is no Unicode
        return field
    return f"{field}: {shown}" if len(shown) <= LONGEST_FAULT else f"{field}: {shown[: LONGEST_FAULT - 1]}…"


def wrong_type(field: str, expected: str, value: object = None) -> Refused:
    """Return the refusal of a field that is not the JSON that R4 says."""
    return Refused(f"wrong JSON type: {field} is not {expected}", at_fault(field, value), code=Reason.WRONG_TYPE)


# Dates --------------------------------------------------------------------------------------------------------

_DATE: Final = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d:\d\d)(:\d\d)?(\.\d+)?(Z|[+-](?:0\d|1[0-4]):[0-5]\d)?)?)?)?", re.ASCII
)


class Moment(NamedTuple):
    """A date or time of FHIR, in UTC without a zone.

    `first` and `last` bound what a date without a clock time may mean: the last second of a year, a month or a day.
    `time` is where an event stands: the instant; the start of a day; the last second of a year or a month, since
    only then what happened in it was surely known. `precision` is year, month or day, None for a clock time; `offset`
    the minutes east of UTC that were written, None where none were.
    """

    time: datetime
    precision: str | None
    offset: int | None
    first: datetime
    last: datetime
    remark: str | None

    @property
    def shown(self) -> str:
        """The time as text, no more precise than it was written."""
        digits = {"year": 4, "month": 7, "day": 10}.get(self.precision or "")
        return self.first.isoformat(sep=" ")[:digits]


def moment(value: object, field: str, notes: Notes) -> Moment | None:
    """Return a date or dateTime, with a note when it is less than a day or a clock time with its zone.

    >>> moment("2019-05-17T10:30:00+02:00", "onsetDateTime", []).time
    datetime.datetime(2019, 5, 17, 8, 30)
    >>> moment("2019-05", "onsetDateTime", []).time
    datetime.datetime(2019, 5, 31, 23, 59, 59)

    Raises Refused for anything that is no date of FHIR: nothing is guessed and no day is shifted.
    """
    if value is None:
        return None
    if type(value) is not str:
        raise wrong_type(field, "a string", value)
    found = _read_date(value)
    if found is None:
        raise Refused(f"bad {field}", at_fault(field, value), code=Reason.BAD_TIME)
    if found.remark:
        notes.append((Reason.PARTIAL_TIME, f"{field} {found.remark}"))
    return found


@lru_cache(maxsize=65_536)
def _read_date(text: str) -> Moment | None:
    """Return what a date says; None when `text` is no date."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    year, month, day, clock, seconds, fraction, zone = match.groups()
    try:
        if clock is None:
            return _whole(int(year), int(month) if month else None, int(day) if day else None)
        is_leap_second = seconds == ":60"
        whole = f"{year}-{month}-{day}T{clock}{':59' if is_leap_second else seconds or ':00'}"
        local = datetime.fromisoformat(whole + (fraction or "")[:7] + (zone or "Z"))
        instant = local.astimezone(UTC).replace(tzinfo=None)
        if is_leap_second:
            instant += timedelta(seconds=1)
    except (ValueError, OverflowError):
        return None
    remark = None if seconds else "has a clock time without seconds"
    if zone is None:
        return Moment(instant, None, None, instant, instant, "has a clock time without a zone: read as UTC")
    offset = local.utcoffset() or timedelta()
    return Moment(instant, None, int(offset.total_seconds()) // 60, instant, instant, remark)


def _whole(year: int, month: int | None, day: int | None) -> Moment:
    """Return a date without a clock time; raises ValueError when the calendar has no such day."""
    first = datetime(year, 1 if month is None else month, 1 if day is None else day)
    if day is not None:
        return Moment(first, "day", None, first, first.replace(hour=23, minute=59, second=59), None)
    precision = "month" if month else "year"
    of_end = month or 12
    last = datetime(year, of_end, calendar.monthrange(year, of_end)[1], 23, 59, 59)
    return Moment(last, precision, None, first, last, f"gives only a {precision}")


def at_first(found: Moment | None) -> Moment | None:
    """Return a moment that stands at its start, as births and the starts of stays do."""
    return found and (found if found.time is found.first else found._replace(time=found.first))


def at_last(found: Moment | None) -> Moment | None:
    """Return a moment that stands at its last second: the end of a Period includes its whole day, month or year."""
    return found and (found if found.time is found.last else found._replace(time=found.last))


def period(value: object, field: str, notes: Notes) -> tuple[Moment | None, Moment | None]:
    """Return start and end of a Period; an end before the start is left out with a note."""
    if value is None:
        return None, None
    found = as_object(value, field)
    start = moment(found.get("start"), f"{field}.start", notes)
    end = at_last(moment(found.get("end"), f"{field}.end", notes))
    if start is not None and end is not None and end.last < start.first:
        notes.append((Reason.IMPLAUSIBLE, f"{field} ends before it starts: the end is left out"))
        return start, None
    return start, end


# Shapes -------------------------------------------------------------------------------------------------------


def as_object(value: object, field: str) -> Json:
    """Return `value` when it is a JSON object, else raise Refused."""
    if type(value) is not dict:
        raise wrong_type(field, "an object", value)
    return value


def as_objects(value: object, field: str) -> list[Json]:
    """Return `value` when it is a list of JSON objects, an empty list when it is absent, else raise Refused."""
    if value is None:
        return []
    if type(value) is list:
        for item in value:
            if type(item) is not dict:
                break
        else:
            return value
    raise wrong_type(field, "a list of objects", value)


def as_text(value: object, field: str) -> str | None:
    """Return a string without blanks around it, None when it is absent or blank, else raise Refused."""
    if value is None:
        return None
    if type(value) is not str:
        raise wrong_type(field, "a string", value)
    return value.strip() or None


def no_modifier(element: Json, field: str) -> None:
    """Refuse an element with a modifierExtension: it may negate what stands beside it, and is not understood."""
    if element.get("modifierExtension"):
        where = f"{field}.modifierExtension" if field else "modifierExtension"
        raise Refused(
            f"{where}: it may change the meaning and is not understood",
            at_fault(where, element["modifierExtension"]),
            code=Reason.NOT_POSITIVE,
        )


def elements(value: object, field: str) -> list[Json]:
    """Return the elements of a list that is read, each of them without a modifierExtension, else raise Refused."""
    found = as_objects(value, field)
    for one in found:
        if "modifierExtension" in one:
            no_modifier(one, field)
    return found


def element(value: object, field: str) -> Json:
    """Return an element that is read, without a modifierExtension; an empty one when it is absent."""
    if value is None:
        return {}
    found = as_object(value, field)
    no_modifier(found, field)
    return found


# Quantities ---------------------------------------------------------------------------------------------------

COMPARATORS: Final = ("<", "<=", ">=", ">")

Measured = tuple[float | None, str | None, str | None, str | None]
"""A number, a text, a unit and the code of a coded answer.

A number that came with a comparator, or is too large to be stored, is in the text.
"""
NOTHING: Final[Measured] = (None, None, None, None)


def quantity(value: object, field: str, notes: Notes) -> Measured:
    """Return what a Quantity measured; raises Refused when a part of it has the wrong type.

    >>> quantity({"value": 5, "comparator": "<", "unit": "mg/L"}, "valueQuantity", [])
    (None, '<5', 'mg/L', None)
    """
    found = as_object(value, field)
    number = found.get("value")
    unit = found.get("code") if found.get("system") == "http://unitsofmeasure.org" else None
    unit = as_text(unit if unit is not None else found.get("unit", found.get("code")), f"unit of {field}")
    comparator = found.get("comparator")
    if number is None:
        notes.append((Reason.NOTE, f"{field} has no value"))
        return None, None, unit, None
    if type(number) is not float and type(number) is not int:
        raise wrong_type(f"{field}.value", "a number", number)
    if comparator is not None:
        if comparator not in COMPARATORS:
            raise Refused(
                f"bad {field}.comparator", at_fault(f"{field}.comparator", comparator), code=Reason.BAD_NUMBER
            )
        return None, f"{comparator}{number}", unit, None
    if not -LARGEST_FLOAT <= number <= LARGEST_FLOAT:
        notes.append((Reason.BAD_NUMBER, f"{field}.value is beyond the numbers of the store: kept as text"))
        return None, str(number), unit, None
    return float(number), None, unit, None


def quantity_text(value: object, field: str) -> str:
    """Return a Quantity as text: `<5 mg/L`."""
    number, text, unit, _ = quantity(value, field, [])
    shown = text or ("" if number is None else f"{number:g}")
    return f"{shown} {unit}".strip() if unit else shown


# References ---------------------------------------------------------------------------------------------------

_RELATIVE: Final = re.compile(r"(?P<key>[A-Z][A-Za-z]+/[^/?#\s|]+)(?:/_history/[^/?#\s]+)?")
_ABSOLUTE: Final = re.compile(
    r"(?P<base>https?://\S+?/)(?P<key>[A-Z][A-Za-z]+/[^/?#\s|]+)(?:/_history/[^/?#\s]+)?", re.IGNORECASE
)


class Scope:
    """What references of one document may point at: the entries of its Bundle by fullUrl, and its own server.

    `urls` maps a fullUrl to `Type/id` of its resource, in UTF-8.
    """

    __slots__ = ("_bases", "_keys", "_urls")

    def __init__(self, urls: Mapping[str, bytes] | None = None) -> None:
        self._urls = urls or {}
        self._keys: dict[str, str] = {}
        self._bases: frozenset[str] | None = None

    def resolve(self, text: str, field: str) -> str:
        """Return `Type/id` of what a reference names; raises Refused when that is not within reach."""
        key = self._keys.get(text)
        if key is None:
            key = self._keys[text] = self._resolve(text, field)
        return key

    def _resolve(self, text: str, field: str) -> str:
        if text in self._urls:
            return self._urls[text].decode(errors="replace")
        match = _RELATIVE.fullmatch(text)
        if match:
            return match["key"]
        if text.startswith("#"):
            raise _unresolved(f"{field} is a contained resource", field, text)
        if "?" in text:
            raise _unresolved(f"{field} is a search, which is not carried out", field, text)
        if text.startswith("urn:"):
            raise _unresolved(f"{field}: reference not in the Bundle", field, text)
        match = _ABSOLUTE.fullmatch(text)
        if match is None:
            raise _unresolved(f"{field} is not a reference", field, text)
        known = self._urls.get(match["base"] + match["key"])
        if known:
            return known.decode(errors="replace")
        if match["base"] in self._servers():
            return match["key"]
        raise _unresolved(f"{field} is on another server", field, text)

    def _servers(self) -> frozenset[str]:
        """Return the servers whose resources the Bundle holds."""
        if self._bases is None:
            found = (_ABSOLUTE.fullmatch(url) for url in self._urls)
            self._bases = frozenset(match["base"] for match in found if match)
        return self._bases


def _unresolved(reason: str, field: str, text: str) -> Refused:
    return Refused(reason, at_fault(f"{field}.reference", text), code=Reason.BAD_REFERENCE)


SEARCH: Final = "Patient?identifier="


def search_for(reference: Json, field: str) -> str | None:
    """Return `Patient?identifier=SYSTEM|VALUE` for a reference that names a patient by an identifier only.

    It is a conditional reference, or a logical one; None for any other. Which patient has the identifier can be told
    when all of them were read.

    >>> search_for({"reference": "Patient?identifier=http://hospital.example.org%7C7"}, "subject")
    'Patient?identifier=http://hospital.example.org|7'
    >>> search_for({"identifier": {"system": "http://hospital.example.org", "value": "7"}}, "subject")
    'Patient?identifier=http://hospital.example.org|7'
    """
    text = as_text(reference.get("reference"), f"{field}.reference")
    if text is None:
        one = element(reference.get("identifier"), f"{field}.identifier")
        value = as_text(one.get("value"), f"{field}.identifier.value")
        kind = as_text(reference.get("type"), f"{field}.type")
        if value is None or kind not in {None, "Patient", "http://hl7.org/fhir/StructureDefinition/Patient"}:
            return None
        return f"{SEARCH}{as_text(one.get('system'), f'{field}.identifier.system') or ''}|{value}"
    kind, mark, query = text.partition("?")
    if not mark or kind != "Patient":
        return None
    terms = parse_qsl(query)
    return SEARCH + terms[0][1] if len(terms) == 1 and terms[0][0] == "identifier" else None


def id_in_url(full_url: str) -> str | None:
    """Return the id at the end of a fullUrl: `urn:uuid:x` gives x, `https://server/Patient/7` gives 7."""
    if full_url.startswith(("urn:uuid:", "urn:oid:")):
        return full_url.rsplit(":", 1)[1] or None
    match = _ABSOLUTE.fullmatch(full_url)
    return match["key"].split("/", 1)[1] if match else None


@lru_cache(maxsize=65_536)
def number_of(key: str) -> int:
    """Return the number in the store of `Patient/x` or `Encounter/x`."""
    return stable_id(key)
