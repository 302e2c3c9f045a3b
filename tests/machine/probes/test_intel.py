"""
Intel GPUs: cards with their size, and graphics in a processor that are named and not used.
"""

from typing import Any

import pytest

from llmprobe.facts.machine import Snapshot
from llmprobe.machine.probes.intel import parse_bar, parse_size
from llmprobe.machine.snapshot import collect
from tests.machine.fake import GIB, MIB, FakeSource, plain_host

MAY = {"exit": 0, "stdout": "", "stderr": ""}
SMALL_BAR = "0x0000000081000000 0x0000000081ffffff 0x0000000000140204\n" + "0x0 0x0 0x0\n"
RESIZED = SMALL_BAR + "0x0000004000000000 0x00000043ffffffff 0x000000000014220c\n"
UNRESIZED = SMALL_BAR + "0x0000004000000000 0x000000400fffffff 0x000000000014220c\n"


def gpu(address: str, device: str, driver: str | None = "xe", **files: str) -> dict[str, Any]:
    path = f"/sys/bus/pci/devices/{address}"
    answers: dict[str, Any] = {
        f"read:{path}/class": "0x030000\n",
        f"read:{path}/vendor": "0x8086\n",
        f"read:{path}/device": f"{device}\n",
    }
    if driver:
        answers[f"link:{path}/driver"] = f"../../../../bus/pci/drivers/{driver}"
    return answers | {f"read:{path}/{name}": text for name, text in files.items()}


def battlemage(**files: str) -> dict[str, Any]:
    path = "/sys/bus/pci/devices/0000:03:00.0"
    given = {
        "tile0/physical_vram_size_bytes": f"{12216 * MIB:#x}\n",
        "resource": RESIZED,
        "current_link_width": "8\n",
        "max_link_width": "8\n",
        **files,
    }
    return gpu("0000:03:00.0", "0xe20b", **given) | {
        f"list:{path}": ["config", "drm", "tile0"],
        f"list:{path}/drm": ["card0", "renderD128"],
        "run:test -w /dev/dri/renderD128": MAY,
    }


def seen(*devices: dict[str, Any]) -> Snapshot:
    answers = plain_host()
    for device in devices:
        answers |= device
    addresses = sorted({name.split("/")[5] for name in answers if name.endswith("/class")})
    return collect(FakeSource(answers | {"list:/sys/bus/pci/devices": addresses}))


def test_bug_45_a_cards_memory_is_what_its_driver_says() -> None:
    """The size is xe's, what is free is unknown, and a part is kept for the driver."""
    snapshot = seen(battlemage())
    (device,) = snapshot.accelerators
    pool = snapshot.pool("vram0")

    assert (device.name, device.backend, device.usable) == ("Intel Arc B580", "vulkan", True)
    assert pool is not None
    assert (pool.total_bytes, pool.free_bytes) == (12216 * MIB, None)
    assert pool.budget_bytes == 12216 * MIB - 12216 * MIB * 7 // 100


def test_two_tiles_are_one_pool() -> None:
    """The memory of a card's tiles is added."""
    path = "/sys/bus/pci/devices/0000:03:00.0"
    card = battlemage(**{"tile1/physical_vram_size_bytes": "0x100000000\n"})
    snapshot = seen(card | {f"list:{path}": ["tile0", "tile1", "tiles"]})

    assert snapshot.pool("vram0").total_bytes == 12216 * MIB + 4 * GIB  # type: ignore[union-attr]


def test_i915_tells_the_size_where_it_does() -> None:
    """Only some builds of i915 have the file; without it the table is asked."""
    path = "/sys/bus/pci/devices/0000:03:00.0"
    nodes = {f"list:{path}/drm": ["card1", "renderD129"], "run:test -w /dev/dri/renderD129": MAY}
    told = gpu("0000:03:00.0", "0x56a1", "i915", **{"drm/card1/lmem_total_bytes": str(8 * GIB)}) | nodes
    untold = gpu("0000:03:00.0", "0x56a1", "i915") | nodes

    assert [seen(each).pool("vram0").basis for each in (told, untold)] == ["measured", "declared"]  # type: ignore[union-attr]


def test_two_sizes_of_one_name_are_not_guessed() -> None:
    """An A770 has 8 or 16 GiB: without its driver's word it is named and not used."""
    snapshot = seen(gpu("0000:03:00.0", "0x56a0", "i915"))

    assert (snapshot.accelerators[0].usable, snapshot.pool("vram0")) == (False, None)


def test_bug_44_integrated_graphics_are_named_and_not_used() -> None:
    """However old or new: they add no memory, and the processor beside them is as fast."""
    snapshot = seen(gpu("0000:00:02.0", "0x3ea0", "i915"))
    (device,) = snapshot.accelerators

    assert (device.name, device.usable, device.integrated) == ("Intel UHD Graphics 620", False, True)
    assert [(pool.id, pool.kind) for pool in snapshot.pools] == [("ram", "system")]


@pytest.mark.parametrize(
    ("text", "expected"), [(RESIZED, 16 * GIB), (UNRESIZED, 256 * MIB), (SMALL_BAR, None)]
)
def test_the_window_to_a_cards_memory(text: str, expected: int | None) -> None:
    """The size of region 2 is its end less its start; zeros are no region."""
    assert parse_bar(text, 2) == expected


@pytest.mark.parametrize(("text", "expected"), [("0x2fb800000\n", 12_809_404_416), ("17\n", 17), ("", None)])
def test_a_size_is_decimal_or_hexadecimal(text: str, expected: int | None) -> None:
    """Both are what drivers write."""
    assert parse_size(text) == expected


def test_bug_50_a_card_gives_one_program_less_than_it_has() -> None:
    """The rest is taken off by name, and said to be assumed."""
    pool = seen(battlemage()).pool("vram0")

    assert pool is not None
    assert [(limit.by, limit.basis) for limit in pool.limits] == [("driver-reserve", "assumed")]
    assert pool.budget_bytes is not None
    assert pool.budget_bytes <= 11605 * MIB
