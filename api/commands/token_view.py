"""`ehr timeline --tokens`: the tokens of one patient as a model reads them, each with the event behind it."""

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console

    from ehr.store import Store

COLOURS: Final = {
    "gap": "bright_black",
    "age": "bright_black",
    "level": "cyan",
    "code": "default",
    "family": "yellow",
    "special": "bold red",
    "quantile": "green",
}


def token_rows(store: "Store", subject_id: int, events: "pl.DataFrame", name: str) -> "pl.DataFrame":
    """Return the tokens of `events` (as `ehr.lookup.subject_events` gives them) in the order that models read.

    position (in the whole timeline, from 0), time, token, kind, name, low, high (the range of a value bin), number
    (the value behind it), event_id (null for gaps), code, description, value, unit, text of that event. A gap and an
    age are shown with the event that they stand before.
    """
    import polars as pl

    from ehr.readable import readable
    from ehr.timelines import load_timelines
    from ehr.tokens import NO_EVENT
    from ehr.vocabulary import UNKNOWN, load_vocabulary

    vocabulary = load_vocabulary(store, name)
    timelines = load_timelines(store, vocabulary, [subject_id])
    is_event = pl.col("kind").is_in(["code", "family"]) | (pl.col("token") == UNKNOWN)
    said = (
        readable(vocabulary, timelines.tokens)
        .with_row_index("position")
        .with_columns(
            pl.Series("time", timelines.times),
            pl.Series("number", timelines.values).fill_nan(None),
            pl.Series("event_id", timelines.event_ids).replace(NO_EVENT, None),
            place=is_event.cum_sum() - is_event - (pl.col("kind") == "quantile"),
        )
    )
    chosen = said.filter(is_event).join(events.select("event_id"), on="event_id", how="semi").select("place")
    behind = events.select("event_id", "code", "description", "value", "unit", "text")
    shown = said.join(chosen, on="place", how="semi", maintain_order="left")
    return shown.join(behind, on="event_id", how="left", maintain_order="left").select(
        "position", "time", "token", "kind", "name", "low", "high", "number", *behind.columns
    )


def render_tokens(console: "Console", rows: "pl.DataFrame", total: int, events: int) -> None:
    """Print the tokens for a person; `total` events fit the filter, of which `events` are shown."""
    from rich.table import Table
    from rich.text import Text

    table = Table("time", "token", "says", "event", "behind it", box=None, pad_edge=False)
    table.columns[0].no_wrap = True
    table.columns[3].justify = "right"
    before: Any = ""
    for row in rows.iter_rows(named=True):
        time = row["time"]
        moment = "" if time == before else "static" if time is None else f"{time:%Y-%m-%d %H:%M}"
        before = time
        table.add_row(
            Text(f"{moment:>16}", "dim"),
            Text(row["name"], COLOURS[row["kind"]]),
            Text(_says(row), "dim"),
            Text("" if row["event_id"] is None else str(row["event_id"]), "dim"),
            Text(_behind(row)),
        )
    console.print(table)
    note = f"{rows.height:,} tokens of {events:,} events"
    more = f" out of {total:,}; --limit, --since, --kind and --grep choose others" if total > events else ""
    console.print(f"[dim]{note}{more}[/]")


def _says(row: dict[str, Any]) -> str:
    """Say what a token means beyond its name: the range of a bin, the title of a level, what a family replaces."""
    from ehr.hierarchy import title_of

    if row["kind"] == "quantile" and row["low"] is not None:
        low = "" if row["low"] == float("-inf") else f"from {row['low']:g}"
        high = "" if row["high"] == float("inf") else f"below {row['high']:g}"
        return " ".join(part for part in (low, high) if part) or "any number"
    if row["kind"] == "level":
        return title_of(row["name"].removeprefix("LEVEL//")) or ""
    if row["kind"] == "family" or row["name"] == "UNKNOWN":
        return f"in place of {row['code']}"
    return ""


def _behind(row: dict[str, Any]) -> str:
    """Say what the event behind a code is, and the number behind a value bin."""
    if row["kind"] == "quantile":
        return f"{row['number']:g} {row['unit'] or ''}".rstrip()
    if row["kind"] not in ("code", "family", "special"):
        return ""
    told = f"{row['value']:g} {row['unit'] or ''}".rstrip() if row["value"] is not None else row["text"]
    return ": ".join(part for part in (row["description"] or row["code"], told) if part)
