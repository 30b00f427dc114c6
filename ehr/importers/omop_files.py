"""The files of an OMOP CDM: which belong to which table, and their rows as text, from parquet or CSV alike.

    tables, others = find_tables(path)
    prepared = prepare(con, staging, file, spec)    # its rows are a view (parquet) or a table (CSV) of typed cells
    drop_rows(con, prepared, spec)                  # after the commit

A parquet file stays where it is: its rows are read anew by each query, so that memory does not grow with it.
"""

import gzip
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import duckdb
from sqlglot import exp

from ehr.errors import SourceError
from ehr.importers.csv_rows import load_slowly
from ehr.importers.csv_source import CsvFile, inspect, scan_select, table_select
from ehr.importers.reading import Prepared, typed_table
from ehr.importers.tables import TableSpec, typed_select
from ehr.intake import hash_of

SUFFIXES: Final = (".parquet", ".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".txt.gz")

COMPRESSION: Final = 8
"""How many times more a compressed file takes as text, about."""

VOCABULARY_FOLDERS: Final = ("vocab", "vocabulary", "vocabularies")
"""Folders beside the tables in which the tables of concepts may lie."""

ALIASES: Final[dict[str, str]] = {
    "admitting_source_concept_id": "admitted_from_concept_id",
    "admitting_source_value": "admitted_from_source_value",
    "discharge_to_concept_id": "discharged_to_concept_id",
    "discharge_to_source_value": "discharged_to_source_value",
    "visit_detail_parent_id": "parent_visit_detail_id",
}
"""Column names of CDM 5.3 -> those of CDM 5.4."""

_NUMBERED: Final = re.compile(r"(.*?)[-_.]*\d+$")
_TEMP: Final = "temp"


def find_tables(path: Path, known: Iterable[str]) -> tuple[dict[str, list[Path]], list[Path]]:
    """Find the tables named in `known`: name -> its files in order, and all other data files under `path`.

    A table is a file NAME.parquet, NAME.csv, ... in `path` (NAME_000.csv, ... for several), or a folder NAME with
    part files; the tables of concepts may lie in a folder `vocabulary`. Names are compared without regard to case.
    `path` may be the file of one table. Raises SourceError when there is none.
    """
    names = frozenset(known)
    if not path.exists():
        raise SourceError(f"{path} does not exist; name the folder that holds person.parquet or person.csv")
    tables: dict[str, list[Path]] = {}
    others: list[Path] = []
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        inner = (path.name,) if file == path else file.relative_to(path).parts
        if not file.is_file() or any(part.startswith((".", "_")) for part in inner) or not _stem(file.name):
            continue
        table = _table_of(inner, names)
        if table:
            tables.setdefault(table, []).append(file)
        else:
            others.append(file)
    if not tables:
        raise SourceError(f"{path} holds no table of OMOP such as person.parquet or person.csv")
    return tables, others


def _table_of(inner: Sequence[str], names: frozenset[str]) -> str | None:
    """Return the table of a file, which lies at `inner` under the imported folder."""
    stem = _stem(inner[-1]) or ""
    numbered = _NUMBERED.fullmatch(stem)
    folders = [_stem(part) or part.lower() for part in inner[:-1]]
    own = next((name for name in (stem, numbered[1] if numbered else "") if name in names), None)
    if not folders or (len(folders) == 1 and folders[0] in VOCABULARY_FOLDERS and own):
        return own
    return folders[0] if folders[0] in names and own in (None, folders[0]) else None


def _stem(name: str) -> str | None:
    """Return the name of a data file without its suffix, in small letters; None when it is no data file."""
    low = name.lower()
    return next(
        (low.removesuffix(suffix) for suffix in sorted(SUFFIXES, key=len)[::-1] if low.endswith(suffix)), None
    )


def bytes_of(path: Path) -> int:
    """Return about how many bytes the rows of a file take as text."""
    return path.stat().st_size * (COMPRESSION if path.suffix.lower() in (".parquet", ".gz") else 1)


def prepare(
    con: duckdb.DuckDBPyConnection, staging: str, path: Path, spec: TableSpec | None, *, quoted: bool = True
) -> Prepared:
    """Look at a file and make its rows readable as `typed_<table>`; without a spec they can only be counted.

    `staging` is an attached database in memory for the rows of CSV files. Unless `quoted`, the fields of a file that
    is separated by tabs are taken as they stand, but where even its header is in quotes.
    """
    if path.name.lower().endswith(".parquet"):
        return _prepare_parquet(con, path, spec)
    prepared = Prepared(inspect(path), staging)
    prepared.columns, prepared.missing = _named(prepared.file.header, spec)
    if spec and not (prepared.file.damage or prepared.file.is_empty or prepared.missing):
        is_bare = not quoted and prepared.file.delimiter == "\t" and not _has_quoted_header(prepared.file)
        _read_csv(con, prepared, spec, quoted=not is_bare)
    return prepared


def drop_rows(con: duckdb.DuckDBPyConnection, prepared: Prepared, spec: TableSpec) -> None:
    """Forget the rows of a file."""
    kind = "VIEW" if prepared.staging == _TEMP else "TABLE"
    con.execute(f"DROP {kind} IF EXISTS {typed_table(prepared.staging, spec)}")
    if kind == "TABLE":
        con.execute(f"DROP TABLE IF EXISTS {_text_table(prepared.staging, spec)}")


def _prepare_parquet(con: duckdb.DuckDBPyConnection, path: Path, spec: TableSpec | None) -> Prepared:
    where = exp.Literal.string(re.sub(r"([*?\[])", r"[\1]", str(path))).sql("duckdb")
    try:
        types = {row[0]: row[1] for row in con.execute(f"DESCRIBE FROM read_parquet({where})").fetchall()}
        damage = None
    except duckdb.Error as error:
        types, damage = {}, f"the file is not a readable parquet file ({str(error).splitlines()[0]})"
    file = CsvFile(path, hash_of(path), tuple(types), ",", 0, False, "utf-8", not types, damage)
    prepared = Prepared(file, _TEMP)
    prepared.columns, prepared.missing = _named(file.header, spec)
    if damage:
        return prepared
    cells = [
        f"{_text(header, types[header])} AS {name}" for header, name in zip(types, prepared.columns, strict=True)
    ]
    source = (
        f"SELECT file_row_number + 1 AS row, {', '.join(cells)} FROM read_parquet({where}, file_row_number = true)"
    )
    prepared.source = _cleaned(source, prepared.columns, spec)
    if spec and not prepared.missing:
        con.execute(
            f"CREATE OR REPLACE TEMP VIEW {typed_table(_TEMP, spec)} AS {typed_select(spec, prepared.source)}"
        )
        prepared.is_read = True
    return prepared


def _read_csv(con: duckdb.DuckDBPyConnection, prepared: Prepared, spec: TableSpec, *, quoted: bool) -> None:
    """Make the table of the rows of a CSV file, by DuckDB's reader or, where that gives up, by our own."""
    create = f"CREATE OR REPLACE TABLE {typed_table(prepared.staging, spec)} AS "
    scan = scan_select(prepared.file, prepared.columns, quoted=quoted)
    prepared.source = _cleaned(scan, prepared.columns, spec)
    try:
        con.execute(create + typed_select(spec, prepared.source))
    except (duckdb.InvalidInputException, duckdb.IOException):
        text = _text_table(prepared.staging, spec)
        prepared.broken = load_slowly(con, text, prepared.file, prepared.columns)
        prepared.source = _cleaned(table_select(text), prepared.columns, spec)
        con.execute(create + typed_select(spec, prepared.source))
    prepared.is_read = True


def _has_quoted_header(file: CsvFile) -> bool:
    with gzip.open(file.path) if file.is_gzip else file.path.open("rb") as raw:
        return raw.readline().removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b'"')


