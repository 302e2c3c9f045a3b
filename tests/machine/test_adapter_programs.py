"""
The programs that hold an NVIDIA card's memory on Windows, where its library lists them without bytes.
"""

from typing import Any

import pytest

from llmprobe.facts.machine import Holder
from llmprobe.machine.adapter_programs import address_of, programs_of, shared_with
from llmprobe.machine.asking import Asker
from llmprobe.machine.probes.nvidia.processes import COMPUTE, GRAPHICS, ask_holders
from tests.machine.fake import GIB, WINDOWS, FakeSource

PCI = "0000:01:00.0"


def adapter(*processes: dict[str, Any], address: Any = (1, 0, 0)) -> dict[str, Any]:
    return {"Description": "a card", "address": list(address), "processes": list(processes)}


def program(pid: int, name: str, size: int | None) -> dict[str, Any]:
    return {"pid": pid, "name": name, "bytes": size}


def ask(*adapters: Any, compute: Any = (), graphics: Any = (), **source: Any) -> Asker:
    answers = {
        "winapi:adapters": list(adapters),
        f"nvml:{COMPUTE[0]} h": list(compute),
        f"nvml:{GRAPHICS[0]} h": list(graphics),
    }
    return Asker(FakeSource(answers, **{"platform": WINDOWS, **source}))


def test_windows_fills_what_the_library_leaves_open() -> None:
    """
    Names and bytes by process, what it alone lists, and the largest first; a process that it does not list stays open.
    """
    seen = ask(
        adapter(program(7, "game.exe", 10), program(8, "python.exe", 30), program(11, "dwm.exe", 20)),
        compute=[{"pid": 8, "usedGpuMemory": None}],
        graphics=[{"pid": 7, "usedGpuMemory": None}, {"pid": 9, "usedGpuMemory": None}],
    )

    assert ask_holders(seen, "h", 8 * GIB, PCI) == (
        Holder(pid=8, name="python.exe", used_bytes=30),
        Holder(pid=11, name="dwm.exe", used_bytes=20),
        Holder(pid=7, name="game.exe", used_bytes=10, graphics=True),
        Holder(pid=9, graphics=True),
    )


def test_the_librarys_own_bytes_count() -> None:
    """
    Cards without a display may have a driver that counts itself (TCC).
    """
    seen = ask(adapter(program(8, "other.exe", 30)), compute=[{"pid": 8, "usedGpuMemory": 5}])

    assert ask_holders(seen, "h", 8 * GIB, PCI) == (Holder(pid=8, used_bytes=5),)
    assert not seen.answered("winapi:adapters")


@pytest.mark.parametrize(
    ("adapters", "address"),
    [
        ((adapter(program(8, "a.exe", 3), address=(2, 0, 0)),), PCI),
        ((adapter(program(8, "a.exe", 3)),), None),
        ((adapter(program(8, "a.exe", 3), address=(1, 0)),), PCI),
        ((None, 7, {"address": "x"}), PCI),
        ((), PCI),
    ],
)
def test_another_adapters_programs_are_not_of_this_card(adapters: Any, address: str | None) -> None:
    """
    The address on the bus joins the two lists; without one, or with nonsense in place of the list, nothing is.
    """
    seen = ask(*adapters, compute=[{"pid": 8, "usedGpuMemory": None}])

    assert programs_of(seen, address) == ()
    assert ask_holders(seen, "h", 8 * GIB, address) == (Holder(pid=8),)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ([255, 31, 7], "0000:ff:1f.7"),
        ([256, 0, 0], None),
        ([1, 32, 0], None),
        ([1, 0, 8], None),
        ([1, 0], None),
        ([1, 0, None], None),
    ],
)
def test_an_address_is_one_of_the_bus(address: list[Any], expected: str | None) -> None:
    """
    256 buses of 32 devices with 8 functions.
    """
    assert address_of(address) == expected


def test_programs_without_bytes_add_nothing() -> None:
    """
    What Windows does not count either, and what holds none.
    """
    seen = ask(adapter(program(8, "a.exe", None), program(9, "b.exe", 0)), compute=[{"pid": 8}])

    assert ask_holders(seen, "h", 8 * GIB, PCI) == (Holder(pid=8),)


@pytest.mark.parametrize(
    ("fields", "lent"),
    [
        ({"SharedSystemMemory": 40 * GIB}, 40 * GIB),
        ({"SharedSystemMemory": 40 * GIB, "segments": [{"resident": 3 * GIB, "aperture": True}]}, 37 * GIB),
        ({"SharedSystemMemory": 40 * GIB, "segments": [{"resident": 3 * GIB, "aperture": False}]}, 40 * GIB),
        ({"SharedSystemMemory": GIB, "segments": [None, {"resident": 3 * GIB, "aperture": True}]}, 0),
        ({"SharedSystemMemory": "much"}, None),
        ({}, None),
    ],
)
def test_what_is_lent_of_ram_is_less_what_all_use_of_it(fields: dict[str, Any], lent: int | None) -> None:
    """
    Only the segments of the aperture are in RAM; another adapter's are not this one's.
    """
    assert shared_with(ask(adapter(address=(2, 0, 0)), adapter() | fields), PCI) == lent
    assert shared_with(ask(adapter() | fields), None) is None
