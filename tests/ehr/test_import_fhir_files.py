"""Files of FHIR: every form of Bundle, bulk exports with manifests, streams of lines, and what breaks."""

import gzip
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ehr.importers import ImportOptions, fhir_files
from ehr.importers.fhir import import_fhir
from ehr.importers.fhir_files import read_file
from ehr.importers.fhir_json import AROUND, parse
from ehr.importers.fhir_manifest import manifest_at
from ehr.importers.fhir_read import read_items
from ehr.importers.fhir_values import Refused
from ehr.store import Store, create_store, opened
from tests.conftest import REPOSITORY
from tests.ehr import fhir_made as made

Json = dict[str, Any]


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with opened(create_store(tmp_path / "store")) as store:
        yield store


def rows(store: Store, query: str) -> list[tuple[Any, ...]]:
    return store.cursor().execute(query).fetchall()


@pytest.mark.parametrize(
    "kind", ["transaction", "batch", "collection", "searchset", "document", "history", "message", None]
)
def test_every_type_of_bundle_gives_its_records(store: Store, tmp_path: Path, kind: str | None) -> None:
    head = {"document": "Composition", "message": "MessageHeader"}.get(kind or "")
    first = [{"resourceType": head, "id": "h"}] if head else []
    bundle = made.bundle(*first, *made.one_of_each(), type=kind)
    report = import_fhir(store, made.write_document(tmp_path / "b.json", bundle), ImportOptions())
    (file,) = report.files
    assert (file.accepted, file.rejected, file.skipped) == (10, 0, len(first))


