"""
Adapters by DXGI and the kernel's calls, from virtual tables and structures in memory.
"""

import struct
from typing import Any

import pytest

from llmprobe.facts.answer import Answer
from llmprobe.source.live import LiveSource, winapi
from llmprobe.source.live.winapi import Failed, adapters
from tests.source.live.winapi.fake_windows import Windows, xtx

MIB = 1024**2


def listed(*machine: dict[str, Any]) -> list[dict[str, Any]]:
    windows = Windows(*machine)
    found = adapters.listed(windows)
    assert windows.open == []
    assert windows.handles == []
    return found


def test_a_card_with_everything() -> None:
    """
    Names, ids, sizes and budgets of DXGI; place, type and parts of its memory of the kernel. Nothing is left open.
    """
    (card,) = listed(xtx())

    assert card == {
        "Description": "AMD Radeon RX 7900 XTX",
        "VendorId": 0x1002,
        "DeviceId": 0x744C,
        "SubSysId": 0x12345678,
        "Revision": 0xC8,
        "DedicatedVideoMemory": 24492 * MIB,
        "DedicatedSystemMemory": 0,
        "SharedSystemMemory": 16179 * MIB,
        "AdapterLuid": "a1b2000000000000",
        "Flags": 0,
        "outputs": True,
        "local": {"Budget": 23700 * MIB, "CurrentUsage": 0},
        "nonlocal": {"Budget": 15411 * MIB, "CurrentUsage": 0},
        "address": [3, 0, 0],
        "type": 3,
        "segments": [
            {"limit": 24236 * MIB, "resident": 1700 * MIB, "aperture": False},
            {"limit": 256 * MIB, "resident": 100 * MIB, "aperture": False},
            {"limit": 16179 * MIB, "resident": 300 * MIB, "aperture": True},
        ],
    }


def test_adapters_come_in_their_order() -> None:
    """
    Several, of which each has its own figures.
    """
    second = xtx(name="Microsoft Basic Render Driver", vendor=0x1414, luid=b"\1" * 8, flags=2, outputs=False)
    found = listed(xtx(), second)

    assert [(each["Description"], each["Flags"], each["outputs"]) for each in found] == [
        ("AMD Radeon RX 7900 XTX", 0, True),
        ("Microsoft Basic Render Driver", 2, False),
    ]


def test_no_adapter_is_an_empty_list() -> None:
    """
    A machine without any has answered all the same.
    """
    assert listed() == []


@pytest.mark.parametrize(
    ("missing", "gone"),
    [
        ("budgets", {"local", "nonlocal"}),
        ("address", {"address", "type", "segments"}),
        ("segments", {"segments"}),
    ],
)
def test_what_an_adapter_does_not_answer_is_left_out(missing: str, gone: set[str]) -> None:
    """
    An older system has no budgets, and a kernel that refuses costs only its own figures.
    """
    whole = set(listed(xtx())[0])
    (card,) = listed({key: value for key, value in xtx().items() if key != missing})

    assert whole - set(card) == gone


def test_a_windows_without_the_kernels_calls() -> None:
    """
    Each function may be missing.
    """
    windows = Windows(xtx())
    windows.functions["gdi32.dll"] = {}
    (card,) = adapters.listed(windows)

    assert "segments" not in card
    assert card["DedicatedVideoMemory"] == 24492 * MIB


def test_a_factory_that_is_not_made_has_failed() -> None:
    """
    The error's number is told.
    """
    windows = Windows()
    windows.functions["dxgi.dll"]["CreateDXGIFactory1"] = lambda interface, into: 0x887A0001

    assert winapi.answered("adapters", windows) == Answer(
        status="failed", detail="CreateDXGIFactory1 returned 0x887a0001"
    )


def test_a_library_that_is_not_there_is_missing() -> None:
    """
    Windows Server Core has no DXGI.
    """

    def none(name: str) -> Any:
        raise Failed(f"{name}: not found", missing=True)

    assert winapi.answered("adapters", none) == Answer(status="missing", detail="dxgi.dll: not found")


def test_only_known_questions_are_asked() -> None:
    """
    A mistake in a probe is an error, not an answer.
    """
    with pytest.raises(ValueError, match="uptime"):
        winapi.answered("uptime", Windows())


def test_elsewhere_windows_is_missing() -> None:
    """
    The other systems load nothing of it.
    """
    with LiveSource() as source:
        assert source.winapi("adapters") == Answer(status="missing", detail="not Windows")


def test_a_name_ends_at_its_zero() -> None:
    """
    Names are 128 characters of 16 bits, the rest of which may hold anything.
    """
    windows = Windows(xtx(name="GPU\0rubbish"))

    assert adapters.listed(windows)[0]["Description"] == "GPU"
    assert struct.calcsize("P") == 8


def test_the_programs_that_hold_memory() -> None:
    """
    The most first, with what they hold of the adapter's own segments; small ones, those that hold RAM and those that
    may not be looked at are left out. Every handle is closed.
    """
    windows = Windows(xtx())
    windows.with_programs(
        {
            4: (r"C:\Windows\System32\dwm.exe", {0: 300 * MIB, 1: 40 * MIB}),
            8: (r"C:\Games\game.exe", {0: 6000 * MIB, 2: 999 * MIB}),
            12: (r"C:\small.exe", {0: 15 * MIB}),
            16: (r"C:\ram.exe", {2: 900 * MIB}),
            20: (r"C:\closed.exe", {0: 900 * MIB}),
        },
        closed=(20,),
    )
    (card,) = adapters.listed(windows)

    assert card["processes"] == [
        {"pid": 8, "name": "game.exe", "bytes": 6000 * MIB},
        {"pid": 4, "name": "dwm.exe", "bytes": 340 * MIB},
    ]
    assert windows.handles == []


def test_a_call_into_a_wrong_address_has_failed() -> None:
    """
    Windows tells ctypes of it as an OSError.
    """

    def crash(interface: bytes, into: Any) -> int:
        raise OSError("exception: access violation reading 0x0")

    windows = Windows()
    windows.functions["dxgi.dll"]["CreateDXGIFactory1"] = crash

    assert winapi.answered("adapters", windows) == Answer(
        status="failed", detail="OSError: exception: access violation reading 0x0"
    )
