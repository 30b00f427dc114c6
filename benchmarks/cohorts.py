"""Cohorts at 1, 10 and 100 times the MIMIC demo (0.9, 9 and 92 million events), against es-aces and hand-written SQL.

The demo is replicated with new patient numbers. For each size, in-ICU mortality is extracted from the same MEDS file
by es-aces (in an environment of its own), by the best SQL that was found by hand, and by this project, each in a
process of its own; the rows must be the same. Then the file is imported, and the warm store is asked for the cohort,
timelines and what analysts ask.

COHORT_SIZES sets other sizes, such as 1,10. What was made (data, environment, stores) stays in COHORT_FOLDER, or in
anamnesis-benchmarks within the system's folder for temporary files, so that another run begins at once: making it
takes some five minutes and 4 GB of disk at the largest size. es-aces needs 19 GiB of memory there.
"""

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import duckdb

from benchmarks.cohort_peers import COLUMNS, Extracted, environment_of_peer, es_aces, hand_written, ours
from benchmarks.cohort_store import Answered, answer
from benchmarks.growth import measured_import
from benchmarks.machine import DATA, Result
from ehr.store import SCHEMA_VERSION

SIZES = tuple(int(size) for size in os.environ.get("COHORT_SIZES", "1,10,100").split(","))
FOLDER = Path(os.environ.get("COHORT_FOLDER", Path(tempfile.gettempdir()) / "anamnesis-benchmarks"))
DEMO = DATA / "aces" / "datasets" / "mimic-demo.parquet"
TASK = DATA / "aces" / "medsdev_in_icu.yaml"

FASTER = {10: 10.0, 100: 50.0}
"""Size -> how many times as fast as es-aces it has to be."""
LESS_MEMORY = {100: 20.0}
"""Size -> to what part of the memory of es-aces it has to come down."""
GOAL_BY_HAND = 1.5
GOAL_IN_STORE = 0.050
PEER_MEMORY_GIB = 0.19
"""What es-aces needs for each time that the demo is there, with some to spare."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One size: es-aces (None where memory is short), SQL by hand, ours, the store; whether the rows are the same."""

    size: int
    peer: Extracted | None
    hand: Extracted
    ours: Extracted
    store: Answered
    rows: int
    is_same: bool

    @property
    def is_met(self) -> bool:
        """Whether all goals of this size are met that could be measured."""
        met = self.is_same and self.ours.best <= GOAL_BY_HAND * self.hand.best and self.store.cohort <= GOAL_IN_STORE
        if self.peer is None:
            return met
        faster = self.peer.best / self.ours.best >= FASTER.get(self.size, 1.0)
        return met and faster and self.peer.memory / self.ours.memory >= LESS_MEMORY.get(self.size, 1.0)

    @property
    def text(self) -> str:
        """The figures in lines."""
        peer = "es-aces not measured, too little memory"
        if self.peer is not None:
            peer = (
                f"es-aces {self.peer.best:.2f} s, {self.peer.memory / 1024:.2f} GiB: "
                f"{self.peer.best / self.ours.best:.0f} times as fast "
                f"(goal: {FASTER.get(self.size, 1):.0f}), 1/{self.peer.memory / self.ours.memory:.0f} of the memory "
                f"(goal: 1/{LESS_MEMORY.get(self.size, 1):.0f})"
            )
        asked = ", ".join(f"{name} {each * 1000:.0f} ms" for name, each in self.store.aggregates.items())
        rows = f"{self.rows:,} rows{', the same from all' if self.is_same else ', NOT THE SAME FROM ALL'}"
        return (
            f"  {self.store.events:,} events, {rows}: "
            f"{self.ours.best:.3f} s, {self.ours.memory / 1024:.2f} GiB; {peer}; by hand {self.hand.best:.3f} s, "
            f"{self.hand.memory / 1024:.2f} GiB: {self.ours.best / self.hand.best:.2f} times its time "
            f"(goal: at most {GOAL_BY_HAND});\n"
            f"    store of {self.store.bytes / 1e6:,.0f} MB, warm: cohort {self.store.cohort * 1000:.0f} ms "
            f"(goal: at most {GOAL_IN_STORE * 1000:.0f}), timeline {self.store.timeline * 1000:.1f} ms, {asked}"
        )


