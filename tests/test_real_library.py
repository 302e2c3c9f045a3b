"""
The whole ``check`` through the real nvidia-ml-py, against a library that is compiled here and answers from a recording.

What the replay of a recording says of NVIDIA devices is what the program says when the same answers come through the
linker, C structs and the binding: names of functions, layouts, size negotiation and error codes included.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from llmprobe.facts import wire
from llmprobe.facts.answer import Answer
from llmprobe.facts.machine import Power, Snapshot, Throttle
from llmprobe.machine import rules
from llmprobe.machine.snapshot import collect
from llmprobe.source.recording import Recording, decode, encode
from llmprobe.source.recording.replay import Replay
from tests.machine_fixtures import recording_of

pytestmark = pytest.mark.live

ROOT = Path(__file__).parent.parent
STUB = Path(__file__).parent / "stub_nvml" / "libnvidia-ml.c"
NOT_SUPPORTED = 3
MACHINES = (
    "linux-4090-64g",
    "linux-3060-12g-16g-desktop",
    "linux-2x3090-64g-half-full",
    "linux-2x3090-64g-one-lost",
    "linux-h100-mig",
    "linux-dgx-spark-gb10",
    "linux-nvidia-driver-mismatch",
    "linux-p40-24g-hot-narrow",
    "linux-a10g-cloud-vm-32g",
    "linux-gh200-480g",
    "linux-wsl2-4070tisuper-16g",
    "linux-vgpu-a40-24q",
)


def compiled(folder: Path, *options: str) -> Path:
    """
    Return a folder with the library, built by the system's compiler. Without one the test is skipped, but not in CI.
    """
    compiler = next((found for name in ("cc", "gcc", "clang") if (found := shutil.which(name))), None)
    if compiler is None:
        if os.environ.get("CI") == "true":
            pytest.fail("there is no C compiler, and continuous integration must not skip this")
        pytest.skip("there is no C compiler")
    library = folder / "libnvidia-ml.so.1"
    strict = ("-std=c11", "-Wall", "-Wextra", "-Werror")
    subprocess.run([compiler, *strict, *options, "-shared", "-fPIC", "-o", library, STUB], check=True)
    return folder


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("library"))


def told(recording: Recording) -> str:
    """
    Return the NVML answers of a recording as the library reads them.
    """
    lines: list[str] = []
    for (method, *words), answer in sorted(recording.answers.items()):
        if method == "nvml":
            question = " ".join(word for word in words if word)
            code = 0 if answer.ok else answer.code or NOT_SUPPORTED
            fields = [("=", code), *(fields_of(answer.value) if answer.ok else ())]
            lines += [f"{question}\t{name}\t{value}\n" for name, value in fields if str(value)]
    return "".join(lines)


def fields_of(value: Any) -> Iterator[tuple[str, Any]]:
    """
    Yield what an answer holds by name, as flat as the text file is.
    """
    if isinstance(value, list):
        yield "length", len(value)
        for place, item in enumerate(value):
            for name, held in fields_of(item):
                yield str(place) if name == "value" else f"{place}.{name}", held
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from (
                (name if inner == "value" else f"{name}.{inner}", held) for inner, held in fields_of(item)
            )
    elif value is not None:
        yield "value", int(value) if isinstance(value, bool) else value


def checked(recording: Recording, library: Path, folder: Path) -> Snapshot:
    """
    The document that ``check --json`` prints in a process that finds the library where a driver would have put it.
    """
    (folder / "answers").write_text(told(recording), encoding="utf-8")
    (folder / "recording.json").write_text(encode(recording), encoding="utf-8")
    environment = {
        **os.environ,
        "LD_LIBRARY_PATH": str(library),
        "STUB_NVML_ANSWERS": str(folder / "answers"),
        "PYTHONPATH": str(ROOT),
    }
    ended = subprocess.run(
        [sys.executable, "-m", "tests.stub_nvml.check", folder / "recording.json"],
        capture_output=True,
        check=False,
        cwd=ROOT,
        env=environment,
        timeout=60,
    )
    assert ended.returncode in (0, 3), ended.stderr.decode()
    return wire.decode(ended.stdout, Snapshot)


def of_nvidia(snapshot: Snapshot) -> dict[str, Any]:
    """
    The part of a machine that NVML reports: devices, pools, the system, findings, and how well it was asked.
    """
    return {
        "accelerators": snapshot.accelerators,
        "pools": snapshot.pools,
        "nvidia": snapshot.nvidia,
        "findings": snapshot.findings,
        "source": [(each.status, each.detail) for each in snapshot.sources if each.name == "nvidia"],
    }


def edited(machine: str, **answers: Any) -> Recording:
    """
    Return a recording with other answers to questions of NVML, ``function__0`` for the first device.
    """
    recording = recording_of(machine)
    changed: dict[tuple[str, ...], Answer] = {}
    for name, value in answers.items():
        function, _, rest = name.partition("__")
        answer = value if isinstance(value, Answer) else Answer(value=value)
        changed["nvml", function, *rest.split("_")] = answer
    return decode(
        encode(msgspec.structs.replace(recording, answers=recording.answers | changed)).encode(), machine
    )


@pytest.mark.parametrize("machine", MACHINES)
def test_the_real_binding_tells_what_the_replay_tells(machine: str, library: Path, tmp_path: Path) -> None:
    """Devices, pools and findings through library, structs and binding are those of the recording."""
    recording = recording_of(machine)

    replayed = msgspec.structs.replace(collect(Replay(recording, strict=True)), this_machine=True)

    assert of_nvidia(checked(recording, library, tmp_path)) == of_nvidia(rules.diagnosed(replayed))


def test_the_library_was_asked(library: Path, tmp_path: Path) -> None:
    """The answers do come from the library: another size there is another size here."""
    size = {"total": 8 << 30, "reserved": 0, "free": 7 << 30, "used": 1 << 30}
    changed = edited("linux-4090-64g", nvmlDeviceGetMemoryInfo_v2__0=size)
    (tmp_path / "folder").mkdir()
    snapshot = checked(changed, library, tmp_path / "folder")

    assert [pool.total_bytes for pool in snapshot.pools if pool.kind == "vram"] == [8 << 30]


def test_what_no_recording_has_yet(library: Path, tmp_path: Path) -> None:
    """Link, power, clocks, temperature, addressing, NUMA node and protected memory keep their layouts."""
    recording = edited(
        "linux-4090-64g",
        nvmlDeviceGetCurrPcieLinkWidth__0=4,
        nvmlDeviceGetMaxPcieLinkWidth__0=16,
        nvmlDeviceGetCurrPcieLinkGeneration__0=1,
        nvmlDeviceGetMaxPcieLinkGeneration__0=4,
        nvmlDeviceGetGpuMaxPcieLinkGeneration__0=4,
        nvmlDeviceGetPerformanceState__0=8,
        nvmlDeviceGetEnforcedPowerLimit__0=300000,
        nvmlDeviceGetPowerManagementDefaultLimit__0=450000,
        nvmlDeviceGetPowerManagementLimitConstraints__0=[150000, 600000],
        nvmlDeviceGetPowerUsage__0=21500,
        nvmlDeviceGetCurrentClocksEventReasons__0=0x20,
        nvmlDeviceGetTemperature__0_0=91,
        nvmlDeviceGetAddressingMode__0=1,
        nvmlDeviceGetNumaNodeId__0=1,
        nvmlDeviceGetMinorNumber__0=0,
        nvmlDeviceGetBrand__0=5,
        nvmlDeviceGetPersistenceMode__0=1,
        nvmlDeviceGetConfComputeMemSizeInfo__0={"protectedMemSizeKib": 1024, "unprotectedMemSizeKib": 0},
    )
    live, replayed = checked(recording, library, tmp_path), collect(Replay(recording, strict=True))

    assert of_nvidia(live) == of_nvidia(replayed)
    assert {"pcie-narrow", "thermal-throttle", "power-cap"} <= {finding.id for finding in live.findings}
    device = live.accelerators[0]
    assert device.throttle == Throttle(reasons=("temperature",), celsius=91)
    assert device.power == Power(limit_watts=300, default_watts=450, max_watts=600, draw_watts=21.5)


def test_coherent_memory_without_a_size_is_the_hosts(library: Path, tmp_path: Path) -> None:
    """A device that no table knows, on ARM, with ATS and without memory of its own, allocates from RAM."""
    recording = edited(
        "linux-dgx-spark-gb10", nvmlDeviceGetName__0="NVIDIA N1X", nvmlDeviceGetAddressingMode__0=2
    )
    live = checked(recording, library, tmp_path)

    assert of_nvidia(live) == of_nvidia(collect(Replay(recording, strict=True)))
    assert [(device.pools, device.usable) for device in live.accelerators] == [(("ram",), True)]


def test_a_device_lost_on_the_way_hides_no_other(library: Path, tmp_path: Path) -> None:
    """A card that is lost when its memory is asked for is named, and the other has its memory."""
    lost = Answer(status="failed", code=15, detail="NVML_ERROR_GPU_IS_LOST")
    recording = edited("linux-2x3090-64g", nvmlDeviceGetMemoryInfo_v2__0=lost)
    live = checked(recording, library, tmp_path)

    assert of_nvidia(live) == of_nvidia(collect(Replay(recording, strict=True)))
    assert [device.usable for device in live.accelerators if device.vendor == "nvidia"] == [False, True]


def test_bug_15_a_missing_symbol_is_found_out_by_asking(tmp_path: Path) -> None:
    """A driver without the newest function for processes is asked for the older one, whatever its version says."""
    machine = "linux-3060-12g-16g-desktop"
    recording = recording_of(machine)
    older = {
        tuple(word.replace("Processes_v3", "Processes_v2") for word in question): answer
        for question, answer in recording.answers.items()
    }
    old = msgspec.structs.replace(recording, answers=older)
    snapshot = checked(old, compiled(tmp_path, "-DOLD_DRIVER"), tmp_path)
    replayed = collect(Replay(recording, strict=True))

    assert snapshot.pools == replayed.pools
    assert any(pool.held_by for pool in snapshot.pools)


@pytest.mark.parametrize(("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_continuous_integration_does_not_skip(
    ci: str, outcome: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a compiler these tests are skipped on somebody's machine, and fail where every change is tested."""
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setenv("CI", ci)

    with pytest.raises(outcome):
        compiled(tmp_path)
