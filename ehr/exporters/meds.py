"""A store as a MEDS 0.4 data set, from which `ehr import meds` makes the same store again.

Every column of `event` is written, those that MEDS does not name as further columns. What MEDS has no place for lies
beside in anamnesis/ (ehr.meds). The ledger of imports, fitted vocabularies, timelines and models are not part of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

import duckdb
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlglot import exp

from ehr.exporters import ExportOptions, ExportReport
from ehr.exporters.folder import new_folder
from ehr.exporters.partition import SHARD_OF_SUBJECT, Shards, place_subjects
from ehr.meds import CODES, DATA, DATASET, ETL_NAME, EVENT_KEYS, METADATA, OWN, OWN_TABLES, SPLITS, VERSION, own_file
from ehr.splits import SPLITS as SPLIT_NAMES
from ehr.splits import split_sql
from ehr.store import Store

BATCH_ROWS: Final = 250_000
"""Rows that are in memory at a time while a file is written, beside those that DuckDB sorts."""

CORE: Final[dict[str, pa.DataType]] = {
    "subject_id": pa.int64(),
    "time": pa.timestamp("us"),
    "code": pa.string(),
    "numeric_value": pa.float32(),
    "text_value": pa.large_string(),
}
"""Columns that MEDS names, with its types; they come first."""

CODE_SCHEMA: Final = pa.schema(
    [
        ("code", pa.string()),
        ("description", pa.string()),
        ("parent_codes", pa.list_(pa.string())),
        ("system", pa.string()),
        ("kind", pa.string()),
        ("unit", pa.string()),
        ("n_events", pa.int64()),
        ("n_subjects", pa.int64()),
        ("quantiles", pa.list_(pa.float32())),
    ]
)
SPLIT_SCHEMA: Final = pa.schema([("subject_id", pa.int64()), ("split", pa.string())])

SOURCE_COLUMNS: Final = ("record_id", "encounter_id")
"""Columns that only lead back to the source, as dataset.json tells."""

MODIFIERS: Final = ("unit", "value_code", "status")
"""Columns of text that modify the code of an event, as dataset.json tells."""


@dataclass(frozen=True, slots=True)
class _Range:
    """Patients with neighbouring numbers, whose events are read in one go."""

    first: int
    last: int
    events: int


def export_meds(store: Store, out: Path, options: ExportOptions) -> ExportReport:
    """Write `store` as a MEDS data set to the folder `out`, which is there only when all of it is.

    Memory follows `options.shard_events`, or the patient with the most events, not the size of the store. Raises
    ExportError when `out` may not be written.
    """
    con = store.cursor()
    with new_folder(out, (DATA, METADATA, OWN), force=options.force) as folder:
        for name in (DATA, METADATA, OWN):
            (folder / name).mkdir()
        con.begin()  # all tables as they are now, whatever is written meanwhile
        schema = _event_schema(con)
        if options.partition:
            splits = _write_partition(con, folder, schema, options.partition, options)
        else:
            splits = _write_events(con, folder, schema, options)
        codes = _write(con, _CODES, folder / CODES, CODE_SCHEMA)
        subjects = _write(con, _SPLITS, folder / SPLITS, SPLIT_SCHEMA)
        tables = {name: _write(con, _own_select(con, name), folder / own_file(name)) for name in OWN_TABLES}
        if not options.partition:
            _count_subjects(con, splits)
        con.rollback()
        description = _description(options.name or store.path.resolve().name, schema.names)
        (folder / DATASET).write_bytes(orjson.dumps(description, option=orjson.OPT_INDENT_2))
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    events = sum(split["events"] for split in splits.values())
    return ExportReport("meds", str(out), events, subjects, codes, splits, tables, size)


def _write_events(
    con: duckdb.DuckDBPyConnection, folder: Path, schema: pa.Schema, options: ExportOptions
) -> dict[str, dict[str, int]]:
    """Write the events, one range of patients after the other, each to one file per split; count per split."""
    columns = ", ".join(exp.to_identifier(name, quoted=True).sql("duckdb") for name in schema.names)
    total = _count(con, "SELECT count(*) FROM event")
    counts: dict[str, dict[str, int]] = {split: {"subjects": 0, "events": 0, "files": 0} for split in SPLIT_NAMES}
    done = 0
    for span in _ranges(con, options.shard_events):
        options.progress(f"{span.events:,} events", done, total)
        select = (
            f"SELECT {columns}, {split_sql()} AS split FROM event "
            f'WHERE subject_id BETWEEN {span.first} AND {span.last} ORDER BY subject_id, "time" NULLS FIRST, event_id'
        )
        shards = _Shards(folder / DATA, schema, counts)
        try:
            for batch in _batches(con, select):
                shards.write(batch)
        finally:
            shards.close()
        done += span.events
    options.progress("metadata", total, total)
    return counts


def _write_partition(
    con: duckdb.DuckDBPyConnection, folder: Path, schema: pa.Schema, files: int, options: ExportOptions
) -> dict[str, dict[str, int]]:
    """Write the events to that many files of about the same size; count them together."""
    columns = ", ".join(f"e.{exp.to_identifier(name, quoted=True).sql('duckdb')}" for name in schema.names)
    total = _count(con, "SELECT count(*) FROM event")
    place_subjects(con, files)
    done = 0
    with Shards(folder / DATA, schema, files) as shards:
        for span in _ranges(con, options.shard_events):
            options.progress(f"{span.events:,} events", done, total)
            select = (
                f"SELECT {columns}, s.shard FROM event e JOIN {SHARD_OF_SUBJECT} s USING (subject_id) "
                f"WHERE subject_id BETWEEN {span.first} AND {span.last} "
                'ORDER BY subject_id, e."time" NULLS FIRST, e.event_id'
            )
            for batch in _batches(con, select):
                shards.write(batch)
            done += span.events
    options.progress("metadata", total, total)
    subjects = _count(con, f"SELECT count(*) FROM {SHARD_OF_SUBJECT}")
    return {"all": {"subjects": subjects, "events": total, "files": files}}


class _Shards:
    """The files of one range of patients, one per split that has any; they are numbered on within the split."""

    def __init__(self, folder: Path, schema: pa.Schema, counts: dict[str, dict[str, int]]) -> None:
        self._folder = folder
        self._schema = schema
        self._counts = counts
        self._writers: dict[str, pq.ParquetWriter] = {}

    def write(self, batch: pa.RecordBatch) -> None:
        """Write a batch of events, whose last column is the split."""
        splits = batch.column(batch.num_columns - 1)
        events = batch.select(range(batch.num_columns - 1))
        for split in pc.unique(splits).to_pylist():
            rows = events.filter(pc.equal(splits, split)).cast(self._schema)
            self._writer(split).write_batch(rows)
            self._counts[split]["events"] += rows.num_rows

    def close(self) -> None:
        """Finish the files."""
        for writer in self._writers.values():
            writer.close()

    def _writer(self, split: str) -> pq.ParquetWriter:
        if split not in self._writers:
            path = self._folder / split / f"{self._counts[split]['files']}.parquet"
            path.parent.mkdir(exist_ok=True)
            self._writers[split] = pq.ParquetWriter(path, self._schema, compression="zstd")
            self._counts[split]["files"] += 1
        return self._writers[split]


def _ranges(con: duckdb.DuckDBPyConnection, size: int) -> list[_Range]:
    """Cut the patients, in order of their numbers, into ranges of about `size` events."""
    rows = con.execute(
        f"""
        WITH counted AS (SELECT subject_id, count(*) AS n FROM event GROUP BY subject_id),
        placed AS (SELECT *, (sum(n) OVER (ORDER BY subject_id) - n) // {int(size)} AS place FROM counted)
        SELECT min(subject_id), max(subject_id), sum(n)::BIGINT FROM placed GROUP BY place ORDER BY 1
        """
    ).fetchall()
    return [_Range(*row) for row in rows]


def _event_schema(con: duckdb.DuckDBPyConnection) -> pa.Schema:
    """Return the columns of the files of events: those of MEDS with its types, then all others as they are."""
    others = [
        field
        for field in con.sql("FROM event LIMIT 0").to_arrow_table().schema
        if field.name not in CORE and field.name not in EVENT_KEYS
    ]
    return pa.schema([*CORE.items(), *others])


def _own_select(con: duckdb.DuckDBPyConnection, table: str) -> str:
    columns = [row[0] for row in con.execute(f"DESCRIBE {table}").fetchall() if row[0] not in EVENT_KEYS]
    return f"SELECT {', '.join(columns)} FROM {table} ORDER BY {OWN_TABLES[table]}"


def _write(con: duckdb.DuckDBPyConnection, select: str, path: Path, schema: pa.Schema | None = None) -> int:
    """Write the rows of a query to a file, as `schema` or as DuckDB gives them; return how many."""
    reader = con.sql(select).to_arrow_reader(BATCH_ROWS)
    rows = 0
    with pq.ParquetWriter(path, schema or reader.schema, compression="zstd") as writer:
        for batch in reader:
            writer.write_batch(batch.cast(schema) if schema else batch)
            rows += batch.num_rows
    return rows


def _batches(con: duckdb.DuckDBPyConnection, select: str) -> Iterator[pa.RecordBatch]:
    yield from con.sql(select).to_arrow_reader(BATCH_ROWS)


def _count_subjects(con: duckdb.DuckDBPyConnection, counts: dict[str, dict[str, int]]) -> None:
    for split, n in con.execute(f"SELECT {split_sql()} AS split, count(*) FROM subject GROUP BY split").fetchall():
        counts[split]["subjects"] = n


def _count(con: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(con.execute(query).fetchall()[0][0])


def _description(name: str, columns: list[str]) -> dict[str, str | list[str]]:
    """Return what metadata/dataset.json says."""
    told = {*CORE, *SOURCE_COLUMNS, *MODIFIERS}
    return {
        "dataset_name": name,
        "etl_name": ETL_NAME,
        "etl_version": version("anamnesis"),
        "meds_version": VERSION,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "raw_source_id_columns": list(SOURCE_COLUMNS),
        "code_modifier_columns": list(MODIFIERS),
        "other_extension_columns": [column for column in columns if column not in told],
    }


_CODES: Final = """
    SELECT code, description, parents AS parent_codes, system, kind, unit, n_events, n_subjects, quantiles
    FROM code ORDER BY code
"""
_SPLITS: Final = f"SELECT subject_id, {split_sql()} AS split FROM subject ORDER BY subject_id"