def run() -> Result:
    """Measure each size, the small ones first."""
    if not DEMO.is_file():
        return Result(f"not measured: the MIMIC demo in MEDS is not at {DEMO} (set ANAMNESIS_DATA)", None)
    FOLDER.mkdir(parents=True, exist_ok=True)
    environment = environment_of_peer(FOLDER)
    measured = [_measure(environment, size) for size in SIZES]
    text = "in-ICU mortality, best of several runs\n" + "\n".join(one.text for one in measured)
    is_whole = all(one.peer for one in measured)
    return Result(text, all(one.is_met for one in measured) if is_whole else None)


def _measure(environment: Path, size: int) -> Measured:
    data, store, times = _data(size), _store(size), 2 if size >= 100 else 3
    rows = {name: FOLDER / f"{name}-{size}.parquet" for name in ("peer", "hand", "ours", "store")}
    is_enough = _available_gib() > PEER_MEMORY_GIB * size + 0.5
    peer = es_aces(environment, TASK, data, rows["peer"], 1 if size >= 100 else times) if is_enough else None
    by_hand = hand_written(data, rows["hand"], times + 3)
    by_us = ours(TASK, data, rows["ours"], times + 3)
    answered = answer(store, TASK, rows["store"])
    others = [one.rows for one in (peer, by_us, answered) if one is not None]
    is_same = all(_is_same(rows["hand"], other) for other in others)
    with duckdb.connect() as con:
        n_rows = int(con.execute(f"SELECT count(*) FROM '{rows['ours']}'").fetchall()[0][0])
    return Measured(size, peer, by_hand, by_us, answered, n_rows, is_same)


def _data(size: int) -> Path:
    """Return the demo `size` times, made where it is not there: MEDS, in the order of patients and time."""
    file = FOLDER / f"meds-{size}.parquet"
    if not file.exists():
        unfinished = file.with_suffix(".unfinished")
        with duckdb.connect(config={"memory_limit": "8GB"}) as con:
            con.execute(
                f"""
                COPY (
                    SELECT subject_id + copy * 100_000_000 AS subject_id, "time", code, numeric_value
                    FROM '{DEMO}', range({size}) AS made(copy) ORDER BY subject_id, "time" NULLS FIRST
                ) TO '{unfinished}' (FORMAT parquet)
                """
            )
        unfinished.rename(file)
    return file


def _store(size: int) -> Path:
    """Return the store of the demo `size` times, imported where this version of the schema has made none yet."""
    store = FOLDER / f"store-{size}-v{SCHEMA_VERSION}"
    if not store.exists():
        unfinished = FOLDER / f"{store.name}-unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        measured_import(unfinished, _data(size), "meds")
        unfinished.rename(store)
    return store


def _is_same(one: Path, other: Path) -> bool:
    """Say whether two files have the same rows, each as often."""
    columns = 'subject_id::BIGINT, "trigger"::TIMESTAMP, index_timestamp::TIMESTAMP, label::BIGINT'
    assert len(COLUMNS) == columns.count("::")
    rows = [f"SELECT {columns} FROM '{file}'" for file in (one, other)]
    query = " UNION ALL ".join(f"({a} EXCEPT ALL {b})" for a, b in (rows, rows[::-1]))
    with duckdb.connect() as con:
        return not con.execute(f"FROM ({query}) LIMIT 1").fetchall()


def _available_gib() -> float:
    lines = Path("/proc/meminfo").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("MemAvailable:")).split()[1]) / 2**20


if __name__ == "__main__":
    print(run().text)
