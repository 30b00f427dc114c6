"""Tokenising the MIMIC-IV demo, against a plain Python loop over the rows that gives the same tokens.

Timed is all of `tokenize_store` but the fitting: find what is stale, read the events, order them, make the tokens,
write the table `timeline`, commit. The loop reads a part of the events, orders them and makes tokens; writing is a
present to it. That both give the same tokens is checked.
"""

import shutil
import tempfile
from bisect import bisect_right
from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from math import isfinite
from pathlib import Path

import numpy as np

from benchmarks.machine import DATA, Result, alternately
from ehr.events import BIRTH
from ehr.fitting import fit_vocabulary
from ehr.importers import IMPORTERS, ImportOptions
from ehr.store import Store, create_store, opened
from ehr.timelines import tokenize_store
from ehr.tokens import moment_rank, tokenize
from ehr.vocabulary import YEAR_SECONDS, Vocabulary

GOAL = 1_000_000
TIMES = 5
SAMPLE = 100_000
DEMO = DATA / "mimic-iv-demo"

Row = tuple[int, datetime | None, str, float | None, str | None, int]
"""subject_id, time, code, numeric_value, unit, event_id."""


def run() -> Result:
    """Import the demo, then tokenise and loop in turns and compare events per second."""
    if not DEMO.is_dir():
        return Result(f"not measured: the MIMIC-IV demo is not at {DEMO} (set ANAMNESIS_DATA)", None)
    folder = Path(tempfile.mkdtemp(prefix="anamnesis-benchmark-"))
    try:
        with opened(create_store(folder / "store")) as store:
            IMPORTERS["mimic"](store, DEMO, ImportOptions())
            return measure(store)
    finally:
        shutil.rmtree(folder)


def measure(store: Store) -> Result:
    """Measure on the events of a store."""
    vocabulary = fit_vocabulary(store)
    events = tokenize_store(store, vocabulary).events
    sample = _sample(store)
    subjects = sorted({row[0] for row in sample})
    set_based = tokenize(store.cursor(), vocabulary, subjects).tokens.tolist()
    if set_based != [token for tokens in loop_tokens(sample, vocabulary).values() for token in tokens]:
        raise AssertionError("the loop and the tokeniser disagree")
    ours, loop = alternately(lambda: _anew(store, vocabulary), lambda: loop_tokens(_sample(store), vocabulary), TIMES)
    speed, plain = events / ours, len(sample) / loop
    return Result(
        f"{events:,} events of the MIMIC-IV demo into timelines in {ours:.2f} s, {speed / 1e6:.2f} M events/s; plain "
        f"loop {plain / 1e6:.2f} M events/s without writing: {speed / plain:.1f} times as fast "
        f"(best of {TIMES}; goal: at least {GOAL / 1e6:.0f} M events/s)",
        speed >= GOAL,
    )


def loop_tokens(rows: list[Row], vocabulary: Vocabulary) -> dict[int, list[int]]:
    """Return the tokens of each subject by a loop over rows: what a first version would do."""
    least = datetime.min
    read = {pair: _reading(vocabulary, *pair) for pair in {_measure(row) for row in rows}}
    ordered = sorted(
        (row for row in rows if vocabulary.settings.reads(row[2])),
        key=lambda row: (
            row[0], row[1] is not None, row[1] or least, moment_rank(row[2]), row[2], read[_measure(row)][1],
            row[3] is None, row[3] or 0.0, row[5],
        ),
    )  # fmt: skip
    return {
        subject: list(_tokens_of(list(own), vocabulary, {pair: found[0] for pair, found in read.items()}))
        for subject, own in groupby(ordered, lambda row: row[0])
    }


def _measure(row: Row) -> tuple[str, str | None]:
    """Return the code and the unit of the number, None without one."""
    has_number = row[3] is not None and isfinite(row[3])
    return row[2], (row[4] or "") if has_number else None


def _reading(vocabulary: Vocabulary, code: str, unit: str | None) -> tuple[tuple[int, tuple[float, ...] | None], str]:
    """Return token and value edges of a code in a unit, and where that stands among readings of the code."""
    name = vocabulary.reading_of(code, unit) if unit is not None else None
    is_plain = unit is None or code not in vocabulary.edges or name == code
    edges = vocabulary.edges[name] if name is not None else None
    return (vocabulary.token_of(name or code), edges), "" if is_plain else f" {unit}"


def _tokens_of(
    rows: list[Row],
    vocabulary: Vocabulary,
    read: dict[tuple[str, str | None], tuple[int, tuple[float, ...] | None]],
) -> Iterator[int]:
    births = [row[1] for row in rows if row[2] == BIRTH and row[1] is not None]
    birth = min(births, default=None)
    firsts = (0, *vocabulary.ages[1:])
    before: datetime | None = None
    shown = -1
    for row in rows:
        time, value = row[1], row[3]
        if time is not None:
            if before is not None and time > before:
                gap = bisect_right(vocabulary.settings.gap_starts, (time - before).total_seconds()) - 1
                if gap >= 0:
                    yield vocabulary.first_gap + gap
            if birth is not None and time > birth and vocabulary.ages:
                years = int((time - birth).total_seconds() // YEAR_SECONDS)
                band = bisect_right(firsts, years) - 1
                if band != shown:
                    shown = band
                    yield vocabulary.first_age + band
            before = time
        token, edges = read[_measure(row)]
        yield from vocabulary.levels_of(token)
        yield token
        if edges is not None and value is not None:
            yield vocabulary.first_quantile + bisect_right(edges, value)


def _sample(store: Store) -> list[Row]:
    """Return all events of the first subjects that have SAMPLE of them together."""
    con = store.cursor()
    counted = con.execute("SELECT subject_id, count(*) FROM event GROUP BY ALL ORDER BY subject_id").fetchall()
    reached = int(np.searchsorted(np.cumsum([row[1] for row in counted]), SAMPLE))
    last = counted[min(reached, len(counted) - 1)][0]
    query = 'SELECT subject_id, "time", code, numeric_value, unit, event_id FROM event WHERE subject_id <= ?'
    return con.execute(query, [last]).fetchall()


def _anew(store: Store, vocabulary: Vocabulary) -> None:
    """Tokenise a store that has no timelines yet."""
    store.cursor().execute("DELETE FROM timeline")
    tokenize_store(store, vocabulary)


if __name__ == "__main__":
    print(run().text)
