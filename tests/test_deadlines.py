"""
Whatever hangs costs no more than its time, is named, stops nothing else, and leaves no process behind.

The stand-ins are real: commands that sleep, a file system and a server that never answer, a library that blocks.
"""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from llmprobe.facts.answer import Answer, Source
from llmprobe.facts.machine import MemoryPool, Probed, Snapshot
from llmprobe.machine import probing, snapshot
from llmprobe.machine.probes import nvidia
from llmprobe.machine.probing import Probe
from llmprobe.machine.snapshot import collect
from llmprobe.source.deadline import HANGING
from llmprobe.source.live import LiveSource, files
from llmprobe.source.live.nvml import Nvml
from tests.machine.fake import FakeSource, card, nvidia_machine, plain_host

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins are shell scripts"),
]

EVERYWHERE = frozenset({"linux", "darwin", "win32"})
RAM = MemoryPool(id="ram", kind="system", total_bytes=8, free_bytes=8, budget_bytes=8)
LIMIT_S = 0.5
SOON_S = LIMIT_S + 10.0
"""Far less than what hangs would take, and more than a machine that is busy with other tests does."""

START_S = 10.0
"""What starting the interpreter may take more on such a machine."""

TOTAL_S = 3.0
"""What the whole command may take, start and end included."""


@pytest.fixture
def silent_server() -> Iterator[int]:
    """
    Return the port of a server that takes connections and says nothing.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Source], object]], None]:
    """
    Return a function that makes one that hangs and one that finds memory the only probes.
    """

    def use(ask: Callable[[Source], object]) -> None:
        def hangs(source: Source) -> Probed:
            ask(source)
            return Probed()

        probes = (
            Probe("hangs", EVERYWHERE, hangs),
            Probe("memory", EVERYWHERE, lambda _: Probed(pools=(RAM,))),
        )
        monkeypatch.setattr(probing, "all_probes", lambda: probes)

    return use


def look() -> tuple[Snapshot, float]:
    """
    Return this machine, and how long it took to be asked, in seconds.
    """
    started = time.monotonic()
    return snapshot.probe(timeout_s=LIMIT_S), time.monotonic() - started


def status_of(seen: Snapshot) -> dict[str, str]:
    return {report.name: report.status for report in seen.sources}


def test_commands_that_sleep(
    tmp_path: Path, only: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two in a row are cut off at the deadline, the one that runs then is killed with its children."""
    pids = tmp_path / "pids"
    command = tmp_path / "sleeping-tool"
    command.write_text(f"#!/bin/sh\nsleep 60 &\necho $$ $! >> {pids}\nwait\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    only(lambda source: (source.run("sleeping-tool"), source.run("sleeping-tool", "again")))
    seen, took_s = look()

    assert (status_of(seen), took_s < SOON_S) == ({"hangs": "timeout", "memory": "ok"}, True)
    started = [int(pid) for pid in pids.read_text().split()]
    assert len(started) == 4
    assert wait_for(lambda: not any(is_alive(pid) for pid in started))


def test_a_command_after_the_end_is_not_left(tmp_path: Path) -> None:
    """A thread that is late and starts one more command finds that there is no more time."""
    pids = tmp_path / "pids"
    with LiveSource() as source:
        pass
    answer = source.run("sh", "-c", f"echo $$ > {pids}; sleep 60")

    assert answer.status == "timeout"
    assert not pids.exists() or not is_alive(int(pids.read_text() or 0))


def test_a_file_system_that_hangs(
    tmp_path: Path, only: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opening a FIFO that nobody writes blocks as a dead mount does; the other probe goes on."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    monkeypatch.setattr(files, "_FLAGS", os.O_RDONLY)
    only(lambda source: source.read(str(fifo)))
    seen, took_s = look()
    os.close(os.open(fifo, os.O_RDWR | os.O_NONBLOCK))

    assert (status_of(seen), took_s < SOON_S) == ({"hangs": "timeout", "memory": "ok"}, True)
    assert seen.pool("ram") is not None


def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    """Read as everything else is read, a FIFO without a writer is empty at once."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with LiveSource() as source:
        assert source.read(str(fifo)) == Answer(value="")


def test_a_server_that_says_nothing(silent_server: int, only: Callable[..., None]) -> None:
    """A server that takes the connection and is silent costs its own short time, not the whole."""
    answers: list[Answer] = []
    only(lambda source: answers.append(source.get(f"http://127.0.0.1:{silent_server}/props", timeout_s=0.1)))
    seen, took_s = look()

    assert [answer.status for answer in answers] == ["timeout"]
    assert (status_of(seen)["memory"], took_s < SOON_S) == ("ok", True)


def test_a_driver_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """NVML that blocks when it is started costs a part of the time; its devices are named from the bus."""
    answers = {**plain_host(), **nvidia_machine(card())}

    class Hanging(LiveSource):
        platform = FakeSource({}).platform

        def _put(self, method: str, args: tuple[str, ...], timeout_s: float | None) -> Answer:
            if method == "nvml":
                return super()._put(method, args, timeout_s)
            return FakeSource(answers).ask(method, args)

    forever = threading.Event()
    monkeypatch.setattr(Nvml, "ask", lambda *_: forever.wait(60))
    monkeypatch.setattr(probing, "all_probes", lambda: (Probe("nvidia", EVERYWHERE, nvidia.probe),))
    started = time.monotonic()
    with Hanging(timeout_s=LIMIT_S) as source:
        seen = collect(source, deadline_s=LIMIT_S)
    took_s = time.monotonic() - started
    forever.set()

    assert wait_for(lambda: len(HANGING) == 0)
    assert (status_of(seen), took_s < SOON_S) == ({"nvidia": "timeout"}, True)
    assert [(each.pci, each.usable) for each in seen.accelerators] == [("0000:01:00.0", False)]
    (finding,) = [each for each in seen.findings if each.id == "nvidia-slow"]
    assert finding.remedy is not None
    assert finding.remedy.commands == ("llmprobe --timeout 30 check", "sudo nvidia-smi -pm 1")


def test_the_whole_command_ends_in_time(silent_server: int, tmp_path: Path) -> None:
    """With engines' commands that sleep and their server silent, check is done within three seconds, none left."""
    pids = tmp_path / "pids"
    for name in ("ollama", "llama-server", "llama-cli"):
        command = tmp_path / name
        command.write_text(f"#!/bin/sh\necho $$ >> {pids}\nexec sleep 60\n")
        command.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "OLLAMA_HOST": f"127.0.0.1:{silent_server}",
    }
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "llmprobe", "check", "--json"],
        env=environment,
        capture_output=True,
        check=False,
    )
    took_s = time.monotonic() - started

    assert done.stderr == b""
    assert took_s < TOTAL_S + START_S
    assert b"engine:llamacpp" in done.stdout
    assert wait_for(lambda: not any(is_alive(int(pid)) for pid in pids.read_text().split()))


