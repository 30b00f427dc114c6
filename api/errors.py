"""Errors of ours as status codes: one sentence for the caller, a machine-readable reason, no patient data."""

import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, NoReturn

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from api.problems import problem
from ehr import errors

DOMAIN: Final = "anamnesis"
LOG: Final = logging.getLogger("anamnesis")

STATUS: Final[dict[type[errors.EhrError], grpc.StatusCode]] = {
    errors.StoreError: grpc.StatusCode.FAILED_PRECONDITION,
    errors.SourceError: grpc.StatusCode.INVALID_ARGUMENT,
    errors.UnknownSubject: grpc.StatusCode.NOT_FOUND,
    errors.TaskError: grpc.StatusCode.INVALID_ARGUMENT,
    errors.UnknownConcept: grpc.StatusCode.INVALID_ARGUMENT,
    errors.UnsafeQuery: grpc.StatusCode.PERMISSION_DENIED,
    errors.NotAllowed: grpc.StatusCode.PERMISSION_DENIED,
    errors.QueryFailed: grpc.StatusCode.INVALID_ARGUMENT,
    errors.QueryTimeout: grpc.StatusCode.DEADLINE_EXCEEDED,
    errors.QueryMemory: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.VocabularyError: grpc.StatusCode.FAILED_PRECONDITION,
    errors.UnknownModel: grpc.StatusCode.NOT_FOUND,
    errors.ModelError: grpc.StatusCode.FAILED_PRECONDITION,
    errors.UnknownSession: grpc.StatusCode.NOT_FOUND,
    errors.EndpointError: grpc.StatusCode.FAILED_PRECONDITION,
}
"""The status of each error; an error that is not listed has that of its parent, and none INTERNAL."""


def status_code(error: errors.EhrError) -> grpc.StatusCode:
    """Return the status code for an error."""
    for kind in type(error).__mro__:
        if kind in STATUS:
            return STATUS[kind]
    return grpc.StatusCode.INTERNAL


class ErrorInterceptor(grpc.aio.ServerInterceptor):
    """Turns what a service method raises into a status, and anything unforeseen into INTERNAL with a request id."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Wrap the method that is called."""
        handler = await continuation(handler_call_details)
        if handler is None or not str(handler_call_details.method).startswith("/anamnesis."):
            return handler
        method = str(handler_call_details.method)
        if handler.unary_unary:
            return handler._replace(unary_unary=_guarded_unary(handler.unary_unary, method))
        if handler.stream_unary:
            return handler._replace(stream_unary=_guarded_unary(handler.stream_unary, method))
        if handler.unary_stream:
            return handler._replace(unary_stream=_guarded_stream(handler.unary_stream, method))
        return handler


def _guarded_unary(call: Callable[..., Awaitable[Any]], method: str) -> Callable[..., Awaitable[Any]]:
    async def guarded(request: Any, context: Any) -> Any:
        try:
            return await call(request, context)
        except Exception as error:  # noqa: BLE001 - the boundary: every error becomes a status
            await _abort(context, error, method)

    return guarded


def _guarded_stream(call: Callable[..., AsyncIterator[Any]], method: str) -> Callable[..., AsyncIterator[Any]]:
    async def guarded(request: Any, context: Any) -> AsyncIterator[Any]:
        try:
            async for message in call(request, context):
                yield message
        except Exception as error:  # noqa: BLE001 - the boundary: every error becomes a status
            await _abort(context, error, method)

    return guarded


async def _abort(context: Any, error: Exception, method: str) -> NoReturn:
    """End the call with the status of `error`, and with details for programs."""
    if isinstance(error, grpc.aio.AbortError):
        raise error
    if isinstance(error, errors.EhrError):
        code, message, details = status_code(error), str(error), _details(error)
    else:
        request_id = uuid.uuid4().hex
        LOG.error("request %s to %s failed", request_id, method, exc_info=error)
        code = grpc.StatusCode.INTERNAL
        message = f"the service failed; its log has the cause under request {request_id}"
        details = [error_details_pb2.ErrorInfo(reason="Internal", domain=DOMAIN)]
    packed = [any_pb2.Any() for _ in details]
    for slot, detail in zip(packed, details, strict=True):
        slot.Pack(detail)
    status = rpc_status.to_status(status_pb2.Status(code=code.value[0], message=message, details=packed))
    await context.abort_with_status(status)
    raise AssertionError("abort_with_status does not return")


def _details(error: errors.EhrError) -> list[Message]:
    """Return google.rpc.ErrorInfo, and for a query google.rpc.BadRequest with the code of the refusal."""
    found = problem(error)["error"]
    metadata = {name: str(found[name]) for name in ("code", "line", "column") if found[name] is not None}
    if found["allowed"]:
        metadata["allowed"] = ", ".join(found["allowed"])
    info = error_details_pb2.ErrorInfo(reason=type(error).__name__, domain=DOMAIN, metadata=metadata)
    if not isinstance(error, errors.UnsafeQuery):
        return [info]
    violation = error_details_pb2.BadRequest.FieldViolation(
        field="sql", description=found["message"], reason=found["code"]
    )
    return [info, error_details_pb2.BadRequest(field_violations=[violation])]
