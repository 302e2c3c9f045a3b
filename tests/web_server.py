"""
A web server for tests, on the loopback: it serves files in parts, and misbehaves as a test asks for.
"""

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answerer = Callable[["Exchange"], None]
_SEND_BUFFER = 64 << 10


class Exchange:
    """
    One question to the server, and the means to answer it well or badly.
    """

    def __init__(self, handler: BaseHTTPRequestHandler, server: "WebServer") -> None:
        self.handler = handler
        self.server = server
        self.path = handler.path
        self.headers = handler.headers
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", handler.headers.get("Range", ""))
        self.part = (int(match[1]), int(match[2]) + 1) if match else None

    def begin(self, status: int, **headers: Any) -> None:
        """Send the head of an answer; underscores in a header's name are hyphens."""
        self.handler.send_response(status)
        for name, value in headers.items():
            self.handler.send_header(name.replace("_", "-"), str(value))
        self.handler.end_headers()

    def send(self, body: bytes) -> None:
        """Send bytes of the body and count them, until the other side leaves."""
        for start in range(0, len(body), 16384):
            piece = body[start : start + 16384]
            # Counted first, as the other side may look at the count as soon as it has the last of them.
            self.server.sent += len(piece)
            self.handler.wfile.write(piece)

    def cut(self) -> None:
        """End the connection at once."""
        self.handler.close_connection = True

    def in_parts(self, content: bytes, **more: Any) -> None:
        """Answer as a good server does."""
        start, end = self.part or (0, len(content))
        end = min(end, len(content))
        headers = {
            "Content_Length": end - start,
            "Content_Range": f"bytes {start}-{end - 1}/{len(content)}",
        } | more
        self.begin(206, **headers)
        self.send(content[start:end])

    def whole(self, content: bytes, status: int = 200, **headers: Any) -> None:
        """Answer with all of it, whatever part was asked for."""
        self.begin(status, **({"Content_Length": len(content)} | headers))
        self.send(content)

    def drip(self, content: bytes, pause_s: float) -> None:
        """Send one byte after the other."""
        for at in range(len(content)):
            self.send(content[at : at + 1])
            time.sleep(pause_s)


class WebServer:
    """
    A server of one answerer. ``sent`` counts the bytes of all bodies, ``questions`` keeps what was asked.
    """

    def __init__(self, answerer: Answerer) -> None:
        self.sent = 0
        self.questions: list[tuple[str, dict[str, str]]] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                self.request.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
                super().setup()

            def do_GET(self) -> None:
                owner.questions.append((self.path, dict(self.headers.items())))
                try:
                    answerer(Exchange(self, owner))
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as the library calls it
                return

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                return

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def serving(answerer: Answerer) -> Iterator[WebServer]:
    """
    Serve for as long as a test needs.
    """
    server = WebServer(answerer)
    try:
        yield server
    finally:
        server.close()
