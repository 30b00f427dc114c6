"""Where the rows of a cohort come from: which definition, over which version of which data."""

from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, Final

import duckdb
import orjson
import pyarrow as pa

from sql.cohort.records import meds_files

READ_WHOLE: Final = 256 * 1024 * 1024
"""Bytes of a MEDS data set up to which its files are read whole for its version; of larger ones, the footers."""
_FOOTER: Final = 8
"""Bytes at the end of a Parquet file that tell the length of its footer."""
_BETWEEN: Final = "\x1f"
_NULL: Final = "\x00"


@dataclass(frozen=True, slots=True)
class DataVersion:
    """A digest that changes when the data do; `basis` says what it is taken over."""

    source: str
    digest: str
    basis: str


def version_of_store(con: duckdb.DuckDBPyConnection, source: str) -> DataVersion:
    """Return the version of a store: it changes with every import, deletion and code hierarchy that changes rows.

    It is taken over the ledger of imports, without its times, and over how many rows each table has.
    """
    ledger = con.execute(
        "SELECT file, sha256, format, rows_accepted, rows_rejected, rows_skipped, status FROM source ORDER BY ALL"
    ).fetchall()
    state = con.execute("SELECT version, last_event_id FROM store_state").fetchall()
    counts = {
        name: con.execute(f'SELECT count(*) FROM "{name}"').fetchall()[0][0]
        for name in ("event", "subject", "encounter", "record", "tombstone", "hierarchy", "code_ancestor", "unit")
    }
    return DataVersion(source, _digest([ledger, state, counts]), "ledger of imports and sizes of the tables")


def version_of_meds(path: Path) -> DataVersion:
    """Return the version of a MEDS file or folder: names and sizes of its files, and a digest of each.

    Raises SourceError when there is nothing at `path`.
    """
    files = meds_files(path)
    whole = sum(file.stat().st_size for file in files) <= READ_WHOLE
    folder = path if path.is_dir() else path.parent
    parts = [
        [str(file.relative_to(folder)), file.stat().st_size, _file_digest(file) if whole else _footer_digest(file)]
        for file in files
    ]
    return DataVersion(str(path), _digest(parts), "files" if whole else "footers of the files")


def rows_digest(table: pa.Table) -> str:
    """Return the SHA-256 of the rows of a table in their order, whichever engine gave them."""
    digest = sha256()
    for name in table.column_names:
        cells = table.column(name).cast(pa.string()).to_pylist()
        text = _BETWEEN.join((name, *(_NULL if cell is None else cell for cell in cells)))
        digest.update(text.encode())
    return digest.hexdigest()


def _digest(value: Any) -> str:
    return sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _footer_digest(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(-_FOOTER, 2)
        length = int.from_bytes(file.read(4), "little")
        file.seek(-_FOOTER - length, 2)
        return sha256(file.read(length)).hexdigest()
