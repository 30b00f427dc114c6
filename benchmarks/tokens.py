"""Tokenising 50,000 made patients and the MIMIC-IV demo, against a plain Python loop over the rows.

Timed is all of `tokenize_store` but the fitting: find what is stale, read the events, order them, make the tokens,
write the table `timeline`, commit; for the made patients also the fitting, and the features of one row per patient.
The loop reads a part of the events, orders them and makes tokens; writing is a present to it. That both give the same
tokens is checked. The store of the made patients stays in COHORT_FOLDER, or in a folder beside the temporary files;
MADE_PATIENTS sets another number of them.
"""

import os
import shutil
import tempfile
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import groupby
from math import isfinite
from pathlib import Path
from typing import TypeVar

import numpy as np
import polars as pl

from benchmarks.machine import DATA, Result, alternately
from ehr.events import BIRTH
from ehr.fitting import fit_vocabulary
from ehr.importers import IMPORTERS, ImportOptions
from ehr.simulate import simulate
from ehr.splits import splits
from ehr.store import SCHEMA_VERSION, Store, create_store, open_store, opened
from ehr.timelines import tokenize_store
from ehr.tokens import moment_rank, tokenize
from ehr.vocabulary import YEAR_SECONDS, Vocabulary
from models.features import FeaturePlan, plan_features, read_features

T = TypeVar("T")

GOAL = 1_000_000
TIMES = 5
PATIENTS = int(os.environ.get("MADE_PATIENTS", "50000"))
SECONDS = 60 * PATIENTS / 50_000
"""For tokens and features of the made patients together."""
FOLDER = Path(os.environ.get("COHORT_FOLDER", Path(tempfile.gettempdir()) / "anamnesis-benchmarks"))
SAMPLE = 100_000
DEMO = DATA / "mimic-iv-demo"

Row = tuple[int, datetime | None, str, float | None, str | None, int]
"""subject_id, time, code, numeric_value, unit, event_id."""


def run() -> Result:
    """Measure both; the goals are met when each of those that could be measured is."""
    results = [made(), demo()]
    met = [result.is_met for result in results if result.is_met is not None]
    return Result("; ".join(result.text for result in results), all(met) if met else None)


def made() -> Result:
    """Tokenise the made patients and take features of each at the middle of the record, once."""
    with opened(open_store(_made_store(), writable=True)) as store:
        fitting, vocabulary = _timed(lambda: fit_vocabulary(store))
        store.cursor().execute("DELETE FROM timeline")
        writing, report = _timed(lambda: tokenize_store(store, vocabulary))
        rows = _middles(store)
        taking, matrix = _timed(lambda: read_features(store.cursor(), rows, _plan(store, rows)))
        sample = _sample(store)
        looping, _ = _timed(lambda: loop_tokens(sample, vocabulary))
    speed, plain = report.events / writing, len(sample) / looping
    together = fitting + writing + taking
    return Result(
        f"{report.events:,} events of {report.subjects:,} made patients into {report.tokens:,} tokens in "
        f"{writing:.1f} s (vocabulary {fitting:.1f} s), {speed / plain:.1f} times as fast as a plain loop "
        f"that only makes them; {matrix.shape[1]:,} features of each patient in {taking:.1f} s; "
        f"together {together:.0f} s (goal: {SECONDS:.0f} s)",
        together <= SECONDS,
    )


def demo() -> Result:
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
        at, value = row[1], row[3]
        if at is not None:
            if before is not None and at > before:
                gap = bisect_right(vocabulary.settings.gap_starts, (at - before).total_seconds()) - 1
                if gap >= 0:
                    yield vocabulary.first_gap + gap
            if birth is not None and at > birth and vocabulary.ages:
                years = int((at - birth).total_seconds() // YEAR_SECONDS)
                band = bisect_right(firsts, years) - 1
                if band != shown:
                    shown = band
                    yield vocabulary.first_age + band
            before = at
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


def _made_store() -> Path:
    """Return the store of made patients, made where this version of the schema has made none yet."""
    path = FOLDER / f"made-{PATIENTS}-v{SCHEMA_VERSION}"
    if not path.exists():
        unfinished = FOLDER / f"{path.name}-unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        simulate(unfinished / "data", patients=PATIENTS, seed=1, format_name="meds")
        with opened(create_store(unfinished / "store")) as store:
            IMPORTERS["meds"](store, unfinished / "data", ImportOptions())
        (unfinished / "store").rename(path)
        shutil.rmtree(unfinished)
    return path


def _middles(store: Store) -> pl.DataFrame:
    """Return one row (subject_id, prediction_time) per subject: the middle of the record after birth."""
    query = "SELECT subject_id, first_time + (last_time - first_time) / 2 AS prediction_time FROM subject"
    return store.cursor().sql(f"{query} WHERE first_time < last_time ORDER BY subject_id").pl()


def _plan(store: Store, rows: pl.DataFrame) -> FeaturePlan:
    """Return the columns that training rows choose."""
    training = rows.filter(splits(rows["subject_id"]) == "train")
    return plan_features(store.cursor(), training)


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    """Return how long `work` takes by the clock, and what it gives."""
    begin = time.perf_counter()
    done = work()
    return time.perf_counter() - begin, done


def _anew(store: Store, vocabulary: Vocabulary) -> None:
    """Tokenise a store that has no timelines yet."""
    store.cursor().execute("DELETE FROM timeline")
    tokenize_store(store, vocabulary)


if __name__ == "__main__":
    print(run().text)
