"""Piling up what resources give, as rows and then as Arrow tables: the part of an import that needs no store.

Several processes can each fill a pile of their own; fhir_stage.py puts the piles together in the order of the files.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import numpy as np
import pyarrow as pa

from ehr.importers.fhir_record import Codes, Event, Record
from ehr.importers.fhir_values import SEARCH, number_of
from ehr.ledger import shorten
from ehr.reasons import Reason

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

Row = tuple[Any, ...]
Alike = tuple[int, Reason, str]
"""What makes notices alike: source_id, kind, sentence."""


class Mark(StrEnum):
    """What some records of a pile have that needs work when they are settled."""

    UNDATED = "undated"
    """Events without a time, of other records than patients."""
    NAMED = "named"
    """Events whose code is that of a Medication or Device."""
    SEARCHED = "searched"
    """A patient or stay that is named by an identifier."""


class Pile:
    """Records, refusals and notices in the order in which they were read; ordinals count from 0 in each pile.

    `source_id` is that of what is added now, `now` the time of a deletion that tells none, `size` the bytes read.
    """

    def __init__(self, now: datetime, source_id: int = 0) -> None:
        self.now = now
        self.source_id = source_id
        self.codes = Codes()
        self.size = 0
        self.marks: set[Mark] = set()
        self.alike: dict[Alike, int] = {}
        self._forget_rows()

    def _forget_rows(self) -> None:
        self.rejects: list[Row] = []
        self.notices: list[Row] = []
        self._records: list[Row] = []
        self._sources: list[int] = []
        self._events: list[Event] = []
        self._event_counts: list[int] = []
        self._stays: list[Row] = []
        self._products: list[Row] = []

    @property
    def n_records(self) -> int:
        """The number of records, which is the next ordinal."""
        return len(self._records)

    def add(self, line: int, type_name: str, record: Record, kind: Kind = Kind.CONTENT) -> None:
        """Add a version of a record; of any but its content there is only that it exists."""
        subject, encounter = record.subject, record.encounter
        is_named = not subject or subject.startswith(SEARCH)
        is_searched = encounter is not None and "?" in encounter
        self._sources.append(self.source_id)
        self._records.append(
            (
                line,
                type_name,
                record.record_id,
                kind,
                record.version_id,
                record.last_updated,
                None if is_named else number_of(subject),
                subject or None,
                number_of(encounter) if encounter and not is_searched else None,
                encounter if is_searched else None,
                record.identifiers or None,
                record.deceased or None,
            )
        )
        if kind is not Kind.CONTENT:
            self._event_counts.append(0)
            return
        self._add_content(line, type_name, record)
        if (subject and is_named) or is_searched:
            self.marks.add(Mark.SEARCHED)

    def _add_content(self, line: int, type_name: str, record: Record) -> None:
        self._events += record.events
        self._event_counts.append(len(record.events))
        for event in record.events:
            if event[0] is None and type_name != "Patient":
                self.marks.add(Mark.UNDATED)
            if event[1] is None:
                self.marks.add(Mark.NAMED)
        ordinal = len(self._records) - 1
        if record.stay is not None:
            self._stays.append((ordinal, *record.stay))
        if record.product is not None:
            named = record.product
            self._products.append((ordinal, [named.code, *named.others], named.description, named.system))
        for code, note in record.notes:
            self.notice(line, record.record_id, note, code)

    def reject(
        self, line: int | None, resource: str | None, reason: str, code: Reason, excerpt: str | None = None
    ) -> None:
        """Keep why a resource is refused; the caller counts it."""
        self.rejects.append((self.source_id, line, resource, code, reason, shorten(excerpt)))

    def notice(self, line: int | None, resource: str | None, reason: str, code: Reason = Reason.NOTE) -> None:
        """Keep a notice; after many of one reason in a file only count them."""
        key = (self.source_id, code, reason)
        count = self.alike[key] = self.alike.get(key, 0) + 1
        if count <= MAX_ALIKE:
            self.notices.append((self.source_id, line, resource, code, reason, None))

    @property
    def n_rows(self) -> int:
        """The number of records and refusals, which tells how much memory the pile needs."""
        return len(self._records) + len(self.rejects)

    def tables(self) -> dict[str, pa.Table]:
        """Return all that was piled up, table by table, those that have rows, and forget these rows."""
        ordinals = np.arange(len(self._records))
        rows: dict[str, tuple[Sequence[Row], Sequence[Any]]] = {
            "fhir_record": (self._records, [ordinals, self._sources]),
            "fhir_event": (self._events, [np.repeat(ordinals, self._event_counts)]),
            "fhir_stay": (self._stays, []),
            "fhir_product": (self._products, []),
            "fhir_reject": (self.rejects, []),
            "fhir_notice": (self.notices, []),
        }
        found = {name: _table(TABLES[name], *parts) for name, parts in rows.items() if parts[0]}
        self._forget_rows()
        return found


def _table(schema: pa.Schema, rows: Sequence[Row], first: Sequence[Any]) -> pa.Table:
    """Make an Arrow table of rows, with the `first` columns before theirs."""
    columns = [*first, *zip(*rows, strict=True)]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)
