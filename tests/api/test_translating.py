"""From questions with their SQL to a trained translator and its predictions, through the commands."""

import json
import sqlite3
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from api.cli import build_parser, main
from api.translating import Plan
from tests.sql.text.answering.ward import write_ward
from tests.sql.text.endpoint.chat_server import answered, chat_server
from tests.sql.text.endpoint.records.conftest import tokens
from tests.sql.text.records.hospital import fill

DRUGS, LABS = ("aspirin", "heparin", "insulin"), ("sodium", "glucose")


def questions() -> list[dict[str, str | None]]:
    """Return questions on the made hospital with SQL as the EHRSQL set writes it; two have no answer."""
    asked: list[tuple[str, str | None]] = [
        ("Who is the head nurse of the ward?", None),
        ("What is the weather tomorrow?", None),
    ]
    for drug in DRUGS:
        counted = f"SELECT COUNT(*) FROM prescriptions WHERE prescriptions.drug = '{drug}'"
        asked.append((f"How many times was {drug} prescribed?", counted))
        for patient in (1, 2, 3):
            held = f"SELECT COUNT(*)>0 FROM prescriptions WHERE prescriptions.drug = '{drug}' "
            within = f"SELECT admissions.hadm_id FROM admissions WHERE admissions.subject_id = {patient}"
            asked.append(
                (f"Was patient {patient} prescribed {drug}?", f"{held}AND prescriptions.hadm_id IN ( {within} )")
            )
    for lab in LABS:
        codes = f"SELECT d_labitems.itemid FROM d_labitems WHERE d_labitems.label = '{lab}'"
        asked.append(
            (
                f"How many times was {lab} measured?",
                f"SELECT COUNT(*) FROM labevents WHERE labevents.itemid IN ( {codes} )",
            )
        )
    return [{"id": str(number), "question": text, "sql": sql} for number, (text, sql) in enumerate(asked)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("translating")
    write_ward(folder / "db")
    (folder / "train.json").write_text(json.dumps(questions()), encoding="utf-8")
    asked = [{"id": one["id"], "question": one["question"]} for one in questions()]
    (folder / "asked.json").write_text(json.dumps(asked), encoding="utf-8")
    return folder


def ground_flags(place: Path) -> list[str]:
    return ["--db", str(place / "db"), "--catalogue", "mimic_iv_ehrsql"]


@pytest.fixture(scope="module")
def trained(place: Path) -> Path:
    out = place / "translator"
    command = ["train", "--translator", "--questions", str(place / "train.json"), "--out", str(out)]
    assert main([*command, *ground_flags(place), "--draws", "1", "--members", "1", "--passes", "2", "--json"]) == 0
    return out


def test_predictions_are_sql_that_sqlite_runs_or_null(place: Path, trained: Path) -> None:
    out = place / "predictions.json"
    command = ["ask", "--questions", str(place / "asked.json"), "--predictions", str(out), "--cost-of-error", "0"]

    assert main([*command, *ground_flags(place), "--translator", str(trained)]) == 0

    predictions = json.loads(out.read_text(encoding="utf-8"))
    con = sqlite3.connect(":memory:")
    fill(con.execute, con.executemany)
    assert list(predictions) == [one["id"] for one in questions()]
    assert all(con.execute(sql).fetchall() is not None for sql in predictions.values() if sql is not None)


def test_one_question_is_answered_or_refused_with_a_reason(
    place: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["ask", "Was patient 1 prescribed aspirin?", "--translator", str(trained), "--json"]

    assert main([*command, *ground_flags(place)]) == 0

    answer = json.loads(capsys.readouterr().out)
    assert answer["question"] == "Was patient 1 prescribed aspirin?"
    assert answer["answered"] == (answer["reason"] is None) == (answer["rows"] is not None)
    assert 0 <= answer["confidence"] <= 1


def test_the_report_says_what_was_learnt(trained: Path) -> None:
    report = json.loads((trained / "judge.json").read_text(encoding="utf-8"))["report"]

    assert report["lessons"]["questions"] == len(questions())
    assert report["lessons"]["with_meaning"] == len(questions()) - 2
    assert report["lessons"]["not_typed"] == 0


def test_the_command_trains_as_the_plan_says_unless_told_otherwise() -> None:
    args = build_parser().parse_args(["train", "--translator"])

    given = {
        "folds": args.folds,
        "draws": args.draws,
        "members": args.members,
        "passes": args.passes,
        "jobs": args.jobs,
        "seed": args.seed,
    }
    assert given | {"none_share": args.unanswerable_share} == {
        name: value for name, value in asdict(Plan()).items() if name in {*given, "none_share"}
    }


def test_without_a_translator_the_command_says_to_train_first(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["ask", "--questions", str(place / "asked.json"), "--predictions", str(place / "none.json")]

    assert main([*command, *ground_flags(place), "--translator", str(place / "nowhere")]) == 1

    assert "ehr train --translator" in capsys.readouterr().err
    assert not (place / "none.json").exists()


def test_a_language_model_answers_in_a_session_that_rules_go_on_with(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def asked(question: str) -> dict[str, Any]:
        flags = ["--endpoint-url", chat.url, "--endpoint-model", "m", "--in", "ward", "--json"]
        command = ["ask", question, *ground_flags(place), "--translator", str(place / "model"), *flags]
        assert main(command) == 0
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    with chat_server() as chat:
        chat.will(answered(tokens("list lab value name lab_1 of patient_1 last")))
        first, second = asked("What was the last sodium of patient 1?"), asked("and the time?")

        assert (first["rows"], first["confidence"]) == ([{"value": 135.5}], None)
        assert first["read_by"].startswith("m at ")
        assert second["rows"] == [{"time": "2100-02-02T06:00:00"}]
        assert second["read_by"] == "the rules of follow-ups"
        assert len(chat.requests) == 1


def test_a_file_of_questions_may_be_put_to_a_language_model(place: Path) -> None:
    out = place / "by-model.json"
    flags = ["--endpoint-model", "m", "--endpoint-sql"]
    command = ["ask", "--questions", str(place / "asked.json"), "--predictions", str(out), *ground_flags(place)]
    with chat_server() as chat:
        chat.will(answered({"type": "SqlReply", "sql": "SELECT dayname(admittime) FROM admissions"}))
        assert main([*command, "--endpoint-url", chat.url, *flags]) == 0
        assert len(chat.requests) >= len(questions())

    assert set(json.loads(out.read_text(encoding="utf-8")).values()) == {None}


@pytest.mark.parametrize(
    ("flags", "what"),
    [
        (["ask"], "there is no question"),
        (["ask", "who?", "--db", "db"], "--catalogue"),
        (["ask", "who?", "--db", "db", "--catalogue", "x", "--questions", "a.json"], "not both"),
        (["ask", "--db", "db", "--catalogue", "x", "--questions", "a.json", "--in", "ward"], "one question after"),
        (["ask", "who?", "--db", "db", "--catalogue", "x", "--dry-run"], "--dry-run"),
        (["train", "--translator", "--db", "db"], "--questions"),
        (["train"], "--model"),
    ],
)
def test_what_is_missing_is_asked_for(flags: list[str], what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(flags) == 1
    assert what in capsys.readouterr().err
