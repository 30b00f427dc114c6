"""TimelineService: reading timelines, and taking FHIR resources into the running service."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from anamnesis.v1 import timeline_pb2, timeline_pb2_grpc
from api.convert import event_messages, from_timestamp, subject_message
from api.engine import Engine
from ehr.deletion import Deleted, delete_subject
from ehr.errors import NotAllowed, SourceError
from ehr.importers import ImportOptions
from ehr.importers.fhir import import_resources
from ehr.lookup import TimelineFilter, find_subject, subject_events
from ehr.store import Store

EVENTS_PER_MESSAGE: Final = 500
MAX_EVENTS: Final = 100_000
MAX_INGEST_BYTES: Final = 256 * 1024 * 1024


class TimelineServicer(timeline_pb2_grpc.TimelineServiceServicer):
    """Translates messages into calls of `ehr` and back."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def GetTimeline(
        self, request: timeline_pb2.GetTimelineRequest, context: Any
    ) -> AsyncIterator[timeline_pb2.GetTimelineResponse]:
        """Send the patient and the first events, then the others in batches."""
        store = self.engine.store
        with self.engine.audited("GetTimeline", request.subject, context) as entry:
            self.engine.require_rows("timelines")
            subject = await asyncio.to_thread(find_subject, store, request.subject)
            events, total = await asyncio.to_thread(subject_events, store, subject.subject_id, _filter(request))
            entry.rows = events.height
        messages = list(event_messages(events))
        yield timeline_pb2.GetTimelineResponse(
            subject=subject_message(subject), events=messages[:EVENTS_PER_MESSAGE], total=total
        )
        for start in range(EVENTS_PER_MESSAGE, len(messages), EVENTS_PER_MESSAGE):
            yield timeline_pb2.GetTimelineResponse(events=messages[start : start + EVENTS_PER_MESSAGE])

    async def Ingest(
        self, request_iterator: AsyncIterator[timeline_pb2.IngestRequest], context: Any
    ) -> timeline_pb2.IngestResponse:
        """Take the resources of the whole call in one transaction."""
        resources: list[bytes] = []
        size = 0
        async for request in request_iterator:
            batch = [resource.encode() for resource in request.resources]
            size += sum(map(len, batch))
            if size > MAX_INGEST_BYTES:
                raise SourceError(f"one call may bring {MAX_INGEST_BYTES >> 20} MiB of resources; split it")
            resources.extend(batch)
        name = "grpc/" + hashlib.sha256(b"\n".join(resources)).hexdigest()[:16]
        with self.engine.audited("Ingest", name, context) as entry:
            response = await asyncio.to_thread(self._ingest, name, resources)
            entry.rows = response.accepted
        return response

    async def DeleteSubject(
        self, request: timeline_pb2.DeleteSubjectRequest, context: Any
    ) -> timeline_pb2.DeleteSubjectResponse:
        """Delete a patient, when the role of the service allows it."""
        with self.engine.audited("DeleteSubject", request.subject, context) as entry:
            if self.engine.role != "admin":
                raise NotAllowed(
                    f"role {self.engine.role} may not delete patients; that needs 'ehr serve --role admin'"
                )
            deleted = await asyncio.to_thread(self._delete, request.subject)
            entry.rows = deleted.events
        response = timeline_pb2.DeleteSubjectResponse(
            subject_id=deleted.subject_id, events=deleted.events, encounters=deleted.encounters
        )
        response.delete_time.FromDatetime(deleted.deleted_at)
        return response

    def _delete(self, subject: str) -> Deleted:
        """Delete a patient while no other call writes."""
        with self.engine.write_lock:
            return delete_subject(self.engine.store, subject)

    def _ingest(self, name: str, resources: Sequence[bytes]) -> timeline_pb2.IngestResponse:
        """Import the resources while no other call writes."""
        with self.engine.write_lock:
            report = import_resources(self.engine.store, resources, name, ImportOptions())
        counts = [(f.rows_in, f.accepted, f.rejected, f.skipped) for f in report.files]
        received, accepted, rejected, skipped = (sum(column) for column in zip(*counts, strict=True))
        return timeline_pb2.IngestResponse(
            received=received,
            accepted=accepted,
            rejected=rejected,
            skipped=skipped,
            events=report.events,
            removed=report.removed,
            rejections=_rejections(self.engine.store, [f.source_id for f in report.files]),
        )


def _filter(request: timeline_pb2.GetTimelineRequest) -> TimelineFilter:
    return TimelineFilter(
        kinds=tuple(request.kinds),
        since=from_timestamp(request, "since"),
        until=from_timestamp(request, "until"),
        limit=min(request.max_events or MAX_EVENTS, MAX_EVENTS),
    )


def _rejections(store: Store, source_ids: list[int]) -> list[timeline_pb2.Rejection]:
    rows = store.cursor().execute(
        "SELECT line, resource, reason, code FROM reject WHERE source_id IN (SELECT unnest($ids)) ORDER BY line",
        {"ids": source_ids},
    )
    return [
        timeline_pb2.Rejection(position=line or 0, resource=resource or "", reason=reason, code=code)
        for line, resource, reason, code in rows.fetchall()
    ]
