"""CSV files as they come: what a file is before it is read, and reading it row by row where DuckDB gives up.

DuckDB's reader is the fast path. It stops at the first row that is broken, so `load_slowly` reads such a file
again, keeps every good row and names every broken one.
"""

import csv
import gzip
import hashlib
import re
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from typing import IO, Final, cast

import duckdb
import pyarrow as pa
from sqlglot import exp

DELIMITERS: Final = (",", "\t", ";", "|")
GZIP_MAGIC: Final = b"\x1f\x8b"
UTF16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
BLOCK: Final = 1 << 20
HEAD_BYTES: Final = 1 << 16
BATCH_ROWS: Final = 50_000
LONGEST_RECORD: Final = 200
"""Lines that a quoted field may span before its opening quote counts as broken."""


@dataclass(frozen=True, slots=True)
class CsvFile:
    """What is known of a file before its rows are read; `damage` says why it cannot be read at all."""

    path: Path
    sha256: str
    header: tuple[str, ...]
    delimiter: str
    lines_before_data: int
    is_gzip: bool
    encoding: str
    is_empty: bool
    damage: str | None


@dataclass(frozen=True, slots=True)
class Row:
    """One record of a file: its number, its cells, and what is wrong with it or to know about it."""

    number: int
    cells: list[str | None]
    broken: str | None = None
    remark: str | None = None


def inspect(path: Path) -> CsvFile:
    """Hash a file, test the integrity of its compression and read its header."""
    digest = hashlib.sha256()
    head, damage = b"", None
    is_gzip = _magic(path) == GZIP_MAGIC
    try:
        with path.open("rb") as file:
            for block in _blocks(file, digest, is_gzip):
                if len(head) < HEAD_BYTES:
                    head += block
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        damage = f"the compressed file is damaged or cut off ({_lower_first(str(error))})"
    except OSError as error:
        damage = f"the file cannot be read ({error.strerror})"
    encoding = "utf-16" if head[:2] in UTF16_MARKS else "utf-8"
    header, delimiter, lines = _header(head, encoding)
    return CsvFile(path, digest.hexdigest(), header, delimiter, lines, is_gzip, encoding, not head.strip(), damage)


def scan_select(file: CsvFile, names: Sequence[str], absent: Sequence[str] = (), *, quoted: bool = True) -> str:
    """Return the SELECT that reads a file as text: `row` (data rows from 1), then its columns as `names` call them.

    The columns `absent` are there too, without a value. A file that is not `quoted` has no quoted fields: its quotes
    are characters like others. Running it raises duckdb.InvalidInputException when a row of
    the file is broken.
    """
    columns = exp.Struct(
        expressions=[
            exp.PropertyEQ(this=exp.to_identifier(name, quoted=True), expression=exp.Literal.string("VARCHAR"))
            for name in names
        ]
    )
    quote = exp.Literal.string('"' if quoted else "")
    options = {
        "columns": columns,
        "auto_detect": exp.false(),
        "header": exp.false(),
        "skip": exp.Literal.number(file.lines_before_data),
        "delim": exp.Literal.string(file.delimiter),
        "quote": quote,
        "escape": quote,
        "compression": exp.Literal.string("gzip" if file.is_gzip else "none"),
    }
    arguments = ", ".join(f"{name} = {value.sql('duckdb')}" for name, value in options.items())
    path = exp.Literal.string(_without_wildcards(file.path)).sql("duckdb")
    return f"SELECT row_number() OVER () AS row, *{_nulls(absent)} FROM read_csv({path}, {arguments})"


def load_slowly(con: duckdb.DuckDBPyConnection, table: str, file: CsvFile, names: Sequence[str]) -> list[Row]:
    """Make a table of the good rows of a file, as `scan_select` gives them; return the broken and remarkable ones."""
    columns = ", ".join(f"{_quoted(name)} VARCHAR" for name in names)
    con.execute(f"CREATE OR REPLACE TABLE {table} (row BIGINT, {columns})")
    remarkable: list[Row] = []
    batch: list[Row] = []
    for row in read_rows(file):
        if row.broken or row.remark:
            remarkable.append(row)
        if not row.broken:
            batch.append(row)
        if len(batch) == BATCH_ROWS:
            _append(con, table, batch, len(names))
            batch = []
    _append(con, table, batch, len(names))
    return remarkable


