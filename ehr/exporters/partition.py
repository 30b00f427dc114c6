"""Events cut into a given number of files, whole patients in one, for engines that read many files at once."""

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

SHARD_OF_SUBJECT: Final = "shard_of_subject"
"""Table (subject_id, shard) that `place_subjects` makes."""

GROUP_ROWS: Final = 131_072
"""Rows of a row group; fewer where more than PENDING_ROWS would wait in all files together."""

PENDING_ROWS: Final = 4_000_000


def place_subjects(con: duckdb.DuckDBPyConnection, shards: int) -> None:
    """Make the temporary table SHARD_OF_SUBJECT: patients in order of the MD5 of their numbers, cut evenly by events.

    Shards so differ by no more than the events of one patient, and who is where does not follow the numbers, which
    often follow time. Some are empty when there are fewer patients than shards.
    """
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {SHARD_OF_SUBJECT} AS
        WITH counted AS (SELECT subject_id, count(*) AS n FROM event GROUP BY subject_id),
        placed AS (
            SELECT subject_id,
                   sum(n) OVER (ORDER BY md5(subject_id::VARCHAR)) - n / 2 AS middle,
                   sum(n) OVER () AS total
            FROM counted
        )
        SELECT subject_id, least(floor(middle * {int(shards)} / total), {int(shards) - 1})::INTEGER AS shard
        FROM placed
        """
    )


class Shards:
    """Files 0.parquet to N-1.parquet in a folder, written side by side; use as a context, which finishes them all."""

    def __init__(self, folder: Path, schema: pa.Schema, shards: int) -> None:
        self._schema = schema
        self._writers = [
            pq.ParquetWriter(folder / f"{number}.parquet", schema, compression="zstd") for number in range(shards)
        ]
        self._pending: list[list[pa.RecordBatch]] = [[] for _ in range(shards)]
        self._rows = [0] * shards

    def __enter__(self) -> "Shards":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._flush(range(len(self._writers)))
        finally:
            for writer in self._writers:
                writer.close()

    def write(self, batch: pa.RecordBatch) -> None:
        """Write a batch of events, whose last column is the number of the shard."""
        shards = batch.column(batch.num_columns - 1)
        events = batch.select(range(batch.num_columns - 1))
        for shard in pc.unique(shards).to_pylist():
            rows = events.filter(pc.equal(shards, shard)).cast(self._schema)
            self._pending[shard].append(rows)
            self._rows[shard] += rows.num_rows
        self._flush(shard for shard, rows in enumerate(self._rows) if rows >= GROUP_ROWS)
        if sum(self._rows) > PENDING_ROWS:
            self._flush(range(len(self._writers)))

    def _flush(self, shards: Iterable[int]) -> None:
        for shard in shards:
            if self._rows[shard]:
                self._writers[shard].write_table(pa.Table.from_batches(self._pending[shard], self._schema))
                self._pending[shard], self._rows[shard] = [], 0
