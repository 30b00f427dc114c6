"""What extracts a cohort in the benchmark of cohorts, each in a process of its own: ours, hand-written SQL, es-aces.

Every process prints one line of JSON: the seconds of its work, run after run (imports are not counted), and the
greatest memory that it ever had in RAM, in MiB. Its rows go to a Parquet file.

The hand-written SQL is the best found for this cohort: one look at the events, since no event may lie in the gap that
could be of another kind than the three, so that the next row of a patient and the last discharge or death after it
tell everything. It gives the rows and nothing else; ours also counts for the attrition and looks for the codes.
"""

import json
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.machine import REPOSITORY
from ehr.store import DISABLED_OPTIMIZERS

PEER = "es-aces==0.7.3"
COLUMNS = ("subject_id", "trigger", "index_timestamp", "label")


@dataclass(frozen=True, slots=True)
class Extracted:
    """One process: the seconds of each run, its greatest memory in MiB, and where its rows are."""

    seconds: tuple[float, ...]
    memory: float
    rows: Path

    @property
    def best(self) -> float:
        """The seconds of the quickest run."""
        return min(self.seconds)


def ours(task: Path, data: Path, rows: Path, times: int) -> Extracted:
    """Extract the cohort from a MEDS file with this project."""
    return _run([sys.executable, "-m", __name__, "ours", str(task), str(data), str(rows), str(times)], rows)


def hand_written(data: Path, rows: Path, times: int) -> Extracted:
    """Extract the cohort from a MEDS file with SQL written by hand."""
    return _run([sys.executable, "-m", __name__, "hand", str(data), str(rows), str(times)], rows)


def es_aces(environment: Path, task: Path, data: Path, rows: Path, times: int) -> Extracted:
    """Extract the cohort from a MEDS file with es-aces, in its own environment."""
    return _run(
        [str(environment / "bin" / "python"), "-c", _ES_ACES, str(task), str(data), str(rows), str(times)], rows
    )


def environment_of_peer(folder: Path) -> Path:
    """Return an environment with es-aces, made where it is not there: it needs another polars than this project."""
    environment = folder / "es-aces"
    python = environment / "bin" / "python"
    is_there = python.exists() and not subprocess.run([python, "-c", "import aces"], capture_output=True).returncode
    if not is_there:
        venv.create(environment, clear=True, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", PEER, "polars<2"], check=True, capture_output=True)
    return environment


def _run(command: list[str], rows: Path) -> Extracted:
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{command[:3]} ended with {done.returncode}: {done.stderr[-800:]}")
    told = json.loads(done.stdout.splitlines()[-1])
    return Extracted(tuple(told["seconds"]), told["memory"], rows)


_ES_ACES = """
import json, sys, time
from aces import config, predicates, query
from omegaconf import DictConfig
task, data, rows, times = sys.argv[1:]
seconds = []
for _ in range(int(times)):
    start = time.perf_counter()
    extractor = config.TaskExtractorConfig.load(config_path=task)
    frame = predicates.get_predicates_df(extractor, DictConfig({"path": data, "standard": "meds"}))
    found = query.query(extractor, frame)
    seconds.append(time.perf_counter() - start)
found.select("subject_id", "trigger", "index_timestamp", "label").write_parquet(rows)
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM:"))
print(json.dumps({"seconds": seconds, "memory": int(peak.split()[1]) / 1024}))
"""

HAND_WRITTEN = """
WITH found AS MATERIALIZED (
    SELECT subject_id, time, code FROM '{data}'
    WHERE time IS NOT NULL
      AND (starts_with(code, 'ICU_ADMISSION//') OR starts_with(code, 'ICU_DISCHARGE//')
           OR contains(code, 'MEDS_DEATH'))
), moment AS (
    SELECT subject_id, time, bool_or(starts_with(code, 'ICU_ADMISSION//')) AS admitted,
           bool_or(NOT starts_with(code, 'ICU_ADMISSION//')) AS is_end,
           count(*) FILTER (contains(code, 'MEDS_DEATH')) AS deaths
    FROM found GROUP BY subject_id, time
), followed AS (
    SELECT subject_id, time, admitted, lead(time) OVER (PARTITION BY subject_id ORDER BY time) AS next_time,
           last_value(CASE WHEN is_end THEN deaths END IGNORE NULLS) OVER (
               PARTITION BY subject_id ORDER BY time DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
           ) AS label
    FROM moment
)
SELECT subject_id, time AS "trigger", time + INTERVAL 24 HOUR AS index_timestamp, label FROM followed
WHERE admitted AND next_time > time + INTERVAL 48 HOUR AND label IS NOT NULL
"""


def _work_by_hand(data: str) -> pa.Table:
    con = duckdb.connect(config={"disabled_optimizers": DISABLED_OPTIMIZERS})
    return con.sql(HAND_WRITTEN.format(data=data)).to_arrow_table()


def _our_work(task: str, data: str) -> pa.Table:
    from ehr.tasks import read_task
    from sql.cohort import run_cohort_on_meds

    return run_cohort_on_meds(Path(data), read_task(Path(task)), wide=False).rows.to_arrow()


def _report(work: Callable[[], pa.Table], rows: str, times: int) -> None:
    work()  # the first run also imports
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        table = work()
        seconds.append(time.perf_counter() - start)
    pq.write_table(table.select(list(COLUMNS)), rows)
    status = Path("/proc/self/status").read_text().splitlines()
    peak = next(line for line in status if line.startswith("VmHWM:"))
    print(json.dumps({"seconds": seconds, "memory": int(peak.split()[1]) / 1024}))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["ours", task_file, data_file, rows_file, count]:
            _report(lambda: _our_work(task_file, data_file), rows_file, int(count))
        case ["hand", data_file, rows_file, count]:
            _report(lambda: _work_by_hand(data_file), rows_file, int(count))
        case other:
            sys.exit(f"there is no peer {other}")
