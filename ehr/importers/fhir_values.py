"""Reading the data types of FHIR: quantities and references; dates are in fhir_dates.py, codes in fhir_codes.py."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final
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
        raise modified(field, element["modifierExtension"])


def modified(field: str, extension: object) -> Refused:
    """Return the refusal of an element with a modifierExtension."""
    where = f"{field}.modifierExtension" if field else "modifierExtension"
    reason = f"{where}: it may change the meaning and is not understood"
    return Refused(reason, at_fault(where, extension), code=Reason.NOT_POSITIVE)


def no_rules(resource: Json) -> None:
    """Refuse a resource or a Bundle with implicitRules: what they say is not known here, and it need not be FHIR."""
    if resource.get("implicitRules") is not None:
        reason = "implicitRules: rules that may change the meaning and are not known"
        raise Refused(reason, at_fault("implicitRules", resource["implicitRules"]), code=Reason.NOT_POSITIVE)


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


def range_text(value: object, field: str) -> str:
    """Return a Range as text: `1 mg - 2 mg`, or `>=1 mg` and `<=2 mg` where it is open."""
    found = as_object(value, field)
    low, high = (quantity_text(found.get(end) or {}, f"{field}.{end}") for end in ("low", "high"))
    if low and high:
        return f"{low} - {high}"
    return f">={low}" if low else f"<={high}" if high else ""


def ratio_text(value: object, field: str) -> str:
    """Return a Ratio as text, such as a titre: `1:128`."""
    found = as_object(value, field)
    above, below = (quantity_text(found.get(part) or {}, f"{field}.{part}") for part in ("numerator", "denominator"))
    return f"{above}:{below}"


# References ---------------------------------------------------------------------------------------------------

_RELATIVE: Final = re.compile(r"(?P<key>[A-Z][A-Za-z]+/[^/?#\s|]+)(?:/_history/[^/?#\s]+)?")
_ABSOLUTE: Final = re.compile(
    r"(?P<base>https?://\S+?/)(?P<key>[A-Z][A-Za-z]+/[^/?#\s|]+)(?:/_history/[^/?#\s]+)?", re.IGNORECASE
)


MAX_KEYS: Final = 65_536
"""References that are remembered with what they name."""


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
            if len(self._keys) >= MAX_KEYS:
                self._keys.clear()
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


NO_BUNDLE: Final = Scope()
"""The scope of resources that are in no Bundle: it knows no fullUrl."""


def _unresolved(reason: str, field: str, text: str) -> Refused:
    return Refused(reason, at_fault(f"{field}.reference", text), code=Reason.BAD_REFERENCE)


SEARCH: Final = "Patient?identifier="


def search_for(reference: Json, field: str, type_name: str = "Patient") -> str | None:
    """Return `Patient?identifier=SYSTEM|VALUE` for a reference that names a patient by an identifier only.

    It is a conditional reference, or a logical one; None for any other. Who has the identifier can be told when all
    records were read.

    >>> search_for({"reference": "Patient?identifier=http://hospital.example.org%7C7"}, "subject")
    'Patient?identifier=http://hospital.example.org|7'
    >>> search_for({"identifier": {"system": "http://hospital.example.org", "value": "7"}}, "subject")
    'Patient?identifier=http://hospital.example.org|7'
    """
    text = as_text(reference.get("reference"), f"{field}.reference")
    if text is not None:
        target, _, query = text.partition("?")
        terms = parse_qsl(query)
        is_search = target == type_name and len(terms) == 1 and terms[0][0] == "identifier"
        return f"{type_name}?identifier={terms[0][1]}" if is_search else None
    one = element(reference.get("identifier"), f"{field}.identifier")
    value = as_text(one.get("value"), f"{field}.identifier.value")
    kind = as_text(reference.get("type"), f"{field}.type") or type_name
    if value is None or kind.rpartition("/")[2] != type_name:
        return None
    return f"{type_name}?identifier={as_text(one.get('system'), f'{field}.identifier.system') or ''}|{value}"


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
