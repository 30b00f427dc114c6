"""`ehr ask` as people and programs use it."""

import json
from pathlib import Path

import pytest

from api.cli import main
from ehr.store import create_store
from tests.sql.text.clinic import build_clinic
from tests.sql.text.endpoint.chat_server import Sent, chat_server
from tests.sql.text.endpoint.chat_server import answered as completion


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("cli") / "store"
    build_clinic(path)
    return str(path)


def test_an_answer_says_what_was_understood_and_shows_the_sql(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "how many patients have heart failure?", "--store", store]) == 0
    out = capsys.readouterr().out
    assert "ICD-10 I50*, ICD-9 428*" in out
    assert "SELECT" in out
    assert "3 patients" in out


def test_groups_and_lists_are_shown_as_tables(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "how many admissions of each admission type?", "--store", store]) == 0
    assert "EW EMER." in capsys.readouterr().out
    assert main(["ask", "list the patients with heart failure", "--store", store]) == 0
    assert "subject_id" in capsys.readouterr().out


def test_json_holds_all_of_an_answer(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "How many patients have heart failure?", "--store", store, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["answered"] is True
    assert answer["rows"] == [{"patients": 3}]
    assert answer["answer"] == "3 patients"
    assert answer["sql"].startswith("SELECT")
    assert answer["reason"] is None


def test_a_dry_run_gives_no_rows(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "how many patients have sepsis", "--dry-run", "--store", store, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["rows"] is None
    assert answer["sql"]
    assert main(["ask", "how many patients have sepsis", "--dry-run", "--store", store]) == 0
    assert "nothing was run" in capsys.readouterr().out


def test_an_honest_no_is_a_result(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "how many patients have kidney failure?", "--store", store]) == 0
    assert "AMBIGUOUS" in capsys.readouterr().out
    assert main(["ask", "delete all patients", "--store", store, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["answered"], answer["reason"], answer["sql"]) == (False, "UNSAFE", None)


def test_every_question_leaves_a_line_in_the_audit_log(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["ask", "drop table patient", "--store", store])
    capsys.readouterr()
    line = json.loads((Path(store) / "audit.jsonl").read_text().splitlines()[-1])
    assert line["action"] == "ask"
    assert line["outcome"] == "refused"
    assert line["reason"].startswith("UNSAFE")


def test_an_empty_or_missing_store_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    create_store(tmp_path / "empty").close()
    assert main(["ask", "how many patients?", "--store", str(tmp_path / "empty")]) == 1
    assert "empty" in capsys.readouterr().err
    assert main(["ask", "how many patients?", "--store", str(tmp_path / "none")]) == 1
    assert "there is no store" in capsys.readouterr().err


def test_an_unknown_role_is_an_error(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "how many patients?", "--store", store, "--role", "emperor"]) == 1
    assert "emperor" in capsys.readouterr().err


def asked(store: str, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    assert main(["ask", *words, "--store", store, "--json"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_a_question_follows_another_in_its_session(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(store, capsys, "how many patients have heart failure?", "--in", "ward")["answer"] == "3 patients"
    women = asked(store, capsys, "and only women?", "--in", "ward")
    assert women["answer"] == "1 patient"
    assert str(women["reading"]).endswith("and who are female.")
    assert asked(store, capsys, "what about men?", "--in", "ward", "--dry-run")["rows"] is None
    assert len(asked(store, capsys, "show me the patients", "--in", "ward")["rows"]) == 2  # type: ignore[arg-type]


def test_a_follow_up_without_a_session_is_an_error(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "and only women?", "--in", "nobodys", "--store", store]) == 1
    assert "there is no session 'nobodys' of yours" in capsys.readouterr().err
    assert main(["ask", "how many patients?", "--in", "../up", "--store", store]) == 1
    assert "the name of a session" in capsys.readouterr().err


def test_a_language_model_is_configured_by_flags_and_named_in_the_answer(
    store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    reply = {
        "type": "Query",
        "population": {"type": "Patients"},
        "asks": [{"type": "Count"}],
        "where": {"type": "Event", "concept": "condition_1"},
    }
    with chat_server() as chat:
        flags = ["--endpoint-url", chat.url, "--endpoint-model", "small"]
        chat.will(completion(reply))
        found = asked(store, capsys, "headcount for heart failure", *flags)
        assert found["answer"] == "3 patients"
        assert found["read_by"] == f"small at {chat.url.split('/')[2]}"
        line = json.loads((Path(store) / "audit.jsonl").read_text().splitlines()[-1])
        assert line["action"] == "ask a language model"
        chat.will(Sent(status=400))
        failed = asked(store, capsys, "headcount for heart failure", *flags)
        assert (failed["answered"], failed["reason"], failed["rows"]) == (False, "LOW_CONFIDENCE", None)
        assert "status 400" in str(failed["message"])
        chat.will(completion(reply))
        own = asked(store, capsys, "how many patients have heart failure?", *flags, "--no-endpoint")
        assert (own["read_by"], chat.requests) == ("grammar", [])


def test_a_wrong_configuration_is_an_error(store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "endpoint.yaml"
    file.write_text("url: http://far.example/v1\nmodel: m\n")
    assert main(["ask", "how many patients?", "--endpoint", str(file), "--store", store]) == 1
    assert f"{file}: far.example would get questions and key without encryption" in capsys.readouterr().err
