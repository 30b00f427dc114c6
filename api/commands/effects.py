"""How `ehr predict` prints what moves an estimate."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from rich.console import Console

    from models.baselines.logistic import Contribution
    from models.explain import Change, Explanation, WhatIf


def render_explanation(console: "Console", explanation: "Explanation") -> None:
    """Print the records and groups that move the estimate, what they make up, and what that is not."""
    from models.explain.words import is_slight

    shown = [effect for effect in explanation.events if not is_slight(effect.change)]
    rest = len(explanation.events) - len(shown)
    console.print("\n  [bold]Records that move the supervised estimate[/] [bright_black](each left out alone)[/]")
    table = _table("event")
    for effect in shown:
        table.add_row(*_cells(effect.change, effect.text), str(effect.record.event_id))
    if shown:
        console.print(table)
    if rest:
        others = "other" if shown else "record"
        console.print(
            f"    [bright_black]{rest} {others}{'s' if rest > 1 else ''} of the greatest effect hardly move it[/]"
        )
    groups = [group for group in explanation.groups if not is_slight(group.change)]
    if groups:
        console.print("\n  [bold]Records that belong together[/] [bright_black](all left out at once)[/]")
        table = _table("")
        for group in groups:
            table.add_row(*_cells(group.change, group.text), "")
        console.print(table)
    console.print(f"\n  {escape(explanation.text)}")
    console.print(f"  [bright_black]{explanation.note}[/]")


def render_contributions(console: "Console", contributions: "Sequence[Contribution]") -> None:
    """Print the features that move the estimate of logistic regression."""
    console.print(
        "\n  [bold]Features that move the logistic regression[/] [bright_black](beside the average training row)[/]"
    )
    table = _table("log-odds")
    for one in contributions:
        value = "" if one.value is None else f" = {one.value:g}"
        arrow = "[red]\u25b2[/]" if one.log_odds > 0 else "[green]\u25bc[/]"
        text = f"{one.column}{value}: risk {abs(one.effect):.1%} {'higher' if one.effect > 0 else 'lower'}"
        table.add_row(arrow, escape(text), f"{one.log_odds:+.2f}")
    console.print(table)


def render_what_if(console: "Console", what_if: "WhatIf") -> None:
    """Print how the estimate would stand without some events."""
    console.print("\n  [bold]What if[/]")
    console.print(f"  {escape(what_if.text)}")


def _table(last: str) -> "Table":
    table = Table(box=None, show_header=bool(last), header_style="bright_black", padding=(0, 1), pad_edge=False)
    table.add_column("", width=5, justify="right")
    table.add_column("")
    table.add_column(last, justify="right", style="bright_black", no_wrap=True)
    return table


def _cells(change: "Change", text: str) -> tuple[str, str]:
    """Return an arrow that says which way, and the sentence."""
    arrow = "[red]\u25b2[/]" if change.effect > 0 else "[green]\u25bc[/]"
    return arrow, escape(text)