def test_answers_of_a_server_are_no_records(store: Store, tmp_path: Path) -> None:
    entries = [
        {"response": {"status": "201 Created", "location": "Patient/p1/_history/1"}},
        {"response": {"status": "200", "etag": 'W/"4"'}, "resource": made.patient()},
        {"request": {"method": "GET", "url": "Observation?code=x"}},
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction-response", "entry": entries}
    (file,) = import_fhir(store, made.write_document(tmp_path / "b.json", bundle), ImportOptions()).files
    assert (file.accepted, file.rejected, file.skipped) == (1, 0, 2)
    assert rows(store, "SELECT version_id FROM record") == [("4",)]


# Bulk exports ----------------------------------------------------------------------------------------------------


def export(folder: Path, **changes: Any) -> Path:
    """Write a bulk export: output, deleted and error files, and their manifest."""
    folder.mkdir()
    made.write_lines(folder / "out-1", made.patient(), made.observation())
    (folder / "out-2.gz").write_bytes(gzip.compress(orjson.dumps(made.observation(id="o2"))))
    gone = {"request": {"method": "DELETE", "url": "Observation/o1"}}
    made.write_lines(folder / "gone.ndjson", {"resourceType": "Bundle", "type": "transaction", "entry": [gone]})
    issue = {"severity": "error", "code": "not-found", "diagnostics": "Jane Doe is not there"}
    made.write_lines(folder / "errors.ndjson", *[{"resourceType": "OperationOutcome", "issue": [issue]}] * 2)
    manifest = {
        "transactionTime": "2024-03-01T00:00:00Z",
        "request": "https://h.example.org/$export",
        "requiresAccessToken": False,
        "output": [
            {"type": "Patient", "url": "https://h.example.org/files/out-1?token=x"},
            {"type": "Observation", "url": "https://h.example.org/files/out-2"},
        ],
        "deleted": [{"type": "Bundle", "url": "https://h.example.org/files/gone.ndjson"}],
        "error": [{"type": "OperationOutcome", "url": "https://h.example.org/files/errors.ndjson"}],
        **changes,
    }
    return made.write_document(folder / "manifest.json", manifest)


@pytest.mark.parametrize("whole_folder", [False, True])
def test_a_manifest_brings_the_files_that_lie_beside_it(store: Store, tmp_path: Path, whole_folder: bool) -> None:
    manifest = export(tmp_path / "in")
    report = import_fhir(store, manifest.parent if whole_folder else manifest, ImportOptions())
    assert {file.file: file.status for file in report.files} == {
        "out-1": "imported",
        "out-2.gz": "imported",
        "gone.ndjson": "imported",
        "errors.ndjson": "imported",
        "manifest.json": "skipped",
    }
    assert rows(store, "SELECT DISTINCT record_id FROM event WHERE record_id LIKE 'Obs%'") == [("Observation/o2",)]
    assert rows(store, "SELECT deleted_at::VARCHAR FROM record WHERE record_id = 'Observation/o1'") == [
        ("2024-03-01 00:00:00",)
    ]
    told = rows(store, "SELECT code, reason, excerpt FROM notice WHERE code = 'incomplete'")
    assert told == [("incomplete", "the source reports: error, not-found", None)] * 2


def test_a_manifest_says_what_is_missing_and_what_follows(store: Store, tmp_path: Path) -> None:
    urls = ["https://h.example.org/elsewhere.ndjson", "../../secret.ndjson", "%2e%2e%2fsecret.ndjson", "/", "..", 7]
    manifest = export(
        tmp_path / "in", deleted=[{"url": url} for url in urls], link=[{"relation": "next", "url": "https://x/2"}]
    )
    (tmp_path / "secret.ndjson").write_bytes(orjson.dumps(made.patient(id="secret")))
    import_fhir(store, manifest, ImportOptions())
    assert [
        reason for (reason,) in rows(store, "SELECT reason FROM notice WHERE reason LIKE 'the bulk export is%'")
    ] == [
        "the bulk export is incomplete: 5 of 8 files that its manifest names are not beside it",
        "the bulk export is incomplete: its manifest links to a next one, which is not followed",
    ]
    assert rows(store, "SELECT count(*) FROM subject") == [(1,)]


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"transactionTime": 1, "output": [1, {"url": 2}], "link": 3}', '{"a": 1}']
)
def test_a_file_that_is_no_manifest_is_left_to_the_import(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    found = manifest_at(path)
    assert found is None or found.present == ()


# Streams ---------------------------------------------------------------------------------------------------------


@given(
    lines=st.lists(
        st.sampled_from([b"", b"  ", b'{"resourceType":"Patient","id":"p1"}', b"{", b"[1]", b"\xff"]), max_size=9
    ),
    end=st.sampled_from([b"\n", b"\r\n"]),
    packed=st.booleans(),
)
def test_a_stream_gives_the_lines_that_a_whole_file_gives(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], end: bytes, packed: bool
) -> None:
    data = end.join(lines)
    path = tmp_path_factory.mktemp("stream") / ("x.ndjson.gz" if packed else "x.ndjson")
    path.write_bytes(gzip.compress(data) if packed else data)
    whole = read_file(path)
    assert whole.content == data
    streamed = whole._replace(content=None, sha256=None)
    one, other = (
        [(item.line, item.raw, str(item.fault)) for item in read_items(found, [])] for found in (whole, streamed)
    )
    assert one == other
    assert len(one) == sum(1 for line in lines if line.strip())


def test_large_files_are_not_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Store) -> None:
    monkeypatch.setattr(fhir_files, "READ_WHOLE", 100)
    path = made.write_lines(tmp_path / "x.ndjson", *made.one_of_each())
    found = read_file(path)
    assert (found.content, found.sha256) == (None, None)
    assert import_fhir(store, path, ImportOptions()).files[0].accepted == 10
    assert import_fhir(store, path, ImportOptions()).unchanged == ("x.ndjson",)


PEAK = """
import resource, sys, tempfile
from pathlib import Path
from ehr.importers import ImportOptions
from ehr.importers.fhir import import_fhir
from ehr.store import create_store
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with tempfile.TemporaryDirectory() as folder:
    store = create_store(Path(folder) / "store", memory="256MB")
    report = import_fhir(store, Path(sys.argv[1]), ImportOptions(batch_bytes=4 << 20))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, report.files[0].rows_in)
"""


def peak_of(path: Path) -> tuple[int, int]:
    """Return by how many KiB an import in a process of its own grows, and the resources read."""
    command = [sys.executable, "-c", PEAK, str(path)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=300, check=True)
    grown, count = done.stdout.split()
    return int(grown), int(count)


