"""Staging what FHIR resources give, until a batch of files was read.

Records and their events go to temporary tables as they are read, in bounded memory; fhir_settle.py then decides over
all of them.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ehr.importers.fhir_pile import MAX_ALIKE, OF_RECORDS, OF_SOURCES, TABLES, Mark, Pile
from ehr.importers.fhir_workers import Answer
from ehr.intake import Intake, SourceFile
from ehr.reasons import Reason

PILE_AT: Final = 4_000
"""Rows that are made into Arrow tables at a time: few enough that they are still in the cache of the processor."""
FLUSH_AT: Final = 50_000
"""Rows that are written to a temporary table at a time."""


class Staging:
    """Records of one import on their way into the store.

    `pile` takes what is read in this process; `gather` puts it, and what other processes piled up, in order.
    """

    def __init__(self, intake: Intake) -> None:
        self.intake = intake
        self.con = intake.con
        self.now = datetime.now(UTC).replace(tzinfo=None)
        self.entries: dict[int, SourceFile] = {}
        self.pile = Pile(self.now)
        self._tables: dict[str, list[pa.Table]] = {name: [] for name in TABLES}
        self._ordinal = 0
        for name, schema in TABLES.items():
            self.con.register("empty_rows", schema.empty_table())
            self.con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM empty_rows")
            self.con.unregister("empty_rows")

    @property
    def marks(self) -> set[Mark]:
        """What some of the staged records have that needs work."""
        return self.pile.marks

    @property
    def size(self) -> int:
        """Bytes of the resources read for this batch."""
        return self.pile.size

    def begin(self, entry: SourceFile) -> int:
        """Begin a source, to which what is added then belongs; return the place from which to drop it again."""
        self.entries[entry.source_id] = entry
        self.pile.source_id = entry.source_id
        return self._ordinal + self.pile.n_records

    def gather(self) -> None:
        """Put what the pile holds in order, and into the temporary tables when there is enough of it."""
        n_records = self.pile.n_records
        self._append(self.pile.tables(), n_records)
        if any(sum(table.num_rows for table in waiting) >= FLUSH_AT for waiting in self._tables.values()):
            self._write()

    def take(self, entry: SourceFile, answer: Answer) -> None:
        """Put what a worker made of a part of a file in order, as if it had been read in this process."""
        self.gather()
        for name in ("fhir_record", "fhir_reject"):
            table = answer.tables.get(name)
            if table is not None:
                at = table.schema.get_field_index("source_id")
                sources = pa.repeat(pa.scalar(entry.source_id, pa.int32()), table.num_rows)
                answer.tables[name] = table.set_column(at, TABLES[name].field(at), sources)
        self._append(answer.tables, answer.n_records)
        for _, line, resource, code, reason, _ in answer.notices:
            self.notice(entry, line, resource, reason, code)
        for code, reason, count in answer.alike:
            if count > MAX_ALIKE:
                self.pile.alike[(entry.source_id, code, reason)] += count - MAX_ALIKE
        for code, title, system in answer.titles:
            self.pile.codes.hear(code, title, system)
        self.pile.marks |= answer.marks
        self.pile.size += answer.size

    def _append(self, tables: dict[str, pa.Table], n_records: int) -> None:
        """Add tables whose ordinals count from 0."""
        for name, table in tables.items():
            if name in OF_RECORDS:
                ordinals = pc.add(table.column("ordinal"), self._ordinal)
                table = table.set_column(0, TABLES[name].field("ordinal"), ordinals)
            self._tables[name].append(table)
        self._ordinal += n_records

    def notice(
        self, entry: SourceFile, line: int | None, resource: str | None, reason: str, code: Reason = Reason.NOTE
    ) -> None:
        """Keep a notice on a file; after many of one reason only count them."""
        self.pile.source_id = entry.source_id
        self.pile.notice(line, resource, reason, code)

    def note(self, rows: Iterable[tuple[int, int | None, str | None, Reason, str]]) -> None:
        """Keep the notices of a query: source_id, line, resource, kind, sentence."""
        for source_id, line, resource, code, reason in rows:
            self.notice(self.entries[source_id], line, resource, reason, code)

    def flush(self) -> None:
        """Write all that was read to the temporary tables."""
        self.gather()
        self._write()

    def _write(self) -> None:
        for name, waiting in self._tables.items():
            if waiting:
                self.con.register("new_rows", pa.concat_tables(waiting))
                self.con.execute(f"INSERT INTO {name} FROM new_rows")
                self.con.unregister("new_rows")
                waiting.clear()

    def drop_since(self, place: int, entry: SourceFile) -> None:
        """Forget the records of a file that turned out to be broken, added since `place`, and its ledger."""
        self.flush()
        for count in [key for key in self.pile.alike if key[0] == entry.source_id]:
            del self.pile.alike[count]
        entry.tallies.clear()
        for name in OF_RECORDS:
            self.con.execute(f"DELETE FROM {name} WHERE ordinal >= {place}")
        for name in OF_SOURCES:
            self.con.execute(f"DELETE FROM {name} WHERE source_id = {entry.source_id}")

    def set_aside(self, sources: Iterable[int]) -> None:
        """Take what these files gave out of the tables, until `next_batch` brings it back."""
        self.con.execute("CREATE OR REPLACE TEMP TABLE held_source (source_id INTEGER)")
        self.con.execute("INSERT INTO held_source SELECT unnest(?)", [list(sources)])
        held = "SELECT ordinal FROM held_fhir_record"
        for name in (*OF_SOURCES, *OF_RECORDS):
            where = "source_id IN (FROM held_source)"
            if name in OF_RECORDS and name != "fhir_record":
                where = f"ordinal IN ({held})"
            self.con.execute(f"CREATE OR REPLACE TEMP TABLE held_{name} AS FROM {name} WHERE {where}")
            self.con.execute(f"DELETE FROM {name} WHERE {where}")

    def next_batch(self, *, has_held: bool) -> None:
        """Forget a batch that is in the store, and bring back what was set aside from it."""
        self.pile.size = 0
        for name in TABLES:
            self.con.execute(f"TRUNCATE {name}")
            if has_held:
                self.con.execute(f"INSERT INTO {name} FROM held_{name}")
                self.con.execute(f"DROP TABLE held_{name}")
        if not has_held:
            self.pile.codes.clear()
            self.pile.marks.clear()

    def finish_notices(self, held: Iterable[int] = ()) -> None:
        """Say how many notices of a kind were only counted, for the files that are not held back."""
        later = set(held)
        for (source_id, code, reason), count in list(self.pile.alike.items()):
            if source_id in later:
                continue
            del self.pile.alike[(source_id, code, reason)]
            self.entries[source_id].noticed += min(count, MAX_ALIKE)
            if count > MAX_ALIKE:
                told = f"{reason} ({count - MAX_ALIKE} more records)"
                self.entries[source_id].notice(None, None, told, code=code)
