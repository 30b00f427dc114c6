"""`ehr simulate`: make patients whose true risks are known."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from ehr.simulate import SimulateReport

FORMATS = ("fhir", "mimic", "meds")


def register(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "simulate",
        parents=parents,
        help="make patients whose true risks are known",
        description=(
            "Make plausible patients from a hidden process that is known exactly, in the format asked for, with "
            "truth.parquet beside them: the risk given the records up to a prediction time, and what then happened."
        ),
    )
    parser.add_argument("--patients", type=int, required=True, metavar="N", help="number of patients")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="same seed, same data (default: 0)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="new or empty folder to write to")
    parser.add_argument("--format", choices=FORMATS, default="mimic", help="format of the records (default: mimic)")
    parser.set_defaults(run=run_simulate)


def run_simulate(args: argparse.Namespace) -> int:
    """Make the patients and say what was made."""
    from api.console import emit, progress_bar
    from ehr.simulate import simulate

    with progress_bar("simulate:") as progress:
        report = simulate(
            args.out, patients=args.patients, seed=args.seed, format_name=args.format, progress=progress
        )
    emit(args, report, lambda console: _render(console, report))
    return 0


def _render(console: "Console", report: "SimulateReport") -> None:
    from rich.table import Table

    console.print(
        f"{report.patients:,} made patients with {report.rows:,} records as {report.format} in {report.out} "
        f"(seed {report.seed})"
    )
    table = Table("task", "predictions", "outcomes", "rate", "best AUROC", title=f"true risks in {report.truth}")
    for task in report.tasks:
        area = "" if task.auroc is None else f"{task.auroc:.3f}"
        rate = f"{task.outcomes / task.predictions:.1%}"
        table.add_row(task.task, f"{task.predictions:,}", f"{task.outcomes:,}", rate, area)
    console.print(table)
