"""Follow-ups over gRPC: a session is its caller's alone, and a language model may read the questions of a service."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from api.callers import caller_of
from api.client import Client
from tests.api.conftest import running_service
from tests.sql.text.clinic import build_clinic
from tests.sql.text.endpoint.chat_server import answered, chat_server

QUESTION = "how many patients have heart failure?"


@pytest.fixture(scope="module")
def clinic_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clinic") / "store"
    build_clinic(path)
    return path


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give an authority, and certificates of the service and of two callers."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificates of this test and is not installed")
    folder = tmp_path_factory.mktemp("tls")

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=authority")
    (folder / "names.ext").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    for name in ("service", "ann", "bob"):
        openssl("req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        extra = ("-extfile", "names.ext") if name == "service" else ()
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", *extra)
        openssl("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", *signed)
    return folder


@pytest.fixture(scope="module")
def guarded_service(clinic_store: Path, certificates: Path) -> Iterator[str]:
    """Give the address of a service that asks callers for a certificate."""
    own = ("--tls-cert", str(certificates / "service.pem"), "--tls-key", str(certificates / "service.key"))
    with running_service(clinic_store, *own, "--tls-client-ca", str(certificates / "ca.pem")) as address:
        yield address


def client_as(name: str, address: str, folder: Path) -> Client:
    ca, key, own = (folder / part for part in ("ca.pem", f"{name}.key", f"{name}.pem"))
    return Client(address, grpc.ssl_channel_credentials(ca.read_bytes(), key.read_bytes(), own.read_bytes()))


def test_follow_ups_refine_the_question_before_and_say_how_they_were_read(
    guarded_service: str, certificates: Path
) -> None:
    with client_as("ann", guarded_service, certificates) as ann:
        first = ann.ask(QUESTION)
        women = ann.ask("and only women?", first.session)
        men = ann.ask("what about men?", first.session)
        refused = ann.ask("only purple ones", first.session)
        listed = ann.ask("list them", first.session)
    assert first.read_by == "grammar"
    assert len(first.session) >= 24
    assert women.session == men.session == refused.session == first.session
    assert women.reading.endswith("and who are female.")
    assert men.reading.endswith("and who are male.")
    assert refused.HasField("abstention")
    assert listed.table.rows == 2


def test_the_session_of_another_caller_is_told_like_none_at_all(guarded_service: str, certificates: Path) -> None:
    with client_as("ann", guarded_service, certificates) as ann:
        session = ann.ask(QUESTION).session
    with client_as("bob", guarded_service, certificates) as bob:
        details = []
        for name in (session, "x" * len(session)):
            with pytest.raises(grpc.RpcError) as caught:
                bob.ask("show me the patients", name)
            assert caught.value.code() == grpc.StatusCode.NOT_FOUND
            details.append(caught.value.details().replace(name, ""))
        assert details[0] == details[1]
    with client_as("ann", guarded_service, certificates) as ann:
        assert ann.ask("and only women?", session).reading


def test_without_a_certificate_nothing_is_answered(guarded_service: str, certificates: Path) -> None:
    credentials = grpc.ssl_channel_credentials((certificates / "ca.pem").read_bytes())
    with Client(guarded_service, credentials) as stranger, pytest.raises(grpc.RpcError) as caught:
        stranger.ask(QUESTION)
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE


def test_a_service_reads_questions_with_the_model_that_it_is_given(clinic_store: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(clinic_store, store)
    with chat_server() as chat:
        chat.will(
            answered(
                {
                    "type": "Query",
                    "population": {"type": "Patients"},
                    "asks": [{"type": "Count"}],
                    "where": {"type": "Event", "concept": "condition_1"},
                }
            )
        )
        flags = ("--endpoint-url", chat.url, "--endpoint-model", "small")
        with running_service(store, *flags) as address, Client(address) as client:
            answer = client.ask("headcount for heart failure")
            assert answer.read_by.startswith("small at 127.0.0.1")
            assert client.ask("and only women?", answer.session).reading.count("female") == 1
    assert len(chat.requests) == 1


class Call:
    """A call as far as it tells who is calling."""

    def __init__(self, peer: str, *identities: bytes) -> None:
        self._peer, self._identities = peer, identities

    def peer(self) -> str:
        return self._peer

    def peer_identities(self) -> tuple[bytes, ...] | None:
        return self._identities or None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Call("ipv4:10.0.0.7:40122"), Call("ipv4:10.0.0.7:40555"), True),
        (Call("ipv4:10.0.0.7:40122"), Call("ipv4:10.0.0.8:40122"), False),
        (Call("ipv6:%5B::1%5D:1"), Call("ipv6:[::1]:2"), True),
        (Call("ipv4:10.0.0.7:1", b"ann"), Call("ipv4:10.0.0.9:2", b"ann"), True),
        (Call("ipv4:10.0.0.7:1", b"ann"), Call("ipv4:10.0.0.7:1", b"bob"), False),
        (Call("unix:"), Call("unix:"), True),
    ],
)
def test_a_caller_is_known_by_certificate_or_by_address(one: Call, other: Call, same: bool) -> None:
    assert (caller_of(one) == caller_of(other)) == same
