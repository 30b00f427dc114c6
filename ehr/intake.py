"""Taking records in: every importer stages events here, and transactions move them into the store, batch by batch.

    intake = Intake(store, "mimic", root)
    with intake.file(path) as entry:         # None when these bytes are in the store already
        entry.stage(select)                  # events, as SQL ...
        entry.stage_frame(frame)             # ... or as a frame of ehr.events.EVENT_SCHEMA
        entry.reject(line, resource, reason, excerpt, code=Reason.BAD_TIME)
        entry.tally("labevents", rows_in=10, accepted=9, rejected=1)
    report = intake.commit()                 # as often as there are files, or groups of files

Of a file nothing is in the store before its `commit`, and all of it after. An import that is killed leaves the files
of its earlier commits, each whole, and the next import of the same folder goes on with the others.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import polars as pl
import pyarrow as pa
from sqlglot import exp

from ehr.errors import SourceError
from ehr.events import EVENT_SCHEMA
from ehr.ledger import EXCERPT_LENGTH
from ehr.ledger import FileReport as FileReport
from ehr.ledger import ImportReport as ImportReport
from ehr.ledger import Tally as Tally
from ehr.ledger import shorten as shorten
from ehr.progress import Progress as Progress
from ehr.progress import silent as silent
from ehr.reasons import Reason
from ehr.refresh import STAGES, Moved, make_stages, move_stages
from ehr.store import Store, transaction

NOTHING_WENT_IN: Final = "rows_accepted = 0 AND (rows_rejected > 0 OR status = 'failed')"
"""Files of the ledger that may be tried again, when what they lacked is there now: SQL over `source`."""


Remark = tuple[int, int | None, str | None, str, str, str | None]
"""A row of `reject` or `notice`: source_id, line, resource, code, reason, excerpt."""


@dataclass(slots=True)
class SourceFile:
    """One file of an import: what it gave, and the ledger row that it will have."""

    intake: "Intake"
    source_id: int
    name: str
    sha256: str
    started_at: datetime
    status: str = "imported"
    tallies: dict[str, Tally] = field(default_factory=dict)
    rejects: list[Remark] = field(default_factory=list)
    notices: list[Remark] = field(default_factory=list)
    noticed: int = 0

    def stage(self, table: str, select: str) -> int:
        """Run `select` into a stage (one of ehr.refresh.STAGES) by name; return the rows added."""
        con = self.intake.con
        added = con.execute(
            f"INSERT INTO stage_{table} BY NAME SELECT *, {self.source_id}::INTEGER AS source_id FROM ({select})"
        ).fetchall()
        return int(added[0][0])

    def stage_later(self, select: str) -> None:
        """Let `select` give events when the import is committed: what it reads must stay as it is until then.

        It has the column `event_order` beside those of the stage, which orders events of the same time.
        Spares the copy in the stage, for importers whose rows lie in temporary tables of their own.
        """
        self.intake.later.append(f"SELECT *, {self.source_id}::INTEGER AS source_id FROM ({select})")

    def stage_frame(self, table: str, frame: pl.DataFrame | pa.Table) -> int:
        """Add the rows of a frame to a stage, columns by name; return the rows added."""
        arrow = frame.to_arrow() if isinstance(frame, pl.DataFrame) else frame
        self.intake.con.register("staged_frame", arrow)
        try:
            return self.stage(table, "FROM staged_frame")
        finally:
            self.intake.con.unregister("staged_frame")

    def reject(
        self,
        line: int | None,
        resource: str | None,
        reason: str,
        excerpt: str | None = None,
        *,
        code: Reason,
    ) -> None:
        """Keep a record that is refused; the caller counts it in a tally."""
        self.rejects.append((self.source_id, line, resource, code, reason, shorten(excerpt)))

    def reject_rows(self, select: str) -> int:
        """Keep the refused records that `select` gives (line, resource, code, reason, excerpt); return how many."""
        return self._remark("reject", select)

    def notice(
        self,
        line: int | None,
        resource: str | None,
        reason: str,
        excerpt: str | None = None,
        *,
        code: Reason,
    ) -> None:
        """Keep what is to be known about a record, or about the file, that is taken in all the same."""
        self.notices.append((self.source_id, line, resource, code, reason, shorten(excerpt)))
        self.noticed += 1

    def notice_rows(self, select: str) -> int:
        """Keep the notices that `select` gives (line, resource, code, reason, excerpt); return how many."""
        added = self._remark("notice", select)
        self.noticed += added
        return added

    def _remark(self, table: str, select: str) -> int:
        added = self.intake.con.execute(
            f"INSERT INTO stage_{table} BY NAME "
            f"SELECT * REPLACE (CASE WHEN length(excerpt) > {EXCERPT_LENGTH} "
            f"THEN substr(excerpt, 1, {EXCERPT_LENGTH - 1}) || '…' ELSE excerpt END AS excerpt), "
            f"{self.source_id}::INTEGER AS source_id FROM ({select})"
        ).fetchall()
        return int(added[0][0])

    def tally(
        self, resource: str, *, rows_in: int = 0, accepted: int = 0, rejected: int = 0, skipped: int = 0
    ) -> None:
        """Count records of a type."""
        self.tallies.setdefault(resource, Tally()).add(Tally(rows_in, accepted, rejected, skipped))

    def total(self) -> Tally:
        """Return the counts over all types."""
        total = Tally()
        for tally in self.tallies.values():
            total.add(tally)
        return total


class Intake:
    """One import: stages for what its files give, moved into the store by `commit`, one transaction a batch."""

    def __init__(self, store: Store, format_name: str, root: Path, progress: Progress = silent) -> None:
        self.store = store
        self.con = store.cursor()
        self.format = format_name
        self.root = root
        self.progress = progress
        self.pending: list[SourceFile] = []
        self.unchanged: list[str] = []
        self.later: list[str] = []
        self.titles: list[str] = []
        self._finished: list[FileReport] = []
        self._moved = Moved(0, 0, 0, 0)
        self._further: dict[str, str] = {}
        self._known = self._hashes(f"NOT ({NOTHING_WENT_IN})")
        self._refused = self._hashes(NOTHING_WENT_IN)
        self._last_id = int(self.con.execute("SELECT last_source_id FROM store_state").fetchall()[0][0])
        self.first_id = self._last_id + 1
        make_stages(self.con)

    @property
    def has_files(self) -> bool:
        """Whether any file was begun, committed or not."""
        return bool(self.pending or self._finished)

    def name_of(self, path: Path) -> str:
        """Return the name of a file in the ledger: its path relative to the imported folder."""
        return path.relative_to(self.root).as_posix() if path != self.root else path.name

    @contextmanager
    def file(self, path: Path, sha256: str | None = None) -> Iterator[SourceFile | None]:
        """Begin a file; gives None, and counts it as unchanged, when the store has these very bytes.

        `sha256` is the hash of its bytes where the caller knows it.
        """
        sha256 = sha256 or hash_of(path)
        if sha256 in self._known:
            self.unchanged.append(self.name_of(path))
            yield None
            return
        yield self.begin(self.name_of(path), sha256)

    def knows(self, sha256: str) -> bool:
        """Say whether the store has a file with this hash."""
        return sha256 in self._known

    def begin(self, name: str, sha256: str) -> SourceFile:
        """Begin a source that is not a file: resources that came through the service."""
        self._last_id += 1
        entry = SourceFile(self, self._last_id, name, sha256, _now())
        self.pending.append(entry)
        return entry

    def describe(self, select: str) -> None:
        """Let `select` give titles (code, description, system or parents) at every commit from now on.

        It may read the table `touched_code` (code) of the codes whose rows are brought up to date then.
        """
        self.titles.append(select)

    def add_column(self, name: str, kind: str) -> None:
        """Give events a further column of the source, kept beside those of the schema.

        Raises SourceError when the store has a column of this name and another type.
        """
        known = {row[0].lower(): row[1] for row in self.con.execute("DESCRIBE stage_event").fetchall()}
        stored = {row[0].lower(): row[1] for row in self.con.execute("DESCRIBE event").fetchall()}
        there = known.get(name.lower()) or stored.get(name.lower())
        if there and there != kind:
            raise SourceError(f"column {name} is {kind} here and {there} in the store; rename it in the source")
        if name.lower() not in known:
            column = exp.to_identifier(name, quoted=True).sql("duckdb")
            self.con.execute(f"ALTER TABLE stage_event ADD COLUMN {column} {kind}")
        if name.lower() not in stored:
            self._further[name] = kind

    def commit(self, but: Collection[SourceFile] = ()) -> ImportReport:
        """Move what was staged since the last commit into the store, with the ledger, in one transaction.

        Files in `but` stay pending: nothing of them may be staged yet. Gives the report of the whole import so far.
        Rolls back and raises when it fails.
        """
        done = [entry for entry in self.pending if entry not in but]
        with transaction(self.con):
            self._add_columns()
            moved = move_stages(self.con, self.later, self.titles)
            self._write_ledger(done)
        self._moved += moved
        self._finished += [_report(entry) for entry in done]
        self._known |= {report.sha256 for report in done if report.total().accepted}
        self.pending = [entry for entry in self.pending if entry in but]
        self.later.clear()
        for stage in STAGES:
            self.con.execute(f"TRUNCATE stage_{stage.name}")
        return ImportReport(
            self.format,
            tuple(self._finished),
            tuple(self.unchanged),
            self._moved.events,
            self._moved.subjects,
            self._moved.encounters,
            self._moved.removed,
        )

    def _add_columns(self) -> None:
        for name, kind in self._further.items():
            column = exp.to_identifier(name, quoted=True).sql("duckdb")
            self.con.execute(f"ALTER TABLE event ADD COLUMN {column} {kind}")
            self.con.execute(
                f"COMMENT ON COLUMN event.{column} IS 'Further column of an imported {self.format} source'"
            )

    def _hashes(self, condition: str) -> set[str]:
        return {row[0] for row in self.con.execute(f"SELECT sha256 FROM source WHERE {condition}").fetchall()}

    def _forget_refused(self, done: list[SourceFile]) -> None:
        """Take the ledger rows of files that were refused before, and are tried again now, out of the ledger."""
        again = [entry.sha256 for entry in done if entry.sha256 in self._refused]
        if not again:
            return
        old = f"SELECT source_id FROM source WHERE {NOTHING_WENT_IN} AND sha256 IN (SELECT unnest(?))"
        for table in ("tally", "reject", "notice", "source"):
            self.con.execute(f"DELETE FROM {table} WHERE source_id IN ({old})", [again])

    def _write_ledger(self, done: list[SourceFile]) -> None:
        self._forget_refused(done)
        finished = _now()
        sources, tallies = [], []
        for entry in done:
            total = entry.total()
            total.check(entry.name)
            counts = (total.rows_in, total.accepted, total.rejected, total.skipped)
            named = (entry.source_id, entry.name, entry.sha256, self.format)
            sources.append((*named, *counts, entry.started_at, finished, entry.status))
            tallies += [
                (entry.source_id, resource, t.rows_in, t.accepted, t.rejected, t.skipped)
                for resource, t in entry.tallies.items()
            ]
        self._insert("source", sources)
        self._insert("tally", tallies)
        self._insert("reject", [row for entry in done for row in entry.rejects])
        self._insert("notice", [row for entry in done for row in entry.notices])
        for table in ("reject", "notice"):
            self.con.execute(f"INSERT INTO {table} BY NAME FROM stage_{table}")
        self.con.execute("UPDATE store_state SET last_source_id = greatest(last_source_id, ?)", [self._last_id])

    def _insert(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Add rows to a ledger table through Arrow, which takes thousands at once."""
        if not rows:
            return
        names = [row[0] for row in self.con.execute(f"DESCRIBE {table}").fetchall()]
        frame = pa.table(
            {name: pa.array(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
        )
        self.con.register("ledger_rows", frame)
        self.con.execute(f"INSERT INTO {table} BY NAME FROM ledger_rows")
        self.con.unregister("ledger_rows")


def hash_of(path: Path) -> str:
    """Return the SHA-256 of the bytes of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def event_frame(rows: Iterable[dict[str, Any]]) -> pl.DataFrame:
    """Make an event frame, with every column of EVENT_SCHEMA, from dicts that may leave columns out."""
    return pl.DataFrame(list(rows), schema=EVENT_SCHEMA)


def _report(entry: SourceFile) -> FileReport:
    total = entry.total()
    return FileReport(
        entry.source_id,
        entry.name,
        entry.status,
        total.rows_in,
        total.accepted,
        total.rejected,
        total.skipped,
        entry.noticed,
        entry.tallies,
    )


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
