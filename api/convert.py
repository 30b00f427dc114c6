"""Values of ours to messages and back: times, tables, timelines, answers."""

import io
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import polars as pl
import pyarrow as pa
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from anamnesis.v1 import table_pb2, timeline_pb2
from ehr.lookup import Subject

ROWS_PER_CHUNK: Final = 16_384


def to_timestamp(time: datetime | None) -> Timestamp | None:
    """Turn a time without zone, which is UTC, into a message; None stays None."""
    if time is None:
        return None
    message = Timestamp()
    message.FromDatetime(time)
    return message


def from_timestamp(message: Any, field: str) -> datetime | None:
    """Return the time in `field` of a message as UTC without zone, or None when it is not set."""
    if not message.HasField(field):
        return None
    moment: Timestamp = getattr(message, field)
    return moment.ToDatetime(UTC).replace(tzinfo=None)


def to_duration(seconds: float) -> Duration:
    """Turn seconds into a message."""
    message = Duration()
    message.FromNanoseconds(round(seconds * 1e9))
    return message


def from_duration(message: Any, field: str) -> float | None:
    """Return the seconds in `field` of a message, or None when it is not set."""
    if not message.HasField(field):
        return None
    span: Duration = getattr(message, field)
    return span.ToNanoseconds() / 1e9


def table_chunks(table: pa.Table, table_format: int) -> Iterator[table_pb2.TableChunk]:
    """Cut a table into messages; at least one, so that a client learns the columns of an empty answer."""
    if table_format == table_pb2.TABLE_FORMAT_JSON:
        yield from _json_chunks(table)
    else:
        yield from _arrow_chunks(table)


def whole_table(table: pa.Table, table_format: int) -> table_pb2.TableChunk:
    """Return a small table as one message."""
    chunks = list(table_chunks(table, table_format))
    data = b"".join(chunk.data for chunk in chunks)
    return table_pb2.TableChunk(data=data, format=chunks[0].format, rows=table.num_rows)


def _arrow_chunks(table: pa.Table) -> Iterator[table_pb2.TableChunk]:
    """Write one IPC stream and cut it after each record batch."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        for batch in table.to_batches(max_chunksize=ROWS_PER_CHUNK):
            writer.write_batch(batch)
            yield _arrow_chunk(sink, batch.num_rows)
    yield _arrow_chunk(sink, 0)


def _arrow_chunk(sink: io.BytesIO, rows: int) -> table_pb2.TableChunk:
    """Take what was written so far out of the sink."""
    data = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return table_pb2.TableChunk(data=data, format=table_pb2.TABLE_FORMAT_ARROW, rows=rows)


def _json_chunks(table: pa.Table) -> Iterator[table_pb2.TableChunk]:
    for start in range(0, max(table.num_rows, 1), ROWS_PER_CHUNK):
        rows = table.slice(start, ROWS_PER_CHUNK).to_pylist()
        data = b"".join(orjson.dumps(row, default=str) + b"\n" for row in rows)
        yield table_pb2.TableChunk(data=data, format=table_pb2.TABLE_FORMAT_JSON, rows=len(rows))


def subject_message(subject: Subject) -> timeline_pb2.Subject:
    """Return a patient as a message."""
    return timeline_pb2.Subject(
        subject_id=subject.subject_id,
        sex=subject.sex or "",
        birth_time=to_timestamp(subject.birth_time),
        death_time=to_timestamp(subject.death_time),
        identifiers=subject.identifiers,
    )


def event_messages(events: pl.DataFrame) -> Iterator[timeline_pb2.TimelineEvent]:
    """Return the rows of ehr.lookup.subject_events as messages."""
    for row in events.iter_rows(named=True):
        yield _event_message(row)


def _event_message(row: Mapping[str, Any]) -> timeline_pb2.TimelineEvent:
    return timeline_pb2.TimelineEvent(
        time=to_timestamp(row["time"]),
        end_time=to_timestamp(row["end_time"]),
        kind=row["kind"],
        code=row["code"],
        description=row["description"] or "",
        value=row["value"],
        unit=row["unit"] or "",
        text=row["text"] or "",
        status=row["status"] or "",
        encounter_id=row["encounter_id"],
    )
