"""An import that is killed at any moment leaves every file in its old or its new state, and the next one goes on.

A child imports made records, file by file, and is killed with SIGKILL after a random time, again and again, until it
comes to the end; the store is looked at after each kill, and compared with one that was never disturbed at the end.
"""

import multiprocessing
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

import orjson
import pytest

from ehr.importers import IMPORTERS, ImportOptions
from ehr.simulate import simulate
from ehr.store import Store, create_store, opened
from tests.ehr.same_store import CONTENTS, LEDGER, differences

KILLS = 50
PATIENTS = 5
Step = tuple[str, Path]


def import_step(store_path: Path, format_name: str, path: Path) -> None:
    """Import as a process of its own does; each file is a batch."""
    with opened(create_store(store_path)) as store:
        IMPORTERS[format_name](store, path, ImportOptions(batch_bytes=1))


@pytest.fixture(scope="module")
def context() -> ForkServerContext:
    """Return a context whose children start at once, since their modules are loaded."""
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(["tests.ehr.test_import_killed", "ehr.importers.mimic", "ehr.importers.fhir"])
    return found


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> list[Step]:
    """Make the records of a hospital in two formats, and a day on which FHIR records change and go."""
    root = tmp_path_factory.mktemp("made")
    simulate(root / "mimic", patients=PATIENTS, seed=1, format_name="mimic")
    simulate(root / "fhir", patients=PATIENTS, seed=2, format_name="fhir")
    write_next_day(root / "fhir", root / "day2")
    return [("mimic", root / "mimic"), ("fhir", root / "fhir"), ("fhir", root / "day2")]


def write_next_day(first: Path, folder: Path) -> None:
    """Write later versions of some observations, and a Bundle that deletes others."""
    folder.mkdir()
    files = sorted(first.rglob("*Observation*.ndjson*"))
    assert files, f"no observations in {sorted(first.rglob('*'))}"
    resources = [orjson.loads(line) for line in read_lines(files[0])]
    changed = []
    for resource in resources[::7]:
        resource["meta"] = {"versionId": "2", "lastUpdated": "2200-01-01T00:00:00Z"}
        resource["status"] = "corrected"
        changed.append(orjson.dumps(resource))
    (folder / "Observation.ndjson").write_bytes(b"\n".join(changed))
    gone = [{"request": {"method": "DELETE", "url": f"Observation/{resource['id']}"}} for resource in resources[3::7]]
    bundle = {"resourceType": "Bundle", "type": "transaction", "timestamp": "2200-01-01T00:00:00Z", "entry": gone}
    (folder / "deleted.json").write_bytes(orjson.dumps(bundle))


def read_lines(path: Path) -> list[bytes]:
    """Return the lines of a file, compressed or not."""
    import gzip

    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return data.splitlines()


@dataclass(slots=True)
class Clean:
    """What imports without disturbance take and give: seconds, and events by file after each step."""

    store: Path
    seconds: list[float]
    events: list[dict[str, int]]


def events_by_file(store: Store) -> dict[str, int]:
    """Count the events of each file of the ledger."""
    rows = store.con.execute(
        "SELECT format || ' ' || file, count(event_id) FROM source LEFT JOIN event USING (source_id) GROUP BY ALL"
    ).fetchall()
    return dict(rows)


@pytest.fixture(scope="module")
def clean(steps: list[Step], tmp_path_factory: pytest.TempPathFactory, context: ForkServerContext) -> Clean:
    path = tmp_path_factory.mktemp("clean") / "store"
    found = Clean(path, [], [])
    for format_name, source in steps:
        started = time.monotonic()
        child = context.Process(target=import_step, args=(path, format_name, source))
        child.start()
        child.join(120)
        assert child.exitcode == 0
        found.seconds.append(time.monotonic() - started)
        with opened(create_store(path)) as store:
            found.events.append(events_by_file(store))
    return found


def check_whole(store: Store, clean: Clean, step: int) -> bool:
    """Look whether every file is in its old or its new state, and nothing derived is out of step.

    Return whether some files of the step are there and others are not.
    """
    con = store.con
    orphans = con.execute("SELECT count(*) FROM event WHERE source_id NOT IN (SELECT source_id FROM source)")
    assert orphans.fetchall() == [(0,)]
    before = clean.events[step - 1] if step else {}
    after = clean.events[step]
    for file, n_events in events_by_file(store).items():
        if file in before and before[file] != after[file]:
            assert after[file] <= n_events <= before[file], file
        else:
            assert n_events == after[file], file
    recounted = "SELECT code, count(*), count(DISTINCT subject_id) FROM event GROUP BY code ORDER BY code"
    kept = "SELECT code, n_events, n_subjects FROM code ORDER BY code"
    assert con.execute(recounted).fetchall() == con.execute(kept).fetchall()
    return len(before) < len(events_by_file(store)) < len(after)


def interrupted(child: BaseProcess, seconds: float) -> bool:
    """Start a child, kill it after `seconds`; say whether it was alive until then."""
    child.start()
    child.join(seconds)
    was_alive = child.is_alive()
    child.kill()
    child.join(60)
    assert was_alive or child.exitcode == 0
    return was_alive and child.exitcode != 0


def disturbed(
    path: Path, steps: list[Step], clean: Clean, start: Callable[[Path, Step], BaseProcess], rng: random.Random
) -> Iterator[bool]:
    """Import all steps into a new store at `path`; yield for each kill whether it came between two files."""
    for number, step in enumerate(steps):
        while interrupted(start(path, step), rng.uniform(0, 1.1 * clean.seconds[number])):
            with opened(create_store(path)) as store:
                yield check_whole(store, clean, number)


def test_killed_imports_end_in_the_store_of_a_clean_one(
    tmp_path: Path, steps: list[Step], clean: Clean, context: ForkServerContext
) -> None:
    def start(path: Path, step: Step) -> BaseProcess:
        return context.Process(target=import_step, args=(path, *step))

    rng = random.Random(3)
    kills: list[bool] = []
    rounds = 0
    while len(kills) < KILLS:
        path = tmp_path / str(rounds)
        kills += disturbed(path, steps, clean, start, rng)
        with opened(create_store(path)) as store, opened(create_store(clean.store)) as expected:
            assert differences(expected, store, CONTENTS | LEDGER) == []
        rounds += 1
    assert sum(kills) >= KILLS // 5, "hardly any kill came between two files"
