"""The gRPC server: services, health, reflection, port, TLS and shutdown."""

import asyncio
import logging
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from anamnesis.v1 import (
    cohort_pb2,
    cohort_pb2_grpc,
    risk_pb2,
    risk_pb2_grpc,
    timeline_pb2,
    timeline_pb2_grpc,
)
from api.cohorts import CohortServicer
from api.engine import Engine
from api.errors import ErrorInterceptor
from api.predictions import RiskServicer
from api.timelines import TimelineServicer
from ehr.errors import ServiceError

LOG: Final = logging.getLogger("anamnesis")
MAX_MESSAGE_BYTES: Final = 64 * 1024 * 1024
GRACE_SECONDS: Final = 5.0

SERVICES: Final = tuple(
    file.services_by_name[name].full_name
    for file, name in (
        (cohort_pb2.DESCRIPTOR, "CohortService"),
        (timeline_pb2.DESCRIPTOR, "TimelineService"),
        (risk_pb2.DESCRIPTOR, "RiskService"),
    )
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where the service listens; with a certificate and its key it speaks TLS only.

    With `tls_client_ca` callers have to show a certificate of that authority, and are known by it.
    """

    host: str = "127.0.0.1"
    port: int = 50051
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None


async def serve(engine: Engine, address: Address, ready: Callable[[int], None]) -> None:
    """Serve until SIGINT or SIGTERM; calls `ready` with the port once calls are answered.

    Raises ServiceError when the port is in use or the certificate cannot be read.
    """
    server, health_servicer = _build(engine)
    port = _listen(server, address)
    await server.start()
    for name in (*SERVICES, health.OVERALL_HEALTH):
        await health_servicer.set(name, health_pb2.HealthCheckResponse.SERVING)
    ready(port)
    await _until_told_to_stop()
    await health_servicer.enter_graceful_shutdown()
    await server.stop(GRACE_SECONDS)


def _build(engine: Engine) -> tuple[grpc.aio.Server, health.aio.HealthServicer]:
    """Make the server with all its services."""
    options = (
        ("grpc.so_reuseport", 0),  # else a second server would share the port without a word
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    )
    server = grpc.aio.server(interceptors=(ErrorInterceptor(),), options=options)
    cohort_pb2_grpc.add_CohortServiceServicer_to_server(CohortServicer(engine), server)
    timeline_pb2_grpc.add_TimelineServiceServicer_to_server(TimelineServicer(engine), server)
    risk_pb2_grpc.add_RiskServiceServicer_to_server(RiskServicer(engine), server)
    health_servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    reflection.enable_server_reflection((*SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
    return server, health_servicer


def _listen(server: grpc.aio.Server, address: Address) -> int:
    """Bind the port and return it; port 0 lets the system choose."""
    target = f"{address.host}:{address.port}"
    try:
        if address.tls_cert is None or address.tls_key is None:
            return server.add_insecure_port(target)
        pair = (address.tls_key.read_bytes(), address.tls_cert.read_bytes())
        ca = address.tls_client_ca.read_bytes() if address.tls_client_ca else None
        credentials = grpc.ssl_server_credentials([pair], ca, require_client_auth=ca is not None)
        return server.add_secure_port(target, credentials)
    except OSError as error:
        raise ServiceError(f"the certificate cannot be read: {error}") from error
    except RuntimeError as error:
        cause = "it may be in use: choose another with --port"
        if address.tls_cert is not None:
            cause = "it may be in use, or certificate and key may not belong together or be no PEM"
        raise ServiceError(f"{target} cannot be listened on; {cause}") from error


async def _until_told_to_stop() -> None:
    """Wait for SIGINT or SIGTERM."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    await stopped.wait()
