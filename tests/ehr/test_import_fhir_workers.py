"""Workers judge as the import itself does: the same store, the same ledger; and they end with their parent."""

import gzip
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, tzinfo
from pathlib import Path

import orjson
import pytest

from ehr.importers import ImportOptions, fhir_read, fhir_workers
from ehr.importers.fhir import import_fhir
from ehr.importers.fhir_files import READ_WHOLE
from ehr.importers.fhir_pile import MAX_ALIKE
from ehr.importers.fhir_record import Codes
from ehr.importers.fhir_workers import Setup, WorkerEndedError, Workers, n_workers
from ehr.store import Store, create_store, opened
from tests.ehr import fhir_made as made
from tests.ehr.same_store import CONTENTS, LEDGER, differences

ALL = {
    **CONTENTS,
    **LEDGER,
    "product": "SELECT * EXCLUDE (source_id) FROM product ORDER BY ALL",
    "notice": "SELECT file, line, resource, code, reason, excerpt FROM notice JOIN source USING (source_id) "
    "ORDER BY ALL",
    "tally": "SELECT file, tally.* EXCLUDE (source_id) FROM tally JOIN source USING (source_id) ORDER BY ALL",
}
EACH_FILE = ImportOptions(batch_bytes=1)


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[tuple[Store, Store]]:
    with opened(create_store(tmp_path / "alone")) as alone, opened(create_store(tmp_path / "helped")) as helped:
        yield alone, helped


class Stopped(datetime):
    """A clock that stands still, for deletions that tell no time."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime(2026, 1, 1, tzinfo=tz)


def compare(
    stores: tuple[Store, Store],
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: ImportOptions = ImportOptions(),  # noqa: B008 - frozen
    block: int = 5000,
) -> list[str]:
    """Import without workers, and with workers that get small parts; name the tables that differ."""
    alone, helped = stores
    monkeypatch.setattr("ehr.importers.fhir_stage.datetime", Stopped)
    report = import_fhir(alone, path, options)
    monkeypatch.setattr("ehr.importers.fhir.n_workers", lambda sizes: 2)
    monkeypatch.setattr(fhir_read, "BLOCK", block)
    other = import_fhir(helped, path, options)
    assert (other.events, other.subjects, other.encounters) == (report.events, report.subjects, report.encounters)
    assert [(one.file, one.status, one.notices, one.resources) for one in other.files] == [
        (one.file, one.status, one.notices, one.resources) for one in report.files
    ]
    assert other.unchanged == report.unchanged
    return differences(alone, helped, ALL)


@pytest.mark.parametrize("options", [ImportOptions(), EACH_FILE, ImportOptions(billing=True)])
def test_workers_give_the_same_store_of_hostile_files(
    stores: tuple[Store, Store], data_root: Path, monkeypatch: pytest.MonkeyPatch, options: ImportOptions
) -> None:
    assert compare(stores, data_root / "fhir" / "bad", monkeypatch, options) == []


@pytest.mark.parametrize("name", ["bundles", "ndjson"])
def test_workers_give_the_same_store_of_real_files(
    stores: tuple[Store, Store], data_root: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    assert compare(stores, data_root / "fhir" / name, monkeypatch, block=100_000) == []


def test_workers_give_the_same_store_of_made_files(
    stores: tuple[Store, Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    unknown = [made.observation(id=f"n{number}", extra=1) for number in range(MAX_ALIKE + 50)]
    made.write_lines(folder / "Observation.ndjson", *unknown, {"resourceType": "Observation", "id": "bad"})
    made.write_lines(folder / "Patient.ndjson", made.patient(), made.patient(id="p2"))
    made.write_lines(folder / "all.ndjson", *made.one_of_each())
    (folder / "same.ndjson").write_bytes((folder / "all.ndjson").read_bytes())
    (folder / "cut.ndjson.gz").write_bytes(gzip.compress((folder / "all.ndjson").read_bytes())[:-9])
    (folder / "utf16.ndjson").write_text("x", encoding="utf-16")
    (folder / "pretty.json").write_bytes(orjson.dumps(made.patient(id="p3"), option=orjson.OPT_INDENT_2))
    (folder / "list.json").write_text("[1, 2]")
    bundle = {"resourceType": "Bundle", "type": "history", "entry": [{"request": {"method": "DELETE", "url": "x"}}]}
    made.write_lines(folder / "bundle.ndjson", bundle, made.patient(id="p4"))
    assert compare(stores, folder, monkeypatch, EACH_FILE) == []
    alone = stores[0].cursor()
    assert alone.execute("SELECT count(*) FROM notice WHERE reason LIKE '%(50 more records)'").fetchall() == [(1,)]
    assert alone.execute("SELECT count(*) FROM source WHERE status = 'failed'").fetchall() == [(3,)]


def test_titles_heard_apart_are_those_heard_in_one_go() -> None:
    heard = [
        ("a", None, None),
        ("b", None, "s"),
        ("a", None, "t"),
        ("a", "A", "u"),
        ("b", "B", None),
        ("a", "C", "v"),
    ]
    for cut in range(len(heard) + 1):
        whole, first, second = Codes(), Codes(), Codes()
        for codes, part in ((whole, heard), (first, heard[:cut]), (second, heard[cut:])):
            for one in part:
                codes.hear(*one)
        for one in second.heard:
            first.hear(*one)
        assert first == whole == {"a": ("A", "u"), "b": ("B", "s")}


def test_small_inputs_start_no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: range(16), raising=False)
    assert n_workers([("x.ndjson", READ_WHOLE), ("y.json.gz", 1000)]) == 0
    assert n_workers([("x.ndjson.gz", READ_WHOLE)]) == fhir_workers.MOST_WORKERS
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: range(1), raising=False)
    assert n_workers([("x.ndjson", 1 << 40)]) == 0


def test_an_import_says_when_a_worker_was_killed(
    tmp_path: Path, stores: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = Workers.__init__

    def killing(self: Workers, count: int, setup: Setup) -> None:
        honest(self, 2, setup)
        for process in self._processes:
            process.kill()

    monkeypatch.setattr(Workers, "__init__", killing)
    made.write_lines(tmp_path / "x.ndjson", *made.one_of_each())
    with pytest.raises(WorkerEndedError, match="ended before its time"):
        import_fhir(stores[0], tmp_path / "x.ndjson", ImportOptions())
    assert stores[0].cursor().execute("SELECT count(*) FROM source").fetchall() == [(0,)]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes in /proc")
def test_workers_end_when_their_parent_is_killed() -> None:
    program = (
        "import time; from datetime import datetime; from ehr.importers.fhir_workers import Setup, Workers; "
        "found = Workers(2, Setup(datetime(2020, 1, 1), False, False)); "
        "print(*(process.pid for process in found._processes), flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pids = [int(word) for word in parent.stdout.readline().split()]
    assert len(pids) == 2
    assert all(is_running(pid) for pid in pids)
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    last = time.monotonic() + 60
    while any(is_running(pid) for pid in pids) and time.monotonic() < last:
        time.sleep(0.05)
    assert not any(is_running(pid) for pid in pids)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


def test_no_worker_is_left_after_an_import(stores: tuple[Store, Store], tmp_path: Path) -> None:
    with fhir_workers.workers(2, Setup(datetime(2020, 1, 1), billing=False, strict=False)) as found:
        processes = list(found._processes)
        assert [process.poll() for process in processes] == [None, None]
    assert all(process.poll() is not None for process in processes)
