"""Speaking to the endpoint: one request, its time and size bounded, sent again a bounded number of times.

http.client follows no redirects, so a question and a key go to the host that was configured and to no other.
"""

import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final
from urllib.parse import urlsplit

from ehr.errors import EndpointError
from sql.text.endpoint.settings import Endpoint, key_of

MAX_BYTES: Final = 2**20
CHUNK: Final = 2**14
MAX_PAUSE: Final = 30.0
AGAIN: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
"""Status codes after which the same request may succeed later."""

_ADVICE: Final = {
    401: "its key is missing or wrong",
    403: "its key may not do this",
    404: "it has no such model, or url is not its base",
    400: "it does not take the request; try structured: object or none",
    422: "it does not take the request; try structured: object or none",
}

Message = dict[str, str]


class _Failed(Exception):
    """One request that failed, and whether it may be sent again."""

    def __init__(self, why: str, *, again: bool) -> None:
        super().__init__(why)
        self.again = again


def complete(endpoint: Endpoint, messages: list[Message], schema: dict[str, object]) -> str:
    """Return what the model replies, sending the request up to `endpoint.attempts` times.

    Raises EndpointError when there is no reply, or none in the form of the protocol; its message never holds the key.
    """
    body = json.dumps(_request(endpoint, messages, schema), ensure_ascii=False).encode()
    pause, tried = endpoint.pause, 0
    while True:
        tried += 1
        try:
            return _content(_sent(endpoint, body))
        except _Failed as error:
            if not error.again or tried >= endpoint.attempts:
                times = "" if tried == 1 else f", {tried} times"
                raise EndpointError(f"the language model {endpoint.name} gave no answer{times}: {error}") from error
        time.sleep(min(pause, MAX_PAUSE))
        pause *= 2


def _request(endpoint: Endpoint, messages: list[Message], schema: dict[str, object]) -> dict[str, object]:
    request: dict[str, object] = {
        "model": endpoint.model,
        "messages": messages,
        "temperature": 0,
        "max_tokens": endpoint.max_tokens,
    }
    if endpoint.structured == "schema":
        form = {"name": "reply", "strict": True, "schema": schema}
        request["response_format"] = {"type": "json_schema", "json_schema": form}
    elif endpoint.structured == "object":
        request["response_format"] = {"type": "json_object"}
    return request


def _sent(endpoint: Endpoint, body: bytes) -> bytes:
    """Send a request and return the body of the response, within `endpoint.timeout` seconds altogether."""
    parts = urlsplit(endpoint.url)
    connection = _connection(endpoint, parts.scheme, parts.hostname or "", parts.port)
    key = key_of(endpoint)
    headers = {"Content-Type": "application/json", "Accept": "application/json", "Connection": "close"}
    headers |= {"Authorization": f"Bearer {key}"} if key else {}
    try:
        connection.connect()
        with _cut_off(connection.sock, endpoint.timeout):
            connection.request("POST", f"{parts.path.rstrip('/')}/chat/completions", body, headers)
            response = connection.getresponse()
            content = _body(response)
    except TimeoutError as error:
        raise _Failed(f"it took longer than {endpoint.timeout:g} seconds", again=True) from error
    except (OSError, http.client.HTTPException) as error:
        raise _Failed(f"it cannot be reached, or broke off ({type(error).__name__})", again=True) from error
    finally:
        connection.close()
    if response.status != 200:
        advice = _ADVICE.get(response.status)
        why = f"it answered with status {response.status}" + (f"; {advice}" if advice else "")
        raise _Failed(why, again=response.status in AGAIN)
    return content


def _connection(endpoint: Endpoint, scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    if scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=endpoint.timeout)
    try:
        context = ssl.create_default_context(cafile=endpoint.ca_file)
    except OSError as error:
        raise EndpointError(f"ca_file {endpoint.ca_file} holds no certificate that can be read") from error
    return http.client.HTTPSConnection(host, port, timeout=endpoint.timeout, context=context)


@contextmanager
def _cut_off(connected: socket.socket, seconds: float) -> Iterator[None]:
    """Shut a connection when its time is over, so that one that sends a byte at a time ends as well.

    Raises TimeoutError then, whatever came of the cut.
    """
    over = threading.Event()

    def end() -> None:
        over.set()
        with suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, http.client.HTTPException, _Failed) as error:
        if over.is_set():
            raise TimeoutError from error
        raise
    finally:
        timer.cancel()
    if over.is_set():
        raise TimeoutError


def _body(response: http.client.HTTPResponse) -> bytes:
    """Read a body up to the most that is read."""
    pieces, size = [], 0
    while piece := response.read1(CHUNK):
        pieces.append(piece)
        size += len(piece)
        if size > MAX_BYTES:
            raise _Failed(f"its answer is longer than {MAX_BYTES:,} bytes", again=False)
    return b"".join(pieces)


def _content(body: bytes) -> str:
    """Return the text of the first choice of a completion."""
    malformed = "its answer is not in the form of chat completions"
    try:
        completion: Any = json.loads(body)
        choice = completion["choices"][0]
        message, reason = choice["message"], choice.get("finish_reason")
        content, refusal = message.get("content"), message.get("refusal")
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise _Failed(malformed, again=True) from error
    if reason == "length":
        raise _Failed("its answer was cut off; raise max_tokens", again=False)
    if refusal or reason == "content_filter":
        raise _Failed("it refuses the question", again=False)
    if not isinstance(content, str) or not content.strip():
        raise _Failed(malformed, again=True)
    return content
