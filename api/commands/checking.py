"""`ehr check`: the data quality of a store, on one page."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from ehr.check import Report

COLOURS = {"fail": "bold red", "warn": "yellow", "ok": "green"}


def register(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add the parser of this module."""
    parser = commands.add_parser(
        "check",
        parents=parents,
        help="data quality: what in the store cannot be, and in which files",
        description="Checks times against lives and stays, values against limits in their canonical units, "
        "repetitions, units, codes and what imports left out. Examples are numbers of records, never values.",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="also write quality.html and quality.json there")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a check fails")
    parser.set_defaults(run=run_check)


def run_check(args: argparse.Namespace) -> int:
    """Check the store, write the page, and print what was found."""
    import orjson

    from api.console import emit
    from api.quality_page import quality_page
    from ehr.check import as_json, check_store
    from ehr.store import open_store, opened, require_subjects

    with opened(open_store(args.store)) as store:
        require_subjects(store)
        report = check_store(store)
    payload = as_json(report)
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / "quality.json").write_bytes(orjson.dumps(payload, option=orjson.OPT_INDENT_2))
        (args.out / "quality.html").write_text(quality_page(report, args.store.name), encoding="utf-8")
        payload["report"] = str(args.out / "quality.html")
    emit(args, payload, lambda console: _render(console, report, args.out))
    return int(args.strict and report.count("fail") > 0)


def _render(console: "Console", report: "Report", folder: Path | None) -> None:
    from rich.markup import escape
    from rich.table import Table

    from api.quality_page import in_short, share_text
    from ehr.check import SEVERITIES

    found = [outcome for outcome in report.outcomes if outcome.severity in {"fail", "warn"}]
    if found:
        shown = Table("", "what", "found", "of", "share", "for example", box=None)
        for column in shown.columns[2:5]:
            column.justify = "right"
        for outcome in sorted(found, key=lambda outcome: SEVERITIES.index(outcome.severity)):
            example = outcome.examples[0]
            about = f" ({example.about})" if example.about else ""
            shown.add_row(
                f"[{COLOURS[outcome.severity]}]{outcome.severity}[/]",
                outcome.check.title,
                f"{outcome.found:,}",
                f"{outcome.of:,}",
                share_text(outcome.share),
                f"[dim]{escape(f'{outcome.check.noun} {example.id}{about}')}[/]",
            )
        console.print(shown)
    console.print(f"{in_short(report)}.")
    console.print(f"The page is {folder / 'quality.html'}." if folder else "[dim]--out DIR writes the page[/]")
