"""What `ehr predict` and `ehr evaluate` do with `--endpoint`: the curve of an endpoint's time, and how good it is."""

import argparse
from dataclasses import asdict
from datetime import UTC
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from api.timing import Course

_SHOWN = 8
"""Times of a curve that are printed; --json has all."""


def run_predict_times(args: argparse.Namespace) -> int:
    """Print the curve of one patient."""
    from api.console import emit
    from api.learning import open_model, read_task_file
    from api.timing import foresee_times
    from ehr.lookup import find_subject
    from ehr.store import open_store, opened

    file = read_task_file(args.task)
    at = args.at.astimezone(UTC).replace(tzinfo=None) if args.at and args.at.tzinfo else args.at
    with opened(open_store(args.store)) as store:
        checkpoint = open_model(store, args.model)
        course = foresee_times(store, checkpoint, file, args.endpoint, find_subject(store, args.subject), at)
    emit(args, asdict(course), lambda console: _render_course(console, course))
    return 0


def run_evaluate_times(args: argparse.Namespace) -> int:
    """Judge the curves of a model on held-out patients, and print and keep what was found."""
    from api.console import emit, progress_bar
    from api.learning import open_model, read_task_file
    from api.timing import endpoint_times
    from ehr.store import open_store, opened, require_subjects
    from ehr.timelines import load_timelines
    from models.checkpoint import write_json
    from models.survival.predict import evaluate_times

    file = read_task_file(args.task)
    with opened(open_store(args.store)) as store, progress_bar("evaluating"):
        require_subjects(store)
        checkpoint = open_model(store, args.model, args.version)
        times = endpoint_times(store, file.task, args.endpoint)
        timelines = load_timelines(store, checkpoint.vocabulary)
        found = evaluate_times(checkpoint, timelines, times, args.horizon, seed=args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / f"{args.endpoint}.json"
    payload = {"task": file.task.name, "model": checkpoint.identity, **found}
    write_json(path, payload)
    emit(args, {**payload, "written": str(path)}, lambda console: _render_evaluation(console, payload, str(path)))
    return 0


def _render_course(console: "Console", course: "Course") -> None:
    from rich.table import Table

    console.print(
        f"[bold]{course.endpoint}[/] of {course.task} for patient {course.subject_id}, from what was known at "
        f"{course.prediction_time:%Y-%m-%d %H:%M}"
    )
    if course.abstention:
        console.print(f"  no estimate: {course.abstention}")
    else:
        table = Table(box=None)
        table.add_column("within", justify="right")
        for curve in course.curves:
            table.add_column(curve.cause, justify="right")
        table.add_column("none yet", justify="right")
        days = course.curves[0].days
        step = max(1, -(-(len(days) - 1) // _SHOWN))
        for place in sorted({*range(len(days) - 1, 0, -step)}):
            cells = [
                f"{curve.risk[place]:.1%} ({curve.low[place]:.1%} to {curve.high[place]:.1%})"
                for curve in course.curves
            ]
            table.add_row(f"{days[place]:.1f} days", *cells, f"{course.free[place]:.1%}")
        console.print(table)
        console.print("  [bright_black]90 % interval: how far it would move had other patients been at hand[/]")
    for warning in course.warnings:
        console.print(f"  [yellow]warning: {warning}[/]")


def _render_evaluation(console: "Console", found: dict[str, Any], path: str) -> None:
    from rich.table import Table

    causes = ", ".join(f"{count:,} with {name}" for name, count in found["causes"].items())
    console.print(
        f"[bold]{found['endpoint']}[/] of {found['task']}: {found['rows']:,} rows of {found['subjects']:,} held-out "
        f"subjects, {causes}, {found['censored']:,} censored"
    )
    console.print(f"  concordance {_cell(found['concordance'])}")
    table = Table(box=None)
    for title in ("within", "foretold", "observed", "AUROC", "Brier", "Brier of base", "saved"):
        table.add_column(title, justify="right")
    for row in found["horizons"]:
        measures = (_cell(row[name]) for name in ("auroc", "brier", "brier_of_base", "brier_saved"))
        table.add_row(f"{row['days']:.1f} days", f"{row['mean_risk']:.1%}", f"{row['observed']:.1%}", *measures)
    console.print(table)
    console.print("  base: the same risk for everyone, by Aalen and Johansen from training rows", markup=False)
    console.print(f"  written: {path}", markup=False, soft_wrap=True)


def _cell(estimate: dict[str, float | None]) -> str:
    if estimate["value"] is None or estimate["low"] is None:
        return "undefined"
    return f"{estimate['value']:.3f} ({estimate['low']:.3f} to {estimate['high']:.3f})"
