"""
NVML's answers through the real nvidia-ml-py, over a C library that is made up.

What is tested is that the functions which probes ask for are there under these names, and the shape of what they give.
"""
# ruff: noqa: N802 - its functions are named as in the C library

from collections.abc import Iterator
from typing import Any

import pynvml
import pytest

from llmprobe.source.live.nvml import Nvml

GIB = 1024**3
NOT_AVAILABLE = 2**64 - 1


class CLibrary:
    """
    One device. Each function fills what its pointers lead to and returns a code, as in C.
    """

    def nvmlInitWithFlags(self, flags: Any) -> int:
        return 0

    def nvmlShutdown(self) -> int:
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, index: Any, device: Any) -> int:
        return 0 if index.value == 0 else 2

    def nvmlDeviceGetMigDeviceHandleByIndex(self, device: Any, index: Any, instance: Any) -> int:
        return 0 if index.value == 1 else 6

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:
        count._obj.value = 1
        return 0

    def nvmlSystemGetDriverVersion(self, text: Any, length: Any) -> int:
        text.value = b"580.95.05"
        return 0

    def nvmlSystemGetCudaDriverVersion_v2(self, version: Any) -> int:
        version._obj.value = 13000
        return 0

    def nvmlDeviceGetName(self, device: Any, text: Any, length: Any) -> int:
        text.value = b"NVIDIA GeForce RTX 4090"
        return 0

    def nvmlDeviceGetUUID(self, device: Any, text: Any, length: Any) -> int:
        text.value = b"GPU-00000001-0000-0000-0000-000000000000"
        return 0

    def nvmlDeviceGetPciInfo_v3(self, device: Any, info: Any) -> int:
        info._obj.busId = b"00000000:01:00.0"
        return 0

    def nvmlDeviceGetCudaComputeCapability(self, device: Any, major: Any, minor: Any) -> int:
        major._obj.value, minor._obj.value = 8, 9
        return 0

    def nvmlDeviceGetMigMode(self, device: Any, current: Any, pending: Any) -> int:
        return 3

    def nvmlDeviceGetMemoryInfo_v2(self, device: Any, memory: Any) -> int:
        memory._obj.total, memory._obj.reserved = 24 * GIB, GIB
        memory._obj.free, memory._obj.used = 22 * GIB, GIB
        return 0 if memory._obj.version == 0x02000028 else 13

    def nvmlDeviceGetMemoryInfo(self, device: Any, memory: Any) -> int:
        memory._obj.total, memory._obj.free, memory._obj.used = 24 * GIB, 22 * GIB, 2 * GIB
        return 0

    def nvmlDeviceGetBAR1MemoryInfo(self, device: Any, memory: Any) -> int:
        memory._obj.bar1Total = GIB // 4
        return 0

    def nvmlDeviceGetAddressingMode(self, device: Any, mode: Any) -> int:
        mode._obj.value = 2
        return 0

    def nvmlDeviceGetComputeMode(self, device: Any, mode: Any) -> int:
        mode._obj.value = 3
        return 0

    def nvmlDeviceGetDisplayActive(self, device: Any, active: Any) -> int:
        active._obj.value = 1
        return 0

    def nvmlDeviceGetEccMode(self, device: Any, current: Any, pending: Any) -> int:
        current._obj.value, pending._obj.value = 1, 0
        return 0

    def nvmlDeviceGetVirtualizationMode(self, device: Any, mode: Any) -> int:
        mode._obj.value = 2
        return 0

    def nvmlDeviceGetMemoryBusWidth(self, device: Any, bits: Any) -> int:
        bits._obj.value = 384
        return 0

    def nvmlDeviceGetMaxClockInfo(self, device: Any, clock: Any, megahertz: Any) -> int:
        megahertz._obj.value = 10501 if clock.value == 2 else 0
        return 0

    def nvmlDeviceGetMaxMigDeviceCount(self, device: Any, count: Any) -> int:
        count._obj.value = 7
        return 0

    def nvmlDeviceGetGpuInstanceId(self, device: Any, instance: Any) -> int:
        instance._obj.value = 9
        return 0

    def nvmlDeviceGetAttributes_v2(self, device: Any, attributes: Any) -> int:
        attributes._obj.gpuInstanceSliceCount, attributes._obj.memorySizeMB = 1, 9856
        return 0

    def nvmlDeviceGetComputeRunningProcesses_v3(self, device: Any, count: Any, processes: Any) -> int:
        if processes is None:
            count._obj.value = 2
            return 7
        count._obj.value = 2
        processes[0].pid, processes[0].usedGpuMemory = 4711, GIB
        processes[1].pid, processes[1].usedGpuMemory = 4712, NOT_AVAILABLE
        return 0

    def nvmlDeviceGetGraphicsRunningProcesses_v3(self, device: Any, count: Any, processes: Any) -> int:
        return 0


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> Iterator[Nvml]:
    """
    Return NVML on top of the made-up library; nothing that the binding remembers is left behind.
    """
    monkeypatch.setattr(pynvml, "nvmlLib", CLibrary())
    monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})
    made = Nvml()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("function", "handle", "args", "expected"),
    [
        ("nvmlInit", None, (), None),
        ("nvmlSystemGetDriverVersion", None, (), "580.95.05"),
        ("nvmlSystemGetCudaDriverVersion_v2", None, (), 13000),
        ("nvmlDeviceGetCount_v2", None, (), 1),
        ("nvmlDeviceGetHandleByIndex_v2", "0", (), True),
        ("nvmlDeviceGetMigDeviceHandleByIndex", "0/1", (), True),
        ("nvmlDeviceGetName", "0", (), "NVIDIA GeForce RTX 4090"),
        ("nvmlDeviceGetName", "0/1", (), "NVIDIA GeForce RTX 4090"),
        ("nvmlDeviceGetUUID", "0", (), "GPU-00000001-0000-0000-0000-000000000000"),
        ("nvmlDeviceGetCudaComputeCapability", "0", (), [8, 9]),
        ("nvmlDeviceGetAddressingMode", "0", (), {"value": 2}),
        ("nvmlDeviceGetComputeMode", "0", (), 3),
        ("nvmlDeviceGetDisplayActive", "0", (), 1),
        ("nvmlDeviceGetEccMode", "0", (), [1, 0]),
        ("nvmlDeviceGetVirtualizationMode", "0", (), 2),
        ("nvmlDeviceGetMemoryBusWidth", "0", (), 384),
        ("nvmlDeviceGetMaxClockInfo", "0", (2,), 10501),
        ("nvmlDeviceGetMaxMigDeviceCount", "0", (), 7),
        ("nvmlDeviceGetGpuInstanceId", "0/1", (), 9),
        ("nvmlDeviceGetGraphicsRunningProcesses_v3", "0", (), []),
    ],
)
def test_functions_give_plain_values(
    nvml: Nvml, function: str, handle: str | None, args: tuple[int, ...], expected: object
) -> None:
    """A number, a text, a pair as a list of two."""
    answer = nvml.ask(function, handle, args)

    assert (answer.status, answer.value) == ("ok", expected)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("nvmlDeviceGetPciInfo_v3", {"busId": "00000000:01:00.0"}),
        (
            "nvmlDeviceGetMemoryInfo_v2",
            {"total": 24 * GIB, "reserved": GIB, "free": 22 * GIB, "used": GIB},
        ),
        ("nvmlDeviceGetMemoryInfo", {"total": 24 * GIB, "free": 22 * GIB, "used": 2 * GIB}),
        ("nvmlDeviceGetBAR1MemoryInfo", {"bar1Total": GIB // 4}),
        ("nvmlDeviceGetAttributes_v2", {"gpuInstanceSliceCount": 1, "memorySizeMB": 9856}),
    ],
)
def test_structs_come_as_objects(nvml: Nvml, function: str, expected: dict[str, object]) -> None:
    """The fields have their names in the C library."""
    assert expected.items() <= nvml.ask(function, "0", ()).value.items()


