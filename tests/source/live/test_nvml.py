"""
NVML's answers, from a library that is made up as the real one behaves.
"""
# ruff: noqa: N802, N815 - its functions are named as in the C library

import ctypes
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from llmprobe.facts.answer import Answer
from llmprobe.source.live import nvml
from llmprobe.source.live.nvml import Nvml, plain


class FakeNvmlError(Exception):
    """
    As in nvidia-ml-py: comparing one with anything that has no ``value`` is an AttributeError.
    """

    def __init__(self, value: int) -> None:
        super().__init__(value)
        self.value = value

    def __eq__(self, other: object) -> bool:
        return bool(self.value == other.value)  # type: ignore[attr-defined]

    __hash__ = Exception.__hash__


class Memory(ctypes.Structure):
    _fields_ = [("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong)]


class Library(SimpleNamespace):
    """
    Two devices, of which the second is lost; the first has one MIG instance.
    """

    NVMLError = FakeNvmlError
    NVML_ERROR_NOT_SUPPORTED = 3
    NVML_ERROR_NO_PERMISSION = 4
    NVML_ERROR_GPU_IS_LOST = 15
    NVML_ERROR_LIBRARY_NOT_FOUND = 12
    nvmlMemory_v2 = 0x02000028

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def nvmlInitWithFlags(self, flags: int) -> None:
        self.calls.append(f"init {flags}")

    def nvmlInit(self) -> None:
        self.calls.append("init")

    def nvmlShutdown(self) -> None:
        self.calls.append("shutdown")

    def nvmlDeviceGetCount(self) -> int:
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:
        self.calls.append(f"handle {index}")
        if index == 1:
            raise FakeNvmlError(15)
        return f"device {index}"

    def nvmlDeviceGetMigDeviceHandleByIndex(self, device: str, index: int) -> str:
        if index > 0:
            raise FakeNvmlError(6)
        return f"{device} instance {index}"

    def nvmlDeviceGetName(self, device: str) -> bytes:
        return f"NVIDIA {device}".encode()

    def nvmlDeviceGetMemoryInfo(self, device: str, version: int | None = None) -> Memory:
        return Memory(total=2, free=1) if version == self.nvmlMemory_v2 else Memory(total=20, free=10)

    def nvmlDeviceGetMaxClockInfo(self, device: str, clock: int) -> int:
        return 1000 + clock

    def nvmlDeviceGetMigMode(self, device: str) -> tuple[int, int]:
        raise FakeNvmlError(3)

    def nvmlDeviceGetSerial(self, device: str) -> str:
        raise FakeNvmlError(4)

    def nvmlDeviceGetBrand(self, device: str) -> str:
        return b"\xff".decode()


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Library:
    """
    Return the library that is found under the name of nvidia-ml-py.
    """
    made = Library()
    monkeypatch.setitem(sys.modules, "pynvml", made)
    return made


def test_nothing_is_imported_before_the_first_question(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a machine that is asked for NVIDIA devices pays for the library."""
    monkeypatch.setitem(sys.modules, "pynvml", None)
    Nvml().close()

    assert Nvml().ask("nvmlInit", None, ()).status == "failed"


def test_a_device_is_named_by_its_index(library: Library) -> None:
    """A name that comes as bytes is text, and the handle stays inside."""
    assert Nvml().ask("nvmlDeviceGetName", "0", ()) == Answer(value="NVIDIA device 0")


def test_an_instance_is_named_within_its_device(library: Library) -> None:
    """MIG instances have handles of their own."""
    assert Nvml().ask("nvmlDeviceGetName", "0/0", ()) == Answer(value="NVIDIA device 0 instance 0")


def test_an_empty_slot_of_instances_is_missing(library: Library) -> None:
    """NOT_FOUND for an instance is nothing there."""
    answer = Nvml().ask("nvmlDeviceGetMigDeviceHandleByIndex", "0/3", ())

    assert (answer.status, answer.code) == ("missing", 6)


def test_reaching_a_device_is_true(library: Library) -> None:
    """A handle cannot be recorded; that there is one can."""
    assert Nvml().ask("nvmlDeviceGetHandleByIndex_v2", "0", ()) == Answer(value=True)


def test_a_lost_device_answers_everything_with_that(library: Library) -> None:
    """A device that fell off the bus is asked for once only."""
    nvml = Nvml()
    answers = [nvml.ask(f"nvmlDeviceGet{what}", "1", ()) for what in ("Name", "UUID")]

    assert {(answer.status, answer.code, answer.detail) for answer in answers} == {
        ("failed", 15, "NVML_ERROR_GPU_IS_LOST")
    }
    assert library.calls.count("handle 1") == 1


def test_a_lost_device_hides_no_other(library: Library) -> None:
    """The first device still answers after the second is lost."""
    nvml = Nvml()
    nvml.ask("nvmlDeviceGetName", "1", ())

    assert nvml.ask("nvmlDeviceGetName", "0", ()).ok


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("nvmlDeviceGetMemoryInfo_v2", {"total": 2, "free": 1}),
        ("nvmlDeviceGetMemoryInfo", {"total": 20, "free": 10}),
    ],
)
def test_memory_is_asked_by_version(library: Library, function: str, expected: dict[str, int]) -> None:
    """The version is in the name of the question, as in the C library, and a struct comes as an object."""
    assert Nvml().ask(function, "0", ()).value == expected


def test_numbers_follow_the_device(library: Library) -> None:
    """Which clock is asked for is part of the question."""
    assert Nvml().ask("nvmlDeviceGetMaxClockInfo", "0", (2,)).value == 1002


def test_system_functions_need_no_device(library: Library) -> None:
    """A function whose C name has a version is found under its name without it."""
    assert Nvml().ask("nvmlDeviceGetCount_v2", None, ()).value == 2


@pytest.mark.parametrize(
    ("function", "expected"),
    [("nvmlDeviceGetMigMode", ("missing", 3)), ("nvmlDeviceGetSerial", ("denied", 4))],
)
def test_return_codes_are_answers(library: Library, function: str, expected: tuple[str, int]) -> None:
    """Not supported is nothing there; no permission is denied."""
    answer = Nvml().ask(function, "0", ())

    assert (answer.status, answer.code) == expected


def test_a_function_that_the_binding_lacks_is_missing(library: Library) -> None:
    """An older nvidia-ml-py is like an older driver: FUNCTION_NOT_FOUND."""
    answer = Nvml().ask("nvmlDeviceGetAddressingMode", "0", ())

    assert (answer.status, answer.code) == ("missing", 13)


def test_text_of_the_driver_that_is_no_text_fails(library: Library) -> None:
    """A name that cannot be decoded is a failure of that question alone."""
    assert Nvml().ask("nvmlDeviceGetBrand", "0", ()).status == "failed"


def test_without_the_driver_every_question_says_so(library: Library) -> None:
    """When NVML cannot be started, each question has that answer."""

    def fail() -> None:
        raise FakeNvmlError(12)

    library.nvmlInit = fail  # type: ignore[method-assign]
    nvml = Nvml()

    assert nvml.ask("nvmlInit", None, ()) == nvml.ask("nvmlDeviceGetName", "0", ())
    assert nvml.ask("nvmlInit", None, ()).status == "missing"


def test_another_module_of_that_name_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """The unrelated package pynvml lacks what is needed, and that is said."""
    monkeypatch.setitem(sys.modules, "pynvml", SimpleNamespace())
    answer = Nvml().ask("nvmlInit", None, ())

    assert (answer.status, answer.detail) == (
        "failed",
        "another module than nvidia-ml-py is installed as pynvml",
    )


@pytest.mark.parametrize(("code", "status"), [(21, "ok"), (27, "ok"), (999, "failed")])
def test_what_passes_is_asked_again(library: Library, code: int, status: str) -> None:
    """Not ready is asked a second time, an unknown error is not."""
    codes = [code]

    def name(device: str) -> str:
        if codes:
            raise FakeNvmlError(codes.pop())
        return "a name"

    library.nvmlDeviceGetName = name  # type: ignore[method-assign,assignment]

    assert Nvml().ask("nvmlDeviceGetName", "0", ()).status == status


def test_bug_21_wsl_takes_the_library_that_windows_lends(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Linux driver's library that the linker would find first is not taken under WSL (ollama issue 1888)."""
    monkeypatch.setattr(nvml, "_WSL_DEVICE", str(tmp_path))
    monkeypatch.setattr(nvml, "_WSL_LIBRARY", str(tmp_path))
    loaded: list[str] = []
    monkeypatch.setattr(ctypes, "CDLL", loaded.append)
    Nvml().ask("nvmlInit", None, ())

    assert loaded == [str(tmp_path)]


def test_the_library_is_shut_down(library: Library) -> None:
    """An open library keeps a laptop's GPU awake, so it is closed once."""
    nvml = Nvml()
    nvml.ask("nvmlInit", None, ())
    nvml.close()
    nvml.close()

    assert library.calls == ["init", "shutdown"]


@pytest.mark.parametrize(
    "function", ["nvmlDeviceSetComputeMode", "nvmlDeviceResetGpuLockedClocks", "os.system"]
)
def test_only_questions_are_asked(library: Library, function: str) -> None:
    """A function that changes something is refused before the library is touched."""
    with pytest.raises(ValueError, match="not asked"):
        Nvml().ask(function, "0", ())
    assert library.calls == []


def test_plain_data() -> None:
    """Structs in structs, arrays and objects become JSON data."""

    class Outer(ctypes.Structure):
        _fields_ = [("inner", Memory), ("numbers", ctypes.c_uint * 2), ("name", ctypes.c_char * 8)]

    outer = Outer(Memory(total=1, free=2), (3, 4), b"name")
    given: list[Any] = [
        outer,
        SimpleNamespace(pid=5, usedGpuMemory=None),
        ctypes.c_uint(6),
        ctypes.pointer(outer),
    ]

    assert plain(given) == [
        {"inner": {"total": 1, "free": 2}, "numbers": [3, 4], "name": "name"},
        {"pid": 5, "usedGpuMemory": None},
        6,
        True,
    ]


@pytest.mark.parametrize("function", ["nvmlDeviceGetHandleByIndex", "nvmlDeviceGetHandleByIndex_v2"])
def test_a_device_without_a_name_is_a_mistake(function: str, library: Library) -> None:
    """Of a probe: a handle is asked for by its index."""
    with pytest.raises(ValueError, match="'' names no NVML device"):
        Nvml().ask(function, None, ())


@pytest.mark.parametrize("handle", ["x", "-1", "0/", "0/x", "/0", "0/0/0"])
def test_a_name_that_is_none_of_a_device_is_a_mistake(handle: str, library: Library) -> None:
    """Of a probe: an index, or two with a slash."""
    with pytest.raises(ValueError, match="names no NVML device"):
        Nvml().ask("nvmlDeviceGetName", handle, ())


def test_an_instance_of_a_lost_device_is_lost(library: Library) -> None:
    """It is not asked for where its device was not reached."""
    answer = Nvml().ask("nvmlDeviceGetName", "1/0", ())

    assert (answer.status, answer.code) == ("failed", 15)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (3, "missing"),
        (4, "denied"),
        (6, "missing"),
        (12, "missing"),
        (13, "missing"),
        (2, "failed"),
        (5, "failed"),
        (21, "failed"),
        (27, "failed"),
    ],
)
def test_each_return_code_has_its_meaning(code: int, status: str, library: Library) -> None:
    """What passes is asked a second time and no third; a code without a name is told by its number."""
    calls: list[str] = []

    def name(device: str) -> str:
        calls.append(device)
        raise FakeNvmlError(code)

    library.nvmlDeviceGetName = name  # type: ignore[method-assign,assignment]
    answer = Nvml().ask("nvmlDeviceGetName", "0", ())
    known = {3: "NOT_SUPPORTED", 4: "NO_PERMISSION", 12: "LIBRARY_NOT_FOUND"}

    assert (answer.status, answer.code) == (status, code)
    assert answer.detail == (f"NVML_ERROR_{known[code]}" if code in known else f"NVML error {code}")
    assert len(calls) == (2 if code in (21, 27) else 1)


@pytest.mark.parametrize(
    ("device", "file", "loaded_before", "loads"),
    [(True, True, False, 1), (True, False, False, 0), (False, True, False, 0), (True, True, True, 0)],
)
def test_the_library_of_windows_is_taken_where_both_signs_of_it_are(
    device: bool,
    file: bool,
    loaded_before: bool,
    loads: int,
    library: Library,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And where no other is loaded yet; one that does not load leaves the usual search."""
    monkeypatch.setattr(nvml, "_WSL_DEVICE", str(tmp_path / ("" if device else "none")))
    monkeypatch.setattr(nvml, "_WSL_LIBRARY", str(tmp_path / ("" if file else "none")))
    library.nvmlLib = "loaded" if loaded_before else None
    tried: list[str] = []

    def load(path: str) -> None:
        tried.append(path)
        raise OSError("wrong ELF class")

    monkeypatch.setattr(ctypes, "CDLL", load)

    assert Nvml().ask("nvmlInit", None, ()).ok
    assert len(tried) == loads


def test_a_function_of_an_older_name_is_found(library: Library) -> None:
    """The version at the end of a name is left out where the binding has none of it."""
    library.nvmlSystemGetThings = lambda: 7
    library.nvmlSystemGetOthers_v2 = lambda: 8
    found = Nvml()

    assert found.ask("nvmlSystemGetThings_v3", None, ()).value == 7
    assert found.ask("nvmlSystemGetOthers_v2", None, ()).value == 8
    assert found.ask("nvmlSystemGetOthers", None, ()).status == "missing"


@pytest.mark.parametrize(("value", "expected"), [(1, {"value": 1}), (None, None)])
def test_the_addressing_mode_is_the_struct_of_the_c_library(
    value: int | None, expected: object, library: Library
) -> None:
    """As a recording of it has it."""
    library.nvmlDeviceGetAddressingMode = lambda _device: value

    assert Nvml().ask("nvmlDeviceGetAddressingMode", "0", ()).value == expected


def test_a_library_that_never_started_is_not_shut_down(library: Library) -> None:
    """Neither one that was not asked nor one that failed."""

    def fail() -> None:
        raise FakeNvmlError(12)

    nothing = Nvml()
    library.nvmlInit = fail  # type: ignore[method-assign]
    failed = Nvml()
    failed.ask("nvmlInit", None, ())
    nothing.close()
    failed.close()

    assert library.calls == []


def test_the_library_is_started_with_flags_where_they_are_asked_for(library: Library) -> None:
    """It is started once: what comes second, with flags or without, has the answer of the first."""
    nvml = Nvml()

    assert nvml.ask("nvmlInitWithFlags", None, (2,)).ok
    assert nvml.ask("nvmlInit", None, ()).ok
    assert library.calls == ["init 2"]
