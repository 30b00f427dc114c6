"""The files of one import on their way: read ahead by threads, judged one after the other, committed by batches.

A batch is the files since the last commit: as many as fit into `batch_bytes`, or one that is larger. Only the files
of a batch, and those read ahead for the next, have rows in tables; these lie in a database in memory that all
connections of the import see, and DuckDB puts them on disk where its memory does not suffice.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Final
from uuid import uuid4

import duckdb

from ehr.importers.judging import Rows, judge, skip_file, stage_rows
from ehr.importers.reading import Prepared, prepare, read_unjudged
from ehr.importers.tables import TableSpec
from ehr.intake import ImportReport, Intake

READERS: Final = 2
"""Threads that read files at the same time: a compressed file is read by one core, whatever their number."""

LARGE: Final = 1_000_000
"""Bytes from which a file is read early, so that the others are read beside it."""


class Batches:
    """The files of an import: `tables` (name -> files) in the order of `specs`, then `others`."""

    def __init__(
        self,
        intake: Intake,
        specs: Mapping[str, TableSpec],
        tables: Mapping[str, Sequence[Path]],
        others: Sequence[Path],
        batch_bytes: int,
    ) -> None:
        self.intake = intake
        self.tables = tables
        self._batch_bytes = batch_bytes
        self._specs = {path: specs[stem] for stem, paths in tables.items() for path in paths[:1]}
        paths = [path for stem in specs for path in tables.get(stem, ())] + list(others)
        self._sizes = {path: path.stat().st_size for path in paths}
        self._queue = paths
        self._prepared: dict[Path, Future[Prepared]] = {}
        self._staging = f"staging_{uuid4().hex}"
        self._cursors: list[duckdb.DuckDBPyConnection] = []
        self._rows: list[Rows] = []
        self._ahead = self._pending = self._done = 0

    def __enter__(self) -> "Batches":
        self.intake.con.execute(f"ATTACH ':memory:' AS {self._staging}")
        self._pool = ThreadPoolExecutor(max_workers=READERS, thread_name_prefix="reader")
        self._read_ahead()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        for cursor in self._cursors:
            cursor.interrupt()
        self._pool.shutdown()
        for cursor in self._cursors:
            cursor.close()
        self.intake.con.execute(f"DETACH {self._staging}")

    def is_new(self, spec: TableSpec) -> bool:
        """Say whether there is a file of this table that the store does not have; it must be the next to be read."""
        paths = self.tables.get(spec.stem, [])
        return bool(paths) and not self.intake.knows(self._prepared[paths[0]].result().file.sha256)

    def make_room(self, *specs: TableSpec) -> None:
        """Commit what was read so far, unless these tables fit into the same batch."""
        size = sum(self._sizes[path] for spec in specs for path in self.tables.get(spec.stem, ()))
        if self._pending and size and self._pending + size > self._batch_bytes:
            self.commit()

    def commit(self) -> ImportReport:
        """Commit the files that were read since the last commit, and drop their rows."""
        report = self.intake.commit()
        for rows in self._rows:
            rows.drop()
        self._rows.clear()
        self._pending = 0
        return report

    def table(self, spec: TableSpec, *, knows_subjects: bool = True) -> Rows | None:
        """Judge the table of `spec`; gives None where it is absent, unchanged or refused as a whole."""
        rows, _ = self._judge(spec, knows_subjects=knows_subjects)
        if rows:
            self._rows.append(rows)
        return rows

    def dictionary(self, spec: TableSpec) -> tuple[str | None, Rows | None]:
        """Read a dictionary, also where its own bytes are not new, since new codes need it.

        Gives its table, which stays until the end, and its rows where its bytes are new.
        """
        rows, prepared = self._judge(spec, knows_subjects=False)
        if rows:
            stage_rows(rows)
            return rows.accepted, rows
        return read_unjudged(self.intake.con, prepared, spec) if prepared else None, None

    def skip(self, path: Path, notice: str | None = None) -> None:
        """Count the rows of a file that is not imported."""
        prepared = self._begin(path)
        with self.intake.file(path, prepared.file.sha256) as entry:
            if entry:
                skip_file(entry, prepared, self.intake.name_of(path).partition(".")[0], notice)
        self._end(path)

    def _judge(self, spec: TableSpec, *, knows_subjects: bool) -> tuple[Rows | None, Prepared | None]:
        paths = self.tables.get(spec.stem, [])
        rows = prepared = None
        for path in paths[:1]:
            prepared = self._begin(path)
            with self.intake.file(path, prepared.file.sha256) as entry:
                rows = judge(entry, prepared, spec, knows_subjects=knows_subjects) if entry else None
            self._end(path)
        for path in paths[1:]:
            first = self.intake.name_of(paths[0])
            self.skip(path, f"{spec.name} is there twice: {first} is read, this file is not")
        return rows, prepared

    def _read_ahead(self) -> None:
        """Let the threads begin the next files, as many as make a batch; the large ones of them first."""
        chosen: list[Path] = []
        while self._queue and (not self._ahead or self._ahead + self._sizes[self._queue[0]] <= self._batch_bytes):
            chosen.append(self._queue.pop(0))
            self._ahead += self._sizes[chosen[-1]]
        for path in sorted(chosen, key=self._is_small):
            self._prepared[path] = self._pool.submit(self._prepare, path)

    def _is_small(self, path: Path) -> bool:
        return path not in self._specs or self._sizes[path] < LARGE

    def _prepare(self, path: Path) -> Prepared:
        cursor = self.intake.store.cursor()
        self._cursors.append(cursor)
        spec = self._specs.get(path)
        return prepare(cursor, self._staging, path, spec, lambda file: not self.intake.knows(file.sha256))

    def _begin(self, path: Path) -> Prepared:
        self.intake.progress(self.intake.name_of(path), self._done, sum(self._sizes.values()))
        prepared = self._prepared.pop(path).result()
        self._ahead -= self._sizes[path]
        self._read_ahead()
        return prepared

    def _end(self, path: Path) -> None:
        self._done += self._sizes[path]
        self._pending += self._sizes[path]
        self.intake.progress(self.intake.name_of(path), self._done, sum(self._sizes.values()))
