"""Showing what a query would cost (sql/estimate.py) to a person."""

from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sql.estimate import Estimate

MAX_STEPS: Final = 5


def render_estimate(console: Console, found: Estimate) -> None:
    """Print the verdict, what is read of which table, the largest steps, and the size of the result."""
    console.print(Text(found.verdict, style="bold"))
    scans = Table(header_style="bold")
    scans.add_column("table read")
    scans.add_column("rows of it", justify="right")
    scans.add_column("left after filters", justify="right")
    scans.add_column("bytes", justify="right")
    scans.add_column("columns", overflow="fold")
    for scan in found.scans:
        columns = ", ".join(scan.columns)
        scans.add_row(scan.table, f"{scan.table_rows:,}", f"{scan.rows:,}", human_bytes(scan.bytes), columns)
    if found.scans:
        console.print(scans)
    steps = Table(header_style="bold")
    steps.add_column("largest joins and aggregations")
    steps.add_column("rows", justify="right")
    for step in found.steps[:MAX_STEPS]:
        steps.add_row(step.operator, f"{step.rows:,}")
    if found.steps:
        console.print(steps)
    console.print(
        f"result: about {found.rows:,} row{'s' * (found.rows != 1)}; read: about {human_bytes(found.bytes)}",
        style="dim",
    )


def human_bytes(number: int) -> str:
    """Return a number of bytes for people.

    >>> human_bytes(190_924_448), human_bytes(512)
    ('182.1 MiB', '512 B')
    """
    value = float(number)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:,.0f} B" if unit == "B" else f"{value:,.1f} {unit}"
        value /= 1024
    return f"{value:,.1f} TiB"
