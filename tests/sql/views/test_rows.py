"""How the rows of a view are made: columns, forEach, unions, repeat, %rowIndex, types of columns."""

from typing import Any

import duckdb
import pytest

from ehr.errors import ViewError
from sql.views.definition import read_view
from sql.views.rows import compile_view
from tests.sql.views.running import rows, value

ID = {"name": "id", "path": "id"}
INDEX = {"name": "i", "path": "%rowIndex", "type": "integer"}
NAMES = [
    {"resourceType": "Patient", "id": "p1", "name": [
        {"family": "Smith", "given": ["John", "James"]}, {"family": "Jones", "given": ["Jane"]}]},
    {"resourceType": "Patient", "id": "p2"},
]  # fmt: skip
CONTACTS = {"resourceType": "Patient", "id": "p1", "contact": [
    {"telecom": [{"system": "phone"}, {"system": "email"}]}, {"telecom": [{"system": "phone"}]}]}  # fmt: skip


def patients(*selects: dict[str, Any], **parts: Any) -> dict[str, Any]:
    return {"resource": "Patient", "select": list(selects), **parts}


# %rowIndex: the examples of the specification, section "Environment Variables" -------------------------------------


def test_row_index_is_the_place_in_what_is_gone_through() -> None:
    view = patients({"column": [ID]}, {"forEach": "name", "column": [INDEX, {"name": "f", "path": "family"}]})
    assert rows(view, *NAMES) == [{"id": "p1", "i": 0, "f": "Smith"}, {"id": "p1", "i": 1, "f": "Jones"}]


def test_row_index_is_zero_at_the_top_and_where_there_is_nothing() -> None:
    view = patients({"column": [ID, INDEX]}, {"forEachOrNull": "name", "column": [{**INDEX, "name": "j"}]})
    assert rows(view, *NAMES) == [
        {"id": "p1", "i": 0, "j": 0}, {"id": "p1", "i": 0, "j": 1}, {"id": "p2", "i": 0, "j": 0}
    ]  # fmt: skip


def test_each_level_has_a_row_index_of_its_own() -> None:
    inner = {"forEach": "telecom", "column": [{**INDEX, "name": "j"}, {"name": "system", "path": "system"}]}
    view = patients({"forEach": "contact", "column": [INDEX], "select": [inner]})
    assert rows(view, CONTACTS) == [
        {"i": 0, "j": 0, "system": "phone"}, {"i": 0, "j": 1, "system": "email"}, {"i": 1, "j": 0, "system": "phone"}
    ]  # fmt: skip


def test_a_union_inherits_the_row_index_unless_a_branch_goes_through_something() -> None:
    given = {"forEach": "given", "column": [{**INDEX, "name": "j"}, {"name": "v", "path": "$this"}]}
    family = {"column": [{**INDEX, "name": "j"}, {"name": "v", "path": "family"}]}
    view = patients({"forEach": "name", "column": [INDEX], "select": [{"unionAll": [given, family]}]})
    found = [tuple(row.values()) for row in rows(view, *NAMES)]
    assert found == [(0, 0, "John"), (0, 1, "James"), (0, 0, "Smith"), (1, 0, "Jane"), (1, 1, "Jones")]


def test_row_index_can_be_computed_with() -> None:
    view = patients({"forEach": "name", "column": [{"name": "n", "path": "%rowIndex + 1"}]})
    assert rows(view, *NAMES) == [{"n": 1}, {"n": 2}]


def test_the_expression_of_for_each_has_the_row_index_around_it() -> None:
    inner = {"forEach": "given.where(%rowIndex = 1)", "column": [{"name": "g", "path": "$this"}]}
    assert rows(patients({"forEach": "name", "select": [inner]}), *NAMES) == [{"g": "Jane"}]


# Selects beside and within each other ------------------------------------------------------------------------------


