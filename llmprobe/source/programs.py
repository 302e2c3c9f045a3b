"""
Programs of an engine, run for a while: found where commands are found, without a shell, and ended whatever happens.

Their own variables of the environment (``LLAMA_``), which would change what they are told, are left out.
"""

import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from llmprobe.facts.answer import Answer
from llmprobe.source.errors_as_answers import of_os_error, plain_text
from llmprobe.source.live import commands, http

_LOG_BYTES = 4 * 1024 * 1024
_POLL_S = 0.1
_STOP_S = 5.0
_OWN = "LLAMA_"
_PLAIN_LOG = {
    "LLAMA_ARG_LOG_COLORS": "off",
    "LLAMA_ARG_LOG_VERBOSITY": "4",
    "LLAMA_LOG_COLORS": "off",
    "LLAMA_LOG_VERBOSITY": "4",
}
"""From level 4 on every build states the sizes of its buffers; the last two are the names of older builds."""

_LAST_LINE = 200


class Served(NamedTuple):
    """
    What a server came to: ``ok`` with its log and the answer to a prompt (None where it gave none), or what went wrong.
    """

    status: str
    log: str
    answer: Any = None
    detail: str | None = None


def is_here(program: str) -> bool:
    """
    Whether a program is found.
    """
    return commands.found(program) is not None


def environment(extra: dict[str, str] | None = None) -> dict[str, str]:
    """
    The variables that a program gets: those of the user but the engine's own, a plain log, and ``extra``.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OWN)}
    return {**kept, **_PLAIN_LOG, **(extra or {})}


def run(words: Sequence[str], *, seconds: float, extra: dict[str, str] | None = None) -> Answer:
    """
    A program that ends by itself: its exit status and what it printed.
    """
    return commands.run(tuple(words), seconds, environment=environment(extra))


def serve(
    words: Sequence[str], body: dict[str, Any] | None, *, seconds: float, extra: dict[str, str] | None = None
) -> Served:
    """
    Start a server on a port of the loopback that is free, give it one prompt when it is ready, and end it.
    """
    program = commands.found(words[0])
    if program is None:
        return Served("missing", "")
    import subprocess

    until = time.monotonic() + seconds
    port = _free_port()
    with tempfile.TemporaryFile() as log:
        try:
            process = commands.started(
                program,
                (*words[1:], "--host", "127.0.0.1", "--port", str(port)),
                stdout=log,
                stderr=subprocess.STDOUT,
                environment=environment(extra),
            )
        except OSError as error:
            return Served("failed", "", detail=of_os_error(error).detail)
        try:
            status = _ready(process, port, until)
            answer = _completed(port, body, until) if status == "ok" and body is not None else None
            _end(process)
        finally:
            commands.kill(process)
            process.wait()
        text = _text(log)
    detail = None if status == "ok" else _last_line(text)
    return Served(status, text, answer, detail)


def _ready(process: Any, port: int, until: float) -> str:
    while time.monotonic() < until:
        if process.poll() is not None:
            return "failed"
        # While it loads it answers 503, and before that it does not listen.
        if http.get(f"http://127.0.0.1:{port}/health", 1.0).ok:
            return "ok"
        time.sleep(_POLL_S)
    return "timeout"


def _completed(port: int, body: dict[str, Any], until: float) -> Any:
    """
    The server's answer to a prompt, None where it gave none in time.
    """
    import http.client

    import msgspec

    client = http.client.HTTPConnection("127.0.0.1", port, timeout=max(0.1, until - time.monotonic()))
    try:
        client.request("POST", "/completion", msgspec.json.encode(body), {"Content-Type": "application/json"})
        response = client.getresponse()
        content = response.read(_LOG_BYTES)
        return msgspec.json.decode(content) if response.status == 200 else None
    except (OSError, http.client.HTTPException, msgspec.DecodeError, ValueError):
        return None
    finally:
        client.close()


def _free_port() -> int:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        number: int = listener.getsockname()[1]
        return number


def _end(process: Any) -> None:
    """
    Ask a server to end, so that it gives back what it holds of devices, and wait for that a moment.
    """
    import subprocess

    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_S)


def _text(log: Any) -> str:
    log.seek(0)
    return plain_text(log.read(_LOG_BYTES))


def _last_line(text: str) -> str | None:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:_LAST_LINE] if lines else None
