"""A model that does as it is told: its Query or SQL is answered as the grammar's, and says whose it is."""

import json
from typing import Any

import pytest

from ehr.errors import UnsafeQuery
from ehr.store import Store
from sql.text import Index, ask
from sql.text.forms import to_json
from sql.text.parse import parse
from sql.text.query import Query
from sql.text.terms import Concept
from tests.sql.text.endpoint.chat_server import Chat, Sent, answered, said
from tests.sql.text.endpoint.conftest import Asking

COUNT: dict[str, Any] = {"type": "Count"}
PATIENTS: dict[str, Any] = {"type": "Patients"}


def query(where: object = None, **more: object) -> dict[str, object]:
    return {"type": "Query", "population": PATIENTS, "asks": [COUNT], "where": where, **more}


def event(concept: str, **more: object) -> dict[str, object]:
    return {"type": "Event", "concept": concept, **more}


HEART_FAILURE = query(event("condition_1"))


def test_a_typed_reply_is_answered_with_a_reading_of_our_own(chat: Chat, asking: Asking) -> None:
    chat.will(answered(HEART_FAILURE))
    answer = asking("please count our heart failure folks for me")
    assert answer.sentence == "3 patients"
    assert answer.by == f"test-model at {chat.url.split('/')[2]}"
    assert answer.reading == (
        "Number of patients with a diagnosis of heart failure (ICD-10 I50*, ICD-9 428*; 3 codes in this store). "
        f"Filled in by the language model {answer.by}."
    )


@pytest.mark.parametrize(
    "question",
    [
        "how many patients have heart failure?",
        "average age of women with diabetes",
        "how many patients had a creatinine above 2 mg/dL within 24 hours of admission?",
        "how many hospital admissions in 2150 lasted more than 3 days",
        "list the men with heart failure but not diabetes",
        "what percentage of patients with heart failure were given furosemide",
        "how many patients had a temperature above 100 °F",
    ],
)
def test_what_the_grammar_understands_comes_out_the_same_from_a_model_that_says_it(
    chat: Chat, asking: Asking, clinic: Store, index: Index, question: str
) -> None:
    own = parse(question, index)
    assert isinstance(own, Query)

    def replied(request: dict[str, Any]) -> Sent:
        told = json.loads(request["messages"][1]["content"])
        by_meaning = {one["meaning"]: one["name"] for one in told["candidates"]}

        def named(value: object) -> object:
            if isinstance(value, dict) and value.get("type") == Concept.__name__:
                return by_meaning[f"{value['name']}: {value['label']}"]
            if isinstance(value, dict):
                return {key: named(one) for key, one in value.items() if key != "notes"}
            return [named(one) for one in value] if isinstance(value, list) else value

        return answered(named(to_json(own)))

    chat.will(replied)
    theirs, ours = asking(question), ask(clinic, question, index=index)
    assert theirs.message is None
    assert theirs.sql == ours.sql
    assert theirs.sentence == ours.sentence


def test_the_request_is_one_of_the_protocol(chat: Chat, asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANAMNESIS_ENDPOINT_KEY", "sesame")
    chat.will(answered(HEART_FAILURE))
    assert asking("how many patients have heart failure?").reason is None
    (request,) = chat.requests
    assert chat.paths == ["/v1/chat/completions"]
    assert chat.headers[0]["Authorization"] == "Bearer sesame"
    assert (request["model"], request["temperature"]) == ("test-model", 0)
    assert [message["role"] for message in request["messages"]] == ["system", "user"]
    schema = request["response_format"]["json_schema"]["schema"]
    assert schema["$defs"]["sql_text_criterion_Event"]["properties"]["concept"]["enum"] == ["condition_1"]
    assert not any(name.endswith("SqlReply") for name in schema["$defs"])


@pytest.mark.parametrize("structured", ["object", "none"])
def test_servers_without_schemas_are_told_the_form_in_words(chat: Chat, asking: Asking, structured: str) -> None:
    fenced = f"<think>let me see</think>\n```json\n{json.dumps(HEART_FAILURE)}\n```"
    chat.will(said(fenced))
    assert asking("how many patients have heart failure?", structured=structured).sentence == "3 patients"
    assert "sql_text_criterion_Event" in chat.requests[0]["messages"][0]["content"]
    assert ("response_format" in chat.requests[0]) == (structured == "object")


def test_sql_is_labelled_and_runs_through_the_guard(chat: Chat, asking: Asking) -> None:
    chat.will(answered({"type": "SqlReply", "sql": "SELECT count(*) AS n FROM patient"}))
    answer = asking("how many patients?", sql=True)
    assert answer.query is None
    assert answer.sentence == "n: 8"
    assert "It was not made from a typed question" in str(answer.reading)
    assert "views" in json.loads(chat.requests[0]["messages"][1]["content"])
    dry = asking("how many patients?", sql=True, dry_run=True)
    assert (dry.sql, dry.result) == ("SELECT count(*) AS n FROM patient", None)


def test_sql_for_role_aggregate_is_suppressed_like_any_other(chat: Chat, asking: Asking) -> None:
    chat.will(answered({"type": "SqlReply", "sql": "SELECT count(*) AS n FROM patient WHERE sex = 'female'"}))
    answer = asking("how many women?", sql=True, role="aggregate")
    assert answer.sentence == "too few patients to be told: fewer than 11, or all but fewer"
    chat.will(answered({"type": "SqlReply", "sql": "SELECT * FROM patient"}))
    refused = asking("show the patients", sql=True, role="aggregate")
    assert (refused.reason, refused.result) == ("UNSAFE", None)


def test_a_list_that_a_model_asks_for_is_refused_to_role_aggregate(chat: Chat, asking: Asking) -> None:
    chat.will(answered({**HEART_FAILURE, "asks": [{"type": "Listing"}]}))
    with pytest.raises(UnsafeQuery, match="rows of single patients"):
        asking("who has heart failure?", role="aggregate")


def test_after_the_grammar_the_model_is_asked_only_what_that_did_not_understand(chat: Chat, asking: Asking) -> None:
    chat.will(answered(HEART_FAILURE))
    answer = asking("how many patients have heart failure?", use="after")
    assert (answer.by, chat.requests) == ("grammar", [])
    answer = asking("headcount for heart failure, cheers", use="after")
    assert answer.sentence == "3 patients"
    assert len(chat.requests) == 1
    chat.will(Sent(status=400))
    answer = asking("headcount for heart failure, cheers", use="after")
    assert answer.reason in {"LOW_CONFIDENCE", "UNANSWERABLE"}
    assert "400" in str(answer.message)


def test_a_model_is_told_once_what_is_wrong(chat: Chat, asking: Asking) -> None:
    chat.will(answered(query(event("condition_7"))), answered(HEART_FAILURE))
    assert asking("how many patients have heart failure?", corrections=1).sentence == "3 patients"
    told = json.loads(chat.requests[1]["messages"][-1]["content"])
    assert "one of the candidates is wanted: condition_1" in told["your_reply_is_refused"]


def test_a_misspelt_word_is_mended_and_said(chat: Chat, asking: Asking) -> None:
    chat.will(answered(query(event("condition_1"))))
    answer = asking("how many patients have pneumonai?")
    assert "'pneumonai' was read as 'pneumonia'" in str(answer.reading)
