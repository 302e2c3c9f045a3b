"""
Metal through the Objective-C runtime, with stand-ins for both.
"""

import ctypes
from collections.abc import Callable
from typing import Any

import pytest

from llmprobe.facts.answer import Answer
from llmprobe.source.deadline import HANGING
from llmprobe.source.live import LiveSource, metal
from tests.source.test_deadline import eventually

DEVICE, NAME, POOL = 0x1000, 0x2000, 0x3000
SAID: dict[str, Any] = {
    "name": NAME,
    "recommendedMaxWorkingSetSize": 115448725504,
    "currentAllocatedSize": 0,
    "hasUnifiedMemory": True,
    "maxBufferLength": 86586540032,
}
KINDS = {
    "name": ctypes.c_void_p,
    "UTF8String": ctypes.c_char_p,
    "respondsToSelector:": ctypes.c_bool,
    "hasUnifiedMemory": ctypes.c_bool,
}


class Function:
    """
    A function of a library, which is of no use before its type is given.
    """

    restype: Any = ctypes.c_int
    argtypes: Any = None

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def __call__(self, *args: Any) -> Any:
        assert self.argtypes is not None
        assert len(args) == len(self.argtypes)
        return self._call(self, *args)


class Mac:
    """
    Frameworks and runtime of a Mac whose device knows what is said; what it gave is to be given back.
    """

    def __init__(self, said: dict[str, Any], device: int | None = DEVICE) -> None:
        self.said = said
        self.device = device
        self.loaded: list[str] = []
        self.returned: list[int] = []
        self.functions: dict[str, Callable[..., Any]] = {
            "objc_autoreleasePoolPush": lambda _: POOL,
            "objc_autoreleasePoolPop": lambda _, pool: self.returned.append(pool),
            "objc_release": lambda _, device: self.returned.append(device),
            "MTLCreateSystemDefaultDevice": lambda _: self.device,
            "sel_registerName": lambda _, name: name,
            "objc_msgSend": self.send,
        }

    def load(self, path: str) -> "Mac":
        self.loaded.append(path)
        return self

    def __getitem__(self, name: str) -> Function:
        if name not in self.functions:
            raise AttributeError(f"dlsym: symbol not found: {name}")
        return Function(self.functions[name])

    def send(self, function: Function, receiver: int, selector: bytes, *args: bytes) -> Any:
        name = selector.decode()
        assert function.restype is KINDS.get(name, ctypes.c_uint64)
        if name == "respondsToSelector:":
            return args[0].decode() in self.said
        assert receiver == (NAME if name == "UTF8String" else DEVICE)
        return b"Apple M5 Max" if name == "UTF8String" else self.said[name]


def answer_of(mac: Mac, monkeypatch: pytest.MonkeyPatch) -> Answer:
    monkeypatch.setattr(metal, "_SYSTEM", "darwin")
    monkeypatch.setattr(ctypes, "CDLL", mac.load)
    return metal.ask()


def test_the_default_device_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each selector is sent with the type of its own result, and what was lent is given back."""
    mac = Mac(SAID)

    assert answer_of(mac, monkeypatch) == Answer(value={**SAID, "name": "Apple M5 Max"})
    assert mac.returned == [DEVICE, POOL]


def test_core_graphics_is_loaded_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it a command-line program has no default device."""
    mac = Mac(SAID)
    answer_of(mac, monkeypatch)

    assert [path.rpartition("/")[2] for path in mac.loaded] == ["CoreGraphics", "Metal", "libobjc.A.dylib"]


def test_what_a_device_does_not_know_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """An older macOS lacks selectors, and sending one would end the process."""
    answer = answer_of(Mac({"recommendedMaxWorkingSetSize": 7}), monkeypatch)

    assert answer == Answer(value={"recommendedMaxWorkingSetSize": 7})


def test_no_device_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A null device is sent nothing."""
    mac = Mac(SAID, device=None)

    assert answer_of(mac, monkeypatch) == Answer(status="missing", detail="Metal has no default device")
    assert mac.returned == [POOL]


def test_a_framework_that_does_not_load_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the loader said is kept."""
    mac = Mac(SAID)

    def load(path: str) -> Mac:
        raise OSError(f"dlopen({path}): no such file")

    monkeypatch.setattr(mac, "load", load)
    answer = answer_of(mac, monkeypatch)

    assert (answer.status, "no such file" in (answer.detail or "")) == ("failed", True)


@pytest.mark.parametrize("lost", ["MTLCreateSystemDefaultDevice", "objc_msgSend", "objc_autoreleasePoolPush"])
def test_a_library_without_a_function_has_failed(lost: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The function is named, and nothing is raised."""
    mac = Mac(SAID)
    del mac.functions[lost]

    assert answer_of(mac, monkeypatch) == Answer(
        status="failed", detail=f"AttributeError: dlsym: symbol not found: {lost}"
    )


def test_other_systems_have_no_metal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is loaded there."""
    monkeypatch.setattr(metal, "_SYSTEM", "linux")
    with LiveSource() as source:
        assert source.metal() == Answer(status="missing", detail="not macOS")


def test_metal_that_hangs_has_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Like every other question it costs at most its own time."""
    import threading

    never = threading.Event()
    monkeypatch.setattr("llmprobe.source.live.machine.LIBRARY_TIMEOUT_S", 0.05)
    monkeypatch.setattr(metal, "ask", lambda: Answer(value=never.wait(5)))
    with LiveSource() as source:
        assert source.metal().status == "timeout"
    never.set()
    # Until it has returned, the same question is refused to every other test.
    assert eventually(lambda: len(HANGING) == 0)