def test_the_memory_of_an_import_does_not_grow_with_its_lines(tmp_path: Path) -> None:
    """A gzip file of 160 MB of lines, of types that are not imported and of records, within 100 MB."""
    other = orjson.dumps({"resourceType": "Basic", "id": "x", "note": "x" * 16_000})
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=1) as packed:
        packed.write(orjson.dumps(made.patient()) + b"\n")
        for number in range(10_000):
            packed.write(other + b"\n")
            if number % 10 == 0:
                packed.write(orjson.dumps(made.observation(id=f"o{number}")) + b"\n")
    path = tmp_path / "x.ndjson.gz"
    path.write_bytes(buffer.getvalue())
    grown, count = peak_of(path)
    assert count == 11_001
    assert grown < 100_000


# What breaks -----------------------------------------------------------------------------------------------------


@given(
    before=st.integers(0, 200), after=st.integers(0, 200), fault=st.sampled_from(["NaN", "\x00", "'", "tru", "\\"])
)
def test_of_broken_json_only_what_stands_around_the_fault_is_kept(before: int, after: int, fault: str) -> None:
    text = f'{{"a": "{"n" * before}", "b": {fault}, "c": "{"n" * after}"}}'
    with pytest.raises(Refused) as refused:
        parse(text.encode())
    assert len(refused.value.excerpt or "") <= 2 * AROUND


def test_rejects_tell_their_kind_and_no_more_than_finds_the_record(store: Store, tmp_path: Path) -> None:
    secret = {"name": [{"family": "Secret"}], "birthDate": "1960-04-02"}
    lines = [
        orjson.dumps({"resourceType": "Patient", **secret}),
        b'{"resourceType":"Patient","id":"p2","name":[{"family":"Secret"}],"active":tru}',
        b'{"resourceType":"Patient","id":"p3","id":"p4","name":[{"family":"Secret"}]}',
        orjson.dumps({"resourceType": "Patiant", "id": "p5", **secret}),
        orjson.dumps(secret),
        orjson.dumps([secret]),
        orjson.dumps(made.observation(id="o1", subject={"reference": "Patient/p9"}, note=[{"text": "Secret"}])),
        orjson.dumps(made.observation(id="a b", note=[{"text": "Secret"}])),
        b'{"resourceType":"Patient","id":"\xff","name":[{"family":"Secret"}]}',
    ]
    path = tmp_path / "x.ndjson"
    path.write_bytes(b"\n".join(lines))
    import_fhir(store, path, ImportOptions())
    found = rows(store, "SELECT line, code, excerpt FROM reject ORDER BY line")
    assert [(line, code) for line, code, _ in found] == [
        (1, "bad-id"),
        (2, "bad-json"),
        (3, "bad-json"),
        (4, "unknown-resource"),
        (5, "unknown-resource"),
        (6, "wrong-type"),
        (7, "unknown-subject"),
        (8, "bad-id"),
        (9, "bad-encoding"),
    ]
    excerpts = {line: excerpt for line, _, excerpt in found}
    assert (excerpts[1], excerpts[3], excerpts[5], excerpts[7]) == (None, "id", None, "Patient/p9")
    assert excerpts[4] == 'resourceType: "Patiant"'
    assert "Secret" not in str([excerpt for line, excerpt in excerpts.items() if line not in {2, 9}])
    assert max(len(excerpt or "") for excerpt in excerpts.values()) <= 40


def test_a_broken_file_is_a_reject_with_its_kind(store: Store, tmp_path: Path) -> None:
    faults = {
        "a.json": (b'{"resourceType": "Bundle", "entry": [', "bad-json"),
        "b.json": (b"[1]", "broken-file"),
        "c.ndjson.gz": (gzip.compress(b'{"resourceType":"Patient"}' * 99)[:-9], "broken-file"),
        "d.json": (b"\xff\xfe{\x00", "bad-encoding"),
        "e.json": (b'{"resourceType": "Bundle", "entry": 7}', "wrong-type"),
    }
    folder = tmp_path / "in"
    folder.mkdir()
    for name, (data, _) in faults.items():
        (folder / name).write_bytes(data)
    report = import_fhir(store, folder, ImportOptions())
    assert set(report.failed) == faults.keys()
    found = dict(rows(store, "SELECT file, code FROM reject JOIN source USING (source_id)"))
    assert found == {name: code for name, (_, code) in faults.items()}
