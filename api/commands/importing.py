"""`ehr import`: bring records into the store, and say what became of each file."""

import argparse
import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ehr.importers import IMPORTERS, ImportOptions

if TYPE_CHECKING:
    from rich.console import Console

    from ehr.intake import ImportReport, Tally
    from ehr.store import Store

MEMORY = "2GB"
"""More makes imports of many million events a little faster; less than 500MB is too little for them."""

MOST_FILES = 60
MOST_REASONS = 12


def register(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add the parser of `ehr import`."""
    parser = commands.add_parser(
        "import",
        parents=parents,
        help="bring records into the store: FHIR, MIMIC-IV, MEDS, OMOP, eICU",
        description="Bring a folder or a file of records into the store, file by file: of a file goes in all or, "
        "when that fails, nothing, and the same command goes on after an interruption. Files whose bytes the store "
        "has already are left out. Exit code 1 when a whole file could not be read.",
    )
    parser.add_argument("format", choices=sorted(IMPORTERS), help="format of the records")
    parser.add_argument("path", type=Path, metavar="PATH", help="folder or file")
    parser.add_argument(
        "--strict", action="store_true", help="validate each FHIR resource with fhir.resources (slow)"
    )
    parser.add_argument(
        "--billing",
        action="store_true",
        help="take in what FHIR Claims and ExplanationOfBenefits say too, under codes of their own",
    )
    parser.add_argument(
        "--memory",
        type=_size,
        metavar="SIZE",
        default=MEMORY,
        help=f"what DuckDB may use before it writes to disk ({MEMORY})",
    )
    parser.set_defaults(run=run_import)


def _size(text: str) -> str:
    """Check a size of memory as DuckDB reads it, such as 500MB or 2GB."""
    if not re.fullmatch(r"\d+(\.\d+)? ?[KMGT]i?B", text, re.IGNORECASE):
        raise argparse.ArgumentTypeError(f"{text!r} is no size such as 500MB or 2GB")
    return text


def run_import(args: argparse.Namespace) -> int:
    """Import, print the summary, and return 1 when a whole file was refused."""
    from api.console import emit, progress_bar
    from ehr.errors import SourceError
    from ehr.store import DATABASE_FILE, create_store, opened

    if not args.path.exists():
        raise SourceError(f"{args.path} does not exist; name the folder or file of {args.format} records")
    is_new = not (args.store / DATABASE_FILE).exists()
    try:
        with opened(create_store(args.store, memory=args.memory)) as store, progress_bar("Importing") as progress:
            options = ImportOptions(args.strict, progress, billing=args.billing)
            report = IMPORTERS[args.format](store, args.path, options)
            reasons = _reasons(store, report)
    except SourceError:
        if is_new:
            _remove_empty_store(args.store)
        raise
    emit(args, _payload(report, reasons), lambda console: _render(console, args, report, reasons))
    return 1 if report.failed else 0


def _remove_empty_store(path: Path) -> None:
    """Take back the store that was made for an import that brought nothing."""
    from ehr.store import DATABASE_FILE

    (path / DATABASE_FILE).unlink(missing_ok=True)
    if path.is_dir() and not any(path.iterdir()):
        path.rmdir()


def _reasons(store: "Store", report: "ImportReport") -> list[dict[str, Any]]:
    """Count the refusals and the notices of this import by reason, most frequent first."""
    rows = (
        store.cursor()
        .execute(
            r"""
            SELECT outcome, regexp_replace(reason, 'row \d+', 'row N') AS reason, count(*) AS n
            FROM (SELECT 'refused' AS outcome, * FROM reject UNION ALL SELECT 'notice', * FROM notice)
            WHERE source_id IN (SELECT unnest(?))
            GROUP BY ALL ORDER BY outcome DESC, n DESC, reason
            """,
            [[file.source_id for file in report.files]],
        )
        .fetchall()
    )
    return [{"outcome": outcome, "reason": reason, "count": count} for outcome, reason, count in rows]


def _totals(report: "ImportReport") -> "Tally":
    from ehr.intake import Tally

    total = Tally()
    for file in report.files:
        total.add(Tally(file.rows_in, file.accepted, file.rejected, file.skipped))
    return total


def _by_resource(report: "ImportReport") -> dict[str, "Tally"]:
    from ehr.intake import Tally

    totals: dict[str, Tally] = {}
    for file in report.files:
        for resource, tally in file.resources.items():
            totals.setdefault(resource, Tally()).add(tally)
    return dict(sorted(totals.items()))


def _payload(report: "ImportReport", reasons: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        **asdict(report),
        "failed": report.failed,
        "totals": asdict(_totals(report)),
        "resources": {resource: asdict(tally) for resource, tally in _by_resource(report).items()},
        "reasons": reasons,
    }


def _render(
    console: "Console", args: argparse.Namespace, report: "ImportReport", reasons: list[dict[str, Any]]
) -> None:
    if report.files:
        _render_files(console, report)
        if set(_by_resource(report)) - {file.file.partition(".")[0] for file in report.files}:
            _render_resources(console, report)
    if report.unchanged:
        console.print(f"{len(report.unchanged):,} files are in the store already, left out.", style="bright_black")
    _render_reasons(console, reasons)
    _render_outcome(console, args, report)


def _render_files(console: "Console", report: "ImportReport") -> None:
    from rich.markup import escape

    rows = [
        (file.file, file.status, (file.rows_in, file.accepted, file.rejected, file.skipped, file.notices))
        for file in report.files
    ]
    table = _table("file", "status", *_COUNTS, "notices")
    for name, status, counts in rows[:MOST_FILES]:
        style = "red" if status == "failed" else "yellow" if counts[2] else "bright_black" if not counts[1] else None
        table.add_row(escape(name), status, *(f"{count:,}" for count in counts), style=style)
    if len(rows) > MOST_FILES:
        rest = [sum(column) for column in zip(*(counts for _, _, counts in rows[MOST_FILES:]), strict=True)]
        table.add_row(f"{len(rows) - MOST_FILES:,} more files", "", *(f"{count:,}" for count in rest))
    if len(rows) > 1:
        total = [sum(column) for column in zip(*(counts for _, _, counts in rows), strict=True)]
        table.add_section()
        table.add_row("all files", "", *(f"{count:,}" for count in total), style="bold")
    console.print(table)


def _render_resources(console: "Console", report: "ImportReport") -> None:
    from rich.markup import escape

    table = _table("type of record", *_COUNTS)
    for resource, tally in _by_resource(report).items():
        counts = (tally.rows_in, tally.accepted, tally.rejected, tally.skipped)
        table.add_row(
            escape(resource), *(f"{count:,}" for count in counts), style=None if tally.accepted else "bright_black"
        )
    console.print(table)


def _render_reasons(console: "Console", reasons: list[dict[str, Any]]) -> None:
    from rich.markup import escape

    if not reasons:
        return
    table = _table("what happened", "reason", "records")
    for row in reasons[:MOST_REASONS]:
        style = "yellow" if row["outcome"] == "refused" else None
        table.add_row(row["outcome"], escape(row["reason"]), f"{row['count']:,}", style=style)
    console.print(table)
    if len(reasons) > MOST_REASONS:
        console.print(f"{len(reasons) - MOST_REASONS} more reasons: see 'ehr rejects' and 'ehr rejects --notices'.")


def _render_outcome(console: "Console", args: argparse.Namespace, report: "ImportReport") -> None:
    from rich.markup import escape

    if not report.files:
        console.print("Nothing new: the store is as it was.")
        return
    total = _totals(report)
    console.print(
        f"Read {total.rows_in:,} records: {total.accepted:,} accepted, {total.rejected:,} refused, "
        f"{total.skipped:,} skipped. The store at {escape(str(args.store))} gained {report.events:,} events, "
        f"{report.subjects:,} patients and {report.encounters:,} stays."
    )
    if report.removed:
        console.print(f"{report.removed:,} events went because their records were updated or deleted.")
    if report.failed:
        console.print(
            f"{len(report.failed)} of {len(report.files)} files could not be read at all and nothing of them went in "
            f"(the others did): {escape(', '.join(report.failed))}. See 'ehr rejects --list'.",
            style="red",
        )


_COUNTS = ("read", "accepted", "refused", "skipped")


def _table(*names: str) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in names:
        is_number = name in {*_COUNTS, "notices", "records"}
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    return table
