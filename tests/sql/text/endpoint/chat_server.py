"""A server that speaks the protocol of chat completions as a test tells it to, faults included."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = Callable[[dict[str, Any]], "Sent"]


class Sent:
    """What the server sends: a status, a body, and how slowly."""

    def __init__(self, body: str | bytes = "", status: int = 200, wait: float = 0.0, drip: float = 0.0) -> None:
        self.body = body.encode() if isinstance(body, str) else body
        self.status = status
        self.wait = wait
        self.drip = drip
        self.headers: dict[str, str] = {}


def said(content: str, **choice: Any) -> Sent:
    """Return a completion whose message is `content`."""
    message = {"role": "assistant", "content": content}
    return Sent(json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop", **choice}]}))


def answered(answer: object) -> Sent:
    """Return a completion that replies with a typed answer."""
    return said(json.dumps({"answer": answer}))


class Chat:
    """A running server: the requests that it got, and what it will send."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.replies: list[Sent | Reply] = []

    def will(self, *replies: Sent | Reply) -> None:
        """Send these, one after another; the last one for every request after."""
        self.requests.clear()
        self.headers.clear()
        self.paths.clear()
        self.replies = list(replies)

    def next(self, request: dict[str, Any]) -> Sent:
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        return reply if isinstance(reply, Sent) else reply(request)


@contextmanager
def chat_server() -> Iterator[Chat]:
    """Run the server on a free port of this machine."""
    chat: Chat

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            chat.requests.append(body)
            chat.headers.append(dict(self.headers))
            chat.paths.append(self.path)
            sent = chat.next(body)
            time.sleep(sent.wait)
            try:
                self.send_response(sent.status)
                self.send_header("Content-Type", "application/json")
                for name, value in sent.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(sent.body)))
                self.end_headers()
                if not sent.drip:
                    self.wfile.write(sent.body)
                    return
                for byte in sent.body:
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                    time.sleep(sent.drip)
            except OSError:
                self.close_connection = True  # the client has hung up, as it should

        def log_message(self, *_: object) -> None:
            """Keep the output of tests clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    chat = Chat(f"http://127.0.0.1:{server.server_address[1]}/v1")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield chat
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
