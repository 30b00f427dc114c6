"""Reading a CSV file record by record where DuckDB gives up: every good row is kept, every broken one is named.

Nearly all lines of such a file are plain: no quotes, ASCII, as many fields as the header. They are found by counting
bytes and read by Arrow, block by block; the others are read one by one, with the same verdicts.
"""

import gzip
import re
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader, TextIOWrapper
from typing import IO, Any, Final, cast

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv as arrow_csv
from sqlglot import exp

from ehr.importers.csv_source import DELIMITERS, CsvFile

BLOCK: Final = 1 << 23
BATCH_ROWS: Final = 50_000
LONGEST_RECORD: Final = 200
"""Lines that a quoted field may span before its opening quote counts as broken."""


@dataclass(frozen=True, slots=True)
class Row:
    """One record of a file: its number, its cells, and what is wrong with it or to know about it."""

    number: int
    cells: list[str | None]
    broken: str | None = None
    remark: str | None = None


def load_slowly(con: duckdb.DuckDBPyConnection, table: str, file: CsvFile, names: Sequence[str]) -> list[Row]:
    """Make a table of the good rows of a file, as `scan_select` gives them; return the broken and remarkable ones."""
    columns = ", ".join(f"{exp.to_identifier(name, quoted=True).sql('duckdb')} VARCHAR" for name in names)
    con.execute(f"CREATE OR REPLACE TABLE {table} (row BIGINT, {columns})")
    remarkable: list[Row] = []
    batch: list[Row] = []
    for part in _parts(file, len(names)):
        if isinstance(part, pa.Table):
            _insert(con, table, part)
            continue
        if part.broken or part.remark:
            remarkable.append(part)
        if not part.broken:
            batch.append(part)
        if len(batch) == BATCH_ROWS:
            _append(con, table, batch, len(names))
            batch = []
    _append(con, table, batch, len(names))
    return remarkable


def read_rows(file: CsvFile) -> Iterator[Row]:
    """Read a file record by record: RFC 4180, with line breaks in quoted fields, and on after a broken record.

    A record is broken when its quotes do not match or it has another number of fields than the header; only its
    first line is given up then. Lines that are not UTF-8 are read as Windows-1252 and carry a remark.
    """
    lines = _Lines(_text_lines(file))
    number = 0
    while (row := _next_row(lines, file, number)) is not None:
        number = row.number
        yield row


def _parts(file: CsvFile, width: int) -> Iterator[Row | pa.Table]:
    """Give the records of a file: the plain ones in tables (row, then the columns), the others as they are read."""
    if file.encoding != "utf-8":
        yield from read_rows(file)
        return
    number, rest = 0, b""
    for block, is_last in _line_blocks(file):
        lines = _Block(rest + block, file, width)
        runs, position = [], 0
        while (special := lines.next_special(position)) < lines.count:
            runs.append((position, special, number))
            number += special - position
            position = special
            if not is_last and lines.count - special <= LONGEST_RECORD:
                break  # the record may go on in the next block
            reader = _Lines(lines.texts(special))
            row = _next_row(reader, file, number, only_first=True)
            position += reader.given
            if row:
                number = row.number
                yield row
        else:
            runs.append((position, lines.count, number))
            number += lines.count - position
            position = lines.count
        if (plain := lines.table(runs)).num_rows:
            yield plain
        rest = lines.after(position)


