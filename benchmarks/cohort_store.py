"""Questions to a warm store in the benchmark of cohorts: a cohort, timelines of patients, and what analysts ask.

Medians of the seconds of each, after a first run that is not counted. The queries of analysts go through the guard.
"""

import statistics
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.cohort_peers import COLUMNS
from benchmarks.machine import seconds
from ehr.lookup import TimelineFilter, find_subject, subject_events
from ehr.store import Store, open_store, opened
from ehr.tasks import read_task
from sql.catalog import read_catalog
from sql.cohort import run_cohort
from sql.query import run_query

TIMES = 7
PATIENTS = 20
EVENTS_SHOWN = 1_000

AGGREGATES = {
    "events by code": "SELECT code, count(*) AS n FROM event GROUP BY code ORDER BY n DESC LIMIT 20",
    "quartiles of potassium": "SELECT count(*), quantile_cont(value, [0.25, 0.5, 0.75]) FROM observation "
    "WHERE code = 'LAB//50971//mEq/L'",
    "admissions by month": "SELECT date_trunc('month', start_time) AS month, count(*) FROM encounter "
    "WHERE class = 'inpatient' GROUP BY month ORDER BY month",
    "patients by sex and decade of birth": "SELECT sex, date_part('year', birth_time)::INTEGER // 10 * 10 AS decade, "
    "count(*) FROM patient GROUP BY ALL ORDER BY ALL",
    "first creatinine after each ICU admission": "SELECT count(*), avg(first_value) FROM ("
    "SELECT arg_min(o.value, o.start_time) AS first_value FROM encounter e JOIN observation o USING (subject_id) "
    "WHERE e.class = 'icu' AND o.code = 'LAB//50912//mg/dL' AND o.start_time >= e.start_time "
    "GROUP BY e.encounter_id)",
}
"""Name -> a query as analysts write them."""


@dataclass(frozen=True, slots=True)
class Answered:
    """Median seconds of each question to one store, how many events it has, and where the rows of the cohort are."""

    events: int
    bytes: int
    cohort: float
    timeline: float
    aggregates: dict[str, float]
    rows: Path


def answer(path: Path, task_file: Path, rows: Path) -> Answered:
    """Ask the store at `path` everything."""
    task = read_task(task_file)
    with opened(open_store(path)) as store:
        events = int(store.con.execute("SELECT count(*) FROM event").fetchall()[0][0])
        pq.write_table(run_cohort(store, task, wide=False).rows.to_arrow().select(list(COLUMNS)), rows)
        cohort = statistics.median(seconds(lambda: run_cohort(store, task, wide=False)) for _ in range(TIMES))
        numbers = [row[0] for row in store.con.execute(_PATIENTS).fetchall()]
        for number in numbers:
            _timeline(store, number)
        timeline = statistics.median(seconds(partial(_timeline, store, number)) for number in numbers)
        aggregates = {name: _median(store, query) for name, query in AGGREGATES.items()}
    size = sum(file.stat().st_size for file in path.iterdir() if file.is_file())
    return Answered(events, size, cohort, timeline, aggregates, rows)


_PATIENTS = f"SELECT subject_id FROM subject ORDER BY hash(subject_id) LIMIT {PATIENTS}"


def _timeline(store: Store, subject_id: int) -> None:
    """Do what `ehr timeline` does."""
    subject = find_subject(store, str(subject_id))
    _events, total = subject_events(store, subject.subject_id, TimelineFilter(limit=EVENTS_SHOWN))
    assert total > 0


def _median(store: Store, query: str) -> float:
    catalog = read_catalog(store)
    assert run_query(store, query, catalog=catalog).table.num_rows > 0
    return statistics.median(seconds(lambda: run_query(store, query, catalog=catalog)) for _ in range(TIMES))
