"""`ehr audit`: whether the inputs of a task tell its labels by a way that is not there at the bedside."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ehr.errors import EhrError

if TYPE_CHECKING:
    from rich.console import Console

    from models.leakage import Audit, Finding
    from sql.cohort.records import Records

COLOURS: Final = {"fails": "bold red", "warns": "yellow", "clean": "green"}


def register(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add the parser of this module."""
    parser = commands.add_parser(
        "audit",
        parents=parents,
        help="leakage: whether the inputs of a task tell its labels by a way that is not there at the bedside",
        description="Looks at the text of the task, its rows and their inputs for leaks. Exit code: 0 nothing found, "
        "1 something found. 'ehr train' refuses a task with a finding that fails. docs/audit.md says what to do.",
    )
    parser.add_argument("task", nargs="?", metavar="TASK", help="a task file, or a ready task")
    parser.add_argument("--endpoint", metavar="NAME", help="audit this endpoint of kind time in place of the label")
    parser.add_argument("--labels", type=Path, metavar="FILE", help="audit the rows of a MEDS label file instead")
    parser.add_argument("--data", type=Path, metavar="MEDS", help="look in a MEDS file or folder, not in the store")
    parser.add_argument(
        "--splits", type=Path, metavar="FILE", help="parquet with subject_id and split, in place of our own splits"
    )
    parser.set_defaults(run=run_audit)


def run_audit(args: argparse.Namespace) -> int:
    """Audit a task or a label file, and print what was found."""
    from api.console import emit
    from api.leaks import audit_label_file, audit_records, read_splits
    from api.timing import timed_endpoint
    from ehr.tasks import find_task, read_task
    from models.leakage import as_mapping

    if (args.task is None) == (args.labels is None):
        raise EhrError("name a task, or a label file with --labels FILE; one of the two")
    splits = read_splits(args.splits) if args.splits else None
    task = read_task(find_task(args.task)) if args.task else None
    if args.endpoint and task is None:
        raise EhrError("--endpoint names one of a task, and a label file has none; name the task")
    endpoint = timed_endpoint(task, args.endpoint) if task and args.endpoint else None
    with _records(args) as records:
        if task:
            found = audit_records(records, task, splits, endpoint)
        else:
            found = audit_label_file(records, args.labels, splits)
    emit(args, as_mapping(found), lambda console: _render(console, found, str(args.labels)))
    return int(bool(found.findings))


@contextmanager
def _records(args: argparse.Namespace) -> Iterator["Records"]:
    from ehr.store import open_store, opened
    from sql.cohort.records import records_of_meds, records_of_store

    if args.data:
        yield records_of_meds(args.data)
        return
    with opened(open_store(args.store)) as store:
        yield records_of_store(store)


def _render(console: "Console", audit: "Audit", labels: str) -> None:
    from rich.markup import escape
    from rich.table import Table

    console.print(f"[bold]{escape(audit.task or labels)}[/]: {audit.rows:,} rows of {audit.subjects:,} patients")
    table = Table(box=None, show_header=False, padding=(0, 1))
    for result in audit.results:
        verdict = result.verdict
        table.add_row(f"[{COLOURS[verdict]}]{verdict}[/]", result.area, f"[dim]{escape(result.seen)}[/]")
        for note in result.notes:
            table.add_row("", "", f"[dim]note: {escape(note)}[/]")
    console.print(table)
    for finding in audit.findings:
        render_finding(console, finding)
    failing = len(audit.failing)
    if audit.findings:
        warning = len(audit.findings) - failing
        console.print(f"\n{failing} fail, {warning} warn; docs/audit.md says what to do about each.")
    else:
        console.print("\nNothing found. An audit finds known kinds of leaks; it cannot show that there is none.")


def render_finding(console: "Console", finding: "Finding") -> None:
    """Print one finding: what, in how many rows, for example where, and what to do."""
    from rich.markup import escape

    console.print(f"\n[{COLOURS[finding.severity]}]{finding.severity}[/]  [bold]{finding.code}[/]")
    console.print(f"  {escape(finding.message)}")
    for example in finding.examples:
        words = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in example.items())
        console.print(f"  [dim]- {escape(words)}[/]")
    console.print(f"  [cyan]do:[/] {escape(finding.advice)}")
