"""Results as tables for people, and as CSV, JSON, Arrow or Parquet for programs."""

import csv
import io
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.ipc as ipc
import pyarrow.parquet as pq
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from ehr.errors import SourceError
from sql.catalog import Relation
from sql.macros import Macro
from sql.query import Result

FORMATS: Final = ("table", "records", "csv", "json", "arrow", "parquet")
"""table and records are for people: rows side by side, or each row down the page."""
PRINTED: Final = frozenset({"table", "records"})
BINARY: Final = frozenset({"arrow", "parquet"})
_FOLDED: Final = 16
_JSON_OPTIONS: Final = orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


def write_result(table: pa.Table, name: str, out: Path | None) -> None:
    """Write a table in the format `name` to `out`, or to stdout.

    Raises SourceError when the file cannot be written, or for a binary format on a terminal.
    """
    if out is None and name in BINARY and sys.stdout.isatty():
        raise SourceError(f"{name} is not for a terminal; name a file with --out or redirect the output")
    content = _WRITERS[name](table)
    if out is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    else:
        _write_bytes(content, out)


def write_json(rows: list[dict[str, Any]], out: Path) -> None:
    """Write rows as a JSON array of objects; raises SourceError when the file cannot be written."""
    _write_bytes(orjson.dumps(rows, default=str, option=_JSON_OPTIONS | orjson.OPT_APPEND_NEWLINE), out)


def _write_bytes(content: bytes, out: Path) -> None:
    try:
        out.write_bytes(content)
    except OSError as error:
        raise SourceError(f"{out} cannot be written: {error.strerror}") from error


def format_of(wanted: str | None, is_json: bool, out: Path | None) -> str:
    """Choose the format: the one wanted, JSON with --json, that of the ending of the file to write, else a table."""
    if wanted or is_json:
        return wanted or "json"
    ending = out.suffix.removeprefix(".") if out else "table"
    return ending if ending in FORMATS else "table"


def rendered(table: pa.Table, width: int | None = None) -> RenderableType:
    """Return a rich table: numbers to the right, NULL shown as such.

    A table that would be squeezed beyond reading into `width` cells is shown as records, each row down the page.
    """
    rows = [[_cell(value) for value in row] for row in zip(*_columns(table), strict=True)]
    if width is not None and _needed_width(table, rows) > width:
        return _as_records(table, rows)
    view = Table(header_style="bold")
    for field in table.schema:
        view.add_column(Text(field.name), justify="right" if _is_number(field.type) else "left", overflow="fold")
    for row in rows:
        view.add_row(*row)
    return view


def print_table(console: Console, result: Result, *, as_records: bool = False) -> None:
    """Print the rows of a result for a person, and how many there are."""
    n_rows = result.table.num_rows
    console.print(rendered_records(result.table) if as_records else rendered(result.table, console.width))
    console.print(f"{n_rows:,} row{'s' * (n_rows != 1)} in {result.seconds:.3f} s", style="dim")


def cut_remark(result: Result) -> str:
    """Say that a result has more rows than these."""
    n_rows = result.table.num_rows
    return f"only the first {n_rows:,} row{'s' * (n_rows != 1)} are shown"


def described(relation: Relation) -> RenderableType:
    """Return a table or view of the store with its columns and what they mean."""
    kind = " (view)" if relation.is_view else ""
    title = Text.assemble((relation.name, "bold cyan"), kind, f"  {relation.comment}")
    columns = Table(box=None, show_header=False, padding=(0, 2))
    for column in relation.columns:
        columns.add_row(
            Text(column.name, style="green"), Text(column.type.lower(), style="dim"), Text(column.comment)
        )
    return Group(title, columns)


def described_functions(macros: Sequence[Macro]) -> RenderableType:
    """Return the functions of ours: how each is called and what it gives."""
    view = Table(box=None, show_header=False, padding=(0, 2))
    for macro in macros:
        forms = Text("\n".join(form.signature for form in macro.forms), style="green", no_wrap=True)
        view.add_row(forms, Text(macro.comment))
    return Group(Text("functions of ours, beside those of DuckDB", style="bold cyan"), view)


def rendered_records(table: pa.Table) -> RenderableType:
    """Return each row down the page: a line with its number, then a line for each column."""
    return _as_records(table, [[_cell(value) for value in row] for row in zip(*_columns(table), strict=True)])


