"""
A small model over real rpc-servers: every buffer that is asked for, beside what ``llmprobe estimate --rpc`` says.

``python -m benchmarks.verify_rpc`` loads all settings; ``--write`` keeps what was measured in
``fixtures/truth/rpc_loads.json``. What the servers were asked for is compared to the byte, and what lies on the host to
the last digit of the log.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

import llmprobe
from benchmarks import verify_engine, verify_hosts, verify_server
from benchmarks.verify_rpc_settings import FILE_QUANTS, SETTINGS, Setting
from llmprobe.units import GIB, MIB

RESULTS = Path(__file__).parent.parent / "fixtures" / "truth" / "rpc_loads.json"
KINDS = ("weights", "cache", "compute", "output")
HOST = "host"
TOGETHER = "Meta"
"""How the log names the buffers of devices that compute as one, each of which has one of that size."""

SUMS = "sums"
"""What two servers exchange with a part of each layer on both: grown with the largest prompt, and in no log."""

ROOM = 8 * GIB
"""What is said to be free on each device: more than any of these models takes."""

_SECONDS = 1800
_PROMPT = 600
"""Tokens: more than a micro-batch, so that what it takes has been touched."""

_LOGGED_TO = 0.005


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """
    One load beside its estimate, bytes by device (``host``, ``rpc0``, …) and kind of buffer.

    ``asked`` are the buffers that the servers were asked for, ``logged`` MiB of all as the client logs them.
    ``other`` are further buffers that a server was asked for and no line of the client's log names; of sums over both
    servers the largest counts, which may be as large as ``most_sums``.
    """

    name: str
    predicted: dict[str, dict[str, int]]
    asked: dict[str, dict[str, int]]
    logged: dict[str, dict[str, float]]
    buffers: dict[str, dict[str, int]]
    other: dict[str, list[int]]
    resident_bytes: tuple[int, ...]
    most_sums: int = 0

    @property
    def differing(self) -> tuple[str, ...]:
        """The buffers that differ: of servers by a byte, of the host by more than the log rounds."""
        found = []
        for device, kinds in self.predicted.items():
            for kind, size in kinds.items():
                if device == HOST:
                    logged = self.logged.get(device, {}).get(kind, 0.0)
                    count = max(1, self.buffers.get(device, {}).get(kind, 0))
                    if abs(size / MIB - logged) > _LOGGED_TO * count + 1e-9:
                        found.append(f"{kind} of {device}: {size / MIB:.2f} MiB, logged {logged:.2f}")
                elif kind == SUMS:
                    asked = self.asked.get(device, {}).get(kind, 0)
                    if not size <= asked <= self.most_sums:
                        found.append(f"{kind} of {device}: {size} to {self.most_sums}, asked {asked}")
                elif size != self.asked.get(device, {}).get(kind, 0):
                    found.append(
                        f"{kind} of {device}: {size}, asked {self.asked.get(device, {}).get(kind, 0)}"
                    )
        found += [f"{device} was asked for {sizes} as well" for device, sizes in self.other.items() if sizes]
        return tuple(found)

    @property
    def count(self) -> int:
        """How many buffers were compared."""
        return sum(len(kinds) for kinds in self.predicted.values())


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """
    All loads of one run; ``together`` is why the servers shared the network of who asked, None where they did not.
    """

    together: str | None
    rows: tuple[Compared, ...]


def measure(names: tuple[str, ...]) -> Measured:
    """
    Load the settings of these names, with a network for each server where that is allowed.

    Raises:
        LoadError: a server did not come up, or a load failed.
    """
    words, together = verify_hosts.apart()
    command = [
        *words,
        sys.executable,
        "-m",
        "benchmarks.verify_rpc",
        "--inside",
        *(["--apart"] if words else []),
    ]
    for name in names:
        command += ["--name", name]
    done = subprocess.run(
        command,
        capture_output=True,
        timeout=_SECONDS,
        check=False,
        cwd=Path(__file__).parent.parent,
    )
    if done.returncode:
        raise verify_server.LoadError(done.stderr.decode(errors="replace").strip()[-2000:])
    return Measured(together=together, rows=msgspec.json.decode(done.stdout, type=tuple[Compared, ...]))


def compare(setting: Setting, *, is_apart: bool) -> Compared:
    """
    Start the servers, load the model over them, and return what was estimated and what came.
    """
    path = verify_engine.model_file(setting.model, setting.quant)
    program = verify_engine.program("ggml-rpc-server")
    with (
        tempfile.TemporaryDirectory() as folder,
        verify_hosts.serving(program, setting.servers, Path(folder), is_apart=is_apart) as servers,
    ):
        log = Path(folder) / "server.log"
        addresses = [one.address for one in servers]
        arguments = ["-m", str(path), *setting.arguments, "--fit", "off", "--load-mode", "none"]
        arguments += ["--rpc", ",".join(addresses)]
        loaded = verify_server.load(
            verify_engine.program("llama-server"),
            arguments,
            log,
            prompt_tokens=_PROMPT,
            beside=tuple(one.process for one in servers),
        )
        told = log.read_text(errors="replace")
        allocated = [one.allocated() for one in servers]
        resident = (loaded.resident_bytes, *loaded.beside)
    return _compared(setting, told, addresses, allocated, *_predicted(setting, path, addresses), resident)


def _predicted(setting: Setting, path: Path, addresses: list[str]) -> tuple[dict[str, dict[str, int]], int]:
    """
    The estimate's bytes by device and kind, and the most that sums over both servers may take.
    """
    snapshot = msgspec.structs.replace(llmprobe.probe(), accelerators=())
    rpc = [
        f"{address}={ROOM >> 30}GiB:cpu"
        for address, devices in zip(addresses, setting.servers, strict=True)
        for _ in devices.split(",")
    ]
    found = llmprobe.estimate(
        llmprobe.load_model(path), snapshot=snapshot, rpc=rpc, explain=True, **setting.settings
    )
    predicted = {
        one.id: {kind: getattr(one, f"{kind}_bytes") for kind in KINDS if one.id == HOST or kind != "output"}
        for one in found.devices
    }
    sums = {one.id: term for one in found.devices for term in one.terms if term.name == "all-reduce"}
    for device, term in sums.items():
        predicted[device][SUMS] = term.bytes
    return predicted, max((term.high_bytes or term.bytes for term in sums.values()), default=0)


def _compared(
    setting: Setting,
    told: str,
    addresses: list[str],
    allocated: list[dict[int, list[int]]],
    predicted: dict[str, dict[str, int]],
    most_sums: int,
    resident: tuple[int, ...],
) -> Compared:
    """
    Each line of the client's log beside the buffer that its server was asked for.
    """
    names: dict[str, str] = {}
    left: dict[str, list[int]] = {}
    for address, sizes in zip(addresses, allocated, strict=True):
        for number, asked in sizes.items():
            device = f"rpc{len(names)}"
            names[f"RPC{number}[{address}]"] = device
            left[device] = list(asked)
    logged: dict[str, dict[str, float]] = {}
    buffers: dict[str, dict[str, int]] = {}
    exact: dict[str, dict[str, int]] = {}
    lines = [
        (device, kind, size)
        for name, kind, size in verify_server.sizes(told)
        for device in (left if name.startswith(TOGETHER) else (names.get(name, HOST),))
    ]
    for device, kind, size in lines:
        of_device, counts = logged.setdefault(device, {}), buffers.setdefault(device, {})
        of_device[kind] = round(of_device.get(kind, 0.0) + size, 2)
        counts[kind] = counts.get(kind, 0) + 1
        if device != HOST:
            found = next((one for one in left[device] if abs(one / MIB - size) <= _LOGGED_TO + 1e-9), None)
            if found is not None:
                left[device].remove(found)
                exact.setdefault(device, {})[kind] = exact.get(device, {}).get(kind, 0) + found
    for device, rest in left.items():
        if SUMS in predicted.get(device, {}) and rest:
            exact[device][SUMS] = max(rest)
            rest.clear()
    return Compared(
        name=setting.name,
        predicted=predicted,
        most_sums=most_sums,
        asked=exact,
        logged=logged,
        buffers=buffers,
        other=left,
        resident_bytes=resident,
    )


def table(measured: Measured) -> str:
    """
    Return the loads as text, and what differs.
    """
    lines = []
    for row in measured.rows:
        lines.append(f"{row.name:<42}{row.count - len(row.differing):>3} of {row.count:>2} buffers equal")
        lines += [f"    {one}" for one in row.differing]
    if measured.together is not None:
        lines.append(f"(all on one loopback: {measured.together})")
    return "\n".join(lines)


def main() -> int:
    """
    Print the table; return 1 where anything differs.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verify_rpc", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"keep what was measured in {RESULTS.name}")
    parser.add_argument("--name", action="append", help="one setting of these only")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--apart", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    chosen = [one for one in SETTINGS if not given.name or one.name in given.name]
    if given.inside:
        return _inside(chosen, is_apart=given.apart)
    try:
        verify_engine.make_ready()
        measured = measure(tuple(one.name for one in chosen))
    except (verify_engine.SetUpError, verify_server.LoadError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(table(measured))
    if given.write:
        keep(measured)
    return int(any(row.differing for row in measured.rows))


def _inside(settings: list[Setting], *, is_apart: bool) -> int:
    """
    Measure in the network that this process was given, and write the rows for who started it.
    """
    if is_apart:
        verify_hosts.prepare()
    rows = []
    for one in settings:
        print(f"loading: {one.name}", file=sys.stderr)
        try:
            rows.append(compare(one, is_apart=is_apart))
        except (verify_server.LoadError, verify_hosts.ServerError) as error:
            print(error, file=sys.stderr)
            return 1
    sys.stdout.buffer.write(msgspec.json.encode(rows))
    return 0


def keep(measured: Measured) -> None:
    """
    Write what was measured, so that tests without an engine can stand on it; settings that were not stay as they are.
    """
    settings = {one.name: one for one in SETTINGS}
    about = (
        f"What llama.cpp b{verify_engine.BUILD} asked real rpc-servers on processors for, measured by "
        "python -m benchmarks.verify_rpc. servers are the devices of each, told what the engine was told. asked are "
        "bytes by device and kind of buffer as the servers wrote them, host is MiB with two digits as the client "
        "logged it, buffers how many lines of its log that is; sums are the largest buffers for sums of a part of "
        "each layer on both servers."
    )
    loads = [
        {
            "name": row.name,
            "model": settings[row.name].model,
            "quant": settings[row.name].quant or FILE_QUANTS[settings[row.name].model],
            "servers": settings[row.name].servers,
            "told": settings[row.name].settings,
            "asked": {
                device: {kind: size for kind, size in kinds.items() if kind != SUMS}
                for device, kinds in row.asked.items()
            },
            SUMS: {device: kinds[SUMS] for device, kinds in row.asked.items() if SUMS in kinds},
            HOST: row.logged[HOST],
            "buffers": row.buffers[HOST],
        }
        for row in measured.rows
    ]
    kept = {one["name"]: one for one in msgspec.json.decode(RESULTS.read_bytes())["loads"]}
    kept |= {one["name"]: one for one in loads}
    lines = ",\n".join(msgspec.json.encode(kept[one.name]).decode() for one in SETTINGS if one.name in kept)
    start = msgspec.json.encode(about).decode()
    RESULTS.write_text(f'{{\n"about": {start},\n"loads": [\n{lines}\n]\n}}\n', encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