def test_selects_beside_each_other_are_crossed_with_the_first_slowest() -> None:
    left = {"forEach": "name", "column": [{"name": "f", "path": "family"}]}
    right = {"forEach": "name.given", "column": [{"name": "g", "path": "$this"}]}
    found = [tuple(row.values()) for row in rows(patients({"column": [ID]}, left, right), *NAMES)]
    assert found == [("p1", f, g) for f in ("Smith", "Jones") for g in ("John", "James", "Jane")]


def test_or_null_within_or_null() -> None:
    inner = {
        "forEachOrNull": "telecom",
        "column": [{"name": "system", "path": "system"}, {"name": "a", "path": "'a'"}],
    }
    outer = {"forEachOrNull": "contact", "column": [{"name": "g", "path": "gender"}], "select": [inner]}
    resources = [CONTACTS, {"resourceType": "Patient", "contact": [{"gender": "x"}]}, {"resourceType": "Patient"}]
    found = [tuple(row.values()) for row in rows(patients(outer), *resources)]
    assert found == [(None, "phone", "a"), (None, "email", "a"), (None, "phone", "a"), ("x", None, None), (None,) * 3]


def test_or_null_gives_null_and_not_what_an_expression_makes_of_nothing() -> None:
    columns = [{"name": "c", "path": "'C'"}, {"name": "e", "path": "exists()"},
               {"name": "n", "path": "given.count()"},
               {"name": "g", "path": "given", "collection": True}]  # fmt: skip
    view = patients({"forEachOrNull": "name", "column": columns})
    assert rows(view, NAMES[1]) == [{"c": None, "e": None, "n": None, "g": None}]


def test_a_union_within_a_union_and_beside_columns() -> None:
    def constant(text: str) -> dict[str, Any]:
        return {"column": [{"name": "k", "path": f"'{text}'"}]}

    union = {"unionAll": [constant("a"), {"unionAll": [constant("b"), {"select": [constant("c")]}]}]}
    view = patients({"column": [ID], **union}, {"column": [{"name": "z", "path": "'z'"}]})
    assert [tuple(row.values()) for row in rows(view, NAMES[0])] == [("p1", k, "z") for k in "abc"]


def test_a_union_under_for_each_or_null_of_nothing_is_one_row() -> None:
    branches = [
        {"column": [{"name": "v", "path": "family"}]},
        {"forEach": "given", "column": [{"name": "v", "path": "$this"}]},
    ]
    view = patients({"forEachOrNull": "name", "unionAll": branches})
    assert rows(view, NAMES[1]) == [{"v": None}]


def test_a_type_given_in_one_branch_counts_for_all() -> None:
    branches = [
        {"column": [{"name": "v", "path": "madeUp", "type": "integer"}]},
        {"column": [{"name": "v", "path": "5"}]},
    ]
    assert rows(patients({"unionAll": branches}), {"resourceType": "Patient", "madeUp": 4}) == [{"v": 4}, {"v": 5}]


def test_for_each_over_texts_and_computed_values() -> None:
    view = patients({"forEach": "name.select(given.count())", "column": [{"name": "n", "path": "$this"}]})
    assert rows(view, *NAMES) == [{"n": 2}, {"n": 1}]


def test_for_each_of_one_value() -> None:
    resource = {"resourceType": "Patient", "maritalStatus": {"text": "M"}}
    view = patients({"forEach": "maritalStatus", "column": [{"name": "t", "path": "text"}]})
    assert rows(view, resource, NAMES[0]) == [{"t": "M"}]


def test_within_for_each_the_resource_is_still_at_hand() -> None:
    paths = {"key": "%resource.getResourceKey()", "own": "%context.family", "whole": "%rootResource.name.count()"}
    view = patients({"forEach": "name", "column": [{"name": name, "path": path} for name, path in paths.items()]})
    assert rows(view, *NAMES)[0] == {"key": "p1", "own": "Smith", "whole": 2}


