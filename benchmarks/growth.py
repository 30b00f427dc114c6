"""Importing made MIMIC-IV records of 1,000, 10,000 and 50,000 patients, and then a day's increment of 1 %.

Each import is `ehr import` in a process of its own, whose time and greatest memory the system counts. The increment
holds 1 % new patients, and new laboratory results of 1 % of those who are there already. The sizes come from the
environment variable GROWTH_PATIENTS, such as 1000,5000.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import duckdb

from benchmarks.machine import REPOSITORY, Result, seconds
from ehr.simulate import simulate
from ehr.store import open_store, opened

SIZES = tuple(int(size) for size in os.environ.get("GROWTH_PATIENTS", "1000,10000,50000").split(","))
GOAL_SHARE = 0.05
GOAL_GROWTH = 1.5


@dataclass(frozen=True, slots=True)
class Measured:
    """One import: seconds, greatest resident memory in MiB, events in the store."""

    seconds: float
    memory: float
    events: int


def run() -> Result:
    """Import the sizes one after the other, then the increment into the last store."""
    folder = Path(tempfile.mkdtemp(prefix="anamnesis-benchmark-"))
    try:
        found = {size: _load(folder, size) for size in SIZES}
        increment = measured_import(folder / "store", folder / "increment")
    finally:
        shutil.rmtree(folder)
    full, small, large = found[SIZES[-1]], found[SIZES[-2]], found[SIZES[-1]]
    share, growth = increment.seconds / full.seconds, large.memory / small.memory
    listed = "; ".join(
        f"{size:,} patients: {one.events:,} events in {one.seconds:.1f} s, "
        f"{one.events / one.seconds / 1e6:.2f} M/s, {one.memory:,.0f} MiB"
        for size, one in found.items()
    )
    return Result(
        f"{listed}; memory of the largest against the one before: {growth:.2f}x (goal: at most {GOAL_GROWTH}); "
        f"increment of 1 %: {increment.events - full.events:,} events in {increment.seconds:.2f} s, {share:.1%} of "
        f"the full load (goal: at most {GOAL_SHARE:.0%})",
        share <= GOAL_SHARE and growth <= GOAL_GROWTH,
    )


def _load(folder: Path, size: int) -> Measured:
    """Make the records of `size` patients, keep 1 % back as an increment, and import the rest into a new store."""
    shutil.rmtree(folder / "store", ignore_errors=True)
    for name in ("made", "full", "increment"):
        shutil.rmtree(folder / name, ignore_errors=True)
    simulate(folder / "made", patients=size + size // 100, seed=1, format_name="mimic")
    _part(folder / "made", folder / "full", folder / "increment", size)
    shutil.rmtree(folder / "made")
    return measured_import(folder / "store", folder / "full")


REPORTING = """
import sys
from pathlib import Path
from api.cli import main
code = main(sys.argv[1:])
print(Path("/proc/self/status").read_text(), file=sys.stderr)
sys.exit(code)
"""
"""Runs `ehr`, then prints what Linux says of the process: the rusage of a child counts its parent's memory too."""


def measured_import(store: Path, source: Path, format_name: str = "mimic") -> Measured:
    """Run `ehr import` in a process of its own, and let the operating system say what it took."""
    command = [sys.executable, "-c", REPORTING, "import", format_name, str(source), "--store", str(store), "--json"]
    done: list[subprocess.CompletedProcess[str]] = []
    wall = seconds(lambda: done.append(subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)))
    if done[0].returncode:
        raise RuntimeError(f"the import of {source} ended with {done[0].returncode}: {done[0].stderr[-500:]}")
    with opened(open_store(store)) as opened_store:
        events = int(opened_store.con.execute("SELECT count(*) FROM event").fetchall()[0][0])
    return Measured(wall, _peak_memory(done[0].stderr), events)


def _peak_memory(status: str) -> float:
    """Return the greatest resident memory of a process in MiB, from its /proc status."""
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def _part(made: Path, full: Path, increment: Path, size: int) -> None:
    """Part the tables: the last 1 % of the patients, and half the results of 1 % of the others, come later."""
    files = sorted(made.rglob("*.csv*"))
    patients = next(file for file in files if file.name.startswith("patients."))
    with duckdb.connect() as con:
        con.execute(f"CREATE TABLE person AS SELECT subject_id::BIGINT AS id FROM {_rows(patients)}")
        con.execute(f"CREATE TABLE late AS FROM person ORDER BY id OFFSET {size}")
        con.execute(f"CREATE TABLE known AS FROM person ORDER BY id LIMIT {size // 100}")
        for file in files:
            _part_file(con, file, full / file.relative_to(made), increment / file.relative_to(made))


def _part_file(con: duckdb.DuckDBPyConnection, file: Path, full: Path, increment: Path) -> None:
    for path in (full, increment):
        path.parent.mkdir(parents=True, exist_ok=True)
    columns = {row[0] for row in con.execute(f"DESCRIBE FROM {_rows(file)}").fetchall()}
    if "subject_id" not in columns:
        for path in (full, increment):
            shutil.copy(file, path)
        return
    is_late = "subject_id::BIGINT IN (FROM late)"
    if file.name.startswith("labevents."):
        is_late += " OR (subject_id::BIGINT IN (FROM known) AND labevent_id::BIGINT % 2 = 0)"
    compression = "gzip" if file.suffix == ".gz" else "none"
    for path, condition in ((full, f"NOT ({is_late})"), (increment, is_late)):
        con.execute(
            f"COPY (FROM {_rows(file)} WHERE {condition}) TO '{path}' (FORMAT csv, HEADER, COMPRESSION {compression})"
        )


def _rows(file: Path) -> str:
    return f"read_csv('{file}', all_varchar = true, header = true)"


if __name__ == "__main__":
    print(run().text)
