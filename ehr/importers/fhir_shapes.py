"""Checking that a resource has only fields of R4, in the JSON that R4 says, and none that may change its meaning."""

from typing import Final

from ehr.importers.fhir_fields import BOOLEAN, INTEGER, OBJECT, OBJECTS, OTHER_FIELDS, SHAPES, TEXT, TEXTS
from ehr.importers.fhir_values import Json, Notes, Refused, at_fault, no_modifier, no_rules, wrong_type
from ehr.reasons import Reason

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

    An unknown field is a note, one of another FHIR that carries a date, a link or a negation is refused.
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
                    raise wrong_type(name, SHAPES[type_name][name], value)
    no_modifier(resource, "")
    no_rules(resource)


def _check_odd_field(type_name: str, name: str, value: object, notes: Notes) -> None:
    """Judge a field that R4 does not have, or that is not the JSON that R4 says."""
    shape = SHAPES[type_name].get(name)
    if shape is None and name in OTHER_FIELDS.get(type_name, ()):
        raise Refused(f"not R4: {name} belongs to another FHIR", at_fault(name, value), code=Reason.WRONG_TYPE)
    if shape is None:
        if not (name.startswith("_") and name[1:] in SHAPES[type_name]):
            notes.append((Reason.WRONG_TYPE, "a field that R4 does not have is left out"))
    elif value is None:
        notes.append((Reason.NOTE, f"{name} is null"))
    else:
        raise wrong_type(name, shape, value)
