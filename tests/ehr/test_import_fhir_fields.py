"""The table of fields is that of the standard: it is compared with the models of fhir.resources.R4B."""

from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from ehr.importers.fhir_fields import BOOLEAN, INTEGER, OBJECT, OBJECTS, OTHER_FIELDS, R4_TYPES, SHAPES, TEXT, TEXTS


def shape_of(annotation: str) -> str:
    """Return the shape that a model's annotation stands for."""
    if "List[abc." in annotation:
        return OBJECTS
    if "List[" in annotation:
        return TEXTS
    if "abc." in annotation:
        return OBJECT
    if "bool" in annotation:
        return BOOLEAN
    return INTEGER if "Integer(" in annotation else TEXT


def fields_of(type_name: str) -> dict[str, Any]:
    model = get_fhir_model_class(type_name)
    return {field.alias or name: field for name, field in model.model_fields.items() if not name.endswith("__ext")}


@pytest.mark.parametrize("type_name", SHAPES)
def test_the_shapes_are_those_of_the_standard(type_name: str) -> None:
    standard = {
        name: shape_of(str(field.annotation))
        for name, field in fields_of(type_name).items()
        if not name.startswith("_") and name != "fhir_comments"
    }
    own = {name: shape for name, shape in SHAPES[type_name].items() if name != "resourceType"}
    assert own == standard


@pytest.mark.parametrize("type_name", OTHER_FIELDS)
def test_fields_of_another_fhir_are_not_fields_of_r4(type_name: str) -> None:
    assert not OTHER_FIELDS[type_name] & SHAPES[type_name].keys()


def test_the_types_are_those_of_r4_and_r4b() -> None:
    without_model = {name for name in R4_TYPES if not _has_model(name)}
    dropped_in_r4b = ("MedicinalProduct", "Substance", "EffectEvidence", "RiskEvidence")
    assert len(R4_TYPES - without_model) == 141
    assert len(without_model) == 18
    assert all(name.startswith(dropped_in_r4b) for name in without_model)


def _has_model(name: str) -> bool:
    try:
        get_fhir_model_class(name)
    except ValueError:
        return False
    return True
