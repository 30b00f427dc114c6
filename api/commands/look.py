"""`ehr stats`, `ehr timeline`, `ehr code`, `ehr rejects`: look at what a store holds."""

import argparse
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from api.commands import tree

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console
    from rich.table import Table

    from ehr.lookup import Subject
    from ehr.summary import StoreStats
    from ehr.units import MixedUnits

COLOURS: Final = {
    "demographic": "bright_black",
    "encounter": "bold cyan",
    "condition": "yellow",
    "medication": "green",
    "procedure": "magenta",
    "observation": "default",
    "death": "bold red",
    "other": "bright_black",
}


def register(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add the parsers of this module."""
    stats = commands.add_parser("stats", parents=parents, help="what the store holds")
    stats.add_argument("--files", action="store_true", help="list every imported file")
    stats.set_defaults(run=run_stats)

    timeline = commands.add_parser("timeline", parents=parents, help="the events of one patient in order of time")
    timeline.add_argument("subject", metavar="SUBJECT", help="subject_id or original identifier")
    timeline.add_argument(
        "--kind",
        action="append",
        choices=sorted(COLOURS),
        default=[],
        help="only events of this kind (may be given several times)",
    )
    timeline.add_argument("--grep", metavar="TEXT", help="only events whose code or description holds TEXT")
    timeline.add_argument("--since", type=_time, metavar="TIME", help="only from this time on (2150-03-01T08:00)")
    timeline.add_argument("--until", type=_time, metavar="TIME", help="only up to this time")
    timeline.add_argument("--encounter", type=int, metavar="ID", help="only events of this stay")
    timeline.add_argument("--limit", type=int, default=200, metavar="N", help="show at most N events (default 200)")
    timeline.add_argument(
        "--tokens", action="store_true", help="show them as the tokens that models read, each with its event"
    )
    timeline.add_argument(
        "--vocabulary", metavar="NAME", default="default", help="vocabulary of --tokens (default: default)"
    )
    timeline.set_defaults(run=run_timeline)

    code = commands.add_parser("code", parents=parents, help="find codes by their titles")
    actions = code.add_subparsers(metavar="ACTION", required=True)
    search = actions.add_parser("search", parents=parents, help="codes whose title or code holds all words")
    search.add_argument("text", metavar="TEXT", nargs="+", help="words, such as: heart failure")
    search.add_argument("--limit", type=int, default=20, metavar="N", help="show at most N codes (default 20)")
    search.set_defaults(run=run_code_search)
    tree.register(actions, parents)

    rejects = commands.add_parser("rejects", parents=parents, help="what imports refused or flagged, and why")
    rejects.add_argument("--list", action="store_true", dest="each", help="list each record instead of the reasons")
    rejects.add_argument("--notices", action="store_true", help="show what went in with something to know instead")
    rejects.add_argument("--limit", type=int, default=50, metavar="N", help="show at most N lines (default 50)")
    rejects.set_defaults(run=run_rejects)


def run_stats(args: argparse.Namespace) -> int:
    """Print what the store holds."""
    from api.console import emit
    from ehr.store import open_store, opened, require_subjects
    from ehr.summary import store_stats

    with opened(open_store(args.store)) as store:
        require_subjects(store)
        stats = store_stats(store)
    emit(args, asdict(stats), lambda console: _render_stats(console, stats, show_files=args.files))
    return 0


def run_timeline(args: argparse.Namespace) -> int:
    """Print the timeline of one patient."""
    from api.commands.token_view import render_tokens, token_rows
    from api.console import emit
    from ehr.lookup import TimelineFilter, find_subject, subject_events
    from ehr.store import open_store, opened, require_subjects

    shown = TimelineFilter(tuple(args.kind), args.grep, args.since, args.until, args.encounter, args.limit)
    with opened(open_store(args.store)) as store:
        require_subjects(store)
        subject = find_subject(store, args.subject)
        events, total = subject_events(store, subject.subject_id, shown)
        tokens = token_rows(store, subject.subject_id, events, args.vocabulary) if args.tokens else None
    said = {"events": events.to_dicts()} if tokens is None else {"tokens": tokens.to_dicts()}
    payload = {"subject": asdict(subject), "total": total, **said} if args.json else None

    def render(console: "Console") -> None:
        if tokens is None:
            _render_timeline(console, subject, events, total)
        else:
            console.print(_headline(subject))
            render_tokens(console, tokens, total, events.height)

    emit(args, payload, render)
    return 0


def run_code_search(args: argparse.Namespace) -> int:
    """Print the codes that fit the words."""
    from api.console import emit
    from ehr.errors import EhrError
    from ehr.lookup import near_words, search_codes
    from ehr.store import open_store, opened, require_subjects

    text = " ".join(args.text)
    with opened(open_store(args.store)) as store:
        require_subjects(store)
        found = search_codes(store, text, args.limit)
        if found.is_empty():
            near = near_words(store, text)
            hint = f"; spelt alike: {', '.join(near)}" if near else ""
            raise EhrError(f"no code of the store holds all words of {text!r}{hint}")
    emit(args, found.to_dicts(), lambda console: console.print(_code_table(found)))
    return 0


def run_rejects(args: argparse.Namespace) -> int:
    """Print what imports refused, by reason or one by one."""
    from api.console import emit
    from ehr.store import open_store, opened
    from ehr.summary import reject_list, reject_reasons

    table = "notice" if args.notices else "reject"
    with opened(open_store(args.store)) as store:
        rows = reject_list(store, table, args.limit) if args.each else reject_reasons(store, table, args.limit)
    emit(args, rows.to_dicts(), lambda console: _render_rejects(console, rows, table))
    return 0


def _time(text: str) -> datetime:
    """Read a time given on the command line."""
    return datetime.fromisoformat(text)


def _render_stats(console: "Console", stats: "StoreStats", *, show_files: bool) -> None:
    span = f"{stats.first_time:%Y-%m-%d} to {stats.last_time:%Y-%m-%d}" if stats.first_time else "no times"
    console.print(
        f"[bold]{stats.subjects:,}[/] patients ({stats.died:,} died), [bold]{stats.events:,}[/] events "
        f"in {stats.codes:,} codes, [bold]{stats.encounters:,}[/] encounters, {span}"
    )
    console.print(_count_table("events by kind", stats.kinds))
    console.print(_count_table("encounters by class", stats.classes))
    if stats.mixed_units:
        console.print(_unit_table(stats.mixed_units))
    if show_files:
        console.print(_file_table(stats))
    console.print(
        f"{len(stats.sources)} files; {stats.rejected:,} records rejected, {stats.skipped:,} skipped, "
        f"{stats.notices:,} notices" + ("" if show_files else "   [dim](--files lists them, ehr rejects says why)[/]")
    )
    if stats.skipped_types:
        types = ", ".join(f"{name} {n:,}" for name, n in stats.skipped_types.items())
        console.print(f"[dim]skipped by type: {types}[/]")


def _unit_table(mixed: "tuple[MixedUnits, ...]") -> "Table":
    """Return the first items with mixed units, the worst first."""
    from rich.markup import escape
    from rich.table import Table

    shown = 10
    more = f", {shown} of {len(mixed)}; --json lists all" if len(mixed) > shown else ""
    table = Table("", "item", "numbers by unit", "become", title=f"mixed units{more}", box=None)
    table.title_justify, table.title_style = "left", "bold"
    for found in mixed[:shown]:
        units = ", ".join(f"{unit} {n:,}" for unit, n in found.units.items())
        bare = f", no unit {found.without_unit:,}" if found.without_unit else ""
        targets = (*found.canonical_units, *(f"{unit} is not understood" for unit in found.not_understood))
        item = escape(found.item) + (f"  [dim]{escape(found.description)}[/]" if found.description else "")
        table.add_row(found.verdict, item, escape(units + bare), escape(", ".join(targets)))
    return table


def _count_table(title: str, counts: dict[str, int]) -> "Table":
    from rich.table import Table

    table = Table("", "n", "share", title=title, title_justify="left", title_style="bold", box=None)
    table.columns[1].justify = table.columns[2].justify = "right"
    whole = sum(counts.values())
    for name, n in counts.items():
        table.add_row(name, f"{n:,}", f"{n / whole:.1%}")
    return table


def _file_table(stats: "StoreStats") -> "Table":
    from rich.table import Table

    table = Table(title="files", title_justify="left", title_style="bold", box=None)
    table.add_column("file")
    table.add_column("status")
    for name in ("read", "accepted", "rejected", "skipped", "notices"):
        table.add_column(name, justify="right")
    for s in stats.sources:
        counts = (s.rows_in, s.rows_accepted, s.rows_rejected, s.rows_skipped, s.notices)
        table.add_row(s.file, s.status, *(f"{n:,}" for n in counts))
    return table


def _render_timeline(console: "Console", subject: "Subject", events: "pl.DataFrame", total: int) -> None:
    from rich.table import Table
    from rich.text import Text

    console.print(_headline(subject))
    table = Table("time", "kind", "what", "value", "code", box=None, pad_edge=False)
    table.columns[3].justify = "right"
    table.columns[0].no_wrap = True
    day = None
    for row in events.iter_rows(named=True):
        time = row["time"]
        moment = "static" if time is None else f"{time:%Y-%m-%d %H:%M}" if time.date() != day else f"{time:%H:%M}"
        day = time.date() if time is not None else None
        colour = COLOURS[row["kind"]]
        what = row["description"] or _words_for(row["code"])
        status = f" ({row['status']})" if row["status"] else ""
        table.add_row(
            Text(f"{moment:>16}", "dim"),
            Text(row["kind"], colour),
            Text(what + status, colour),
            _value(row),
            Text(row["code"], "dim"),
        )
    console.print(table)
    if total > len(events):
        console.print(
            f"[dim]{len(events):,} of {total:,} events; --limit, --since, --kind and --grep choose others[/]"
        )


def _words_for(code: str) -> str:
    """Say what a code without a title means: the meaning of its head, and the rest."""
    from ehr.events import HEADS, head_of

    head = head_of(code)
    meaning = HEADS[head].meaning if head in HEADS else head
    return ": ".join(part for part in (meaning, code[len(head) + 2 :]) if part)


def _headline(subject: "Subject") -> str:
    parts = [f"[bold]patient {subject.subject_id}[/]", subject.sex or "sex unknown"]
    if subject.birth_time:
        parts.append(f"born {subject.birth_time:%Y-%m-%d}")
    if subject.death_time:
        parts.append(f"[bold red]died {subject.death_time:%Y-%m-%d}[/]")
    return ", ".join(parts)


def _value(row: dict[str, Any]) -> str:
    if row["value"] is not None:
        return f"{row['value']:g} {row['unit'] or ''}".rstrip()
    return row["text"] or ""


def _code_table(found: "pl.DataFrame") -> "Table":
    from rich.table import Table

    table = Table("code", "title", "kind", "events", "patients", box=None)
    table.columns[3].justify = table.columns[4].justify = "right"
    for row in found.iter_rows(named=True):
        title = row["description"] or ""
        table.add_row(row["code"], title, row["kind"], f"{row['n_events']:,}", f"{row['n_subjects']:,}")
    return table


def _render_rejects(console: "Console", rows: "pl.DataFrame", table: str) -> None:
    from rich.table import Table

    if rows.is_empty():
        console.print(f"no {table}s: every record went in" if table == "reject" else "no notices")
        return
    shown = Table(*rows.columns, box=None)
    for row in rows.iter_rows():
        shown.add_row(*("" if cell is None else str(cell) for cell in row))
    console.print(shown)
