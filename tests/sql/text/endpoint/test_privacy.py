"""What is sent to a model: names of concepts, and never a row, a value, a time or an identifier of a patient."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from ehr.intake import Intake, event_frame
from ehr.store import Store, create_store, open_store
from sql.text import ask
from sql.text.endpoint import Endpoint, LanguageModel
from sql.text.endpoint.found import mask
from tests.sql.text.endpoint.chat_server import Chat, answered, said

SUBJECT, STAY, VALUE, YEAR, RECORD, WARD, TEXT = (
    70310577,
    88120993,
    4711.25,
    2177,
    "Observation/zyx",
    "WARD-Q",
    "Sq-note",
)
CANARIES = [str(SUBJECT), str(STAY), "4711", str(YEAR), "zyx", WARD, TEXT]

QUESTIONS = [
    "how many patients have heart failure?",
    "how many patients had a creatinine above 2 mg/dL?",
    "average age of women with heart failure",
    "median creatinine of patients with heart failure",
    "list the patients with heart failure",
    "how many hospital admissions by admission type?",
    "show me everything about everyone",
    "highest creatinine",
]


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Give a store of one patient whose every value can be told from anything else."""
    path = tmp_path_factory.mktemp("marked") / "store"
    store = create_store(path)
    intake = Intake(store, "made", path)
    entry = intake.begin("marked.csv", "0" * 64)
    at = datetime(YEAR, 3, 4, 5, 6)
    own = {"subject_id": SUBJECT, "encounter_id": STAY, "time": at}
    events = [
        {"subject_id": SUBJECT, "code": "MEDS_BIRTH", "time": datetime(YEAR - 40, 1, 1)},
        {"subject_id": SUBJECT, "code": "GENDER//F"},
        {**own, "code": "DIAGNOSIS//ICD//10//I509"},
        {**own, "code": "LAB//50912//mg/dL", "numeric_value": VALUE, "unit": "mg/dL", "record_id": RECORD},
        {**own, "code": "LAB//1//", "text_value": TEXT},
    ]
    stay = {
        "encounter_id": STAY, "subject_id": SUBJECT, "class": "inpatient", "type": WARD, "start_time": at,
        "end_time": datetime(YEAR, 3, 9), "disposition": WARD,
    }  # fmt: skip
    titles = {"DIAGNOSIS//ICD//10//I509": "Heart failure, unspecified", "LAB//50912//mg/dL": "Creatinine"}
    entry.stage_frame("event", event_frame(events))
    entry.stage_frame("encounter", pl.DataFrame([stay]))
    entry.stage_frame("code", pl.DataFrame([{"code": code, "description": title} for code, title in titles.items()]))
    entry.tally("marked", rows_in=5, accepted=5)
    intake.commit()
    store.close()
    opened = open_store(path, locked=True)
    yield opened
    opened.close()


@pytest.mark.parametrize("structured", ["schema", "none"])
@pytest.mark.parametrize("question", QUESTIONS)
def test_nothing_of_a_patient_is_in_any_request(chat: Chat, marked: Store, question: str, structured: str) -> None:
    sql = f"SELECT subject_id, value FROM observation WHERE subject_id = {SUBJECT}"
    chat.will(said("what?"), answered({"type": "Query"}), answered({"type": "SqlReply", "sql": "SELECT 1 AS x"}))
    endpoint = Endpoint(chat.url, "m", corrections=3, pause=0.0, sql=True, structured=structured)  # type: ignore[arg-type]
    ask(marked, question, translator=LanguageModel(endpoint))
    assert chat.requests
    sent = json.dumps(chat.requests, ensure_ascii=False)
    assert [canary for canary in CANARIES if canary in sent] == []
    rows = marked.cursor().execute(sql).fetchall()
    assert (SUBJECT, VALUE) in rows  # so the canaries are what the store holds


@pytest.mark.parametrize(
    ("question", "sent"),
    [
        ("potassium of patient 10017 above 5", "potassium of patient id_1 above 5"),
        ("labs of subject_id = 12", "labs of subject_id = id_1"),
        ("labs of 70310577 and of 70310577 and of 70310578", "labs of id_1 and of id_1 and of id_2"),
        ("stay id 881 of patient 7", "stay id id_1 of patient id_2"),
        ("Patient/abc-1", "Patient/id_1"),
        ("labs of d290f1ee-6c54-4b01-90e6-d701748f0851", "labs of id_1"),
        ("how many patients aged 65 in 2150", "how many patients aged 65 in 2150"),
        ("platelets below 150000", "platelets below 150000"),
        ("a stay of 10 days within 24 hours of admission", "a stay of 10 days within 24 hours of admission"),
        ("how many patients have I50.9 or 4548-4", "how many patients have I50.9 or 4548-4"),
    ],
)
def test_identifiers_in_a_question_are_sent_as_names(question: str, sent: str) -> None:
    assert mask(question).text == sent


def test_an_identifier_comes_back_only_into_the_sql_that_runs(chat: Chat, marked: Store) -> None:
    sql = "SELECT count(*) AS n FROM observation WHERE subject_id = 'id_1'"
    chat.will(answered({"type": "SqlReply", "sql": sql}))
    endpoint = Endpoint(chat.url, "m", corrections=0, sql=True)
    answer = ask(marked, f"how many results has patient {SUBJECT}?", translator=LanguageModel(endpoint))
    assert answer.result is not None, answer.message
    assert f"'{SUBJECT}'" in str(answer.sql)
    assert str(SUBJECT) not in json.dumps(chat.requests)


def test_an_identifier_comes_back_into_a_typed_question_too(chat: Chat, marked: Store) -> None:
    one = {"type": "Identity", "subject_id": "id_1"}
    where = {"type": "AllOf", "criteria": [one, {"type": "Event", "concept": "condition_1"}]}
    chat.will(
        answered({"type": "Query", "population": {"type": "Patients"}, "asks": [{"type": "Exists"}], "where": where})
    )
    model = LanguageModel(Endpoint(chat.url, "m", corrections=0))
    answer = ask(marked, f"any sign that patient {SUBJECT} has heart failure?", translator=model)
    assert answer.result is not None, answer.message
    assert str(SUBJECT) in str(answer.sql)
    assert str(SUBJECT) not in json.dumps(chat.requests)


def test_a_translator_is_given_no_way_to_the_rows(marked: Store, tmp_path: Path) -> None:
    held: list[object] = []

    def looking(question: str, ground: object) -> object:
        from sql.text.refuse import Refusal

        held.extend(getattr(ground, name) for name in ("index", "catalog", "role", "previous"))
        return Refusal("LOW_CONFIDENCE", "seen enough")

    ask(marked, "how many patients?", translator=looking)  # type: ignore[arg-type]
    assert not any(isinstance(part, Store) for part in held)
    assert len(held) == 4