class _Block:
    """Whole lines of a file, and which of them are plain: no quotes, ASCII, as many fields as there are columns."""

    def __init__(self, data: bytes, file: CsvFile, width: int) -> None:
        self._data = data
        self._file = file
        self._width = width
        codes = np.frombuffer(data, dtype=np.uint8)
        self._ends = np.flatnonzero(codes == ord("\n"))
        self._starts = np.concatenate([np.zeros(min(1, len(self._ends)), dtype=np.int64), self._ends[:-1] + 1])
        self.count = len(self._ends)
        odd = (codes == ord('"')) | (codes >= 128) | (codes == 0)
        is_plain = (self._counts(codes == ord(file.delimiter)) == width - 1) & (self._counts(odd) == 0)
        self._special = np.flatnonzero(~(is_plain & (codes[self._starts] > ord(" "))))

    def next_special(self, position: int) -> int:
        """Return the first line from `position` that is not plain, else the number of lines."""
        index = int(np.searchsorted(self._special, position))
        return int(self._special[index]) if index < len(self._special) else self.count

    def texts(self, position: int) -> Iterator[str]:
        """Give the lines from `position`, as Latin-1, which keeps every byte."""
        for index in range(position, self.count):
            yield self._data[self._starts[index] : self._ends[index]].decode("latin-1")

    def after(self, position: int) -> bytes:
        """Return the lines from `position`."""
        return self._data[self._starts[position] :] if position < self.count else b""

    def table(self, runs: Sequence[tuple[int, int, int]]) -> pa.Table:
        """Return plain lines, (begin, end, records before), as a table: row, then the columns as text."""
        filled = [run for run in runs if run[0] < run[1]]
        names = [f"c{index}" for index in range(self._width)]
        if not filled:
            return pa.table({name: pa.array([], pa.string()) for name in names})
        data = b"".join(self._data[self._starts[begin] : self._ends[end - 1] + 1] for begin, end, _ in filled)
        columns = arrow_csv.read_csv(
            pa.BufferReader(data),
            read_options=arrow_csv.ReadOptions(column_names=names, block_size=max(len(data), 1)),
            parse_options=arrow_csv.ParseOptions(
                delimiter=self._file.delimiter, quote_char=False, double_quote=False, escape_char=False
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=[""]
            ),
        )
        numbers = np.concatenate([np.arange(before, before + end - begin) + 1 for begin, end, before in filled])
        return columns.add_column(0, "row", pa.array(numbers, pa.int64()))

    def _counts(self, chosen: NDArray[Any]) -> NDArray[Any]:
        """Return how many of the chosen bytes each line has."""
        places = np.flatnonzero(chosen)
        return np.searchsorted(places, self._ends) - np.searchsorted(places, self._starts)


def _line_blocks(file: CsvFile) -> Iterator[tuple[bytes, bool]]:
    """Give the bytes after the header in blocks of whole lines that end in \\n, and whether a block is the last."""
    skip, rest = file.lines_before_data, b""
    with _opened(file) as raw:
        while data := raw.read(BLOCK):
            data = rest + data
            held = data.endswith(b"\r")  # its \n may be the next byte
            lines = (data[:-1] if held else data).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            whole, end, rest = lines.rpartition(b"\n")
            rest += b"\r" if held else b""
            whole += end
            while skip and whole:
                _, _, whole = whole.partition(b"\n")
                skip -= 1
            yield whole, False
    rest = rest.replace(b"\r", b"\n")
    yield (rest + b"\n" if rest and not rest.endswith(b"\n") else rest) if not skip else b"", True


def _next_row(lines: "_Lines", file: CsvFile, number: int, *, only_first: bool = False) -> Row | None:
    """Read the record that begins at the next line, after `number` others; None at the end, or for a blank line."""
    while (line := lines.next()) is not None:
        if line.strip():
            cells = _split(line, file.delimiter) or _joined(lines, line, file.delimiter)
            return _judge(number + 1, cells, line, file)
        if only_first:
            break
    return None


def _judge(number: int, cells: list[str | None] | None, line: str, file: CsvFile) -> Row:
    if cells is None:
        return Row(number, _decoded([line], file.encoding)[0], broken="broken quoting")
    decoded, is_odd = _decoded(cells, file.encoding)
    if len(cells) != len(file.header):
        return Row(number, decoded, broken=f"{len(cells)} fields where the header has {len(file.header)}")
    return Row(number, decoded, remark="bytes that are not UTF-8, read as Windows-1252" if is_odd else None)


