"""Importing the MIMIC-IV demo, against one bare DuckDB query that only builds a sorted event table of its files.

The bare query (import_mimic.sql) writes the same columns into a database file and does nothing else.
"""

import shutil
import tempfile
from pathlib import Path

import duckdb

from benchmarks.machine import DATA, Result, alternately
from ehr.importers import IMPORTERS, ImportOptions
from ehr.store import create_store, opened

GOAL = 1.5
TIMES = 5
DEMO = DATA / "mimic-iv-demo"
QUERY = Path(__file__).with_suffix(".sql")


def run() -> Result:
    """Import and query in turns, each into a new folder, and compare the best times."""
    if not DEMO.is_dir():
        return Result(f"not measured: the MIMIC-IV demo is not at {DEMO} (set ANAMNESIS_DATA)", None)
    folder = Path(tempfile.mkdtemp(prefix="anamnesis-benchmark-"))
    counts: dict[str, int] = {}
    try:
        ours, bare = alternately(
            lambda: counts.update(ours=import_demo(_new(folder))),
            lambda: counts.update(bare=query_demo(_new(folder))),
            TIMES,
        )
    finally:
        shutil.rmtree(folder)
    ratio = ours / bare
    return Result(
        f"MIMIC-IV demo into a store in {ours:.2f} s ({counts['ours']:,} events), bare query in {bare:.2f} s "
        f"({counts['bare']:,} rows): ratio {ratio:.2f} (best of {TIMES}; goal: at most {GOAL})",
        ratio <= GOAL,
    )


def import_demo(folder: Path) -> int:
    """Import into a new store, everything included; return the number of events."""
    with opened(create_store(folder)) as store:
        return IMPORTERS["mimic"](store, DEMO, ImportOptions()).events


def query_demo(folder: Path) -> int:
    """Run the bare query into a new database file; return the number of rows."""
    folder.mkdir()
    with duckdb.connect(str(folder / "bare.duckdb")) as con:
        con.execute(QUERY.read_text(encoding="utf-8").replace("$ROOT", str(DEMO)))
        return int(con.execute("SELECT count(*) FROM event").fetchall()[0][0])


def _new(folder: Path) -> Path:
    return folder / str(len(list(folder.iterdir())))


if __name__ == "__main__":
    print(run().text)