def _needed_width(table: pa.Table, rows: list[list[Text]]) -> int:
    """Return how wide a table must be at least to be read: texts may fold at `_FOLDED` cells, numbers not at all."""
    total = 1
    for place, field in enumerate(table.schema):
        widest = max((row[place].cell_len for row in rows), default=0)
        wanted = widest if _is_number(field.type) else min(widest, _FOLDED)
        total += max(wanted, min(cell_len(field.name), _FOLDED)) + 3
    return total


def _as_records(table: pa.Table, rows: list[list[Text]]) -> RenderableType:
    view = Table(box=None, show_header=False, padding=(0, 1))
    view.add_column(style="green", overflow="fold")
    view.add_column(overflow="fold")
    for number, row in enumerate(rows, start=1):
        view.add_row(Text(f"row {number}", style="bold"), "")
        for name, cell in zip(table.column_names, row, strict=True):
            view.add_row(Text(name), cell)
    return view


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def records(table: pa.Table) -> list[dict[str, Any]]:
    """Return the rows as dicts of plain values."""
    return [dict(zip(table.column_names, row, strict=True)) for row in zip(*_columns(table), strict=True)]


def _columns(table: pa.Table) -> list[list[Any]]:
    """Return the values by column; a 32-bit float is given by its shortest form, 4.2 and not 4.19999980926."""
    columns = []
    for column in table.columns:
        values = _values(column)
        if pa.types.is_float32(column.type):
            values = [None if value is None else float(str(np.float32(value))) for value in values]
        elif pa.types.is_interval(column.type):
            values = [None if value is None else _duration(*value) for value in values]
        columns.append(values)
    return columns


def _values(column: pa.ChunkedArray) -> list[Any]:
    try:
        return list(column.to_pylist())
    except (ValueError, OverflowError):  # infinite times, the year 20000, nanoseconds
        return [_value(scalar) for scalar in column]


def _value(scalar: pa.Scalar) -> Any:
    """Return a value, or its text where Python's own types cannot hold it."""
    try:
        return scalar.as_py()
    except (ValueError, OverflowError):
        try:
            text = str(scalar.cast(pa.string()).as_py())
        except pa.ArrowException:
            return "out of range"
    if "out of range" in text:
        return "-infinity" if "-" in text else "infinity"
    return text


def _duration(months: int, days: int, nanoseconds: int) -> str:
    """Write an interval as DuckDB does.

    >>> _duration(14, 3, 5_400_000_000_000)
    '1 year 2 months 3 days 01:30:00'
    """
    years, months = int(months / 12), int(math.fmod(months, 12))
    parts = [
        f"{n} {unit}{'s' * (abs(n) != 1)}" for n, unit in ((years, "year"), (months, "month"), (days, "day")) if n
    ]
    if nanoseconds or not parts:
        seconds, rest = divmod(abs(nanoseconds), 1_000_000_000)
        clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        fraction = f".{rest // 1000:06}".rstrip("0") if rest >= 1000 else ""
        parts.append(f"{'-' * (nanoseconds < 0)}{clock}{fraction}")
    return " ".join(parts)


def _cell(value: Any) -> Text:
    if value is None:
        return Text("NULL", style="dim italic")
    if isinstance(value, bool):
        return Text(str(value).lower())
    if isinstance(value, str):
        return Text(value)
    if hasattr(value, "isoformat"):
        return Text(
            value.isoformat(sep=" ") if hasattr(value, "hour") and hasattr(value, "year") else value.isoformat()
        )
    if isinstance(value, list | dict):
        return Text(orjson.dumps(value, default=str).decode())
    return Text(str(value))


def _csv(table: pa.Table) -> bytes:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(table.column_names)
    for row in zip(*_columns(table), strict=True):
        writer.writerow("" if value is None else _cell(value).plain for value in row)
    return buffer.getvalue().encode()


def _json(table: pa.Table) -> bytes:
    return orjson.dumps(records(table), default=str, option=_JSON_OPTIONS | orjson.OPT_APPEND_NEWLINE)


def _arrow(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return bytes(sink.getvalue())


_WRITERS: Final[dict[str, Callable[[pa.Table], bytes]]] = {
    "csv": _csv,
    "json": _json,
    "arrow": _arrow,
    "parquet": _parquet,
}