def test_columns_come_in_the_order_of_the_specification() -> None:
    def constants(names: str) -> list[dict[str, Any]]:
        return [{"name": name, "path": f"'{name}'"} for name in names]

    first = {
        "unionAll": [{"column": constants("ef")}],
        "select": [{"column": constants("cd")}],
        "column": constants("ba"),
    }
    view = read_view(patients(first, {"column": constants("g")}))
    assert [column.name for column in view.columns()] == list("bacdefg")
    assert list(rows(patients(first, {"column": constants("g")}), NAMES[0])[0]) == list("bacdefg")


def test_names_that_differ_in_case_only_are_two_columns() -> None:
    view = patients({"column": [{"name": "ID", "path": "id"}, {"name": "id", "path": "'x'"}]})
    assert rows(view, NAMES[0]) == [{"ID": "p1", "id": "x"}]


# Where -------------------------------------------------------------------------------------------------------------


def test_every_where_must_be_true_and_nothing_is_not_true() -> None:
    view = patients({"column": [ID]}, where=[{"path": "active"}, {"path": "name.exists()"}])
    resources = [
        {"resourceType": "Patient", "id": name, **parts}
        for name, parts in {
            "both": {"active": True, "name": [{}]}, "one": {"active": True}, "other": {"name": [{}]},
            "no": {"active": False, "name": [{}]},
        }.items()
    ]  # fmt: skip
    assert rows(view, *resources) == [{"id": "both"}]


def test_where_of_unknown_elements_must_be_boolean_too() -> None:
    view = patients({"column": [ID]}, where=[{"path": "madeUp"}])
    assert rows(view, {"resourceType": "Patient", "id": "p", "madeUp": True}) == [{"id": "p"}]
    with pytest.raises(duckdb.InvalidInputException, match=r"where\[0\].path: .*neither true nor false"):
        rows(view, {"resourceType": "Patient", "madeUp": "yes"})


# Repeat ------------------------------------------------------------------------------------------------------------


def chain(depth: int) -> dict[str, Any]:
    item: dict[str, Any] = {"linkId": str(depth)}
    for number in range(depth - 1, 0, -1):
        item = {"linkId": str(number), "item": [item]}
    return {"resourceType": "QuestionnaireResponse", "id": "q", "item": [item]}


def repeat(*paths: str, **parts: Any) -> dict[str, Any]:
    columns = [{"name": "l", "path": "linkId"}, INDEX]
    return {"resource": "QuestionnaireResponse", "select": [{"repeat": list(paths), "column": columns, **parts}]}


def test_repeat_goes_down_before_it_goes_on() -> None:
    tree = {"resourceType": "QuestionnaireResponse", "item": [
        {"linkId": "1", "item": [{"linkId": "1.1", "item": [{"linkId": "1.1.1"}]}, {"linkId": "1.2"}],
         "answer": [{"item": [{"linkId": "1.a"}]}]},
        {"linkId": "2"},
    ]}  # fmt: skip
    found = rows(repeat("item", "answer.item"), tree)
    assert [row["l"] for row in found] == ["1", "1.1", "1.1.1", "1.2", "1.a", "2"]
    assert [row["i"] for row in found] == list(range(6))


def test_repeat_deeper_than_it_was_compiled_for_says_so() -> None:
    assert len(rows(repeat("item"), chain(8))) == 8
    with pytest.raises(duckdb.InvalidInputException, match="repeat goes deeper than 8 levels"):
        rows(repeat("item"), chain(10))
    assert len(rows(repeat("item"), chain(100), levels=128)) == 100


def test_repeat_with_functions_in_its_paths() -> None:
    assert [row["l"] for row in rows(repeat("item.where(linkId < '3')"), chain(5))] == ["1", "2"]


