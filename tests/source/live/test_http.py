"""
HTTP of the machine itself.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

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
                with suppress(OSError):
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
        ("403 Forbidden", "denied"),
        ("204 No Content", "failed"),
        ("405 Method Not Allowed", "failed"),
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


@pytest.mark.parametrize("beginning", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_a_drip_ends_at_the_time_for_all(beginning: bytes) -> None:
    """A server that always has one more byte, in its head or in its body, is left when the time is over."""
    gone = threading.Event()

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(beginning)
            while not gone.wait(0.02):
                connection.sendall(b"a")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,), daemon=True)
        thread.start()
        started = time.monotonic()
        answer = http.get(f"http://127.0.0.1:{listener.getsockname()[1]}/", 0.3)
        took_s = time.monotonic() - started
        gone.set()
        thread.join()

    assert answer.status == "timeout"
    assert took_s < 30


def test_a_body_without_end_is_not_read(serve: Serve) -> None:
    """What is larger than any answer of an engine has failed, and is not kept."""
    answer = http.get(serve(response("200 OK", bytes(http.LARGEST_BYTES + 1))), 5)

    assert (answer.status, answer.detail) == ("failed", f"larger than {http.LARGEST_BYTES} bytes")


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
        "http:/127.0.0.1:80/",
        "http://127.0.0.1:x/",
        "http://127.0.0.1:/",
        "http://[::2]:80/",
        "http://me@127.0.0.1:80/",
        "",
    ],
)
def test_only_the_loopback_is_asked(url: str) -> None:
    """Nothing leaves the machine, whatever the environment says an engine's address is."""
    assert http.get(url, 1).status == "denied"


def test_the_largest_body_is_read(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """As large as is read is not too large."""
    monkeypatch.setattr(http, "LARGEST_BYTES", 1000)

    assert http.get(serve(response("200 OK", b"x" * 1000)), 5).value == "x" * 1000
    assert http.get(serve(response("200 OK", b"x" * 1001)), 5).status == "failed"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize(("path", "asked"), [("", "/"), ("/", "/"), ("/api/ps?a=b:c/d", "/api/ps?a=b:c/d")])
def test_a_path_is_asked_for_as_it_is(host: str, path: str, asked: str) -> None:
    """With its query; without any it is the root."""
    questions: list[bytes] = []

    def answer(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            questions.append(connection.recv(65536))
            connection.sendall(response("200 OK", b"[]"))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer, args=(listener,), daemon=True)
        thread.start()
        value = http.get(f"http://{host}:{listener.getsockname()[1]}{path}", 5).value
        thread.join()

    assert value == []
    assert questions[0].startswith(f"GET {asked} HTTP/1.1\r\n".encode())
    assert b"\r\nConnection: close\r\n" in questions[0]


@pytest.mark.parametrize("body", [b"[" * 100_000, b'"\xff"', b"{"])
def test_a_body_that_is_no_json_is_text(body: bytes, serve: Serve) -> None:
    """Half of it, nested without end, or of bytes that are no text."""
    assert http.get(serve(response("200 OK", body)), 5).value == body.decode(errors="replace")


def test_a_refusal_without_words_has_none(serve: Serve) -> None:
    """A status line may end after its number."""
    bare, told = (http.get(serve(response(status, b"")), 5) for status in ("404", "404 Not Found"))

    assert (bare.status, bare.detail) == ("missing", None)
    assert told.detail == "Not Found"
