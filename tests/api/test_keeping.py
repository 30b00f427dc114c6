"""Deleting and compacting as an operator and as a clinical system do."""

import json
from pathlib import Path

import grpc
import pytest

from api.client import Client
from tests.api.conftest import ehr, running_service
from tests.api.test_service import GLUCOSE, PATIENT


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Return a store of one patient with one result."""
    source = tmp_path / "records.ndjson"
    source.write_text("\n".join(map(json.dumps, (PATIENT, GLUCOSE))))
    done = ehr("import", "fhir", str(source), "--store", str(tmp_path / "store"))
    assert done.returncode == 0, done.stderr
    return tmp_path / "store"


def test_a_deletion_needs_a_yes(store: Path) -> None:
    refused = ehr("delete", "--subject", "newcomer", "--store", str(store))
    assert refused.returncode == 1
    assert "--yes" in refused.stderr
    assert json.loads(ehr("stats", "--json", "--store", str(store)).stdout)["subjects"] == 1


def test_a_deleted_patient_is_gone_until_the_deletion_is_lifted(store: Path, tmp_path: Path) -> None:
    deleted = json.loads(ehr("delete", "--subject", "newcomer", "--yes", "--json", "--store", str(store)).stdout)
    assert deleted["events"] >= 2
    later = tmp_path / "later.ndjson"
    later.write_text("\n".join(map(json.dumps, (PATIENT, {**GLUCOSE, "id": "later"}))))
    refused = json.loads(ehr("import", "fhir", str(later), "--json", "--store", str(store)).stdout)
    assert (refused["totals"]["accepted"], refused["totals"]["rejected"]) == (0, 2)
    assert ehr("timeline", "newcomer", "--store", str(store)).returncode == 1
    assert ehr("delete", "--lift", "--subject", "newcomer", "--store", str(store)).returncode == 0
    taken = json.loads(ehr("import", "fhir", str(later), "--json", "--store", str(store)).stdout)
    assert taken["totals"]["accepted"] == 2


def test_compacting_says_what_it_did(store: Path) -> None:
    compacted = json.loads(ehr("compact", "--json", "--store", str(store)).stdout)
    assert compacted["before"] > 0 < compacted["after"]
    assert json.loads(ehr("stats", "--json", "--store", str(store)).stdout)["subjects"] == 1


def test_the_service_deletes_for_admins_only(store: Path) -> None:
    with running_service(store) as address, Client(address) as client:
        with pytest.raises(grpc.RpcError) as refused:
            client.delete("newcomer")
        assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED
        assert client.timeline("newcomer")
    with running_service(store, "--role", "admin") as address, Client(address) as client:
        assert client.delete("newcomer").events >= 2
        again = client.ingest(map(json.dumps, (PATIENT, {**GLUCOSE, "id": "later"})))
        assert (again.accepted, again.rejected) == (0, 2)
        assert {rejection.code for rejection in again.rejections} == {"deleted-subject"}