def test_repeat_within_for_each_and_beside_others() -> None:
    extension = {"url": "a", "extension": [{"url": "b", "extension": [{"url": "c"}]}]}
    resource = {"resourceType": "Patient", "id": "p", "contact": [{"extension": [extension]}, {}]}
    inner = {"repeat": ["extension"], "column": [{"name": "u", "path": "url"}, {"name": "v", "path": "value"}]}
    view = patients({"column": [ID]}, {"forEach": "contact", "column": [INDEX], "select": [inner]})
    assert [(row["id"], row["i"], row["u"]) for row in rows(view, resource)] == [("p", 0, u) for u in "abc"]


# Types of columns --------------------------------------------------------------------------------------------------


def test_types_that_are_not_given_are_inferred() -> None:
    paths = {
        "a": ("active", "boolean", "BOOLEAN"), "b": ("birthDate", "date", "TEXT"),
        "c": ("name.count()", "integer", "INTEGER"),
        "d": ("name.first()", "HumanName", "TEXT"), "e": ("madeUp", None, "TEXT"),
        "f": ("1.5 + 1", "decimal", "DOUBLE"),
        "g": ("name.exists()", "boolean", "BOOLEAN"), "h": ("multipleBirth.ofType(integer)", "integer", "INTEGER"),
        "i": ("getResourceKey()", "string", "TEXT"), "j": ("birthDate.lowBoundary()", "date", "TEXT"),
    }  # fmt: skip
    columns = [{"name": name, "path": path} for name, (path, _, _) in paths.items()]
    compiled = compile_view(read_view(patients({"column": columns})))
    found = {column.name: (column.type, column.sql_type) for column in compiled.columns}
    assert found == {name: (type_name, sql_type) for name, (_, type_name, sql_type) in paths.items()}


TYPED = [
    ("gender", "code", "f", "f"),
    ("active", "boolean", True, True),
    ("active", "http://hl7.org/fhirpath/System.Boolean", True, True),
    ("birthDate", "http://hl7.org/fhir/StructureDefinition/date", "1970", "1970"),
    ("madeUp", "string", "x", "x"),
    ("madeUp", "string", 5, "5"),
    ("madeUp", "integer", 5, 5),
    ("madeUp", "integer", 5.0, 5),
    ("madeUp", "decimal", 5, 5.0),
    ("madeUp", "decimal", 1e-7, 1e-7),
    ("madeUp", "boolean", False, False),
    ("madeUp", "Coding", {"code": "c"}, {"code": "c"}),
    ("madeUp", None, {"n": [1.5]}, {"n": [1.5]}),
    ("madeUp", None, "5", "5"),
    ("madeUp", None, 5, 5),
]


@pytest.mark.parametrize(("path", "type_name", "given", "expected"), TYPED)
def test_a_column_has_the_type_asked_for(path: str, type_name: str | None, given: Any, expected: Any) -> None:
    parts = {"type": type_name} if type_name else {}
    found = value(path, {"resourceType": "Patient", path: given}, **parts)
    assert found == expected
    assert type(found) is type(expected)


MISFITS = [("boolean", "yes"), ("boolean", 1), ("integer", "5"), ("integer", 1.5), ("integer", 2**40),
           ("decimal", "x"), ("string", {"a": 1}), ("date", [["x"]])]  # fmt: skip


@pytest.mark.parametrize(("type_name", "given"), MISFITS)
def test_a_value_that_does_not_fit_the_type_is_an_error_without_the_value(type_name: str, given: Any) -> None:
    with pytest.raises(duckdb.InvalidInputException, match=r"column\[0\] \(v\).path: ") as caught:
        value("madeUp", {"resourceType": "Patient", "madeUp": given}, type=type_name)
    assert "yes" not in str(caught.value)
    assert str(2**40) not in str(caught.value)


def test_a_collection_is_a_list_of_the_type() -> None:
    assert value("name.given", NAMES[0], collection=True, type="string") == ["John", "James", "Jane"]
    assert value("name.given", NAMES[1], collection=True) == []
    assert value("name", NAMES[1], collection=True) == []
    assert value("id", NAMES[1], collection=True) == ["p2"]
    assert value("name.select(given.count())", NAMES[0], collection=True) == [2, 1]
    assert value("name", {"resourceType": "Patient", "name": [{"use": "old"}]}, collection=True) == [{"use": "old"}]


