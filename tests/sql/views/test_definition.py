"""What a definition may say; what is refused, and with which place."""

from typing import Any

import pytest

from ehr.errors import ViewError
from sql.views.definition import read_view
from sql.views.rows import compile_view
from tests.sql.views.running import rows, value

ID = {"name": "id", "path": "id"}


def view(**parts: Any) -> dict[str, Any]:
    return {"resource": "Patient", "select": [{"column": [ID]}], **parts}


def column(**parts: Any) -> dict[str, Any]:
    return view(select=[{"column": [{"name": "a", "path": "id", **parts}]}])


def branches(*columns: list[dict[str, Any]]) -> dict[str, Any]:
    return view(select=[{"unionAll": [{"column": one} for one in columns]}])


DEEP: dict[str, Any] = {"column": [ID]}
for _ in range(10):
    DEEP = {"select": [DEEP]}

REFUSED: list[tuple[Any, str]] = [
    ([], "a ViewDefinition is a JSON object"),
    ({"resourceType": "Patient"}, "resourceType is 'Patient'"),
    ({}, "ViewDefinition.resource is missing"),
    ({"resource": "Patient"}, "ViewDefinition.select is missing"),
    (view(resource=5), "ViewDefinition.resource is a number"),
    (view(resource="not a type"), "no name of a type of resource"),
    (view(name="has space"), "ViewDefinition.name: 'has space' is no name"),
    (view(select=[]), "ViewDefinition.select is missing"),
    (view(select={}), "ViewDefinition.select is an object; it is a list"),
    (view(select=[5]), r"select\[0\] is a number"),
    (view(select=[{}]), "select has no column"),
    (view(select=[{"forEach": "name"}]), "select has no column"),
    (view(select=[{"column": [{"path": "id"}]}]), r"select\[0\].column\[0\].name is missing"),
    (view(select=[{"column": [{"name": "a"}]}]), r"column\[0\] \(a\).path is missing"),
    (column(name="1a"), r"column\[0\].name: '1a' is no name"),
    (column(name="_a"), "is no name"),
    (column(name="a-b"), "is no name"),
    (column(name="a b"), "is no name"),
    (column(name=""), "name is empty"),
    (column(path=""), "path is empty"),
    (column(path="name.("), r"column\[0\] \(a\).path: expected a name"),
    (column(path=5), "path is a number"),
    (column(type="Nonsense"), "'Nonsense' is no type of FHIR"),
    (column(collection="yes"), "collection is a text; it is true or false"),
    (column(tag=[{"name": "ansi/type"}]), r"tag\[0\].value is missing"),
    (view(select=[{"column": [ID, ID]}]), "there is a column 'id' already"),
    (view(select=[{"column": [ID]}, {"column": [ID]}]), r"select\[1\].column\[0\] .* already"),
    (view(select=[{"column": [ID], "select": [{"column": [ID]}]}]), "already"),
    (view(select=[{"column": [ID], "unionAll": [{"column": [ID]}]}]), "already"),
    (view(select=[{"forEach": "name", "forEachOrNull": "name", "column": [ID]}]), "both forEach and forEachOrNull"),
    (view(select=[{"forEach": "name", "repeat": ["name"], "column": [ID]}]), "has both forEach and repeat"),
    (view(select=[{"forEachOrNull": "name", "repeat": ["name"], "column": [ID]}]), "both forEachOrNull and repeat"),
    (view(select=[{"forEach": 1, "column": [ID]}]), r"select\[0\].forEach is a number"),
    (view(select=[{"forEach": "", "column": [ID]}]), r"select\[0\].forEach is empty"),
    (view(select=[{"forEach": None, "column": [ID]}]), r"select\[0\].forEach is null"),
    (view(select=[{"repeat": "item", "column": [ID]}]), r"select\[0\].repeat is a text"),
    (view(select=[{"repeat": [], "column": [ID]}]), r"select\[0\].repeat is a list"),
    (view(select=[{"repeat": [1], "column": [ID]}]), r"select\[0\].repeat\[0\] is a number"),
    (view(select=[DEEP]), "nested more than 8 levels deep"),
    (branches([ID], [{"name": "b", "path": "id"}]), r"unionAll\[1\] has the columns"),
    (branches([ID], [ID, {"name": "b", "path": "id"}]), r"unionAll\[1\] has the columns"),
    (branches([{**ID, "type": "id"}], [{**ID, "type": "boolean"}]), "is boolean, but .* it is id"),
    (branches([ID], [{**ID, "collection": True}]), "a collection of no type"),
    (view(where={}), "ViewDefinition.where is an object"),
    (view(where=[{}]), r"where\[0\].path is missing"),
    (view(where=[{"path": "and"}]), r"where\[0\].path: expected"),
    (view(constant=[{"valueString": "a"}]), r"constant\[0\].name is missing"),
    (view(constant=[{"name": "a"}]), "has 0 values"),
    (view(constant=[{"name": "a", "valueString": "a", "valueCode": "a"}]), "has 2 values"),
    (view(constant=[{"name": "a", "valueQuantity": {}}]), "valueQuantity is no value of a constant"),
    (view(constant=[{"name": "a", "valueBoolean": "true"}]), "valueBoolean is a text"),
    (view(constant=[{"name": "a", "valueInteger": "1"}]), "valueInteger is a text"),
    (view(constant=[{"name": "a", "valueInteger": 1.5}]), "is no integer"),
    (view(constant=[{"name": "a", "valueInteger": True}]), "valueInteger is a boolean"),
    (view(constant=[{"name": "a", "valueDate": "yesterday"}]), "'yesterday' is no date"),
    (view(constant=[{"name": "a", "valueTime": "9"}]), "is no time"),
    (view(constant=[{"name": "a b", "valueString": "a"}]), "is no name"),
    (view(constant=[{"name": "rowIndex", "valueInteger": 1}]), "defined already"),
    (view(constant=[{"name": "a", "valueCode": "x"}, {"name": "a", "valueCode": "y"}]), "defined already"),
]  # fmt: skip


