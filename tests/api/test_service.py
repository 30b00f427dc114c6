"""The service over a real socket, called from another process than its own."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from anamnesis.v1 import cohort_pb2, risk_pb2, table_pb2, timeline_pb2
from api.client import Client
from api.story import MODEL, TASK
from tests.api.conftest import Told, ehr, running_service
from tests.conftest import REPOSITORY

PATIENT = {"resourceType": "Patient", "id": "newcomer", "gender": "female", "birthDate": "1950-02-03"}
GLUCOSE = {
    "resourceType": "Observation",
    "id": "glucose-1",
    "status": "final",
    "category": [{"coding": [{"code": "laboratory"}]}],
    "code": {"coding": [{"system": "http://loinc.org", "code": "2345-7", "display": "Glucose"}]},
    "subject": {"reference": "Patient/newcomer"},
    "effectiveDateTime": "2021-05-01T08:00:00Z",
    "valueQuantity": {"value": 5.5, "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"},
}


def some_subject(client: Client) -> str:
    return str(client.query("SELECT min(subject_id) AS s FROM encounter").table["s"][0])


def test_a_question_is_answered_with_its_reading(service: str) -> None:
    with Client(service) as client:
        answer = client.ask("How many patients are there?")
        counted = client.query("SELECT count(*) AS n FROM patient").table["n"][0].as_py()
    assert "patients" in answer.reading
    assert answer.sql.startswith("SELECT")
    with Client(service) as client:
        assert str(counted) in str(client.query(answer.sql).table.to_pylist())


def test_a_request_for_advice_is_an_abstention_and_no_error(service: str) -> None:
    with Client(service) as client:
        answer = client.ask("Which antibiotic would you recommend?")
    assert answer.abstention.reason == cohort_pb2.ABSTENTION_REASON_UNANSWERABLE
    assert answer.abstention.message
    assert not answer.HasField("table")


def test_rows_come_as_arrow_and_as_json_alike(service: str) -> None:
    sql = "SELECT class, count(*) AS n FROM encounter GROUP BY class ORDER BY class"
    with Client(service) as client:
        arrow = client.query(sql)
        request = cohort_pb2.QueryRequest(sql=sql, format=table_pb2.TABLE_FORMAT_JSON)
        parts = list(client.cohorts.Query(request))
    lines = b"".join(part.chunk.data for part in parts).decode().splitlines()
    assert [json.loads(line) for line in lines] == arrow.table.to_pylist()
    assert arrow.summary.rows == arrow.table.num_rows == parts[-1].summary.rows


def test_many_rows_come_in_pieces_up_to_the_limit_asked_for(service: str) -> None:
    with Client(service) as client:
        request = cohort_pb2.QueryRequest(sql="SELECT subject_id, code FROM event", max_rows=40_000)
        parts = list(client.cohorts.Query(request))
    sizes = [part.chunk.rows for part in parts if part.HasField("chunk")]
    assert len(sizes) > 2
    assert sum(sizes) == parts[-1].summary.rows == 40_000
    assert parts[-1].summary.truncated


def test_a_cohort_comes_with_its_attrition(service: str) -> None:
    with Client(service) as client:
        cohort = client.run_cohort(TASK)
    steps = cohort.summary.attrition
    assert cohort.summary.rows == cohort.table.num_rows == steps[-1].rows_after
    assert [step.rows_after for step in steps[:-1]] == [step.rows_before for step in steps[1:]]
    assert cohort.summary.positive == sum(cohort.table["boolean_value"].to_pylist())


def test_an_ingested_patient_is_visible_to_the_next_call(service: str) -> None:
    orphan = {**GLUCOSE, "id": "orphan", "subject": {"reference": "Patient/nobody"}}
    with Client(service) as client:
        response = client.ingest(map(json.dumps, (PATIENT, GLUCOSE, orphan)))
        first = client.timeline("newcomer")[0]
        values = client.query("SELECT value FROM observation WHERE code LIKE '%2345-7%' AND value = 5.5")
    assert (response.received, response.accepted, response.rejected) == (3, 2, 1)
    assert response.rejections[0].resource == "Observation/orphan"
    assert first.subject.sex == "female"
    assert [round(event.value, 3) for event in first.events if "2345-7" in event.code] == [5.5]
    assert values.table.num_rows == 1


def test_the_same_resources_sent_again_change_nothing(service: str) -> None:
    with Client(service) as client:
        client.ingest(map(json.dumps, (PATIENT, GLUCOSE)))
        before = client.query("SELECT count(*) AS n FROM event").table.to_pylist()
        client.ingest(map(json.dumps, (PATIENT, GLUCOSE)))
        assert client.query("SELECT count(*) AS n FROM event").table.to_pylist() == before


def test_a_risk_comes_with_interval_model_and_hashes(service: str) -> None:
    with Client(service) as client:
        response = client.predict(MODEL, TASK, some_subject(client))
        models = client.models()
    assert [model.name for model in models] == [MODEL]
    assert response.model.vocabulary_hash == models[0].vocabulary_hash
    (estimate,) = response.estimates
    assert estimate.abstention or 0 <= estimate.low <= estimate.risk <= estimate.high <= 1
    assert estimate.interval_meaning


def test_an_explanation_names_records_and_what_if(service: str) -> None:
    with Client(service) as client:
        subject = some_subject(client)
        found = client.explain(MODEL, TASK, subject, max_records=3)
        (estimate,) = found.prediction.estimates
        if estimate.abstention:
            assert not found.records
            return
        event = found.records[0].event_id
        request = risk_pb2.ExplainRequest(model=MODEL, task_name=TASK, subject=subject, without_events=[event])
        without = client.risks.Explain(request).what_if
        with pytest.raises(grpc.RpcError, match="max_records"):
            client.explain(MODEL, TASK, subject, max_records=10**6)
    assert len(found.records) == 3
    assert found.records[0].record.code
    assert found.records[0].change.risk == pytest.approx(estimate.risk, abs=1e-6)
    assert list(without.event_ids) == [event]
    assert without.after.risk == pytest.approx(found.records[0].change.risk_without, abs=1e-6)
    assert without.after.low <= without.after.risk <= without.after.high
    assert "instead of" in without.text
    assert not found.HasField("what_if")


@pytest.mark.parametrize(
    ("call", "code", "reason"),
    [
        (lambda c: c.query("DROP TABLE event"), grpc.StatusCode.PERMISSION_DENIED, "UnsafeQuery"),
        (lambda c: c.query("SELECT * FROM source"), grpc.StatusCode.PERMISSION_DENIED, "UnsafeQuery"),
        (lambda c: c.timeline("nobody-at-all"), grpc.StatusCode.NOT_FOUND, "UnknownSubject"),
        (lambda c: c.run_cohort("../../etc/passwd"), grpc.StatusCode.INVALID_ARGUMENT, "TaskError"),
        (lambda c: c.predict("no-such-model", TASK, "1"), grpc.StatusCode.NOT_FOUND, "UnknownModel"),
        (
            lambda c: c.predict(MODEL, "readmission_30d", some_subject(c)),
            grpc.StatusCode.FAILED_PRECONDITION,
            "ModelError",
        ),
    ],
)
def test_errors_are_status_codes_with_a_sentence_and_a_reason(
    service: str, call: object, code: grpc.StatusCode, reason: str
) -> None:
    with Client(service) as client, pytest.raises(grpc.RpcError) as caught:
        call(client)  # type: ignore[operator]
    assert caught.value.code() == code
    assert caught.value.details()
    details = error_details_pb2.ErrorInfo()
    assert rpc_status.from_call(caught.value).details[0].Unpack(details)
    assert (details.domain, details.reason) == ("anamnesis", reason)


def test_a_refused_query_tells_programs_why_and_where(service: str) -> None:
    with Client(service) as client, pytest.raises(grpc.RpcError) as caught:
        client.query("SELECT 1,\n sx FROM patient")
    info, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    first, second = rpc_status.from_call(caught.value).details
    assert first.Unpack(info)
    assert second.Unpack(request)
    assert dict(info.metadata) == {"code": "UNKNOWN_COLUMN", "line": "2", "column": "2", "allowed": "sex"}
    assert request.field_violations[0].reason == "UNKNOWN_COLUMN"
    assert request.field_violations[0].description == caught.value.details()


def test_a_query_that_takes_too_long_is_stopped(service: str) -> None:
    sql = "SELECT count(*) FROM event a, event b, event c WHERE a.numeric_value < b.numeric_value + c.numeric_value"
    request = cohort_pb2.QueryRequest(sql=sql, timeout=Duration(nanos=300_000_000))
    with Client(service) as client, pytest.raises(grpc.RpcError) as caught:
        list(client.cohorts.Query(request))
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED


def test_an_unset_task_and_too_many_futures_are_refused(service: str) -> None:
    with Client(service) as client:
        with pytest.raises(grpc.RpcError, match="names no task"):
            list(client.cohorts.RunCohort(cohort_pb2.RunCohortRequest()))
        with pytest.raises(grpc.RpcError, match="futures"):
            client.risks.Predict(risk_pb2.PredictRequest(model=MODEL, task_name=TASK, subject="1", futures=10**6))


def test_a_caller_learns_why_a_patient_is_in_a_cohort(service: str) -> None:
    with Client(service) as client:
        request = cohort_pb2.RunCohortRequest(task_name=TASK, format=table_pb2.TABLE_FORMAT_JSON, count_events=True)
        *chunks, last = client.cohorts.RunCohort(request)
        rows = [json.loads(line) for part in chunks for line in part.chunk.data.splitlines()]
        subject = rows[0]["subject_id"]
        found = client.cohorts.ExplainMembership(
            cohort_pb2.ExplainMembershipRequest(task_name=TASK, subject=str(subject))
        )
        with pytest.raises(grpc.RpcError, match="has no patient 'nobody'"):
            client.cohorts.ExplainMembership(cohort_pb2.ExplainMembershipRequest(task_name=TASK, subject="nobody"))
    steps = last.summary.attrition
    assert steps[0].events_before > steps[0].events_after > 0
    assert (found.subject_id, found.is_in) == (subject, True)
    inside = [fate for fate in found.fates if fate.is_in]
    assert len(inside) == sum(row["subject_id"] == subject for row in rows)
    assert [bool(fate.label) for fate in inside] == [
        row["boolean_value"] for row in rows if row["subject_id"] == subject
    ]
    assert {verdict.outcome for verdict in inside[0].verdicts} == {cohort_pb2.RULE_OUTCOME_MET}
    assert inside[0].verdicts[-1].evidence[0].code


def test_the_timeline_can_be_filtered(service: str) -> None:
    with Client(service) as client:
        request = timeline_pb2.GetTimelineRequest(subject=some_subject(client), kinds=["encounter"], max_events=5)
        (message,) = client.timelines.GetTimeline(request)
    assert {event.kind for event in message.events} == {"encounter"}
    assert len(message.events) == min(5, message.total)


def test_the_service_says_that_it_is_healthy(service: str) -> None:
    with grpc.insecure_channel(service) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for name in ("", "anamnesis.v1.CohortService"):
            assert (
                stub.Check(health_pb2.HealthCheckRequest(service=name)).status
                == health_pb2.HealthCheckResponse.SERVING
            )


@pytest.mark.parametrize(
    ("script", "words", "expected"),
    [
        ("client.py", (), "PERMISSION_DENIED"),
        ("generic_client.py", (), "anamnesis.v1.RiskService/Predict"),
        (
            "generic_client.py",
            ("anamnesis.v1.CohortService/Ask", '{"question": "How many patients are there?"}'),
            "reading",
        ),
    ],
)
def test_the_examples_work(service: str, script: str, words: tuple[str, ...], expected: str) -> None:
    command = [sys.executable, str(REPOSITORY / "examples" / script), service, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert expected in done.stdout


def test_a_held_store_and_a_port_in_use_are_one_sentence(told: Told, tmp_path: Path) -> None:
    with running_service(told.store) as address:
        held = ehr("--store", str(told.store), "stats")
    assert held.returncode == 1
    assert "is held by process" in held.stderr
    assert address.startswith("127.0.0.1:")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        busy = ehr("--store", str(told.store), "serve", "--port", str(taken.getsockname()[1]))
    assert busy.returncode == 1
    assert "may be in use" in busy.stderr
    assert ehr("--store", str(told.store), "serve", "--port", "99999").returncode == 2
    assert "boss" in ehr("--store", str(told.store), "serve", "--role", "boss").stderr
    assert "Traceback" not in busy.stderr
