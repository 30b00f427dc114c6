"""Staging what FHIR resources give, until a batch of files was read.

Records and their events go to temporary tables as they are read, in bounded memory; fhir_settle.py then decides over
all of them.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

import pyarrow as pa

from ehr.importers.fhir_record import CodeRow, Record
from ehr.importers.fhir_values import SEARCH, number_of
from ehr.intake import Intake, SourceFile, shorten
from ehr.reasons import Reason

FLUSH_AT: Final = 50_000
MAX_ALIKE: Final = 1000
"""Notices of one reason in one file that are written one by one; the rest are counted in a last one."""


class Kind(StrEnum):
    """What a version of a record says."""

    CONTENT = "content"
    """Facts: events, a stay, a product."""
    LEFT_OUT = "left-out"
    """That it did not happen, or not yet: counted and told when it was read."""
    WITHDRAWN = "withdrawn"
    """That it was wrong: counted and told when it was read."""
    DELETED = "deleted"
    """That its source deleted it."""


_TIME: Final = pa.timestamp("us")
_TEXTS: Final = pa.list_(pa.string())
_REMARK: Final = pa.schema(
    [
        ("source_id", pa.int32()),
        ("line", pa.int64()),
        ("resource", pa.string()),
        ("code", pa.string()),
        ("reason", pa.string()),
        ("excerpt", pa.string()),
    ]
)
TABLES: Final[dict[str, pa.Schema]] = {
    "fhir_record": pa.schema(
        [
            ("ordinal", pa.int64()),
            ("source_id", pa.int32()),
            ("line", pa.int64()),
            ("type", pa.string()),
            ("record_id", pa.string()),
            ("kind", pa.string()),
            ("version_id", pa.string()),
            ("last_updated", _TIME),
            ("subject_id", pa.int64()),
            ("subject", pa.string()),
            ("encounter_id", pa.int64()),
            ("encounter", pa.string()),
            ("identifiers", _TEXTS),
            ("deceased", pa.bool_()),
        ]
    ),
    "fhir_event": pa.schema(
        [
            ("ordinal", pa.int64()),
            ("time", _TIME),
            ("code", pa.string()),
            ("numeric_value", pa.float32()),
            ("text_value", pa.string()),
            ("value_code", pa.string()),
            ("unit", pa.string()),
            ("end_time", _TIME),
            ("status", pa.string()),
            ("record_id", pa.string()),
            ("codings", _TEXTS),
            ("time_precision", pa.string()),
            ("utc_offset", pa.int16()),
            ("named_by", pa.string()),
        ]
    ),
    "fhir_stay": pa.schema(
        [
            ("ordinal", pa.int64()),
            ("encounter_id", pa.int64()),
            ("parent_id", pa.int64()),
            ("class", pa.string()),
            ("type", pa.string()),
            ("start_time", _TIME),
            ("end_time", _TIME),
            ("admit_source", pa.string()),
            ("disposition", pa.string()),
        ]
    ),
    "fhir_product": pa.schema(
        [("ordinal", pa.int64()), ("codes", _TEXTS), ("description", pa.string()), ("system", pa.string())]
    ),
    "fhir_reject": _REMARK,
    "fhir_notice": _REMARK,
}
"""Temporary tables -> their columns; `ordinal` numbers the records in the order in which they were read."""
OF_RECORDS: Final = ("fhir_record", "fhir_event", "fhir_stay", "fhir_product")
OF_SOURCES: Final = ("fhir_reject", "fhir_notice")


class Staging:
    """Records of one import on their way into the store."""

    def __init__(self, intake: Intake) -> None:
        self.intake = intake
        self.con = intake.con
        self.now = datetime.now(UTC).replace(tzinfo=None)
        self.entries: dict[int, SourceFile] = {}
        self.codes: dict[str, CodeRow] = {}
        self.size = 0
        self.has_undated = False
        self.has_named = False
        self.has_searches = False
        self._rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in TABLES}
        self._ordinal = 0
        self._alike: dict[tuple[int, Reason, str], int] = {}
        for name, schema in TABLES.items():
            self.con.register("empty_rows", schema.empty_table())
            self.con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM empty_rows")
            self.con.unregister("empty_rows")

    def begin(self, entry: SourceFile) -> int:
        """Begin a source, which what is added then names; return the place up to which it can be dropped again."""
        self.entries[entry.source_id] = entry
        return self._ordinal

    def add(self, entry: SourceFile, line: int, type_name: str, record: Record, kind: Kind = Kind.CONTENT) -> None:
        """Stage a version of a record; of any but its content there is only that it exists."""
        ordinal = self._ordinal
        self._ordinal += 1
        subject, encounter = record.subject, record.encounter
        is_named = not subject or subject.startswith(SEARCH)
        self._rows["fhir_record"].append(
            (
                ordinal,
                entry.source_id,
                line,
                type_name,
                record.record_id,
                kind,
                record.version_id,
                record.last_updated,
                None if is_named else number_of(subject),
                subject or None,
                number_of(encounter) if encounter and "?" not in encounter else None,
                encounter if encounter and "?" in encounter else None,
                record.identifiers or None,
                record.deceased or None,
            )
        )
        if kind is Kind.CONTENT:
            self._add_content(entry, line, ordinal, type_name, record)
            if (subject and is_named) or (encounter and "?" in encounter):
                self.has_searches = True

    def _add_content(self, entry: SourceFile, line: int, ordinal: int, type_name: str, record: Record) -> None:
        events = self._rows["fhir_event"]
        for event in record.events:
            events.append((ordinal, *event))
            if event[0] is None and type_name != "Patient":
                self.has_undated = True
            if event[1] is None:
                self.has_named = True
        if record.stay is not None:
            self._rows["fhir_stay"].append((ordinal, *record.stay))
        if record.product is not None:
            named = record.product
            row = (ordinal, [named.code, *named.others], named.description, named.system)
            self._rows["fhir_product"].append(row)
        for code, note in record.notes:
            self.notice(entry, line, record.record_id, note, code)
        if len(events) >= FLUSH_AT or len(self._rows["fhir_record"]) >= FLUSH_AT:
            self.flush()

    def reject(
        self,
        entry: SourceFile,
        line: int | None,
        resource: str | None,
        reason: str,
        code: Reason,
        excerpt: str | None = None,
    ) -> None:
        """Keep why a resource is refused; the caller counts it."""
        rows = self._rows["fhir_reject"]
        rows.append((entry.source_id, line, resource, code, reason, shorten(excerpt)))
        if len(rows) >= FLUSH_AT:
            self.flush()

    def notice(
        self, entry: SourceFile, line: int | None, resource: str | None, reason: str, code: Reason = Reason.NOTE
    ) -> None:
        """Keep a notice; after many of one reason in a file only count them."""
        key = (entry.source_id, code, reason)
        count = self._alike[key] = self._alike.get(key, 0) + 1
        if count <= MAX_ALIKE:
            entry.noticed += 1
            self._rows["fhir_notice"].append((entry.source_id, line, resource, code, reason, None))

    def note(self, rows: Iterable[tuple[int, int | None, str | None, Reason, str]]) -> None:
        """Keep the notices of a query: source_id, line, resource, kind, sentence."""
        for source_id, line, resource, code, reason in rows:
            self.notice(self.entries[source_id], line, resource, reason, code)

    def flush(self) -> None:
        """Write the buffered rows to the temporary tables."""
        for name, schema in TABLES.items():
            rows = self._rows[name]
            if rows:
                columns = zip(*rows, strict=True)
                arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
                self.con.register("new_rows", pa.Table.from_arrays(arrays, schema=schema))
                self.con.execute(f"INSERT INTO {name} FROM new_rows")
                self.con.unregister("new_rows")
                rows.clear()

    def drop_since(self, place: int, entry: SourceFile) -> None:
        """Forget the records of a file that turned out to be broken, added since `place`, and its ledger."""
        self.flush()
        for count in [key for key in self._alike if key[0] == entry.source_id]:
            del self._alike[count]
        entry.tallies.clear()
        entry.noticed = 0
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
        self.size = 0
        for name in TABLES:
            self.con.execute(f"TRUNCATE {name}")
            if has_held:
                self.con.execute(f"INSERT INTO {name} FROM held_{name}")
                self.con.execute(f"DROP TABLE held_{name}")
        if not has_held:
            self.codes.clear()
            self.has_undated = self.has_named = self.has_searches = False

    def finish_notices(self, held: Iterable[int] = ()) -> None:
        """Say how many notices of a kind were only counted, for the files that are not held back."""
        later = set(held)
        for (source_id, code, reason), count in list(self._alike.items()):
            if source_id in later:
                continue
            del self._alike[(source_id, code, reason)]
            if count > MAX_ALIKE:
                told = f"{reason} ({count - MAX_ALIKE} more records)"
                self.entries[source_id].notice(None, None, told, code=code)