@pytest.mark.parametrize(("document", "reason"), REFUSED, ids=[reason for _, reason in REFUSED])
def test_a_definition_is_refused_with_the_place(document: Any, reason: str) -> None:
    with pytest.raises(ViewError, match=reason):
        read_view(document)


MISTYPED: list[tuple[dict[str, Any], str]] = [
    (column(path="name", type="string"), "several of type HumanName, but the column is of type string"),
    (column(path="id", type="HumanName"), "gives type id, but the column is of type HumanName"),
    (column(path="id", type="boolean"), "of type boolean"),
    (column(path="id", type="integer"), "of type integer"),
    (column(path="active", type="date"), "of type date"),
    (column(tag=[{"name": "ansi/type", "value": "STRUCT(a INT)"}]), "columns cannot have|no SQL type"),
    (column(tag=[{"name": "ansi/type", "value": "'; DROP TABLE x"}]), "no SQL type|cannot have"),
    (branches([ID], [{"name": "id", "path": "active"}]), "another branch of unionAll"),
    (view(where=[{"path": "gender"}]), r"where\[0\].path: gives type string, not true or false"),
    (view(where=[{"path": "name.family"}]), "not true or false"),
    (view(where=[{"path": "1"}]), "not true or false"),
]


@pytest.mark.parametrize(("document", "reason"), MISTYPED, ids=[reason for _, reason in MISTYPED])
def test_a_path_that_cannot_give_what_is_asked_is_refused(document: Any, reason: str) -> None:
    with pytest.raises(ViewError, match=reason):
        compile_view(read_view(document))


CONSTANTS: list[tuple[str, Any, str, Any]] = [
    ("valueBase64Binary", "aGk=", "value.ofType(base64Binary)", {"valueBase64Binary": "aGk="}),
    ("valueBoolean", False, "value.ofType(boolean)", {"valueBoolean": False}),
    ("valueCanonical", "http://x|1", "value.ofType(canonical)", {"valueCanonical": "http://x|1"}),
    ("valueCode", "c", "value.ofType(code)", {"valueCode": "c"}),
    ("valueDate", "2020-01-02", "value.ofType(date)", {"valueDate": "2020-01-02"}),
    ("valueDateTime", "2020-01-02T03:04Z", "value.ofType(dateTime)", {"valueDateTime": "2020-01-02T05:04+02:00"}),
    ("valueDecimal", 1.50, "value.ofType(decimal)", {"valueDecimal": 1.5}),
    ("valueId", "i", "value.ofType(id)", {"valueId": "i"}),
    ("valueInstant", "2020-01-02T03:04:05.000Z", "value.ofType(instant)", {"valueInstant": "2020-01-02T03:04:05Z"}),
    ("valueInteger", -5, "value.ofType(integer)", {"valueInteger": -5}),
    ("valueInteger64", "9007199254740993", "value.ofType(integer64)", {"valueInteger64": 9007199254740993}),
    ("valueMarkdown", None, "", {}),
    ("valueOid", "urn:oid:1.2", "value.ofType(oid)", {"valueOid": "urn:oid:1.2"}),
    ("valuePositiveInt", 5, "value.ofType(positiveInt)", {"valuePositiveInt": 5}),
    ("valueString", "it's \"s\"", "value.ofType(string)", {"valueString": "it's \"s\""}),
    ("valueTime", "10:30", "value.ofType(time)", {"valueTime": "10:30"}),
    ("valueUnsignedInt", 0, "value.ofType(unsignedInt)", {"valueUnsignedInt": 0}),
    ("valueUri", "urn:x", "value.ofType(uri)", {"valueUri": "urn:x"}),
    ("valueUrl", "http://x", "value.ofType(url)", {"valueUrl": "http://x"}),
    ("valueUuid", "urn:uuid:1", "value.ofType(uuid)", {"valueUuid": "urn:uuid:1"}),
]  # fmt: skip


@pytest.mark.parametrize(("key", "constant", "path", "extension"), CONSTANTS, ids=[one[0] for one in CONSTANTS])
def test_constants_of_each_type_equal_elements_of_that_type(
    key: str, constant: Any, path: str, extension: dict[str, Any]
) -> None:
    if not path:
        with pytest.raises(ViewError, match="is no value of a constant"):
            read_view(view(constant=[{"name": "c", key: "text"}]))
        return
    resource = {"resourceType": "Patient", "id": "p", "extension": [{"url": "u", **extension}]}
    document = view(
        constant=[{"name": "c", key: constant}],
        where=[{"path": f"extension('u').{path} = %c"}],
    )
    assert rows(document, resource) == [{"id": "p"}]


def test_a_constant_is_a_value_and_never_a_piece_of_sql() -> None:
    text = "x' OR '1'='1'; --"
    document = view(constant=[{"name": "c", "valueString": text}], where=[{"path": "gender = %c"}])
    assert rows(document, {"resourceType": "Patient", "id": "p", "gender": "male"}) == []
    assert rows(document, {"resourceType": "Patient", "id": "p", "gender": text}) == [{"id": "p"}]


def test_integer64_may_be_written_as_a_text() -> None:
    resource = {"resourceType": "Basic", "extension": [{"url": "u", "valueInteger64": "9007199254740993"}]}
    path = "extension('u').value.ofType(integer64)"
    assert value(path, resource, type="integer64") == 9007199254740993
