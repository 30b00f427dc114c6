"""A language model that fills questions about records, or writes SQL where it may."""

import json
from typing import Any

import pytest

from sql.text.answering.answering import Answer, refused
from sql.text.answering.ground import Ground
from sql.text.endpoint.records.values import with_slots
from sql.text.records.linear import linearize
from sql.text.records.query import Count
from sql.text.refuse import Reason, Refusal
from tests.sql.text.endpoint.chat_server import Chat, answered, said
from tests.sql.text.endpoint.records.conftest import Asking, sql, tokens
from tests.sql.text.records.test_records_properties import GRAMMAR

LAST = "What was the last sodium of patient 1?"
LAST_TOKENS = tokens("list lab value name lab_1 of patient_1 last")
COUNT = "How many times was aspirin prescribed?"
COUNT_TOKENS = tokens("count_records prescription name drug_1")


def rows(answer: Answer) -> list[dict[str, Any]]:
    assert answer.result is not None, answer
    return list(answer.result.table.to_pylist())


def told(chat: Chat) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(chat.requests[0]["messages"][1]["content"])
    return found


def test_a_typed_question_is_answered_as_that_of_the_translator(chat: Chat, asking: Asking) -> None:
    chat.will(answered(LAST_TOKENS))
    answer = asking(LAST)

    assert rows(answer) == [{"value": 135.5}]
    assert answer.reading == "Value of the last of the laboratory tests of sodium of patient 1."
    assert answer.sqlite is not None
    assert (answer.by.split()[0], answer.confidence) == ("test-model", None)
    assert answer.query == GRAMMAR.query(["list", "lab", "value", "name", '="sodium"', "of", "=1", "last"])


def test_the_model_is_told_slots_and_the_catalogue(chat: Chat, asking: Asking) -> None:
    chat.will(answered(LAST_TOKENS))
    asking(LAST)

    assert told(chat)["question"] == "What was the last [lab_1] of patient [patient_1]?"
    assert told(chat)["slots"] == [
        {"name": "lab_1", "kind": "lab", "words": "sodium", "value": "sodium"},
        {"name": "patient_1", "kind": "patient"},
    ]
    assert told(chat)["clock"] == "2100-12-31 23:59:00"
    assert told(chat)["kinds"]["lab"]["records"] == "laboratory tests"
    assert "tables" not in told(chat)


@pytest.mark.parametrize("structured", ["schema", "object", "none"])
@pytest.mark.parametrize("with_sql", [False, True])
def test_no_identifier_and_no_row_is_sent(
    chat: Chat, asking: Asking, ground: Ground, structured: str, with_sql: bool
) -> None:
    previous = GRAMMAR.query(["list", "lab", "value", "name", '="glucose"', "of", "=4711", "last"])
    chat.will(said("what?"), answered(tokens("list lab value last")), answered(COUNT_TOKENS))
    asking("What of patient 2 and record 99887766?", previous, corrections=3, structured=structured, sql=with_sql)

    sent = json.dumps(chat.requests)
    assert len(chat.requests) == 4
    for hidden in ("4711", "99887766", "patient 2", "135.5", "hospice", "5000.5"):
        assert hidden not in sent
    assert [slot["name"] for slot in told(chat)["slots"]][-2:] == ["lab_1", "patient_2"]
    assert told(chat)["the_question_before"] == ["list", "lab", "value", "name", "lab_1", "of", "patient_2", "last"]


def test_a_model_may_go_on_from_the_question_before(chat: Chat, asking: Asking) -> None:
    previous = GRAMMAR.query(["list", "lab", "value", "name", '="sodium"', "of", "=1", "last"])
    chat.will(answered(tokens("list lab value name lab_2 of patient_1 last")))
    answer = asking("Say the same of her glucose", previous)
    assert answer.reason == "LOW_CONFIDENCE"

    chat.will(answered(tokens("list lab value name lab_1 of patient_1 last")))
    assert rows(asking("Say the same of her glucose", previous)) == [{"value": 110.0}]


def test_sql_is_run_where_it_is_allowed_and_says_that_it_has_no_reading(chat: Chat, asking: Asking) -> None:
    chat.will(
        answered(sql("SELECT max(valuenum) AS top FROM labevents WHERE subject_id = 'patient_1' AND valuenum < 140"))
    )
    question = "How high did results below 140 get for patient 1?"

    answer = asking(question, sql=True)
    assert rows(answer) == [{"top": 135.5}]
    assert "not made from a typed question" in str(answer.reading)
    assert "subject_id = 1" in str(answer.sql)
    assert (answer.query, answer.confidence, answer.sqlite) == (None, None, None)
    assert told(chat)["tables"]["labevents"]["valuenum"] == "DOUBLE"

    assert asking(question).reason == "LOW_CONFIDENCE"


def test_a_model_used_after_the_translator_is_asked_what_that_does_not_understand(chat: Chat, asking: Asking) -> None:
    reasons: dict[str, Reason] = {COUNT: "LOW_CONFIDENCE", LAST: "AMBIGUOUS"}

    def before(questions: Any, ground: Ground, previous: Any = None) -> list[Answer]:
        return [refused(one, Refusal(reasons[one], "the translator says no")) for one in questions]

    chat.will(answered(COUNT_TOKENS))
    assert rows(asking(COUNT, before=before, use="after")) == [{"records": 3}]
    assert len(chat.requests) == 1
    assert asking(LAST, before=before, use="after").message == "the translator says no"
    assert len(chat.requests) == 1

    chat.will(said("no idea"))
    answer = asking(COUNT, before=before, use="after")
    assert answer.reason == "LOW_CONFIDENCE"
    assert str(answer.message).startswith("the translator says no; the language model test-model")


def test_a_wrong_reply_is_corrected_with_what_is_wrong(chat: Chat, asking: Asking) -> None:
    chat.will(answered(tokens("list lab value")), answered(LAST_TOKENS))
    assert rows(asking(LAST, corrections=1)) == [{"value": 135.5}]
    fault = chat.requests[1]["messages"][-1]["content"]
    assert "[lab_1] of the question is left out" in fault


def test_the_values_of_a_question_get_names_after_those_taken() -> None:
    query = GRAMMAR.query(
        ["count_patients", "lab", "name", '="sodium"', '="glucose"', "this_year", '="01"', "above", "=3"]
    )
    found, values = with_slots(query, GRAMMAR, {"lab": 1})

    assert " ".join(found) == "count_patients lab name lab_2 lab_3 this_year month_1 above number_1"
    assert values == {"lab_2": "sodium", "lab_3": "glucose", "month_1": "01", "number_1": 3}
    assert isinstance(GRAMMAR.query(found).ask, Count)
    assert len(linearize(query)) == len(found)
