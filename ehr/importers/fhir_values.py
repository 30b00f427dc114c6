"""Reading the data types of FHIR: dates with their precision, quantities, references; codes are in fhir_codes.py."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from ehr.events import stable_id

Json = dict[str, Any]
Notes = list[str]
"""What is to be known about a record that is taken in: filled by the functions here."""

LARGEST_FLOAT: Final = 3.4028234663852886e38


class Refused(Exception):
    """A record cannot be taken in; the text says why, without a value of the patient; `excerpt` may show where."""

    def __init__(self, reason: str, excerpt: str | None = None) -> None:
        super().__init__(reason)
        self.excerpt = excerpt


class LeftOut(Exception):
    """A record says that something did not happen, or not yet; the text says what."""


# Dates --------------------------------------------------------------------------------------------------------

_DATE: Final = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d:\d\d)(:\d\d)?(\.\d+)?(Z|[+-](?:0\d|1[0-4]):[0-5]\d)?)?)?)?", re.ASCII
)


def moment(value: object, field: str, notes: Notes) -> datetime | None:
    """Return a date or dateTime as UTC without a zone; a year or a month stands at its start, with a note.

    >>> moment("2019-05-17T10:30:00+02:00", "onsetDateTime", [])
    datetime.datetime(2019, 5, 17, 8, 30)

    Raises Refused for anything that is no date of FHIR: nothing is guessed and no day is shifted.
    """
    if value is None:
        return None
    if type(value) is not str:
        raise Refused(f"wrong JSON type: {field} is not a string")
    found = _read_date(value)
    if found is None:
        raise Refused(f"bad {field}")
    if found[1]:
        notes.append(f"{field} {found[1]}")
    return found[0]


@lru_cache(maxsize=65_536)
def _read_date(text: str) -> tuple[datetime, str | None] | None:
    """Return the instant and what is imprecise about it; None when `text` is no date."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    year, month, day, clock, seconds, fraction, zone = match.groups()
    try:
        if clock is None:
            remark = None if day else f"gives only a {'month' if month else 'year'}: it stands at its start"
            return datetime(int(year), int(month or 1), int(day or 1)), remark
        is_leap_second = seconds == ":60"
        whole = f"{year}-{month}-{day}T{clock}{':59' if is_leap_second else seconds or ':00'}"
        local = datetime.fromisoformat(whole + (fraction or "")[:7] + (zone or "Z"))
        instant = local.astimezone(UTC).replace(tzinfo=None)
        if is_leap_second:
            instant += timedelta(seconds=1)
    except (ValueError, OverflowError):
        return None
    if zone is None:
        return instant, "has a clock time without a zone: read as UTC"
    return instant, None if seconds else "has a clock time without seconds"


def period(value: object, field: str, notes: Notes) -> tuple[datetime | None, datetime | None]:
    """Return start and end of a Period; an end before the start is left out with a note."""
    if value is None:
        return None, None
    found = as_object(value, field)
    start = moment(found.get("start"), f"{field}.start", notes)
    end = moment(found.get("end"), f"{field}.end", notes)
    if start is not None and end is not None and end < start:
        notes.append(f"{field} ends before it starts: the end is left out")
        return start, None
    return start, end


# Shapes -------------------------------------------------------------------------------------------------------


def as_object(value: object, field: str) -> Json:
    """Return `value` when it is a JSON object, else raise Refused."""
    if type(value) is not dict:
        raise Refused(f"wrong JSON type: {field} is not an object")
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
    raise Refused(f"wrong JSON type: {field} is not a list of objects")


def as_text(value: object, field: str) -> str | None:
    """Return a string without blanks around it, None when it is absent or blank, else raise Refused."""
    if value is None:
        return None
    if type(value) is not str:
        raise Refused(f"wrong JSON type: {field} is not a string")
    return value.strip() or None


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
        notes.append(f"{field} has no value")
        return None, None, unit, None
    if type(number) is not float and type(number) is not int:
        raise Refused(f"wrong JSON type: {field}.value is not a number")
    if comparator is not None:
        if comparator not in COMPARATORS:
            raise Refused(f"bad {field}.comparator")
        return None, f"{comparator}{number}", unit, None
    if not -LARGEST_FLOAT <= number <= LARGEST_FLOAT:
        notes.append(f"{field}.value is beyond the numbers of the store: kept as text")
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
            raise Refused(f"{field} is a contained resource")
        if "?" in text:
            raise Refused(f"{field} is a search, which is not carried out")
        if text.startswith("urn:"):
            raise Refused(f"{field}: reference not in the Bundle")
        match = _ABSOLUTE.fullmatch(text)
        if match is None:
            raise Refused(f"{field} is not a reference")
        known = self._urls.get(match["base"] + match["key"])
        if known:
            return known.decode(errors="replace")
        if match["base"] in self._servers():
            return match["key"]
        raise Refused(f"{field} is on another server")

    def _servers(self) -> frozenset[str]:
        """Return the servers whose resources the Bundle holds."""
        if self._bases is None:
            found = (_ABSOLUTE.fullmatch(url) for url in self._urls)
            self._bases = frozenset(match["base"] for match in found if match)
        return self._bases


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
