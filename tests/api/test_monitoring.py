"""Following a risk over the service."""

import grpc
import pytest

from anamnesis.v1 import risk_pb2
from api.client import Client
from api.story import MODEL, TASK
from tests.api.test_service import some_subject


def test_a_risk_is_followed_over_the_service(service: str) -> None:
    with Client(service) as client:
        request = risk_pb2.MonitorRequest(model=MODEL, task_name=TASK, subject=some_subject(client), every="12h")
        first, *others = client.risks.Monitor(request)
    assert first.stay
    assert first.model.name == MODEL
    assert first.estimate.method == "supervised"
    times = [point.time.ToDatetime() for point in (first, *others)]
    assert times == sorted(set(times))
    assert all(not point.HasField("model") for point in others)
    assert all(point.estimate.HasField("risk") != bool(point.estimate.abstention) for point in (first, *others))


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"stay": "0"}, grpc.StatusCode.NOT_FOUND),
        ({"every": "often"}, grpc.StatusCode.FAILED_PRECONDITION),
        ({"futures": 10**6}, grpc.StatusCode.FAILED_PRECONDITION),
    ],
)
def test_what_cannot_be_followed_is_refused(service: str, asked: dict[str, object], code: grpc.StatusCode) -> None:
    with Client(service) as client:
        subject = some_subject(client)
        request = risk_pb2.MonitorRequest(model=MODEL, task_name=TASK, subject=subject, **asked)
        with pytest.raises(grpc.RpcError) as caught:
            list(client.risks.Monitor(request))
    assert caught.value.code() == code
