"""Limits, estimates and refusals as data: on the command line and over gRPC."""

import argparse
import json
from pathlib import Path

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from api.cli import main
from api.errors import _details, status_code
from api.memory import size
from api.problems import problem
from ehr.errors import QueryFailed, QueryMemory, QueryTimeout, StoreError, UnsafeQuery
from tests.api.conftest import ehr
from tests.sql.ward import build_ward

ROWS = "SELECT code, count(*) AS n FROM event GROUP BY code ORDER BY code"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("limits") / "store"
    build_ward(path)
    return str(path)


def test_a_refusal_is_a_document_with_json(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sql", "SELECT 1,\n  sx FROM patient", "--store", store, "--json"]) == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {
        "error": {
            "code": "UNKNOWN_COLUMN",
            "message": "the query knows no column 'sx' (line 2, column 3); did you mean 'sex'?",
            "line": 2,
            "column": 3,
            "allowed": ["sex"],
        }
    }
    assert captured.err.startswith("ehr: the query knows no column 'sx'")


def test_a_failure_is_a_document_too(store: str) -> None:
    endless = "SELECT count(*) FROM range(10000000) a, range(10000000) b"
    for query, options, code in (
        ("SELECT sum(sex) FROM patient", [], "QUERY_FAILED"),
        (endless, ["--timeout", "0.1"], "TIME_LIMIT"),
        ("SELECT len(list(range)) FROM range(300000000)", ["--memory", "100MB"], "MEMORY_LIMIT"),
    ):
        # In a process of its own: a bound of memory is one of the whole process, whatever it held before.
        done = ehr("sql", query, "--store", store, "--json", *options)
        assert done.returncode == 1
        assert json.loads(done.stdout)["error"]["code"] == code


def test_a_result_is_cut_to_its_bytes_with_a_remark(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sql", ROWS, "--store", store, "--format", "csv", "--max-bytes", "100"]) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert 2 <= len(lines) < 6
    assert "raise --max-bytes" in captured.err
    assert main(["sql", ROWS, "--store", store, "--format", "csv", "--limit", "2"]) == 0
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 3
    assert "raise --limit" in captured.err


def test_an_estimate_is_shown_to_people_and_given_to_programs(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sql", "--estimate", ROWS, "--store", store]) == 0
    shown = capsys.readouterr().out
    for word in ("Light:", "event", "HASH_GROUP_BY", "rows of it", "result: about"):
        assert word in shown
    assert main(["sql", "--estimate", ROWS, "--store", store, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["weight"] == "LIGHT"
    assert [scan["table"] for scan in found["scans"]] == ["event"]
    assert main(["sql", "--estimate", "SELECT * FROM source", "--store", store]) == 1
    assert "may not read 'source'" in capsys.readouterr().err


def test_what_was_asked_for_an_estimate_is_in_the_audit_log(store: str) -> None:
    assert main(["sql", "--estimate", "SELECT 42 AS answer", "--store", store]) == 0
    last = json.loads((Path(store) / "audit.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    assert (last["action"], last["query"], last["outcome"]) == ("sql estimate", "SELECT 42 AS answer", "answered")


@pytest.mark.parametrize(
    ("text", "number"),
    [("1", 1), ("512MB", 512 * 2**20), ("4GB", 2**32), ("1.5 GiB", 3 * 2**29), ("10k", 10240), ("2tb", 2**41)],
)
def test_sizes_are_read(text: str, number: int) -> None:
    assert size(text) == number


@pytest.mark.parametrize("text", ["", "GB", "-1", "0", "0.1", "4 apples", "1e9", "4GBB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is no size"):
        size(text)


def test_the_details_of_a_call_hold_the_refusal() -> None:
    error = UnsafeQuery("no column 'sx'", code="UNKNOWN_COLUMN", line=2, column=3, allowed=("sex", "sexes"))
    info, request = _details(error)
    assert isinstance(info, error_details_pb2.ErrorInfo)
    assert (info.reason, info.domain) == ("UnsafeQuery", "anamnesis")
    assert dict(info.metadata) == {
        "code": "UNKNOWN_COLUMN",
        "line": "2",
        "column": "3",
        "allowed": "sex, sexes",
    }
    assert isinstance(request, error_details_pb2.BadRequest)
    (violation,) = request.field_violations
    assert (violation.field, violation.reason, violation.description) == ("sql", "UNKNOWN_COLUMN", "no column 'sx'")
    packed = status_pb2.Status()
    packed.details.add().Pack(request)
    assert packed.details[0].Is(error_details_pb2.BadRequest.DESCRIPTOR)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (UnsafeQuery("not that"), grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED"),
        (QueryMemory("too much"), grpc.StatusCode.RESOURCE_EXHAUSTED, "MEMORY_LIMIT"),
        (QueryTimeout("too long"), grpc.StatusCode.DEADLINE_EXCEEDED, "TIME_LIMIT"),
        (QueryFailed("wrong"), grpc.StatusCode.INVALID_ARGUMENT, "QUERY_FAILED"),
        (StoreError("none"), grpc.StatusCode.FAILED_PRECONDITION, "STORE_ERROR"),
    ],
)
def test_every_error_has_a_status_and_a_code(error: Exception, status: grpc.StatusCode, code: str) -> None:
    assert status_code(error) == status  # type: ignore[arg-type]
    assert problem(error)["error"]["code"] == code  # type: ignore[arg-type]
