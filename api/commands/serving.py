"""`ehr serve`: the gRPC service on a store."""

import argparse
from pathlib import Path
from typing import Any, Final

from api.endpoints import add_endpoint_flags, translator_of
from api.memory import bounded_memory, size

MODELS_AND_THREADS: Final = 8 * 2**30
"""Bytes that the service may need beside the database."""


def register(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add the parser of this module."""
    serve = commands.add_parser(
        "serve",
        parents=parents,
        help="answer clinical systems over gRPC",
        description="Serve anamnesis.v1 over gRPC with health and reflection until Ctrl-C. The store is held by "
        "this process while it runs; other commands then ask through the service.",
    )
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    serve.add_argument("--port", type=_port, default=50051, help="port, 0 for any free one (default 50051)")
    serve.add_argument("--tls-cert", type=Path, metavar="FILE", help="certificate chain in PEM; needs --tls-key")
    serve.add_argument("--tls-key", type=Path, metavar="FILE", help="private key of the certificate in PEM")
    serve.add_argument(
        "--tls-client-ca",
        type=Path,
        metavar="FILE",
        help="authority in PEM whose certificates callers have to show; sessions of questions are bound to them",
    )
    serve.add_argument("--role", default="analyst", help="role of every caller in SQL and English (default analyst)")
    serve.add_argument("--max-rows", type=int, default=1_000_000, metavar="N", help="row limit of a query")
    serve.add_argument("--timeout", type=float, default=30.0, metavar="S", help="time limit of a query in seconds")
    serve.add_argument(
        "--max-bytes", type=size, default="256MB", metavar="SIZE", help="most bytes of a result (default 256MB)"
    )
    serve.add_argument(
        "--memory", type=size, default="4GB", metavar="SIZE", help="memory of the database (default 4GB)"
    )
    serve.add_argument(
        "--process-memory",
        type=size,
        metavar="SIZE",
        help="memory of the whole process, models included (default: that of the database and 8GB)",
    )
    add_endpoint_flags(serve)
    serve.set_defaults(run=run_serve)


def _port(text: str) -> int:
    """Read a port; gRPC would take one that is too large for another."""
    port = int(text)
    if not 0 <= port <= 65_535:
        raise argparse.ArgumentTypeError("a port lies between 0 and 65535")
    return port


def run_serve(args: argparse.Namespace) -> int:
    """Open the store for this process alone and serve it."""
    import asyncio
    import logging

    from api.engine import Engine
    from api.server import Address, serve
    from ehr.errors import ServiceError
    from ehr.store import open_store, opened
    from sql.query import Limits

    if (args.tls_cert is None) != (args.tls_key is None):
        raise ServiceError("--tls-cert and --tls-key belong together; give both or neither")
    if args.tls_client_ca is not None and args.tls_cert is None:
        raise ServiceError(
            "--tls-client-ca needs --tls-cert and --tls-key; without TLS no caller can show a certificate"
        )
    translator = translator_of(args)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    address = Address(args.host, args.port, args.tls_cert, args.tls_key, args.tls_client_ca)

    def ready(port: int) -> None:
        print(f"serving {args.store} on {args.host}:{port}; Ctrl-C stops", flush=True)

    limits = Limits(rows=args.max_rows, seconds=args.timeout, result_bytes=args.max_bytes)
    with (
        bounded_memory(args.process_memory or args.memory + MODELS_AND_THREADS),
        opened(open_store(args.store, writable=True, locked=True, memory=f"{args.memory}B")) as store,
    ):
        engine = Engine(store, role=args.role, limits=limits, translator=translator)
        asyncio.run(serve(engine, address, ready))
    print("stopped", flush=True)
    return 0