def table_select(table: str, absent: Sequence[str] = ()) -> str:
    """Return the SELECT that reads a table made by `load_slowly`, in the shape of `scan_select`."""
    return f"SELECT *{_nulls(absent)} FROM {table}"


def read_rows(file: CsvFile) -> Iterator[Row]:
    """Read a file record by record: RFC 4180, with line breaks in quoted fields, and on after a broken record.

    A record is broken when its quotes do not match or it has another number of fields than the header; only its
    first line is given up then. Lines that are not UTF-8 are read as Windows-1252 and carry a remark.
    """
    lines = _Lines(file)
    number = 0
    while (line := lines.next()) is not None:
        if line.strip():
            number += 1
            cells = _split(line, file.delimiter) or _joined(lines, line, file.delimiter)
            yield _judge(number, cells, line, file)


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
    """The lines of a file after its header, with a way to put some back."""

    def __init__(self, file: CsvFile) -> None:
        self._lines = _text_lines(file)
        self._waiting: deque[str] = deque()

    def next(self) -> str | None:
        """Return the next line without its end, or None."""
        return self._waiting.popleft() if self._waiting else next(self._lines, None)

    def put_back(self, lines: Sequence[str]) -> None:
        """Give lines again."""
        self._waiting.extendleft(reversed(lines))


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
    con.register("csv_batch", batch)
    con.execute(f"INSERT INTO {table} FROM csv_batch")
    con.unregister("csv_batch")


def _text_lines(file: CsvFile) -> Iterator[str]:
    """Give the lines of a file after its header; those of a UTF-8 file still as Latin-1, which keeps every byte."""
    encoding = "latin-1" if file.encoding == "utf-8" else file.encoding
    with _opened(file.path, file.is_gzip) as raw, TextIOWrapper(cast(IO[bytes], raw), encoding, newline=None) as text:
        for index, line in enumerate(text):
            if index >= file.lines_before_data:
                yield line.removesuffix("\n")


@contextmanager
def _opened(path: Path, is_gzip: bool) -> Iterator[BufferedReader | gzip.GzipFile]:
    with gzip.open(path, "rb") if is_gzip else path.open("rb") as raw:
        yield raw


def _blocks(file: BufferedReader, digest: "hashlib._Hash", is_gzip: bool) -> Iterator[bytes]:
    """Give the (decompressed) bytes of a file in blocks; the digest sees the bytes as they lie on disk."""
    raw = iter(lambda: file.read(BLOCK), b"")
    if not is_gzip:
        for block in raw:
            digest.update(block)
            yield block
        return
    stream = zlib.decompressobj(wbits=31)
    for block in raw:
        digest.update(block)
        data = block
        while data:
            yield stream.decompress(data)
            data = stream.unused_data.lstrip(b"\0")
            if stream.eof and data:
                stream = zlib.decompressobj(wbits=31)
            elif not stream.eof:
                break
    if not stream.eof:
        raise EOFError("it ends before its end marker")


def _header(head: bytes, encoding: str) -> tuple[tuple[str, ...], str, int]:
    """Return the names of the header, the delimiter, and the number of lines up to the first data row."""
    text = head.decode("utf-8-sig" if encoding == "utf-8" else encoding, errors="replace")
    for index, line in enumerate(text.splitlines()):
        if line.strip():
            delimiter = max(DELIMITERS, key=line.count)
            names = next(csv.reader([line], delimiter=delimiter))
            return tuple(name.strip() for name in names), delimiter, index + 1
    return (), DELIMITERS[0], 0


def _magic(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(2)
    except OSError:
        return b""


def _without_wildcards(path: Path) -> str:
    """Write a path so that read_csv, which expands wildcards, takes it as it is."""
    return re.sub(r"([*?\[])", r"[\1]", str(path))


def _nulls(names: Sequence[str]) -> str:
    return "".join(f", NULL::VARCHAR AS {_quoted(name)}" for name in names)


def _quoted(name: str) -> str:
    return exp.to_identifier(name, quoted=True).sql("duckdb")


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
