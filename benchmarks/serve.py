"""
How ``llmprobe serve`` holds a mixed load: its start, the time of each question, answers a second, memory.

    python -m benchmarks.serve                  16 connections for ten seconds
    python -m benchmarks.serve --seconds 60     as long as a release is tried

Server and client share this machine, which is the machine of a recording so that answers are comparable: every answer
is compared with the first one to its question. Ends with 1 where an answer is lost, or another one.
"""

import argparse
import asyncio
import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import psutil

from llmprobe.units import MIB

ROOT = Path(__file__).parent.parent
MACHINE = ROOT / "fixtures" / "machines" / "linux-4090-64g" / "recording.json"
CONNECTIONS = 16
AGAIN = 25
BAR = 1000


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """
    A request and the status that it is answered with; ``often`` is its part of the load.
    """

    name: str
    path: str
    body: dict[str, object] | None = None
    status: int = 200
    often: int = 1

    def request(self) -> bytes:
        """
        The bytes that are sent.
        """
        content = b"" if self.body is None else json.dumps(self.body).encode()
        lines = [f"{'GET' if self.body is None else 'POST'} {self.path} HTTP/1.1", "Host: localhost"]
        if content:
            lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
        return "\r\n".join([*lines, "", ""]).encode() + content


def _estimate(**settings: object) -> dict[str, object]:
    return {"model": "llama3-8b", "quant": "Q4_K_M", "settings": settings}


QUESTIONS = (
    Question(name="snapshot", path="/v1/snapshot", often=4),
    Question(name="metrics", path="/metrics", often=4),
    Question(name="models", path="/v1/models?q=qwen3", often=2),
    *(
        Question(name=f"estimate at {size}", path="/v1/estimate", body=_estimate(ctx_size=size), often=2)
        for size in (4096, 8192, 16384, 32768)
    ),
    Question(name="recommend", path="/v1/recommend", body={"model": "llama3-70b", "ctx_size": 8192}, often=2),
    Question(name="fit", path="/v1/fit", body={"use": "coding", "top": 3}),
    Question(name="plan", path="/v1/plan", body={"model": "llama3-8b"}),
    Question(name="no such model", path="/v1/estimate", body={"model": "no-such-model"}, status=404),
    Question(name="no such field", path="/v1/estimate", body={"modell": "llama3-8b"}, status=400),
    Question(name="no such path", path="/v1/nothing", status=404),
)


class Connection:
    """
    One connection that is kept: a request is sent when the one before it is answered.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """
        The status and the body of an answer.

        Raises:
            OSError, EOFError: the server hung up.
        """
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        _, _, rest = head.partition(b"content-length:")
        return int(head[9:12]), await self._reader.readexactly(int(rest.partition(b"\r\n")[0]))

    def close(self) -> None:
        self._writer.close()


class Load(msgspec.Struct):
    """
    What came of a load: answers, lost ones, those that were not the first to their question, and the times.
    """

    answers: int = 0
    lost: int = 0
    wrong: int = 0
    seconds: list[float] = []


async def _connected(port: int) -> Connection:
    return Connection(*await asyncio.open_connection("127.0.0.1", port, limit=1 << 24))


async def firsts(port: int) -> dict[str, tuple[int, bytes]]:
    """
    Ask each question once and then again, print what that takes, and return the first answers.
    """
    connection = await _connected(port)
    found: dict[str, tuple[int, bytes]] = {}
    print(f"{'':<28}{'first':>10}{'again':>10}{'bytes':>12}   (ms, median of {AGAIN})")
    for one in QUESTIONS:
        request, start = one.request(), time.perf_counter()
        found[one.name] = await connection.ask(request)
        first, again = time.perf_counter() - start, []
        for _ in range(AGAIN):
            start = time.perf_counter()
            await connection.ask(request)
            again.append(time.perf_counter() - start)
        size = len(found[one.name][1])
        print(f"{one.name:<28}{1000 * first:>10.1f}{1000 * statistics.median(again):>10.2f}{size:>12,}")
    connection.close()
    return found


async def _asking(
    port: int, offset: int, until: float, firsts: dict[str, tuple[int, bytes]], load: Load
) -> None:
    order = [(one.request(), firsts[one.name]) for one in QUESTIONS for _ in range(one.often)]
    connection = await _connected(port)
    at = offset
    while (start := time.perf_counter()) < until:
        request, expected = order[at % len(order)]
        at += 1
        try:
            answer = await connection.ask(request)
        except (OSError, EOFError):
            load.lost += 1
            connection = await _connected(port)
            continue
        load.answers += 1
        load.wrong += answer != expected
        load.seconds.append(time.perf_counter() - start)
    connection.close()


async def loaded(port: int, seconds: float, firsts: dict[str, tuple[int, bytes]]) -> Load:
    """
    Ask all questions over all connections for so many seconds.
    """
    load = Load()
    until = time.perf_counter() + seconds
    await asyncio.gather(*(_asking(port, 7 * number, until, firsts, load) for number in range(CONNECTIONS)))
    return load


async def measure(server: subprocess.Popen[str], seconds: float) -> int:
    """
    Print the figures of a server that was just started; return 1 where one is wrong.
    """
    start = time.perf_counter()
    assert server.stderr is not None
    while (found := re.search(r"http://127\.0\.0\.1:(\d+)", server.stderr.readline())) is None:
        if server.poll() is not None:
            print("the server did not start")
            return 1
    port = int(found[1])
    connection = await _connected(port)
    await connection.ask(QUESTIONS[0].request())
    connection.close()
    print(f"start to the first answer   {time.perf_counter() - start:>10.2f} s")
    answers = await firsts(port)
    unexpected = [one.name for one in QUESTIONS if answers[one.name][0] != one.status]
    process = psutil.Process(server.pid)
    before, used = process.memory_info().rss, sum(process.cpu_times()[:2])
    load = await loaded(port, seconds, answers)
    after, used = process.memory_info().rss, sum(process.cpu_times()[:2]) - used
    times = sorted(load.seconds)
    print(
        f"mixed load                  {load.answers / seconds:>10,.0f} answers a second over {CONNECTIONS} connections"
        f" for {seconds:g} s (should be over {BAR:,})"
    )
    print(f"time of an answer           {1000 * statistics.median(times):>10.1f} ms, 99 % below", end=" ")
    print(f"{1000 * times[len(times) * 99 // 100]:.1f} ms")
    print(f"processor time of an answer {1000 * used / max(1, load.answers):>10.2f} ms of the server")
    print(f"lost, other than the first  {load.lost:>10,}, {load.wrong:,}")
    print(f"memory before and after     {before / MIB:>10.1f} MiB, {after / MIB:.1f} MiB")
    for name in unexpected:
        print(f"{name}: answered with {answers[name][0]}")
    return 1 if load.lost or load.wrong or unexpected else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Start a server, measure it, and end it.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serve")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long the mixed load is kept up")
    options = parser.parse_args(arguments)
    command = [sys.executable, "-m", "llmprobe", "--replay", str(MACHINE), "serve", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT) as server:
        try:
            return asyncio.run(measure(server, options.seconds))
        finally:
            server.terminate()


if __name__ == "__main__":
    sys.exit(main())
