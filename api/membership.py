"""Why a patient is in a cohort, as a message."""

from typing import Final

from anamnesis.v1 import cohort_pb2
from api.convert import to_timestamp
from sql.cohort import Fate, Membership, Verdict

OUTCOMES: Final = {
    "met": cohort_pb2.RULE_OUTCOME_MET,
    "broken": cohort_pb2.RULE_OUTCOME_BROKEN,
    "not reached": cohort_pb2.RULE_OUTCOME_NOT_REACHED,
}


def membership_message(found: Membership) -> cohort_pb2.ExplainMembershipResponse:
    """Return the fates of all triggers of a patient as a message."""
    return cohort_pb2.ExplainMembershipResponse(
        subject_id=found.subject_id, is_in=found.is_in, fates=[_fate_message(fate) for fate in found.fates]
    )


def _fate_message(fate: Fate) -> cohort_pb2.TriggerFate:
    return cohort_pb2.TriggerFate(
        trigger=to_timestamp(fate.trigger),
        is_in=fate.is_in,
        prediction_time=to_timestamp(fate.prediction_time),
        label=fate.label,
        verdicts=[_verdict_message(verdict) for verdict in fate.verdicts],
        outcome=_verdict_message(fate.outcome) if fate.outcome else None,
    )


def _verdict_message(verdict: Verdict) -> cohort_pb2.RuleVerdict:
    return cohort_pb2.RuleVerdict(
        rule=verdict.rule,
        outcome=OUTCOMES[verdict.outcome],
        found=verdict.found,
        start=to_timestamp(verdict.start),
        end=to_timestamp(verdict.end),
        evidence=[
            cohort_pb2.RuleEvidence(time=to_timestamp(event.time), code=event.code, value=event.value or "")
            for event in verdict.evidence
        ],
        further=verdict.further,
    )