def test_processes_come_as_a_list(nvml: Nvml) -> None:
    """A process whose memory the driver does not tell has None, not 2^64 - 1."""
    processes = nvml.ask("nvmlDeviceGetComputeRunningProcesses_v3", "0", ()).value

    assert [(each["pid"], each["usedGpuMemory"]) for each in processes] == [(4711, GIB), (4712, None)]


@pytest.mark.parametrize(
    ("function", "handle", "expected"),
    [
        ("nvmlDeviceGetMigMode", "0", ("missing", 3, "NVML_ERROR_NOT_SUPPORTED")),
        ("nvmlDeviceGetMigDeviceHandleByIndex", "0/0", ("missing", 6, "NVML_ERROR_NOT_FOUND")),
        ("nvmlDeviceGetName", "5", ("failed", 2, "NVML_ERROR_INVALID_ARGUMENT")),
        ("nvmlDeviceGetComputeRunningProcesses_v2", "0", ("missing", 13, "NVML_ERROR_FUNCTION_NOT_FOUND")),
    ],
)
def test_return_codes_have_their_names(
    nvml: Nvml, function: str, handle: str, expected: tuple[str, int, str]
) -> None:
    """A code is told by its number and its name in the C library; a symbol that the driver lacks is missing."""
    answer = nvml.ask(function, handle, ())

    assert (answer.status, answer.code, answer.detail) == expected


def test_no_driver_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the library there is no NVML, and nothing failed."""

    def not_there(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(pynvml, "nvmlLib", None)
    monkeypatch.setattr(pynvml, "CDLL", not_there)
    answer = Nvml().ask("nvmlInit", None, ())

    assert (answer.status, answer.code, answer.detail) == ("missing", 12, "NVML_ERROR_LIBRARY_NOT_FOUND")
