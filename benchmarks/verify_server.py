"""
One load of a real llama-server: what it logs of its buffers, and what its process takes.

The server listens on loopback only, has a time limit for every step, and is ended whatever happens.
"""

import json
import os
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
import psutil

_SIZE = re.compile(r"(\S+)\s+(model|KV|RS|output|compute) buffer size\s*=\s*([0-9.]+) MiB")
_MOVED = re.compile(r"tensor (\S+) \(.*\) buffer type overridden to CPU(?:_REPACK)?$", re.MULTILINE)
_KINDS = {"model": "weights", "KV": "cache", "RS": "cache", "output": "output", "compute": "compute"}
_LOAD_SECONDS = 180
_ANSWER_SECONDS = 300
_STOP_SECONDS = 20
_FIRST_TOKEN, _TOKENS = 1000, 997
"""The prompt is token numbers from here on, over and over: what it says does not matter."""

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Buffers(msgspec.Struct, frozen=True, kw_only=True):
    """
    MiB by buffer type (``CPU``, ``CPU_Mapped``, ``CPU_REPACK``) for each kind of buffer, as logged.
    """

    weights: dict[str, float]
    cache: dict[str, float]
    output: dict[str, float]
    compute: dict[str, float]


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """
    What one load came to. Memory is the resident size after a prompt that fills a micro-batch.

    ``moved`` are the tensors that were told to stay in RAM, sorted.
    ``beside`` are the resident sizes of other processes at that time.
    ``file_bytes`` are the resident pages of mapped files, the model's among them, which ``resident_bytes`` holds too.
    """

    buffers: Buffers
    moved: tuple[str, ...]
    resident_bytes: int
    file_bytes: int
    seconds: float
    beside: tuple[int, ...] = ()


class LoadError(Exception):
    """
    The server ended or did not answer in time; the message has the end of its log.
    """


def buffers(log: str) -> Buffers:
    """
    Return the buffer sizes that a load log states.
    """
    found: dict[str, dict[str, float]] = {kind: {} for kind in _KINDS.values()}
    for name, kind, size in sizes(log):
        found[kind][name] = found[kind].get(name, 0.0) + size
    return Buffers(**found)


def sizes(log: str) -> list[tuple[str, str, float]]:
    """
    Return each buffer that a load log states: its type, its kind (a field of ``Buffers``) and its MiB.
    """
    return [(name, _KINDS[kind], float(size)) for name, kind, size in _SIZE.findall(log)]


def moved(log: str) -> tuple[str, ...]:
    """
    Return the tensors that a load log says are kept in RAM because the command says so, sorted.
    """
    return tuple(sorted(_MOVED.findall(log)))


def load(
    server: Path, arguments: list[str], log: Path, *, prompt_tokens: int, beside: tuple[int, ...] = ()
) -> Loaded:
    """
    Start the server, let it read a prompt, measure it and the processes ``beside`` it, and end it.

    Raises:
        LoadError: it did not come up or did not answer.
    """
    started = time.monotonic()
    # From this level on it names the tensors that are kept in RAM.
    with running(server, [*arguments, "-lv", "5"], log) as (port, number):
        seconds = time.monotonic() - started
        if prompt_tokens:
            _complete(port, prompt_tokens, log)
        memory = psutil.Process(number).memory_info()
        others = tuple(psutil.Process(one).memory_info().rss for one in beside)
    said = log.read_text(errors="replace")
    return Loaded(
        buffers=buffers(said),
        moved=moved(said),
        resident_bytes=memory.rss,
        file_bytes=getattr(memory, "shared", 0),
        seconds=seconds,
        beside=others,
    )


@contextmanager
def running(server: Path, arguments: list[str], log: Path) -> Iterator[tuple[int, int]]:
    """
    Run a server until it is no longer needed; yield its port and the number of its process once it has loaded.

    Raises:
        LoadError: it did not come up.
    """
    port = _free_port()
    command: list[str | Path] = [server, *arguments, "--host", "127.0.0.1", "--port", str(port)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LLAMA_")}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--log-colors", "off"],
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=environment,
        )
        try:
            _wait(process, port, log)
            yield port, process.pid
        finally:
            _stop(process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _LOAD_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise LoadError(f"ended with {process.returncode}\n{_end(log)}")
        # While it loads it answers 503, and before that it does not listen.
        with suppress(urllib.error.URLError, TimeoutError, ConnectionError):
            _direct.open(f"http://127.0.0.1:{port}/health", timeout=2).close()
            return
        time.sleep(0.1)
    raise LoadError(f"did not come up within {_LOAD_SECONDS} s\n{_end(log)}")


def _complete(port: int, tokens: int, log: Path) -> None:
    prompt = [_FIRST_TOKEN + number % _TOKENS for number in range(tokens)]
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/completion",
        data=json.dumps({"prompt": prompt, "n_predict": 4, "temperature": 0}).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        _direct.open(request, timeout=_ANSWER_SECONDS).close()
    except OSError as error:
        raise LoadError(f"did not answer a prompt of {tokens} tokens: {error}\n{_end(log)}") from None


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _end(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-8:])
