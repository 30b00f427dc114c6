"""CohortService: English, SQL and tasks."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

from anamnesis.v1 import cohort_pb2, cohort_pb2_grpc
from api.callers import caller_of
from api.convert import from_duration, table_chunks, to_duration, whole_table
from api.engine import Engine
from api.membership import membership_message
from api.tasks import task_of
from ehr.lookup import find_subject
from sql.cohort import Cohort, Membership, explain_membership, label_table, run_cohort
from sql.query import run_query
from sql.text import Answer
from sql.text.followups import ask_in
from sql.text.followups.sessions import new_name
from sql.text.translator import by_grammar

REASONS: Final = {
    "UNANSWERABLE": cohort_pb2.ABSTENTION_REASON_UNANSWERABLE,
    "AMBIGUOUS": cohort_pb2.ABSTENTION_REASON_AMBIGUOUS,
    "LOW_CONFIDENCE": cohort_pb2.ABSTENTION_REASON_LOW_CONFIDENCE,
    "UNSAFE": cohort_pb2.ABSTENTION_REASON_UNSAFE,
}


class CohortServicer(cohort_pb2_grpc.CohortServiceServicer):
    """Translates messages into calls of `sql` and back."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def Ask(self, request: cohort_pb2.AskRequest, context: Any) -> cohort_pb2.AskResponse:
        """Answer a question in English, or abstain; within a session of the caller it may be a follow-up."""
        limits = self.engine.limits_for(0, context.time_remaining())
        session = request.session or new_name()
        method = "Ask" if self.engine.translator is by_grammar else "Ask a language model"
        with self.engine.audited(method, request.question, context) as entry:
            answer = await asyncio.to_thread(
                ask_in,
                self.engine.sessions,
                session,
                caller_of(context),
                self.engine.store,
                request.question,
                role=self.engine.role,
                dry_run=request.dry_run,
                limits=limits,
                translator=self.engine.translator,
                must_exist=bool(request.session),
            )
            entry.rows = answer.result.table.num_rows if answer.result else None
        message = _answer_message(answer, request.format)
        message.session = session if answer.reason is None else request.session
        return message

    async def Query(self, request: cohort_pb2.QueryRequest, context: Any) -> AsyncIterator[cohort_pb2.QueryResponse]:
        """Run a guarded SELECT; rows first, the summary last."""
        asked = from_duration(request, "timeout")
        remaining = context.time_remaining()
        seconds = min((s for s in (asked, remaining) if s is not None), default=None)
        limits = self.engine.limits_for(request.max_rows, seconds)
        with self.engine.audited("Query", request.sql, context) as entry:
            result = await asyncio.to_thread(
                run_query,
                self.engine.store,
                request.sql,
                role=self.engine.role,
                limits=limits,
                catalog=self.engine.catalog,
            )
            entry.rows = result.table.num_rows
        for chunk in table_chunks(result.table, request.format):
            yield cohort_pb2.QueryResponse(chunk=chunk)
        summary = cohort_pb2.QuerySummary(
            rows=result.table.num_rows,
            truncated=result.truncated,
            sql=result.sql,
            elapsed=to_duration(result.seconds),
            notes=result.notes,
        )
        yield cohort_pb2.QueryResponse(summary=summary)

    async def RunCohort(
        self, request: cohort_pb2.RunCohortRequest, context: Any
    ) -> AsyncIterator[cohort_pb2.RunCohortResponse]:
        """Extract the cohort of a task; labels first, the attrition last."""
        with self.engine.audited("RunCohort", request.task_name or request.task_yaml, context) as entry:
            self.engine.require_rows("cohorts")
            cohort = await asyncio.to_thread(
                lambda: run_cohort(
                    self.engine.store, task_of(request).task, wide=False, count_events=request.count_events
                )
            )
            entry.rows = cohort.rows.height
        for chunk in table_chunks(label_table(cohort), request.format):
            yield cohort_pb2.RunCohortResponse(chunk=chunk)
        yield cohort_pb2.RunCohortResponse(summary=_cohort_summary(cohort))

    async def ExplainMembership(
        self, request: cohort_pb2.ExplainMembershipRequest, context: Any
    ) -> cohort_pb2.ExplainMembershipResponse:
        """Say which rules of a task let a patient in or put them out."""
        asked = f"{request.task_name or request.task_yaml} for {request.subject}"
        with self.engine.audited("ExplainMembership", asked, context) as entry:
            self.engine.require_rows("reasons for a patient")
            found = await asyncio.to_thread(self._explain_membership, request)
            entry.rows = len(found.fates)
        return membership_message(found)

    def _explain_membership(self, request: cohort_pb2.ExplainMembershipRequest) -> Membership:
        subject = find_subject(self.engine.store, request.subject)
        return explain_membership(self.engine.store, task_of(request).task, subject.subject_id)


def _answer_message(answer: Answer, table_format: int) -> cohort_pb2.AskResponse:
    message = cohort_pb2.AskResponse(reading=answer.reading or "", sql=answer.sql or "", read_by=answer.by or "")
    if answer.reason is not None:
        abstention = cohort_pb2.Abstention(reason=REASONS[answer.reason], message=answer.message or "")
        message.abstention.CopyFrom(abstention)
    if answer.result is not None:
        message.table.CopyFrom(whole_table(answer.result.table, table_format))
        message.truncated = answer.result.truncated
        message.notes.extend(answer.result.notes)
    return message


def _cohort_summary(cohort: Cohort) -> cohort_pb2.CohortSummary:
    return cohort_pb2.CohortSummary(
        rows=cohort.rows.height,
        subjects=cohort.subjects,
        positive=cohort.positive,
        attrition=[
            cohort_pb2.AttritionStep(
                rule=step.rule,
                subjects_before=step.subjects_before,
                subjects_after=step.subjects_after,
                rows_before=step.rows_before,
                rows_after=step.rows_after,
                events_before=step.events_before,
                events_after=step.events_after,
            )
            for step in cohort.attrition
        ],
        sql=cohort.sql,
    )