def _decoded(cells: list[str | None], encoding: str) -> tuple[list[str | None], bool]:
    """Decode the cells of a record, which are Latin-1 until here; say whether some were not UTF-8."""
    if encoding != "utf-8" or all(cell is None or cell.isascii() for cell in cells):
        return cells, False
    data = [None if cell is None else cell.encode("latin-1") for cell in cells]
    try:
        return [None if cell is None else cell.decode("utf-8") for cell in data], False
    except UnicodeDecodeError:
        return [None if cell is None else cell.decode("cp1252", errors="replace") for cell in data], True


class _Lines:
    """Lines, with a way to put some back; `given` is how many were given and not put back."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._waiting: deque[str] = deque()
        self.given = 0

    def next(self) -> str | None:
        """Return the next line without its end, or None."""
        line = self._waiting.popleft() if self._waiting else next(self._lines, None)
        self.given += line is not None
        return line

    def put_back(self, lines: Sequence[str]) -> None:
        """Give lines again."""
        self._waiting.extendleft(reversed(lines))
        self.given -= len(lines)


def _joined(lines: _Lines, first: str, delimiter: str) -> list[str | None] | None:
    """Join the lines of a record whose quoted field goes on; give them back when no closing quote comes."""
    taken: list[str] = []
    while len(taken) < LONGEST_RECORD and (line := lines.next()) is not None:
        taken.append(line)
        if '"' not in line:
            continue
        if (cells := _split("\n".join((first, *taken)), delimiter)) is not None:
            return cells
    lines.put_back(taken)
    return None


def _split(text: str, delimiter: str) -> list[str | None] | None:
    """Split a record into its fields, empty ones as None; None when a quoted field is not closed or goes wrong."""
    if '"' not in text:
        return [field or None for field in text.split(delimiter)]
    field = _FIELDS[delimiter]
    cells: list[str | None] = []
    position = 0
    while (match := field.match(text, position)) is not None:
        quoted = match["quoted"]
        cells.append((quoted.replace('""', '"') if quoted is not None else match["plain"]) or None)
        position = match.end()
        if position == len(text):
            return cells
        position += 1
        if position == len(text):
            return [*cells, None]
    return None


_FIELDS: Final = {
    delimiter: re.compile(
        r'(?:[ ]*"(?P<quoted>(?:[^"]|"")*)"[ ]*|(?P<plain>(?![ ]*")[^{0}\n]*))(?=[{0}]|\Z)'.replace(
            "{0}", re.escape(delimiter)
        )
    )
    for delimiter in DELIMITERS
}


def _append(con: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Row], width: int) -> None:
    if not rows:
        return
    batch = pa.table(
        {
            "row": pa.array([row.number for row in rows], pa.int64()),
            **{f"c{i}": pa.array([row.cells[i] for row in rows], pa.string()) for i in range(width)},
        }
    )
    _insert(con, table, batch)


def _insert(con: duckdb.DuckDBPyConnection, table: str, batch: pa.Table) -> None:
    con.register("csv_batch", batch)
    con.execute(f"INSERT INTO {table} FROM csv_batch")
    con.unregister("csv_batch")


def _text_lines(file: CsvFile) -> Iterator[str]:
    """Give the lines of a file after its header; those of a UTF-8 file still as Latin-1, which keeps every byte."""
    encoding = "latin-1" if file.encoding == "utf-8" else file.encoding
    with _opened(file) as raw, TextIOWrapper(cast(IO[bytes], raw), encoding, newline=None) as text:
        for index, line in enumerate(text):
            if index >= file.lines_before_data:
                yield line.removesuffix("\n")


@contextmanager
def _opened(file: CsvFile) -> Iterator[BufferedReader | gzip.GzipFile]:
    with gzip.open(file.path, "rb") if file.is_gzip else file.path.open("rb") as raw:
        yield raw
