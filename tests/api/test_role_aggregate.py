"""Role aggregate in the service and on the command line: numbers of many patients, and no rows of single ones."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from anamnesis.v1 import cohort_pb2, risk_pb2, table_pb2, timeline_pb2
from api.cli import main
from api.cohorts import CohortServicer
from api.engine import Engine
from api.predictions import RiskServicer
from api.timelines import TimelineServicer
from ehr.errors import NotAllowed, UnsafeQuery
from ehr.store import open_store
from tests.sql.disclosure.clinic import build_clinic


class Caller:
    """What a call of gRPC tells of its caller."""

    def peer(self) -> str:
        return "test"

    def peer_identities(self) -> None:
        return None

    def time_remaining(self) -> float | None:
        return None


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("aggregate") / "store"
    build_clinic(folder)
    return folder


@pytest.fixture(scope="module")
def engine(path: Path) -> Iterator[Engine]:
    store = open_store(path, locked=True)
    yield Engine(store, role="aggregate")
    store.close()


async def all_of(messages: Any) -> list[Any]:
    return [message async for message in messages]


def asked(engine: Engine, sql: str) -> tuple[list[dict[str, Any]], list[str]]:
    request = cohort_pb2.QueryRequest(sql=sql, format=table_pb2.TABLE_FORMAT_JSON)
    *parts, last = asyncio.run(all_of(CohortServicer(engine).Query(request, Caller())))
    lines = b"".join(part.chunk.data for part in parts).decode().splitlines()
    return [json.loads(line) for line in lines], list(last.summary.notes)


def test_the_service_answers_with_numbers_of_many_patients(engine: Engine) -> None:
    assert asked(engine, "SELECT count(*) AS n FROM patient") == ([{"n": 120}], [])
    rows, notes = asked(engine, "SELECT sex, count(*) AS n FROM patient GROUP BY sex ORDER BY sex")
    assert rows == [{"sex": "female", "n": 59}, {"sex": "male", "n": None}]
    assert len(notes) == 1


def test_the_service_gives_no_rows_of_single_patients(engine: Engine) -> None:
    with pytest.raises(UnsafeQuery, match="rows of single patients"):
        asked(engine, "SELECT sex FROM patient")


@pytest.mark.parametrize("call", ["RunCohort", "ExplainMembership", "GetTimeline", "Predict", "Explain"])
def test_calls_about_single_patients_are_not_allowed(call: str, engine: Engine) -> None:
    cohorts, timelines, risks = CohortServicer(engine), TimelineServicer(engine), RiskServicer(engine)
    task = "in_hospital_mortality"
    calls = {
        "RunCohort": lambda: all_of(cohorts.RunCohort(cohort_pb2.RunCohortRequest(task_name=task), Caller())),
        "ExplainMembership": lambda: cohorts.ExplainMembership(
            cohort_pb2.ExplainMembershipRequest(task_name=task, subject="7"), Caller()
        ),
        "GetTimeline": lambda: all_of(timelines.GetTimeline(timeline_pb2.GetTimelineRequest(subject="7"), Caller())),
        "Predict": lambda: risks.Predict(risk_pb2.PredictRequest(model="any", subject="7"), Caller()),
        "Explain": lambda: risks.Explain(risk_pb2.ExplainRequest(model="any", subject="7"), Caller()),
    }
    with pytest.raises(NotAllowed, match="role aggregate is not given"):
        asyncio.run(calls[call]())


def test_questions_in_english_are_answered_by_the_same_rules(engine: Engine) -> None:
    servicer = CohortServicer(engine)

    def answer(question: str) -> cohort_pb2.AskResponse:
        request = cohort_pb2.AskRequest(question=question, format=table_pb2.TABLE_FORMAT_JSON)
        return asyncio.run(servicer.Ask(request, Caller()))

    many = answer("how many patients have heart failure?")
    assert json.loads(many.table.data) == {"patients": 60}
    few = answer("how many patients over 85 have diabetes?")
    assert json.loads(few.table.data) == {"patients": None}
    assert len(few.notes) == 1
    with pytest.raises(UnsafeQuery, match="rows of single patients"):
        answer("list patients with heart failure")


@pytest.fixture
def own(path: Path, tmp_path: Path) -> str:
    """Return the path of a copy, which a command can open."""
    shutil.copytree(path, tmp_path / "store")
    return str(tmp_path / "store")


def test_the_command_line_says_that_something_is_hidden(own: str, capsys: pytest.CaptureFixture[str]) -> None:
    query = "SELECT count(*) AS n FROM patient WHERE sex = 'other'"
    assert main(["sql", query, "--role", "aggregate", "--format", "json", "--store", own]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == [{"n": None}]
    assert "fewer than 11 patients are hidden" in " ".join(printed.err.split())


def test_a_number_of_too_few_is_not_told_as_none(own: str, capsys: pytest.CaptureFixture[str]) -> None:
    question = "how many patients over 85 have diabetes?"
    assert main(["ask", question, "--role", "aggregate", "--store", own, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["answer"].startswith("too few patients to be told")
