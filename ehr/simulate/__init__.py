"""Made patients whose true risks are known, in the formats that hospitals have.

    simulate(Path("made"), patients=1000, seed=7, format_name="mimic")

The parts, in the order of the flow: `process` (the hidden process and its exact probabilities), `physiology` and
`codes` (the numbers and the vocabulary), `paths` (hidden courses), `evidence` (what records show of them), `truth`
(the risk given the records), `patients` (these together), `tables` (records as tables of MIMIC-IV), and one writer
per format.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from ehr.errors import SimulationError
from ehr.progress import Progress, silent

if TYPE_CHECKING:
    import polars as pl

    from ehr.simulate.frames import Tables

Writer = Callable[["Tables", Path, Progress], None]

TRUTH: Final = "truth.parquet"
BATCH: Final = 2000
"""Patients that are drawn at once; each batch has a random stream of its own."""
MOST_PATIENTS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class TaskTruth:
    """How often a task's outcome came, and how well the true probability separates, over all predictions."""

    task: str
    predictions: int
    outcomes: int
    auroc: float | None
    """Area under the ROC curve of the true probability: the best that any model can reach on average."""


@dataclass(frozen=True, slots=True)
class SimulateReport:
    """What was made and where."""

    out: Path
    format: str
    seed: int
    patients: int
    rows: int
    truth: Path
    tasks: tuple[TaskTruth, ...]


def _write_fhir(tables: "Tables", out: Path, progress: Progress) -> None:
    from ehr.simulate.write_fhir import write_fhir

    write_fhir(tables, out, progress)


def _write_mimic(tables: "Tables", out: Path, progress: Progress) -> None:
    from ehr.simulate.write_mimic import write_mimic

    write_mimic(tables, out, progress)


def _write_meds(tables: "Tables", out: Path, progress: Progress) -> None:
    from ehr.simulate.write_meds import write_meds

    write_meds(tables, out, progress)


WRITERS: Final[dict[str, Writer]] = {"fhir": _write_fhir, "mimic": _write_mimic, "meds": _write_meds}
"""Name of a format -> its writer; the modules behind them load when they are called, as `ehr --help` must not."""


def simulate(out: Path, *, patients: int, seed: int, format_name: str, progress: Progress = silent) -> SimulateReport:
    """Make patients under `out`, with truth.parquet beside the data; the same seed gives the same patients and bytes.

    truth.parquet has subject_id, prediction_time, task, true_probability, outcome; for FHIR subject_id is the number
    that the import gives a Patient. Raises SimulationError when `out` holds anything already or cannot be written.
    """
    check_request(out, patients, seed)
    tables, truth = draw_records(patients, seed, progress)
    with _new_folder(out) as folder:
        WRITERS[format_name](tables, folder, progress)
        write_truth(truth, folder / TRUTH, format_name)
    rows = sum(len(table) for name, table in tables.items() if name != "visits")
    return SimulateReport(out, format_name, seed, patients, rows, out / TRUTH, _summary(truth))


@contextmanager
def _new_folder(out: Path) -> Iterator[Path]:
    """Give a folder whose files move to `out` at the end of the block, so that `out` has all of them or none."""
    try:
        out = out.resolve()
        out.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as temporary:
            yield Path(temporary)
            out.mkdir(exist_ok=True)
            for entry in Path(temporary).iterdir():
                entry.rename(out / entry.name)
    except OSError as error:
        raise SimulationError(f"{out} cannot be written ({error.strerror}); name another folder for --out") from error


def check_request(out: Path, patients: int, seed: int) -> None:
    """Raise SimulationError for what cannot be made, or where it cannot be written."""
    if not 1 <= patients <= MOST_PATIENTS:
        raise SimulationError(f"--patients is {patients}; give a number from 1 to {MOST_PATIENTS:,}")
    if seed < 0:
        raise SimulationError(f"--seed is {seed}; give 0 or a positive number")
    if out.exists() and not out.is_dir():
        raise SimulationError(f"{out} is a file; name a new or an empty folder for --out")
    if out.exists() and any(out.iterdir()):
        raise SimulationError(
            f"{out} is not empty, and nothing is overwritten; name a new or an empty folder for --out"
        )


def draw_records(patients: int, seed: int, progress: Progress = silent) -> tuple["Tables", "pl.DataFrame"]:
    """Return the records of `patients` as tables, and the truth with MIMIC-IV's subject_id."""
    import numpy as np
    import polars as pl

    from ehr.simulate.frames import FIRST_SUBJECT, Offsets, at
    from ehr.simulate.patients import draw_patients
    from ehr.simulate.tables import build_tables

    offsets, batches, truths = Offsets(), [], []
    for number, first in enumerate(range(0, patients, BATCH)):
        progress("drawing patients", first, patients)
        rng = np.random.default_rng([seed, number])
        batch = draw_patients(min(BATCH, patients - first), rng)
        truths.append(
            batch.risks.select(
                "task", "true_probability", "outcome",
                subject_id=FIRST_SUBJECT + first + pl.col("patient"), prediction_time=at("second"),
            )
        )  # fmt: skip
        batches.append(build_tables(batch, offsets, rng))
    tables = {name: pl.concat([batch[name] for batch in batches]) for name in batches[0]}
    return tables, pl.concat(truths)


def write_truth(truth: "pl.DataFrame", path: Path, format_name: str) -> None:
    """Write the truth with the subject_id that the import of the format gives."""
    import polars as pl

    from ehr.events import stable_id

    if format_name == "fhir":
        numbers = {number: stable_id(f"Patient/{number}") for number in truth["subject_id"].unique().to_list()}
        truth = truth.with_columns(pl.col("subject_id").replace_strict(numbers, return_dtype=pl.Int64))
    columns = ("subject_id", "prediction_time", "task", "true_probability", "outcome")
    truth.select(columns).sort("subject_id", "prediction_time", "task").write_parquet(path)


def _summary(truth: "pl.DataFrame") -> tuple[TaskTruth, ...]:
    import polars as pl

    found = []
    for (task,), rows in sorted(truth.partition_by("task", as_dict=True).items()):
        ranked = rows.with_columns(pl.col("true_probability").rank())
        count, positive = len(rows), int(rows["outcome"].sum())
        area = None
        if 0 < positive < count:
            ranks = float(ranked.filter("outcome")["true_probability"].sum())
            area = (ranks - positive * (positive + 1) / 2) / (positive * (count - positive))
        found.append(TaskTruth(str(task), count, positive, area))
    return tuple(found)
