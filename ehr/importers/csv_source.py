"""CSV files as they come: what a file is before it is read, and DuckDB's way to read it.

DuckDB's reader stops at the first row that is broken; ehr.importers.csv_rows then reads the file again.
"""

import csv
import gzip
import hashlib
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Final

from sqlglot import exp

DELIMITERS: Final = (",", "\t", ";", "|")
GZIP_MAGIC: Final = b"\x1f\x8b"
UTF16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
BLOCK: Final = 1 << 20
HEAD_BYTES: Final = 1 << 16


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


def table_select(table: str, absent: Sequence[str] = ()) -> str:
    """Return the SELECT that reads a table made by `load_slowly`, in the shape of `scan_select`."""
    return f"SELECT *{_nulls(absent)} FROM {table}"


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
