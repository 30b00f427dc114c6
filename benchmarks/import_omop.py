"""Importing the OMOP set of 28 persons, copied 10 and 100 times with other numbers, and what memory it takes.

Each import is `ehr import` in a process of its own, whose time and greatest memory the system counts.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Final

import duckdb

from benchmarks.growth import Measured, measured_import
from benchmarks.machine import DATA, Result

COPIES: Final = (10, 100)
GOAL_GROWTH: Final = 1.5
SOURCE: Final = DATA / "omop"
STEP: Final = 10_000_000
"""What a copy adds to every number that is a key: more than any key of the set."""


def run() -> Result:
    """Import the copies into new stores, and compare the memory."""
    if not SOURCE.is_dir():
        return Result(f"not measured: the OMOP set is not at {SOURCE} (set ANAMNESIS_DATA)", None)
    folder = Path(tempfile.mkdtemp(prefix="anamnesis-benchmark-"))
    try:
        found = {copies: _measured(folder, copies) for copies in COPIES}
    finally:
        shutil.rmtree(folder)
    growth = found[COPIES[-1]].memory / found[COPIES[0]].memory
    listed = "; ".join(
        f"{copies}x: {one.events:,} events in {one.seconds:.1f} s, {one.events / one.seconds / 1e6:.2f} M/s, "
        f"{one.memory:,.0f} MiB"
        for copies, one in found.items()
    )
    return Result(
        f"{listed}; memory of the larger against the smaller: {growth:.2f}x (goal: at most {GOAL_GROWTH})",
        growth <= GOAL_GROWTH,
    )


def _measured(folder: Path, copies: int) -> Measured:
    source, store = folder / f"source-{copies}", folder / f"store-{copies}"
    source.mkdir()
    with duckdb.connect() as con:
        for file in sorted(SOURCE.glob("*.parquet")):
            _copy(con, file, source / file.name, copies)
    return measured_import(store, source, "omop")


def _copy(con: duckdb.DuckDBPyConnection, file: Path, target: Path, copies: int) -> None:
    """Write a table `copies` times, each with persons, visits and keys of its own; tables of concepts once."""
    columns = [row[0] for row in con.execute(f"DESCRIBE FROM read_parquet('{file}')").fetchall()]
    if "person_id" not in columns:
        shutil.copy(file, target)
        return
    keys = [name for name in columns if name == f"{file.stem}_id" or name.endswith(("person_id", "_occurrence_id"))]
    keys += [name for name in columns if name.endswith("visit_detail_id") and name not in keys]
    moved = ", ".join(f"({name} + copy * {STEP})::BIGINT AS {name}" for name in keys)
    con.execute(
        f"COPY (SELECT * EXCLUDE (copy) REPLACE ({moved}) FROM read_parquet('{file}'), range({copies}) AS c(copy)) "
        f"TO '{target}' (FORMAT parquet)"
    )


if __name__ == "__main__":
    print(run().text)