def _text_table(staging: str, spec: TableSpec) -> str:
    return f"{staging}.text_{spec.stem}"


def _named(header: Sequence[str], spec: TableSpec | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Name the columns of a file as `spec` does, others by their place, and those that it should have and has not."""
    known = {column.name for column in spec.columns} if spec else set()
    names: list[str] = []
    for position, head in enumerate(header):
        low = head.lower()
        name = low if low in known else ALIASES.get(low, low)
        names.append(name if name in known and name not in names else f"column_{position}")
    missing = tuple(name for name in (spec.required if spec else ()) if name not in names)
    return tuple(names), missing


def _text(header: str, kind: str) -> str:
    """Return the SQL of a parquet column as text; times with a zone become UTC."""
    column = exp.to_identifier(header, quoted=True).sql("duckdb")
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"timezone('UTC', {column})::VARCHAR"
    return f"{column}::VARCHAR"


_DATE_T: Final = "^([0-9]{4}-[0-9]{2}-[0-9]{2})T"
_ZONE: Final = ":[0-9.]+ ?(Z|UTC|[+-][0-9]{2}(:?[0-9]{2})?)$"


def _cleaned(source: str, columns: Sequence[str], spec: TableSpec | None) -> str:
    """Return the SELECT of the rows of `source` without blanks around cells, NULL for empty ones and absent columns.

    A time with a T or a zone is written as a time in UTC: exports of some databases have them.
    """
    if spec is None:
        return source
    kinds = {column.name: column.kind for column in spec.columns}
    cells = []
    for name in columns:
        cell = f"nullif(trim({name}), '')"
        if kinds.get(name) == "time":
            utc = f"timezone('UTC', try_cast({name} AS TIMESTAMPTZ))::VARCHAR"
            plain = f"CASE WHEN regexp_matches({name}, '{_DATE_T}') THEN replace({cell}, 'T', ' ') ELSE {cell} END"
            cell = f"CASE WHEN regexp_matches({name}, '{_ZONE}') THEN coalesce({utc}, {cell}) ELSE {plain} END"
        cells.append(f"{cell} AS {name}")
    absent = [f"NULL::VARCHAR AS {name}" for name in kinds if name not in columns]
    return f"SELECT row, {', '.join((*cells, *absent))} FROM ({source})"
