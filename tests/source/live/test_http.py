"""
HTTP of the machine itself.
"""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from llmprobe.source.live import http

pytestmark = pytest.mark.live

Serve = Callable[[bytes], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """
    Return a function that serves one connection with given bytes and returns its URL.
    """
    listeners = []

    def start(reply: bytes) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(reply)

        threading.Thread(target=answer, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/api"

    yield start
    for listener in listeners:
        listener.close()


def response(status: str, body: bytes) -> bytes:
    return (
        b"HTTP/1.1 "
        + status.encode()
        + b"\r\nContent-Length: "
        + str(len(body)).encode()
        + b"\r\n\r\n"
        + body
    )


def test_json_is_decoded(serve: Serve) -> None:
    """A body that is JSON comes as data."""
    assert http.get(serve(response("200 OK", b'{"version": "0.6"}')), 5).value == {"version": "0.6"}


def test_text_stays_text(serve: Serve) -> None:
    """A body that is no JSON comes as text."""
    assert http.get(serve(response("200 OK", b"Ollama is running")), 5).value == "Ollama is running"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("404 Not Found", "missing"),
        ("401 Unauthorized", "denied"),
        ("500 Oops", "failed"),
        ("302 Found", "failed"),
    ],
)
def test_refusals_are_answers(serve: Serve, status: str, expected: str) -> None:
    """A server that refuses has answered, with its number; nothing is followed elsewhere."""
    answer = http.get(serve(response(status, b"")), 5)

    assert (answer.status, answer.code) == (expected, int(status[:3]))


def test_garbage_is_a_failure(serve: Serve) -> None:
    """A server that speaks something else is no crash."""
    assert http.get(serve(b"\x00\x01\x02 garbage\r\n\r\n"), 5).status == "failed"


def test_silence_times_out() -> None:
    """A server that accepts and says nothing is left after the time limit."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        answer = http.get(f"http://127.0.0.1:{listener.getsockname()[1]}/", 0.1)

    assert answer.status == "timeout"


def test_nobody_listening_is_missing() -> None:
    """A port without a server is nothing there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    assert http.get(f"http://127.0.0.1:{port}/", 1).status == "missing"


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org:80/",
        "http://10.0.0.1:11434/",
        "https://127.0.0.1:443/",
        "http://127.0.0.1/",
        "file:///etc",
    ],
)
def test_only_the_loopback_is_asked(url: str) -> None:
    """Nothing leaves the machine, whatever the environment says an engine's address is."""
    assert http.get(url, 1).status == "denied"
