"""What FHIR's definitions say of an element: its type, whether it repeats, what a choice such as value[x] allows.

The table elements.json merges R4B, R5 and STU3 (see make_elements.py). An element that it does not know is no error:
it is read as whatever JSON is there.
"""

from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import orjson

_TABLE: Final = Path(__file__).with_name("elements.json")
PARENTS: Final = {
    **dict.fromkeys(("code", "id", "markdown"), "string"),
    **dict.fromkeys(("canonical", "oid", "url", "uuid"), "uri"),
    **dict.fromkeys(("positiveInt", "unsignedInt"), "integer"),
    **dict.fromkeys(("Age", "Count", "Distance", "Duration", "MoneyQuantity", "SimpleQuantity"), "Quantity"),
}
"""Types that specialise another one (https://hl7.org/fhir/R4/datatypes.html)."""
KINDS: Final = {
    **dict.fromkeys(("string", "code", "id", "markdown", "xhtml", "base64Binary"), "string"),
    **dict.fromkeys(("uri", "canonical", "oid", "url", "uuid"), "string"),
    **dict.fromkeys(("integer", "positiveInt", "unsignedInt", "integer64"), "integer"),
    "boolean": "boolean",
    "decimal": "decimal",
    "date": "date",
    "time": "time",
    "dateTime": "dateTime",
    "instant": "dateTime",
}
"""FHIR's primitive types and the FHIRPath type that each is read as."""
SYSTEM: Final = {
    "Boolean": "boolean",
    "String": "string",
    "Integer": "integer",
    "Long": "integer64",
    "Decimal": "decimal",
    "Date": "date",
    "DateTime": "dateTime",
    "Time": "time",
    "Quantity": "Quantity",
}
"""The types of FHIRPath itself, under the names of FHIR's own."""


class Element(NamedTuple):
    """An element: its type (None: not known), whether it repeats (None: not known), the types of a choice."""

    type: str | None
    is_many: bool | None
    choices: tuple[str, ...] = ()


UNKNOWN: Final = Element(None, None)


@cache
def _elements() -> dict[str, dict[str, str]]:
    table: dict[str, dict[str, str]] = orjson.loads(_TABLE.read_bytes())
    return table


def element_of(type_name: str | None, name: str) -> Element:
    """Return what is known of the element `name` of a type.

    >>> element_of("Patient", "name")
    Element(type='HumanName', is_many=True, choices=())
    >>> element_of("Patient", "deceased").choices
    ('boolean', 'dateTime')
    >>> element_of("Patient", "deceasedBoolean").type
    'boolean'
    """
    known = _elements().get(type_name or "", {})
    if name in known:
        said = known[name]
        base = said.rstrip("*?")
        is_many = None if said.endswith("?") else said.endswith("*")
        return Element(base if base not in {"", "Resource"} else None, is_many)
    if f"{name}[x]" in known:
        return Element(None, False, tuple(known[f"{name}[x]"].split("|")))
    for choice, types in known.items():
        stem = choice.removesuffix("[x]")
        if stem != choice and name.startswith(stem):
            for type_of_choice in types.split("|"):
                if name == named_choice(stem, type_of_choice):
                    return Element(type_of_choice, False)
    return UNKNOWN


def named_choice(name: str, type_name: str) -> str:
    """Return the name under which JSON has a choice of a type: `value` and `dateTime` make `valueDateTime`."""
    return f"{name}{type_name[0].upper()}{type_name[1:]}"


def is_type(name: str) -> bool:
    """Say whether FHIR has a type, a resource or a part of one (`Observation.component`) of that name."""
    return name in KINDS or name in _elements() or name in PARENTS or name in {"Element", "BackboneElement", "Any"}


def is_resource(name: str) -> bool:
    """Say whether a type is a kind of resource."""
    return name in {"Resource", "DomainResource"} or "implicitRules" in _elements().get(name, {})


def is_a(type_name: str, wanted: str) -> bool:
    """Say whether a type is another one or specialises it.

    >>> is_a("code", "string"), is_a("string", "code"), is_a("Patient", "DomainResource")
    (True, False, True)
    """
    if type_name == wanted or PARENTS.get(type_name) == wanted or wanted == "Any":
        return True
    if wanted in {"Resource", "DomainResource"}:
        return is_resource(type_name)
    return wanted in {"Element", "BackboneElement"} and not is_resource(type_name)
