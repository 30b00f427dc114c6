"""Explanations as messages of the service."""

from collections.abc import Sequence

from anamnesis.v1 import risk_pb2, timeline_pb2
from api.convert import to_timestamp
from api.learning import Foresight
from models.explain import Change, EventEffect, GroupEffect, Record, WhatIf


def explain_message(foresight: Foresight, prediction: risk_pb2.PredictResponse) -> risk_pb2.ExplainResponse:
    """Return an explanation with the prediction that it is of; the prediction alone where the model abstains."""
    response = risk_pb2.ExplainResponse(prediction=prediction)
    if foresight.explanation is not None:
        explanation = foresight.explanation
        response.records.extend(_record_effect(effect) for effect in explanation.events)
        response.groups.extend(_group_effect(effect) for effect in explanation.groups)
        response.records_read, response.records_tried = explanation.read, explanation.tried
        response.risk_without_shown, response.risk_without_all = explanation.without_shown, explanation.without_all
        if explanation.share is not None:
            response.share = explanation.share
        response.text, response.note = explanation.text, explanation.note
    if foresight.what_if is not None:
        response.what_if.CopyFrom(_what_if(foresight.what_if))
    return response


def _record_effect(effect: EventEffect) -> risk_pb2.RecordEffect:
    return risk_pb2.RecordEffect(
        event_id=effect.record.event_id,
        record=_record(effect.record),
        change=_change(effect.change),
        text=effect.text,
    )


def _record(record: Record) -> timeline_pb2.TimelineEvent:
    return timeline_pb2.TimelineEvent(
        time=to_timestamp(record.time),
        kind=record.kind or "",
        code=record.code,
        description=record.description or "",
        value=record.value,
        unit=record.unit or "",
        text=record.text or "",
        status=record.status or "",
        encounter_id=record.encounter_id,
    )


def _group_effect(effect: GroupEffect) -> risk_pb2.GroupEffect:
    change = _change(effect.change)
    return risk_pb2.GroupEffect(
        kind=effect.kind, name=effect.name, records=effect.events, change=change, text=effect.text
    )


def _what_if(what_if: WhatIf) -> risk_pb2.WhatIf:
    return risk_pb2.WhatIf(
        event_ids=[record.event_id for record in what_if.records],
        unread=what_if.unread,
        before=_interval(what_if.before),
        after=_interval(what_if.after),
        change=_change(what_if.change),
        text=what_if.text,
    )


def _interval(estimate: Sequence[float]) -> risk_pb2.Interval:
    risk, low, high = estimate
    return risk_pb2.Interval(risk=risk, low=low, high=high)


def _change(change: Change) -> risk_pb2.Change:
    return risk_pb2.Change(
        risk=change.risk,
        risk_without=change.without,
        effect=change.effect,
        low=change.low,
        high=change.high,
        log_odds=change.log_odds,
    )
