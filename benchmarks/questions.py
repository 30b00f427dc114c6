"""Questions as analysts type them on our own views: right, wrong and refused, and how long an answer takes to find.

The questions, with right answers from SQL by hand, are tests/queries/questions/*.sql: half over made data, half over
the MIMIC-IV demo, and of each half one half is held out from extending the grammar. Timed is all from the question to
the guarded SQL: refusing, parsing, linking, compiling, reading and the guard; running it is apart.
"""

import math
import statistics
import tempfile
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.machine import DATA, Result, seconds
from ehr.importers import IMPORTERS, ImportOptions
from ehr.store import Store, create_store, open_store
from sql.text import Index, ask, build_index
from tests.sql.text.asked import Asked, judge, made_store, read_asked

GOAL_P50, GOAL_P95 = 50.0, 150.0
TIMES: Final = 3
SPLITS: Final = ("dev", "held_out")
SOURCE: Final = DATA / "mimic-iv-demo"


def run() -> Result:
    """Ask all questions; the goals are no wrong answer and the times from question to guarded SQL."""
    counts: Counter[tuple[str, str]] = Counter()
    found: list[float] = []
    lines = []
    with tempfile.TemporaryDirectory(prefix="anamnesis-benchmark-") as folder:
        for name, store in _stores(Path(folder)):
            index = build_index(store)
            asked = read_asked(name)
            verdicts = Counter((one.split, judge(store, one, index)[0]) for one in asked)
            lines += [f"{name} {split.replace('_', ' ')}: {_told(verdicts, split)}" for split in SPLITS]
            counts.update(verdicts)
            found += [_milliseconds(store, one, index) for one in asked]
    lines += [f"all {split.replace('_', ' ')}: {_told(counts, split)}" for split in SPLITS]
    p50, p95 = statistics.median(found), sorted(found)[math.ceil(0.95 * len(found)) - 1]
    lines.append(
        f"question to guarded SQL: p50 {p50:.1f} ms, p95 {p95:.1f} ms (goals {GOAL_P50:g} and {GOAL_P95:g} ms)"
    )
    wrong = sum(counts[split, "wrong"] for split in SPLITS)
    return Result("; ".join(lines), wrong == 0 and p50 <= GOAL_P50 and p95 <= GOAL_P95)


def _stores(folder: Path) -> Iterator[tuple[str, Store]]:
    """Give the stores that the questions are about, one after the other; the real records where they are."""
    yield from (("made", store) for store in made_store(folder))
    if SOURCE.is_dir():
        store = create_store(folder / "mimic")
        IMPORTERS["mimic"](store, SOURCE, ImportOptions())
        store.close()
        store = open_store(folder / "mimic", locked=True)
        yield "mimic", store
        store.close()


def _told(verdicts: Counter[tuple[str, str]], split: str) -> str:
    total = sum(count for (half, _), count in verdicts.items() if half == split)
    parts = [f"{verdicts[split, verdict]} {verdict}" for verdict in ("right", "wrong", "refused")]
    return f"{', '.join(parts)} of {total}"


def _milliseconds(store: Store, asked: Asked, index: Index) -> float:
    """Return the best time from a question to its guarded SQL, or to its refusal."""
    dry = partial(ask, store, asked.question, index=index, dry_run=True)
    return min(seconds(dry) for _ in range(TIMES)) * 1000


if __name__ == "__main__":
    print(run().text.replace("; ", "\n"))
