"""OMOP CDM 5.4 and 5.3: a folder of tables, parquet or CSV, brought into a store as timelines.

    concepts -> persons -> visits, their parts -> tables of events -> deaths -> hierarchies -> the rest is counted

Files go in by batches, each in one transaction: a killed import leaves whole files, and the next one goes on with the
others. A file that cannot be read is refused as a whole and the others go in; so is a row.
"""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final
from uuid import uuid4

import duckdb

from ehr.errors import SourceError
from ehr.importers import ImportOptions
from ehr.importers.judging import Rows, judge, skip_file
from ehr.importers.omop_clinical import CLINICAL, NOT_IMPORTED
from ehr.importers.omop_concepts import (
    ANCESTOR,
    CONCEPT,
    RELATIONSHIP,
    ancestors_select,
    load_concepts,
    make_concepts,
    parents_select,
    stored_titles_select,
    titles_select,
)
from ehr.importers.omop_files import bytes_of, drop_rows, find_tables, prepare
from ehr.importers.omop_people import DEATHS, PERSON
from ehr.importers.omop_rows import count_rows, drop_events, known_persons, refuse_deleted, refuse_strays, stage_table
from ehr.importers.omop_visits import VISIT_DETAIL, VISIT_OCCURRENCE, make_stays, remember_details, remember_visits
from ehr.importers.reading import Prepared, typed_table
from ehr.importers.tables import TableSpec
from ehr.intake import ImportReport, Intake, SourceFile, hash_of
from ehr.store import Store

EVENT_TABLES: Final = (PERSON, VISIT_OCCURRENCE, VISIT_DETAIL, *CLINICAL, DEATHS)
"""Tables that give events, in the order of reading, which orders events of one moment: a death comes last."""

DICTIONARIES: Final = (CONCEPT, ANCESTOR, RELATIONSHIP)
"""Tables of concepts, which give no events."""

SPECS: Final = (*DICTIONARIES, *(table.spec for table in EVENT_TABLES))
"""All tables that are read."""

TABLE_NAMES: Final = frozenset({*(spec.name for spec in SPECS), *NOT_IMPORTED})


def import_omop(store: Store, path: Path, options: ImportOptions) -> ImportReport:
    """Bring the OMOP CDM folder at `path`, or the file of one of its tables, into `store`.

    Raises SourceError when nothing there is a table of OMOP, or when neither it nor the store has any person.
    """
    tables, others = find_tables(path, TABLE_NAMES)
    intake = Intake(store, "omop", path, options.progress)
    with _Reading(intake, tables, others, options.batch_bytes) as reading:
        if reading.has_news(SPECS):
            _read_tables(reading)
        for spec in SPECS:
            reading.pass_over(spec)
        for name in sorted(NOT_IMPORTED & tables.keys()):
            reading.skip(name, tables[name])
        for file in others:
            reading.skip(file.name, [file], "unknown file: not a table of OMOP CDM 5.4 or 5.3")
        return intake.commit()


def _read_tables(reading: "_Reading") -> None:
    con = reading.intake.con
    make_concepts(con)
    make_stays(con)
    reading.intake.describe(titles_select())
    for rows, entry in reading.dictionary(CONCEPT):
        load_concepts(con, f"(FROM {rows} WHERE concept_id <> 0)")
        if entry:
            entry.stage("code", stored_titles_select())
    if reading.has_news(table.spec for table in EVENT_TABLES):
        _read_events(reading)
    _read_hierarchy(reading)


def _read_events(reading: "_Reading") -> None:
    for rows in reading.events(PERSON.spec):
        refuse_deleted(rows)
        stage_table(rows, PERSON)
    if not known_persons(reading.intake.con):
        raise SourceError(
            "no person went in, and the store has none: tables of OMOP need person.parquet or person.csv beside them"
        )
    for rows in reading.events(VISIT_OCCURRENCE.spec):
        refuse_strays(rows)
        stage_table(rows, VISIT_OCCURRENCE)
        remember_visits(rows)
    for rows in reading.events(VISIT_DETAIL.spec):
        refuse_strays(rows)
        remember_details(rows)
        stage_table(rows, VISIT_DETAIL)
    for table in (*CLINICAL, DEATHS):
        for rows in reading.events(table.spec):
            refuse_strays(rows)
            stage_table(rows, table)


def _read_hierarchy(reading: "_Reading") -> None:
    """Stage what lies above the concepts in use: from concept_ancestor, or where that is empty step by step."""
    con = reading.intake.con
    found = 0
    for rows, _ in reading.dictionary(ANCESTOR):
        found += _stage_edges(con, ancestors_select(rows))
    if not found:
        for rows, _ in reading.dictionary(RELATIONSHIP):
            _stage_edges(con, parents_select(rows))


