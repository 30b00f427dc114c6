"""The JSON form of a question: it comes back whole, and nothing else is taken for one."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ehr.errors import FormError
from sql.text.criterion import Event, Sex
from sql.text.forms import Form, Leaf, from_json, schema_of, to_json
from sql.text.query import Count, Patients, Query
from sql.text.records.query import Exists, RecordsQuery
from sql.text.records.selection import Match, Patient
from sql.text.records.selection import Records as RecordsOf
from sql.text.terms import Comparison, Concept, Kind
from tests.sql.text.query_strategies import HEART_FAILURE, queries

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    max_leaves=12,
)
QUICK = settings(max_examples=80, deadline=None)


@given(query=queries)
@QUICK
def test_every_question_comes_back_from_json_whole(query: Query) -> None:
    assert from_json(Query, json.loads(json.dumps(to_json(query)))) == query


@given(data=JSON)
@QUICK
def test_anything_else_is_refused(data: object) -> None:
    with pytest.raises(FormError):
        from_json(Query, data)


@given(query=queries, data=st.data())
@QUICK
def test_a_damaged_question_is_a_question_or_refused(query: Query, data: st.DataObject) -> None:
    written = to_json(query)
    assert isinstance(written, dict)
    key = data.draw(st.sampled_from(sorted(written)))
    damaged = {**written, key: data.draw(JSON)}
    try:
        read = from_json(Query, damaged)
    except FormError:
        return
    assert to_json(read) == {**damaged, "asks": damaged["asks"] or []}


def test_the_place_of_a_mistake_is_named() -> None:
    query = Query(Patients(), (Count(),), Event(HEART_FAILURE, comparison=Comparison(">", 2.0)))
    written = json.loads(json.dumps(to_json(query)))
    written["where"]["comparison"]["low"] = "two"
    with pytest.raises(FormError, match=r"^where\.comparison\.low: a number is wanted"):
        from_json(Query, written)
    written["where"]["comparison"] = {"type": "Comparison", "operator": ">"}
    with pytest.raises(FormError, match=r"^where\.comparison: Comparison needs the key 'low'"):
        from_json(Query, written)
    written["where"]["surprise"] = 1
    with pytest.raises(FormError, match="Event has no key 'surprise'; its keys are concept, window"):
        from_json(Query, written)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 1e300, 10**400, True, "2", None])
def test_a_bound_is_a_number_of_sane_size(number: object) -> None:
    with pytest.raises(FormError, match="low: a number"):
        from_json(Comparison, {"type": "Comparison", "operator": ">", "low": number})


def test_nesting_has_an_end() -> None:
    criterion: object = {"type": "Sex", "value": "male"}
    for _ in range(300):
        criterion = {"type": "Not", "criterion": criterion}
    with pytest.raises(FormError, match="nested too deep"):
        from_json(Query, {**_counted(), "where": criterion})


def _counted() -> dict[str, object]:
    written = to_json(Query(Patients(), (Count(),)), Form(hidden=frozenset({"notes"})))
    assert isinstance(written, dict)
    return written


def test_a_leaf_stands_for_its_values_and_hidden_fields_keep_their_default() -> None:
    names = {"condition_1": HEART_FAILURE}

    def read(value: object) -> Concept:
        if isinstance(value, str) and value in names:
            return names[value]
        raise FormError("one of condition_1 is wanted")

    form = Form({Concept: Leaf({"enum": ["condition_1"]}, read, lambda _: "condition_1")}, frozenset({"notes"}))
    query = Query(Patients(), (Count(),), Event(HEART_FAILURE))
    written = to_json(query, form)
    assert "DIAGNOSIS" not in json.dumps(written)
    assert from_json(Query, written, form) == query
    with pytest.raises(FormError, match=r"where\.concept: one of condition_1"):
        from_json(Query, {**_counted(), "where": {"type": "Event", "concept": to_json(HEART_FAILURE)}}, form)
    with pytest.raises(FormError, match="Query has no key 'notes'"):
        from_json(Query, {**_counted(), "notes": ["obey"]}, form)
    assert "notes" not in json.dumps(schema_of(Query, form)["$defs"]["sql_text_query_Query"]["properties"])  # type: ignore[index]


def test_the_schema_names_every_class_once_and_allows_no_other_key() -> None:
    definitions = schema_of(Query)["$defs"]
    assert isinstance(definitions, dict)
    for name, definition in definitions.items():
        assert definition["additionalProperties"] is False, name
        assert definition["required"] == list(definition["properties"]), name
        assert definition["description"], name
    assert definitions["sql_text_criterion_Sex"]["properties"]["value"] == {"enum": ["female", "male"]}
    assert {"sql_text_criterion_AllOf", "sql_text_terms_Relative", "sql_text_query_ValueOf"} <= definitions.keys()


@dataclass(frozen=True)
class Odd:
    """A value of types that questions do not have yet."""

    when: datetime
    length: timedelta
    pair: tuple[int, str]
    kind: Kind
    either: "Odd | Sex | int | None" = None
    is_it: bool = False


def test_questions_about_records_have_a_form_of_the_same_kind() -> None:
    asked = RecordsQuery(
        Exists(),
        RecordsOf("lab", (Match("name", ("creatinine",)),), (Patient(7),)),
    )
    assert from_json(Query | RecordsQuery, json.loads(json.dumps(to_json(asked)))) == asked
    whole = Query(Patients(), (Count(),), Sex("male"))
    assert from_json(Query | RecordsQuery, json.loads(json.dumps(to_json(whole)))) == whole
    definitions = schema_of(Query | RecordsQuery)["$defs"]
    assert isinstance(definitions, dict)
    assert {"sql_text_query_Count", "sql_text_records_query_Count"} <= definitions.keys()


def test_other_frozen_types_have_a_form_too() -> None:
    odd = Odd(datetime(2150, 1, 2, 3), timedelta(minutes=90), (1, "x"), Kind.CONDITION, Sex("male"))
    nested = Odd(odd.when, odd.length, odd.pair, odd.kind, odd, True)
    for value in (odd, nested):
        assert from_json(Odd, json.loads(json.dumps(to_json(value)))) == value
    assert schema_of(Odd)["$defs"]
    with pytest.raises(FormError, match="a list of 2 is wanted"):
        from_json(Odd, {**json.loads(json.dumps(to_json(odd))), "pair": [1]})
    with pytest.raises(TypeError, match="no form in JSON"):
        schema_of(bytes)
