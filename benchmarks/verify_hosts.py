"""
Real rpc-servers for ``make verify``, each on a machine of its own as far as the network goes.

Where the system allows it every server, and who asks them, has a network namespace of its own, and a cable (veth) goes
from each server to who asks, who forwards between them: with a part of every layer on each (``-sm tensor``) servers
talk to each other. The namespaces have no name and end with their processes: nothing is left behind.
Where it does not allow it, the servers listen on loopback.
"""

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import msgspec

_PORT = 50052
_UP_SECONDS = 20
_STOP_SECONDS = 10
_TOOLS = ("unshare", "nsenter", "ip")
_ALLOCATED = re.compile(r"\[alloc_buffer\] device: (\d+), size: \d+ -> remote_ptr: \w+, remote_size: (\d+)")
_CABLE = """
set -e
ip link set lo up
ip link add eth0 type veth peer name "$1" netns "$2"
ip addr add "$3" dev eth0
ip link set eth0 up
nsenter --net="/proc/$2/ns/net" sh -e -c 'ip addr add "$2" dev "$1"; ip link set "$1" up' sh "$1" "$4"
ip route add default via "${4%/*}"
shift 4
exec "$@"
"""


class ServerError(Exception):
    """
    An rpc-server did not come up; the message has the end of what it said.
    """


class Serving(msgspec.Struct, frozen=True, kw_only=True):
    """
    A server that runs: its address, its devices, its process and what it writes.
    """

    address: str
    devices: tuple[str, ...]
    process: int
    log: Path

    def allocated(self) -> dict[int, list[int]]:
        """
        Return the bytes of each buffer that it was asked for, in order, by the number of its device.
        """
        found: dict[int, list[int]] = {number: [] for number in range(len(self.devices))}
        for device, size in _ALLOCATED.findall(self.log.read_text(errors="replace")):
            found[int(device)].append(int(size))
        return found


def apart() -> tuple[list[str], str | None]:
    """
    Return the words before a command that give it a network of its own; none, and why, where that is not allowed.
    """
    lacking = [name for name in _TOOLS if shutil.which(name) is None]
    if lacking:
        return [], f"no {' and no '.join(lacking)} here"
    said = ""
    for words in (["unshare", "--net"], ["unshare", "--map-root-user", "--net"]):
        attempt = [*words, "ip", "link", "add", "rpc0", "type", "veth", "peer", "name", "rpc1"]
        done = subprocess.run(attempt, capture_output=True, text=True, timeout=_UP_SECONDS, check=False)
        if done.returncode == 0:
            return words, None
        said = (
            done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"ended with {done.returncode}"
        )
    return [], said


def prepare() -> None:
    """
    Make the network that this process was given one with a loopback, which forwards.
    """
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


@contextmanager
def serving(
    program: Path,
    devices: Sequence[str],
    folder: Path,
    *,
    is_apart: bool,
    threads: int = 1,
    told: bool = True,
) -> Iterator[tuple[Serving, ...]]:
    """
    Run a server for each of ``devices`` (``CPU``, or ``CPU,CPU`` for two of one server) and end all of them.

    ``told`` makes them write every buffer that they are asked for.

    Raises:
        ServerError: one did not come up.
    """
    with ExitStack() as stack:
        yield tuple(
            stack.enter_context(
                _server(program, number, one, folder, is_apart=is_apart, threads=threads, told=told)
            )
            for number, one in enumerate(devices)
        )


@contextmanager
def _server(
    program: Path, number: int, devices: str, folder: Path, *, is_apart: bool, threads: int, told: bool
) -> Iterator[Serving]:
    host, port = (f"10.77.{number}.2", _PORT) if is_apart else ("127.0.0.1", _free_port())
    command = [str(program), "-H", host, "-p", str(port), "-d", devices, "-t", str(threads)]
    if is_apart:
        cable = [f"rpc{number}", str(os.getpid()), f"{host}/24", f"10.77.{number}.1/24"]
        command = ["unshare", "--net", "sh", "-c", _CABLE, "sh", *cable, *command]
    log = folder / f"rpc{number}.log"
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("GGML_", "LLAMA_"))
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=environment | ({"GGML_RPC_DEBUG": "1"} if told else {}),
        )
        try:
            _wait(process, host, port, log)
            yield Serving(
                address=f"{host}:{port}", devices=tuple(devices.split(",")), process=process.pid, log=log
            )
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(process: subprocess.Popen[bytes], host: str, port: int, log: Path) -> None:
    deadline = time.monotonic() + _UP_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        # It serves one client after the other: this one is gone before the next asks.
        with suppress(OSError), socket.create_connection((host, port), timeout=1):
            return
        time.sleep(0.05)
    said = log.read_text(errors="replace").strip().splitlines()[-4:]
    raise ServerError("\n".join(["an rpc-server did not come up", *said]))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