def test_the_tag_of_a_type_asks_for_a_type_of_sql() -> None:
    def tagged(path: str, sql_type: str, resource: dict[str, Any]) -> Any:
        return value(path, resource, tag=[{"name": "ansi/type", "value": sql_type}])

    patient = {
        "resourceType": "Patient",
        "birthDate": "1970-06-01",
        "meta": {"lastUpdated": "2020-01-02T03:04:05+01:00"},
    }
    assert str(tagged("birthDate", "DATE", patient)) == "1970-06-01"
    assert tagged("meta.lastUpdated", "TIMESTAMP WITH TIME ZONE", patient).isoformat() == "2020-01-02T02:04:05+00:00"
    assert str(tagged("1.50", "DECIMAL(10, 2)", patient)) == "1.50"
    assert tagged("1.50", "CHARACTER VARYING", patient) == "1.5"
    assert tagged("5", "BIGINT", patient) == 5
    assert tagged("'aGk='", "BINARY", patient) == b"hi"
    with pytest.raises(duckdb.InvalidInputException, match="a value does not fit the type DATE"):
        tagged("birthDate", "DATE", {"resourceType": "Patient", "birthDate": "1970"})


def test_other_tags_and_keys_say_nothing_about_the_rows() -> None:
    column = {**ID, "tag": [{"name": "x/y", "value": "z"}], "description": "the id"}
    view = patients(
        {"column": [column]},
        url="u",
        status="active",
        title="t",
        fhirVersion=["4.0.1"],
        resourceType="ViewDefinition",
    )
    assert rows(view, NAMES[1]) == [{"id": "p2"}]


def test_a_type_of_resource_that_is_asked_for_may_be_any() -> None:
    view = {"resource": "EffectEvidenceSynthesis", "select": [{"column": [ID]}]}
    assert rows(view, {"resourceType": "EffectEvidenceSynthesis", "id": "e"}) == [{"id": "e"}]


def test_keys_of_references_in_all_their_forms() -> None:
    forms = {
        "Patient/a": "a", "http://x/fhir/Patient/a": "a", "https://x/Patient/a/_history/2": "a", "#a": None,
        "urn:uuid:a": "a", "Patient?identifier=a": None, "http://x/Group/a": None, "a": None,
    }  # fmt: skip
    for reference, expected in forms.items():
        resource = {"resourceType": "Observation", "subject": {"reference": reference, "type": "Patient"}}
        assert value("subject.getReferenceKey(Patient)", resource) == expected, reference


def test_resources_of_other_types_are_not_looked_at() -> None:
    view = patients({"column": [{"name": "v", "path": "name.family"}]})
    other = {"resourceType": "Group", "name": [{"family": "a"}, {"family": "b"}]}
    assert rows(view, other, {"resourceType": "Patient", "name": [{"family": "c"}]}) == [{"v": "c"}]


def test_the_place_of_an_error_in_a_union_is_that_of_the_branch() -> None:
    view = patients({"unionAll": [{"column": [ID]}, {"column": [{"name": "id", "path": "%nothing"}]}]})
    with pytest.raises(ViewError, match=r"select\[0\].unionAll\[1\].column\[0\] \(id\).path"):
        compile_view(read_view(view))


def test_where_is_not_asked_of_resources_of_other_types() -> None:
    view = patients({"column": [ID]}, where=[{"path": "name.family = 'c'"}, {"path": "name.family.single() = 'c'"}])
    others = [{"resourceType": "Group", "name": [{"family": "a"}, {"family": "b"}]}] * 3000
    assert rows(view, *others, {"resourceType": "Patient", "id": "p", "name": [{"family": "c"}]}) == [{"id": "p"}]
