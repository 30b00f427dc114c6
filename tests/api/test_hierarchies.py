"""Codes with all below them from the command line: `ehr code tree`, `ehr sql`, `ehr cohort`, `ehr ask`."""

import json
from pathlib import Path

import pytest

from api.cli import main
from tests.sql.ward import build_ward

TASK = """
predicates:
  adm: {code: {regex: "^HOSPITAL_ADMISSION//"}}
  ill: {code: "<< ICD10//I0-CONCEPT"}
trigger: adm
windows:
  rest: {start: trigger, end: null, start_inclusive: false, end_inclusive: true, label: ill}
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("tree") / "store"
    build_ward(path)
    return str(path)


def test_the_tree_of_a_code(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["code", "tree", "ICD10", "I50", "--store", store]) == 0
    out = capsys.readouterr().out
    assert "Diseases of the circulatory system" in out
    assert "Heart failure, unspecified" in out
    assert main(["code", "tree", "ICD10//I50", "--json", "--store", store]) == 0
    rows = {row["concept"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["ICD10//I00-I99"]["depth"] < 0
    assert rows["ICD10//I50"] == {
        "concept": "ICD10//I50", "depth": 0, "title": None, "n_events": 3, "n_subjects": 3,
    }  # fmt: skip
    assert rows["ICD10//I509"]["depth"] == 1


def test_an_unknown_code_has_no_tree(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["code", "tree", "ICD10", "I51", "--store", store]) == 1
    err = capsys.readouterr().err
    assert "ICD10//I51" in err
    assert "near to it: ICD10//I30-I52" in err


def test_sql_counts_what_lies_below(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    query = "SELECT count(*) AS n FROM condition WHERE descends_from(code, 'ICD10//I50', 'ICD9//428')"
    assert main(["sql", query, "--json", "--store", store]) == 0
    assert json.loads(capsys.readouterr().out)[0] == {"n": 5}
    assert main(["sql", query.replace("I50", "I51"), "--store", store]) == 1
    assert "no code in use lies at or below ICD10//I51" in capsys.readouterr().err


def test_a_cohort_counts_what_lies_below(store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    task = tmp_path / "task.yaml"
    task.write_text(TASK.replace("I0-CONCEPT", "I30-I5A"))
    assert main(["cohort", str(task), "--store", store]) == 0
    assert "label positive in 3" in capsys.readouterr().out
    task.write_text(TASK.replace("I0-CONCEPT", "I51"))
    assert main(["cohort", str(task), "--store", store]) == 1
    assert "predicates.ill.code: no code in use lies at or below ICD10//I51" in capsys.readouterr().err


def test_a_question_counts_what_lies_below(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "How many patients have << ICD10 I50?", "--store", store]) == 0
    out = capsys.readouterr().out
    assert "this code and all codes below it" in out
    assert "3 patients" in out
