"""`ehr export`: write the store in a format that other programs read."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ehr.exporters import EXPORTERS, ExportOptions

if TYPE_CHECKING:
    from rich.console import Console

    from ehr.exporters import ExportReport


def register(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add the parser of `ehr export`."""
    defaults = ExportOptions()
    parser = commands.add_parser(
        "export",
        parents=parents,
        help="write the store as a MEDS data set",
        description="Write the whole store to a folder that is there only when it is complete. "
        "'ehr import' of that folder gives the same store again, but for its ledger of imports and its models.",
    )
    parser.add_argument("format", choices=sorted(EXPORTERS), help="format to write")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="new or empty folder")
    parser.add_argument("--force", action="store_true", help="replace an earlier export in this folder")
    parser.add_argument("--name", help="name of the data set (default: that of the folder of the store)")
    parser.add_argument(
        "--shard-events",
        type=_positive,
        default=defaults.shard_events,
        metavar="N",
        help=f"patients with about N events go to a file (default {defaults.shard_events:,})",
    )
    parser.add_argument(
        "--partition",
        type=_positive,
        metavar="N",
        help="write N files of about the same size instead, not divided by split, for engines such as Spark",
    )
    parser.set_defaults(run=run_export)


def run_export(args: argparse.Namespace) -> int:
    """Export the store and print the counts."""
    from api.console import emit, progress_bar
    from ehr.store import open_store, opened, require_subjects

    with opened(open_store(args.store)) as store, progress_bar("Exporting") as progress:
        require_subjects(store)
        options = ExportOptions(args.name, args.force, args.shard_events, progress, args.partition)
        report = EXPORTERS[args.format](store, args.out, options)
    emit(args, asdict(report), lambda console: _render(console, report))
    return 0


def _positive(text: str) -> int:
    """Read a whole number above 0; argparse tells of a ValueError."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _render(console: "Console", report: "ExportReport") -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("split")
    for name in ("patients", "events", "files"):
        table.add_column(name, justify="right")
    for split, counts in report.splits.items():
        table.add_row(split, *(f"{counts[key]:,}" for key in ("subjects", "events", "files")))
    console.print(table)
    beside = ", ".join(f"{name} {rows:,}" for name, rows in report.tables.items() if rows)
    console.print(
        f"Wrote {report.events:,} events of {report.subjects:,} patients with {report.codes:,} codes to "
        f"{escape(report.out)} ({report.bytes / 1e6:,.1f} MB); rows beside MEDS: {beside}."
    )