def _stage_edges(con: duckdb.DuckDBPyConnection, select: str) -> int:
    """Stage edges (child, parent) of the hierarchy; return how many."""
    added = con.execute(f"INSERT INTO stage_hierarchy BY NAME {select}").fetchall()
    return int(added[0][0])


class _Reading:
    """The files of one import on their way: judged and staged one after the other, committed by batches."""

    def __init__(self, intake: Intake, tables: dict[str, list[Path]], others: list[Path], batch_bytes: int) -> None:
        self.intake = intake
        self.tables = tables
        self._batch_bytes = batch_bytes
        self._staging = f"staging_{uuid4().hex}"
        self._hashes: dict[Path, str] = {}
        self._read: set[Path] = set()
        self._batch: list[Rows] = []
        self._bytes = 0
        self._done = 0
        self._total = sum(path.stat().st_size for paths in (*tables.values(), others) for path in paths)

    def __enter__(self) -> "_Reading":
        self.intake.con.execute(f"ATTACH ':memory:' AS {self._staging}")
        return self

    def __exit__(self, *_: object) -> None:
        self._end_batch()
        self.intake.con.execute(f"DETACH {self._staging}")

    def has_news(self, specs: Iterable[TableSpec]) -> bool:
        """Say whether any file of these tables is not in the store."""
        files = (file for spec in specs for file in self.tables.get(spec.name, ()))
        return any(not self.intake.knows(self._hash(file)) for file in files)

    def events(self, spec: TableSpec) -> Iterator[Rows]:
        """Give the judged rows of each new file of a table; what they stage is committed with their batch."""
        for file in self.tables.get(spec.name, ()):
            if not self.intake.knows(self._hash(file)):
                self._make_room(file, spec)
            with self._begin(file) as entry:
                rows = self._judged(entry, file, spec) if entry else None
                if rows:
                    yield rows
                    self._bytes += bytes_of(file)
                    self._batch.append(rows)
                    drop_rows(self.intake.con, rows.prepared, spec)
            self._end(file)

    def dictionary(self, spec: TableSpec) -> Iterator[tuple[str, SourceFile | None]]:
        """Give the rows of each file of a table of concepts, and its entry in the ledger where it is new.

        A file whose bytes the store knows is read all the same, since new codes need it.
        """
        for file in self.tables.get(spec.name, ()):
            with self._begin(file) as entry:
                if entry:
                    rows = self._judged(entry, file, spec)
                    if rows:
                        yield rows.accepted, entry
                        count_rows(rows)
                        drop_rows(self.intake.con, rows.prepared, spec)
                else:
                    prepared = self._prepare(file, spec)
                    if prepared.is_read:
                        left_out = spec.refusing | spec.skipping
                        yield f"(FROM {typed_table(prepared.staging, spec)} WHERE problems & {left_out} = 0)", None
                        drop_rows(self.intake.con, prepared, spec)
            self._end(file)

    def pass_over(self, spec: TableSpec) -> None:
        """Count the files of a table that were not looked at."""
        self.skip(spec.name, [file for file in self.tables.get(spec.name, ()) if file not in self._read])

    def skip(self, name: str, files: Iterable[Path], notice: str | None = None) -> None:
        """Count the rows of files that give no events."""
        for file in files:
            with self._begin(file) as entry:
                if entry:
                    skip_file(entry, prepare(self.intake.con, self._staging, file, None), name, notice)
            self._end(file)

    def _judged(self, entry: SourceFile, file: Path, spec: TableSpec) -> Rows | None:
        return judge(entry, self._prepare(file, spec), spec, knows_subjects=False)

    def _prepare(self, file: Path, spec: TableSpec) -> Prepared:
        # Tables of concepts come without quoting from OHDSI's Athena, whose titles have quotes as characters.
        return prepare(self.intake.con, self._staging, file, spec, quoted=spec not in DICTIONARIES)

    def _make_room(self, file: Path, spec: TableSpec) -> None:
        """Commit what was staged when the batch is full, or has another file of the same table.

        So a file always sees in the store what the earlier files of its table brought.
        """
        is_full = self._bytes and self._bytes + bytes_of(file) > self._batch_bytes
        if is_full or any(spec.name == rows.spec.name for rows in self._batch):
            self.intake.commit()
            self._end_batch()

    def _end_batch(self) -> None:
        for rows in self._batch:
            drop_events(rows)
        self._batch.clear()
        self._bytes = 0

    def _hash(self, file: Path) -> str:
        if file not in self._hashes:
            self._hashes[file] = hash_of(file)
        return self._hashes[file]

    def _begin(self, file: Path) -> AbstractContextManager[SourceFile | None]:
        self._read.add(file)
        self.intake.progress(self.intake.name_of(file), self._done, self._total)
        return self.intake.file(file, self._hash(file))

    def _end(self, file: Path) -> None:
        self._done += file.stat().st_size
        self.intake.progress(self.intake.name_of(file), self._done, self._total)
