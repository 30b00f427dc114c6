"""The tables of fields and of status words are those of the standard, as the models of fhir.resources.R4B have it."""

from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class
from fhir.resources.R4B.careplan import CarePlanActivityDetail

from ehr.importers.fhir_fields import BOOLEAN, INTEGER, OBJECT, OBJECTS, OTHER_FIELDS, R4_TYPES, SHAPES, TEXT, TEXTS
from ehr.importers.fhir_resources import BILLING_READERS, READERS, readers
from ehr.importers.fhir_words import ACTIVITY_STATUSES, ACTUALITIES, INTENTS, STATUSES, USES


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
    return INTEGER if "Integer(" in annotation or "Int(" in annotation else TEXT


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


def words_of(model: Any, field: str) -> set[str]:
    """Return the words that the standard allows for a field."""
    return set(model.model_fields[field].json_schema_extra["enum_values"])


@pytest.mark.parametrize("type_name", STATUSES)
def test_every_status_of_the_standard_has_a_verdict(type_name: str) -> None:
    field = "lifecycleStatus" if type_name == "Goal" else "status"
    standard = words_of(get_fhir_model_class(type_name), field)
    if "+" in standard:  # the models list the first words only
        assert standard - {"+"} <= STATUSES[type_name].keys()
    else:
        assert STATUSES[type_name].keys() == standard


def test_every_intent_use_and_actuality_of_the_standard_has_a_verdict() -> None:
    for type_name in ("ServiceRequest", "DeviceRequest", "NutritionOrder", "MedicationRequest", "CarePlan"):
        assert words_of(get_fhir_model_class(type_name), "intent") <= INTENTS.keys()
    for type_name in BILLING_READERS:
        assert words_of(get_fhir_model_class(type_name), "use") == USES.keys()
    assert words_of(get_fhir_model_class("AdverseEvent"), "actuality") == ACTUALITIES.keys()
    assert words_of(CarePlanActivityDetail, "status") == ACTIVITY_STATUSES.keys()


def test_every_type_that_is_read_has_its_fields_listed() -> None:
    assert SHAPES.keys() == READERS.keys() | BILLING_READERS.keys()
    assert readers() == READERS.keys()
    assert readers(billing=True) == SHAPES.keys()


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
