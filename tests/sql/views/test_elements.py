"""What the table of FHIR's elements says, and that it is what the definitions say."""

import pytest

from sql.views.elements import Element, element_of, is_a, is_resource, is_type
from sql.views.make_elements import elements_of_release

KNOWN = [
    ("Patient", "name", Element("HumanName", True)),
    ("Patient", "birthDate", Element("date", False)),
    ("Patient", "contact", Element("Patient.contact", True)),
    ("Patient.contact", "name", Element("HumanName", False)),
    ("Observation", "valueQuantity", Element("Quantity", False)),
    ("Observation", "effective", Element(None, False, ("dateTime", "instant", "Period", "Timing"))),
    ("QuestionnaireResponse.item", "item", Element("QuestionnaireResponse.item", True)),
    ("Bundle.entry", "resource", Element(None, False)),
    ("Observation", "interpretation", Element("CodeableConcept", None)),  # 0..1 in STU3, 0..* since
    ("AllergyIntolerance", "clinicalStatus", Element(None, False)),  # code in STU3, CodeableConcept since
    ("Patient", "madeUp", Element(None, None)),
    (None, "name", Element(None, None)),
]


@pytest.mark.parametrize(("type_name", "name", "expected"), KNOWN)
def test_what_is_known_of_an_element(type_name: str | None, name: str, expected: Element) -> None:
    assert element_of(type_name, name) == expected


def test_types_specialise_others() -> None:
    assert is_a("code", "string")
    assert is_a("Age", "Quantity")
    assert is_a("Patient", "Resource")
    assert is_a("Patient.contact", "BackboneElement")
    assert not is_a("string", "code")
    assert not is_a("HumanName", "Resource")
    assert is_resource("Observation")
    assert not is_resource("HumanName")
    assert is_type("Observation.component")
    assert not is_type("Nonsense")


def test_the_table_has_what_the_definitions_of_r4b_say() -> None:
    for type_name, elements in elements_of_release("fhir.resources.R4B").items():
        for name, said in elements.items():
            if name.endswith("[x]"):
                assert set(said.split("|")) <= set(element_of(type_name, name.removesuffix("[x]")).choices)
                continue
            found = element_of(type_name, name)
            assert found.is_many in {said.endswith("*"), None}, (type_name, name)
            assert found.type in {said.rstrip("*"), None}, (type_name, name)
