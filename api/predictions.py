"""RiskService: estimates of risks, and the models that give them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any, Final

from anamnesis.v1 import risk_pb2, risk_pb2_grpc
from api.convert import from_timestamp, to_timestamp
from api.courses import EVERY, LAST, Course, Point, follow
from api.effect_messages import explain_message
from api.engine import Engine
from api.explaining import TOP, Asked
from api.learning import Estimate, Foresight, foresee
from api.tasks import task_of
from ehr.errors import ModelError
from ehr.lookup import find_subject
from models.checkpoint import list_models

MAX_FUTURES: Final = 1_000
MAX_RECORDS: Final = 200


class RiskServicer(risk_pb2_grpc.RiskServiceServicer):
    """Translates messages into calls of `models` and back."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def Predict(self, request: risk_pb2.PredictRequest, context: Any) -> risk_pb2.PredictResponse:
        """Estimate the risk for one patient."""
        asked = f"{request.model} for {request.subject}"
        with self.engine.audited("Predict", asked, context) as entry:
            self.engine.require_rows("predictions")
            foresight = await asyncio.to_thread(self._foresee, request)
            entry.rows = len(foresight.estimates)
        return _foresight_message(foresight)

    async def Explain(self, request: risk_pb2.ExplainRequest, context: Any) -> risk_pb2.ExplainResponse:
        """Say which records move the supervised estimate for one patient."""
        asked = f"{request.model} for {request.subject}"
        with self.engine.audited("Explain", asked, context) as entry:
            self.engine.require_rows("explanations")
            foresight = await asyncio.to_thread(self._explain, request)
            entry.rows = len(foresight.explanation.events) if foresight.explanation else 0
        return explain_message(foresight, _foresight_message(foresight))

    async def Monitor(
        self, request: risk_pb2.MonitorRequest, context: Any
    ) -> AsyncIterator[risk_pb2.MonitorResponse]:
        """Estimate the risk for one patient at the times of a stay."""
        asked = f"{request.model} for {request.subject} through {request.stay or LAST}"
        with self.engine.audited("Monitor", asked, context) as entry:
            self.engine.require_rows("predictions")
            course = await asyncio.to_thread(self._follow, request)
            entry.rows = len(course.points)
        for place, point in enumerate(course.points):
            message = _point_message(course, point)
            if place == 0:
                message.stay = course.stay.encounter_id
                message.model.CopyFrom(_model_message(course.model))
            yield message

    async def ListModels(self, request: risk_pb2.ListModelsRequest, context: Any) -> risk_pb2.ListModelsResponse:
        """List the trained models."""
        summaries = await asyncio.to_thread(list_models, self.engine.store.models)
        models = [
            risk_pb2.Model(
                name=summary.name,
                version=summary.version,
                task=summary.task or "",
                vocabulary_hash=summary.vocabulary_hash,
                data_hash=summary.data_hash,
                trained_at=to_timestamp(summary.created_at),
                parameters=summary.parameters,
            )
            for summary in summaries
        ]
        return risk_pb2.ListModelsResponse(models=models)

    def _explain(self, request: risk_pb2.ExplainRequest) -> Foresight:
        if not 0 <= request.max_records <= MAX_RECORDS:
            raise ModelError(f"one call may ask for {MAX_RECORDS} records, and at least 1; max_records is not that")
        asked = Asked(request.max_records or TOP, tuple(request.without_events), tuple(request.without_codes))
        store = self.engine.store
        checkpoint = self.engine.model(request.model)
        subject = find_subject(store, request.subject)
        at = from_timestamp(request, "prediction_time")
        return foresee(store, checkpoint, task_of(request), subject, at, asked=asked)

    def _follow(self, request: risk_pb2.MonitorRequest) -> Course:
        _check_futures(request.futures)
        store = self.engine.store
        return follow(
            store,
            self.engine.model(request.model),
            task_of(request),
            find_subject(store, request.subject),
            through=request.stay or LAST,
            every=request.every or EVERY,
            futures=request.futures,
        )

    def _foresee(self, request: risk_pb2.PredictRequest) -> Foresight:
        _check_futures(request.futures)
        store = self.engine.store
        checkpoint = self.engine.model(request.model)
        subject = find_subject(store, request.subject)
        at = from_timestamp(request, "prediction_time")
        return foresee(store, checkpoint, task_of(request), subject, at, request.futures)


def _check_futures(futures: int) -> None:
    if futures > MAX_FUTURES:
        raise ModelError(f"one call may ask for {MAX_FUTURES} futures; ask for fewer")


def _point_message(course: Course, point: Point) -> risk_pb2.MonitorResponse:
    estimate = risk_pb2.Estimate(
        method=course.method,
        risk=point.risk,
        low=point.low if point.risk is not None else None,
        high=point.high if point.risk is not None else None,
        interval_meaning=course.interval,
        abstention=point.abstention or "",
    )
    return risk_pb2.MonitorResponse(
        time=to_timestamp(point.time), known_events=point.events, estimate=estimate, warning=point.warning or ""
    )


def _foresight_message(foresight: Foresight) -> risk_pb2.PredictResponse:
    return risk_pb2.PredictResponse(
        subject_id=foresight.subject_id,
        prediction_time=to_timestamp(foresight.prediction_time),
        known_events=foresight.known_events,
        estimates=[_estimate_message(estimate) for estimate in foresight.estimates],
        model=_model_message(foresight.model),
        warnings=foresight.warnings,
    )


def _estimate_message(estimate: Estimate) -> risk_pb2.Estimate:
    return risk_pb2.Estimate(
        method=estimate.method,
        risk=estimate.risk,
        low=estimate.low,
        high=estimate.high,
        interval_meaning=estimate.interval,
        abstention=estimate.abstention or "",
    )


def _model_message(identity: Mapping[str, Any]) -> risk_pb2.Model:
    return risk_pb2.Model(
        name=identity["model"],
        version=identity["version"],
        task=identity["task"] or "",
        vocabulary_hash=identity["vocabulary_hash"],
        data_hash=identity["data_hash"],
        trained_at=to_timestamp(datetime.fromisoformat(identity["created_at"])),
    )
