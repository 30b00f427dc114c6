"""`ehr cohort describe` and `ehr cohort compare`: what the people of cohorts are like, and how two differ."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ehr.errors import TaskError

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console
    from rich.table import Table

    from sql.characteristics import Comparison, Line, NumberCell, Overlap, ShareCell, TableOne
    from sql.cohort.records import Records

FOOTNOTE: Final = (
    "n (%) or median [quartiles]; only what was known at the prediction time (else the trigger) counts. A diagnosis "
    "or drug that is not in the record counts as none."
)
NOTABLE: Final = 0.1
"""A standardised difference above this is commonly called an imbalance (Austin, Stat Med 2009;28:3083)."""


def register(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add the parsers of this module."""
    describe = commands.add_parser(
        "cohort describe", parents=parents, help="table one of a cohort: n, %%, median, quartiles, missing"
    )
    describe.add_argument("cohort", metavar="COHORT", help="a task file, a ready task, or a file that --out wrote")
    describe.add_argument("--by", choices=("label",), help="a group for each value, with the standardised difference")
    compare = commands.add_parser(
        "cohort compare", parents=parents, help="two cohorts: whom they share, and how their people differ"
    )
    for name in ("first", "second"):
        compare.add_argument(name, metavar=name.upper(), help="a task file, a ready task, or a file that --out wrote")
    for parser in (describe, compare):
        parser.add_argument(
            "--data", type=Path, metavar="MEDS", help="look in a MEDS file or folder instead of the store"
        )
        parser.add_argument(
            "--top", type=int, default=10, metavar="N", help="so many diagnoses, measurements and drugs (default 10)"
        )
    describe.set_defaults(run=run_describe)
    compare.set_defaults(run=run_compare)


def run_describe(args: argparse.Namespace) -> int:
    """Print the characteristics of one cohort."""
    import polars as pl

    from api.console import emit
    from sql.characteristics import GROUP, characteristics, table_one

    with _records(args) as records:
        name, rows = _cohort(records, args.cohort)
        if args.by and "label" not in rows.columns:
            raise TaskError(f"{name}: has no label to part by; leave out --by, or give a cohort with a label")
        described = characteristics(records, rows, top=args.top)
    groups = None
    if args.by:
        word = pl.when(pl.col("label")).then(pl.lit("label")).otherwise(pl.lit("no label"))
        described = described.with_column(word.alias(GROUP))
        groups = ("label", "no label")
    table = table_one(described, groups)
    emit(args, {"cohort": name, **_payload(table)}, lambda console: _render_table(console, name, table))
    return 0


def run_compare(args: argparse.Namespace) -> int:
    """Print the overlap of two cohorts and their characteristics side by side."""
    from api.console import emit
    from sql.characteristics import compare_cohorts

    with _records(args) as records:
        found = compare_cohorts(records, _cohort(records, args.first), _cohort(records, args.second), top=args.top)
    payload = {"overlap": {"subjects": _shares(found.subjects), "rows": _shares(found.rows)}, **_payload(found.table)}
    emit(args, payload, lambda console: _render_comparison(console, found))
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


def _cohort(records: "Records", name: str) -> "tuple[str, pl.DataFrame]":
    """Return name and rows of a cohort that is given as a task or as a file of rows."""
    from ehr.tasks import find_task, read_task
    from sql.characteristics import index_rows, rows_of_file
    from sql.cohort import find_cohort

    if name.endswith(".parquet"):
        return Path(name).stem, rows_of_file(Path(name))
    task = read_task(find_task(name))
    return task.name, index_rows(find_cohort(records, task, wide=False))


def _payload(table: "TableOne") -> dict[str, Any]:
    groups = [
        {"name": name, "rows": rows, "subjects": subjects}
        for name, rows, subjects in zip(table.groups, table.rows, table.subjects, strict=True)
    ]
    return {"groups": groups, "lines": [asdict(line) for line in table.lines], "note": FOOTNOTE}


def _shares(overlap: "Overlap") -> dict[str, Any]:
    return {**asdict(overlap), "jaccard": overlap.jaccard}


def _render_comparison(console: "Console", found: "Comparison") -> None:
    from rich.table import Table
    from rich.text import Text

    first, second = found.table.groups
    table = Table(title=Text(f"{first} and {second}"), title_justify="left")
    table.add_column("")
    for header in ("in both", f"only {first}", f"only {second}", "share in both"):
        table.add_column(Text(header), justify="right")
    for name, overlap in (("patients", found.subjects), ("rows (patient and time)", found.rows)):
        share = "" if overlap.jaccard is None else f"{overlap.jaccard:.1%}"
        counts = (overlap.both, overlap.only_first, overlap.only_second)
        table.add_row(name, *(f"{count:,}" for count in counts), share)
    console.print(table)
    _render_table(console, "characteristics", found.table)


def _render_table(console: "Console", title: str, table: "TableOne") -> None:
    from rich.table import Table
    from rich.text import Text

    shown = Table(title=Text(title), title_justify="left")
    shown.add_column("", overflow="fold")
    for name in table.groups:
        shown.add_column(Text(name), justify="right")
    is_pair = len(table.groups) == 2
    if is_pair:
        shown.add_column("SMD", justify="right")
    shown.add_row("rows", *(f"{rows:,}" for rows in table.rows))
    shown.add_row("patients", *(f"{subjects:,}" for subjects in table.subjects), end_section=True)
    _add_lines(shown, table.lines, is_pair=is_pair)
    console.print(shown)
    console.print(FOOTNOTE, markup=False)
    if is_pair:
        console.print(
            f"SMD: standardised mean difference; above {NOTABLE} is commonly called an imbalance.", markup=False
        )


def _add_lines(shown: "Table", lines: "tuple[Line, ...]", *, is_pair: bool) -> None:
    from rich.text import Text

    for number, line in enumerate(lines):
        if number == 0 or lines[number - 1].section != line.section:
            shown.add_row(Text(line.section, style="bold"))
        ends = number + 1 == len(lines) or lines[number + 1].section != line.section
        smd = [_difference(line.smd)] if is_pair else []
        missing = _missing(line)
        name = f"  {line.name}: {line.level}" if line.level else f"  {line.name}"
        cells = [_cell(cell) for cell in line.cells]
        shown.add_row(Text(name), *cells, *smd, end_section=ends and not missing)
        if missing:
            shown.add_row(Text("    missing", style="dim"), *missing, end_section=ends)


def _missing(line: "Line") -> list[str]:
    """Return how much of a number is missing in each group, or nothing where none is."""
    from sql.characteristics import NumberCell

    cells = [cell for cell in line.cells if isinstance(cell, NumberCell)]
    return [_share(cell.missing, cell.missing_percent) for cell in cells] if any(c.missing for c in cells) else []


def _share(n: int, percent: float | None) -> str:
    return f"{n:,}" if percent is None else f"{n:,} ({percent:.1f} %)"


def _cell(cell: "ShareCell | NumberCell") -> str:
    from sql.characteristics import ShareCell

    if isinstance(cell, ShareCell):
        return _share(cell.n, cell.percent)
    return "none" if cell.median is None else f"{cell.median:.4g} [{cell.q1:.4g}, {cell.q3:.4g}]"


def _difference(smd: float | None) -> str:
    return "" if smd is None else f"{smd:.2f}{' *' if abs(smd) > NOTABLE else ''}"
