"""From the number of an event to the record that a person knows: what it was, when, with which value."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import duckdb
import polars as pl

_SQL: Final = """
SELECT e.event_id, e."time", e.time_precision, e.code, c.kind, c.description, e.numeric_value, e.text_value, e.unit,
       e.status, e.encounter_id, e.record_id
FROM event e LEFT JOIN code c USING (code) SEMI JOIN asked_event USING (event_id) ORDER BY e.event_id
"""


@dataclass(frozen=True, slots=True)
class Record:
    """An event as the store has it; columns as in the table `event`, `kind` and `description` those of its code."""

    event_id: int
    time: datetime | None
    time_precision: str | None
    code: str
    kind: str | None
    description: str | None
    value: float | None
    text: str | None
    unit: str | None
    status: str | None
    encounter_id: int | None
    record_id: str | None


def records(cursor: duckdb.DuckDBPyConnection, event_ids: Iterable[int]) -> dict[int, Record]:
    """Return the records of events; a number without an event in the store is left out."""
    asked = pl.DataFrame({"event_id": pl.Series(list(event_ids), dtype=pl.Int64)})
    cursor.register("asked_event", asked.to_arrow())
    try:
        rows = cursor.execute(_SQL).fetchall()
    finally:
        cursor.unregister("asked_event")
    return {row[0]: Record(*row) for row in rows}
