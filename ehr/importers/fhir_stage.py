"""Staging what FHIR resources give, until all of them were read.

Records and their events go to temporary tables as they are read, in bounded memory; fhir_settle.py then decides over
all of them.
"""

from typing import Any, Final

import pyarrow as pa

from ehr.importers.fhir_codes import Concept
from ehr.importers.fhir_record import CodeRow, Record
from ehr.importers.fhir_values import SEARCH, number_of
from ehr.intake import Intake, SourceFile
from ehr.reasons import Reason

FLUSH_AT: Final = 100_000
MAX_ALIKE: Final = 1000
"""Notices of one reason in one file that are written one by one; the rest are counted in a last one."""

_TIME: Final = pa.timestamp("us")
RECORD: Final = pa.schema(
    [
        ("ordinal", pa.int64()),
        ("source_id", pa.int32()),
        ("line", pa.int64()),
        ("type", pa.string()),
        ("record_id", pa.string()),
        ("subject_id", pa.int64()),
        ("subject", pa.string()),
        ("encounter_id", pa.int64()),
        ("identifiers", pa.list_(pa.string())),
        ("deceased", pa.bool_()),
    ]
)
EVENT: Final = pa.schema(
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
        ("codings", pa.list_(pa.string())),
        ("time_precision", pa.string()),
        ("utc_offset", pa.int16()),
        ("named_by", pa.string()),
    ]
)
STAY: Final = pa.schema(
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
)
TABLES: Final = {"fhir_record": RECORD, "fhir_event": EVENT, "fhir_stay": STAY}


class Staging:
    """Records of one import on their way into the store."""

    def __init__(self, intake: Intake) -> None:
        self.intake = intake
        self.con = intake.con
        self.entries: dict[int, SourceFile] = {}
        self.codes: dict[str, CodeRow] = {}
        self.medications: dict[str, Concept] = {}
        self._rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in TABLES}
        self._ordinal = 0
        self.has_undated = False
        self.has_pending = False
        self._alike: dict[tuple[int, Reason, str], int] = {}
        for name, schema in TABLES.items():
            self.con.register("empty_rows", schema.empty_table())
            self.con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM empty_rows")
            self.con.unregister("empty_rows")

    def begin(self, entry: SourceFile) -> None:
        """Begin a source: what is added and noted names it."""
        self.entries[entry.source_id] = entry

    @property
    def mark(self) -> tuple[int, int]:
        """The place in the import, in records and Medications: what is added from here on can be dropped again."""
        return self._ordinal, len(self.medications)

    def add(self, entry: SourceFile, line: int, type_name: str, record: Record) -> None:
        """Stage a record that was read."""
        ordinal = self._ordinal
        self._ordinal += 1
        self._rows["fhir_record"].append(
            (
                ordinal,
                entry.source_id,
                line,
                type_name,
                record.record_id,
                number_of(record.subject) if record.subject and not record.subject.startswith(SEARCH) else None,
                record.subject,
                number_of(record.encounter) if record.encounter else None,
                record.identifiers or None,
                record.deceased or None,
            )
        )
        events = self._rows["fhir_event"]
        for event in record.events:
            events.append((ordinal, *event))
            if event[0] is None and type_name != "Patient":
                self.has_undated = True
            if event[1] is None:
                self.has_pending = True
        if record.stay is not None:
            self._rows["fhir_stay"].append((ordinal, *record.stay))
        for code, note in record.notes:
            self.notice(entry, line, record.record_id, note, code)
        if len(events) >= FLUSH_AT:
            self.flush()

    def notice(
        self, entry: SourceFile, line: int | None, resource: str | None, reason: str, code: Reason = Reason.NOTE
    ) -> None:
        """Keep a notice; after many of one reason in a file only count them."""
        key = (entry.source_id, code, reason)
        count = self._alike[key] = self._alike.get(key, 0) + 1
        if count <= MAX_ALIKE:
            entry.notice(line, resource, reason, code=code)

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

    def drop_since(self, mark: tuple[int, int], entry: SourceFile) -> None:
        """Forget the records of a file that turned out to be broken, added since `mark`, and its ledger."""
        self.flush()
        for count in [key for key in self._alike if key[0] == entry.source_id]:
            del self._alike[count]
        entry.tallies.clear()
        entry.rejects.clear()
        entry.notices.clear()
        for name in TABLES:
            self.con.execute(f"DELETE FROM {name} WHERE ordinal >= $ordinal", {"ordinal": mark[0]})
        for key in list(self.medications)[mark[1] :]:
            del self.medications[key]

    def finish_notices(self) -> None:
        """Say how many notices of a kind were only counted."""
        for (source_id, code, reason), count in self._alike.items():
            if count > MAX_ALIKE:
                told = f"{reason} ({count - MAX_ALIKE} more records)"
                self.entries[source_id].notice(None, None, told, code=code)