LOOK_AGAIN = """
import gc, sys, threading, psutil, llmprobe

def state():
    gc.collect()
    process = psutil.Process()
    return threading.active_count(), process.num_fds(), process.memory_info().rss

for _ in range(5):
    llmprobe.probe()
before = state()
for _ in range(int(sys.argv[1])):
    llmprobe.probe()
print(*(after - start for start, after in zip(before, state())))
"""
MOST_MORE_THREADS = 12
"""Threads of the last look may still be on their way out."""

MOST_MORE_BYTES = 8 * 1024**2


def test_a_process_may_look_as_often_as_it_likes() -> None:
    """After many looks it has no more threads, open files and memory than after a few."""
    done = subprocess.run(
        [sys.executable, "-c", LOOK_AGAIN, "100"], capture_output=True, text=True, check=True, timeout=120
    )
    threads, files, memory = map(int, done.stdout.split())

    assert threads <= MOST_MORE_THREADS
    assert files <= 0
    assert memory <= MOST_MORE_BYTES


def test_a_hanging_driver_costs_one_thread_however_often_one_looks(
    only: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second look is told at once that the first one's call still hangs."""
    forever = threading.Event()
    monkeypatch.setattr(Nvml, "ask", lambda *_: forever.wait(60))
    only(lambda source: source.nvml("nvmlInit"))
    look()
    assert wait_for(lambda: len(HANGING) == 1)
    before = threading.active_count()
    answers: list[Answer] = []
    only(lambda source: answers.append(source.nvml("nvmlInit")))
    for _ in range(20):
        look()

    assert {(answer.status, answer.detail) for answer in answers} == {
        ("timeout", "an earlier call of the same kind still hangs")
    }
    assert threading.active_count() <= before
    forever.set()
    assert wait_for(lambda: len(HANGING) == 0)


def is_alive(pid: int) -> bool:
    """
    Tell whether a process runs; one that ended and waits to be collected does not.
    """
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state != "Z"


def wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    """
    Return whether a condition holds within some time.
    """
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.02)
    return condition()
