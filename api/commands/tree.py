"""`ehr code tree`: what lies above and below a code, with what the store has of it."""

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from ehr.hierarchy import TreeRow


def register(actions: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add the action `tree` to the actions of `ehr code`."""
    tree = actions.add_parser("tree", parents=parents, help="what lies above and below a code, with counts")
    tree.add_argument("code", metavar="CODE", nargs="+", help="a code or a group, such as: ICD10 E11, ICD10//E08-E13")
    tree.set_defaults(run=run_code_tree)


def run_code_tree(args: argparse.Namespace) -> int:
    """Print the hierarchy around a code."""
    from api.console import emit
    from ehr.hierarchy import concept_tree
    from ehr.store import open_store, opened, require_subjects

    with opened(open_store(args.store)) as store:
        require_subjects(store)
        rows = concept_tree(store.cursor(), " ".join(args.code))
    emit(args, [asdict(row) for row in rows], lambda console: _render(console, rows))
    return 0


def _render(console: "Console", rows: "Sequence[TreeRow]") -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("", "code", "title", "events", "patients", box=None)
    table.columns[3].justify = table.columns[4].justify = "right"
    for row in rows:
        place = "above" if row.depth < 0 else "below" if row.depth > 0 else ""
        style = "bold" if row.depth == 0 else "dim" if row.depth < 0 else ""
        cells = (row.concept, row.title or "", f"{row.n_events:,}", f"{row.n_subjects:,}")
        table.add_row(Text(place, "dim"), *(Text(cell, style) for cell in cells))
    console.print(table)
