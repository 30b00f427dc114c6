"""What a figure was measured on and how: the machine's name, the result of a benchmark, repeated timing."""

import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb

REPOSITORY = Path(__file__).parents[1]
DATA = Path(os.environ.get("ANAMNESIS_DATA", REPOSITORY.parent / "shared" / "data"))


@dataclass(frozen=True, slots=True)
class Result:
    """What a benchmark found, in a sentence; `is_met` is None where it could not be measured."""

    text: str
    is_met: bool | None


def machine_name() -> str:
    """Name the processor, cores, memory, and the versions that matter."""
    processors = Path("/proc/cpuinfo")
    lines = processors.read_text().splitlines() if processors.exists() else []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    model = next(models, platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"machine: {model}, {os.cpu_count()} cores, {memory:.0f} GiB; "
        f"Python {platform.python_version()}, DuckDB {duckdb.__version__}"
    )


def seconds(work: Callable[[], object]) -> float:
    """Return how long `work` takes by the clock."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def alternately(first: Callable[[], object], second: Callable[[], object], times: int) -> tuple[float, float]:
    """Time two pieces of work in turns, so that a busy moment hits both; return the best seconds of each."""
    pairs = [(seconds(first), seconds(second)) for _ in range(times)]
    return min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)
