"""`ehr cohort`: who meets a task, with the attrition, as labels or as a wide table."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ehr.errors import EhrError

if TYPE_CHECKING:
    import pyarrow as pa
    from rich.console import Console

    from sql.cohort import Cohort
    from sql.cohort.records import Records


def register(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add the parser of this module."""
    cohort = commands.add_parser(
        "cohort", parents=parents, help="who meets a task file, from when, with which outcome, and who was lost where"
    )
    cohort.add_argument("task", metavar="TASK", help="a task file, or a ready task such as in_hospital_mortality")
    cohort.add_argument(
        "--data", type=Path, metavar="MEDS", help="look in a MEDS file or folder instead of the store"
    )
    cohort.add_argument("--out", type=Path, metavar="FILE", help="write the labels as MEDS parquet")
    cohort.add_argument(
        "--wide", type=Path, metavar="FILE", help="write rows with window times and counts as parquet"
    )
    cohort.add_argument(
        "--explain", action="store_true", help="show the tree of windows and the SQL, and run nothing"
    )
    cohort.add_argument(
        "--compat",
        choices=("none", "aces"),
        default="none",
        help="aces: do as es-aces 0.7.3 does even where that is hardly meant (docs/tasks.md)",
    )
    cohort.set_defaults(run=run_cohort_command)


def run_cohort_command(args: argparse.Namespace) -> int:
    """Find the cohort of a task, print its attrition and write what was asked for."""
    from api.console import emit
    from ehr.tasks import find_task, read_task
    from sql.cohort import explain_cohort, find_cohort, label_table

    task = read_task(find_task(args.task))
    with _records(args) as records:
        if args.explain:
            tree, sql = explain_cohort(records, task, wide=args.wide is not None, compat=args.compat)
            emit(args, {"tree": tree, "sql": sql}, lambda console: _show(console, f"{tree}\n\n{sql}"))
            return 0
        cohort = find_cohort(records, task, wide=args.wide is not None, compat=args.compat)
    if args.out:
        _write(label_table(cohort), args.out)
    if args.wide:
        _write(cohort.rows.to_arrow(), args.wide)
    emit(args, _summary(cohort, args), lambda console: _render(console, cohort, args))
    return 0


@contextmanager
def _records(args: argparse.Namespace) -> "Iterator[Records]":
    from ehr.store import open_store, opened
    from sql.cohort.records import records_of_meds, records_of_store

    if args.data:
        yield records_of_meds(args.data)
    else:
        with opened(open_store(args.store)) as store:
            yield records_of_store(store)


def _write(table: "pa.Table", path: Path) -> None:
    import pyarrow.parquet as pq

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path)
    except OSError as error:
        raise EhrError(f"{path} cannot be written: {error.strerror or error}") from error


def _summary(cohort: "Cohort", args: argparse.Namespace) -> dict[str, Any]:
    return {
        "task": cohort.task.name,
        "description": cohort.task.description,
        "source": str(args.data or args.store),
        "subjects": cohort.subjects,
        "rows": cohort.rows.height,
        "positive": cohort.positive,
        "prevalence": cohort.prevalence,
        "attrition": [asdict(step) for step in cohort.attrition],
        "note": _note(cohort),
        "remarks": cohort.task.remarks,
        "out": str(args.out) if args.out else None,
        "wide": str(args.wide) if args.wide else None,
    }


def _note(cohort: "Cohort") -> str | None:
    """Say at which rule everybody was lost, if everybody was."""
    if cohort.rows.height:
        return None
    last = next(step for step in cohort.attrition if step.rows_after == 0)
    return f"The cohort is empty: nobody is left after the rule '{last.rule}'."


def _render(console: "Console", cohort: "Cohort", args: argparse.Namespace) -> None:
    from rich.table import Table
    from rich.text import Text

    from api.console import err

    for remark in cohort.task.remarks:
        err().print(Text(f"note: {remark}", style="yellow"))
    table = Table(title=Text(f"{cohort.task.name} in {args.data or args.store}"), title_justify="left")
    table.add_column("rule", overflow="fold")
    for header in ("patients lost", "left", "rows lost", "left"):
        table.add_column(header, justify="right")
    table.add_row("everybody", "", f"{cohort.attrition[0].subjects_before:,}", "", "")
    for step in cohort.attrition:
        lost = (step.subjects_before - step.subjects_after, step.rows_before - step.rows_after)
        table.add_row(
            Text(step.rule), _lost(lost[0]), f"{step.subjects_after:,}", _lost(lost[1]), f"{step.rows_after:,}"
        )
    console.print(table)
    console.print(_note(cohort) or _size(cohort), markup=False)
    for what, path in (("labels", args.out), ("rows with window times and counts", args.wide)):
        if path:
            console.print(f"Wrote the {what} to {path}.", markup=False)


def _show(console: "Console", text: str) -> None:
    console.print(text, markup=False, soft_wrap=True)


def _lost(number: int) -> str:
    return f"-{number:,}" if number else "0"


def _size(cohort: "Cohort") -> str:
    size = f"{cohort.rows.height:,} rows of {cohort.subjects:,} patients"
    if cohort.positive is None:
        return f"{size}."
    return f"{size}; label positive in {cohort.positive:,} ({cohort.prevalence:.1%})."
