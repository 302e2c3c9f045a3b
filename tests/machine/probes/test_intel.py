"""
Intel GPUs: cards with their size, and graphics in a processor that are named and not used.
"""

from typing import Any

import pytest

from llmprobe.facts.machine import Power, Snapshot, Throttle, Window
from llmprobe.machine.intel_memory import parse_bar, parse_largest, parse_size
from llmprobe.machine.snapshot import collect
from llmprobe.words.message import message
from tests.machine.fake import GIB, MIB, MISSING, FakeSource, plain_host

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


A770 = {
    "list:/sys/bus/pci/devices/0000:03:00.0/drm": ["card1", "renderD129"],
    "run:test -w /dev/dri/renderD129": MAY,
}
EIGHT = SMALL_BAR + "0x0000004000000000 0x00000041ffffffff 0x000000000014220c\n"


@pytest.mark.parametrize(
    ("files", "gib"),
    [
        ({"resource": RESIZED}, 16),
        ({"resource": EIGHT}, 8),
        ({"resource": UNRESIZED}, None),
        ({"resource": UNRESIZED, "resource2_resize": "0000000000007f00\n"}, 16),
        ({"resource": UNRESIZED, "resource2_resize": "0000000000003f00\n"}, 8),
        ({"resource": EIGHT, "resource2_resize": "0000000000007f00\n"}, 16),
        ({"resource": UNRESIZED, "resource2_resize": "0000000000000f00\n"}, None),
    ],
)
def test_of_two_sizes_one_fills_the_largest_window(files: dict[str, str], gib: int | None) -> None:
    """The sizes that a card supports for its window end at its memory; without them a window that is resized tells."""
    snapshot = seen(gpu("0000:03:00.0", "0x56a0", "i915", **files) | A770)
    pool = snapshot.pool("vram0")

    assert (snapshot.accelerators[0].usable, pool and pool.total_bytes) == (
        gib is not None,
        gib and gib * GIB,
    )
    assert pool is None or pool.basis == "declared"
    told = "resource2_resize" if "resource2_resize" in files else "resource"
    assert pool is None or f"read:/sys/bus/pci/devices/0000:03:00.0/{told}" in pool.evidence


def test_a_card_that_sleeps_is_not_asked_for_its_windows() -> None:
    """The kernel reads their sizes from the card, which wakes it."""
    asleep = {"resource2_resize": "0000000000007f00\n", "power/runtime_status": "suspended\n"}
    card = gpu("0000:03:00.0", "0x56a0", "i915", resource=EIGHT, **asleep) | A770

    assert seen(card).pool("vram0").total_bytes == 8 * GIB  # type: ignore[union-attr]
    assert seen(card | {"env:LLMPROBE_WAKE": "1"}).pool("vram0").total_bytes == 16 * GIB  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("00000000000001c0\n", 256 * MIB), ("1", MIB), ("0", None), ("1x", None), ("", None)],
)
def test_the_largest_size_is_the_highest_bit(text: str, expected: int | None) -> None:
    """Bit 0 is 1 MiB; the example is that of the kernel's documentation."""
    assert parse_largest(text) == expected


def test_bug_44_integrated_graphics_are_named_and_not_used() -> None:
    """UHD 620 and the like: they add no memory, and the processor beside them is as fast."""
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


def test_one_unreadable_tile_is_not_half_of_a_cards_memory() -> None:
    """The size is then the table's, not that of the tiles that could be read."""
    path = "/sys/bus/pci/devices/0000:03:00.0"
    snapshot = seen(battlemage() | {f"list:{path}": ["tile0", "tile1"]})
    pool = snapshot.pool("vram0")

    assert pool is not None
    assert pool.basis == "declared"


def test_a_card_without_a_window_cites_nothing_for_one() -> None:
    """The file of its regions has none for the card's memory, so it is no evidence of a window."""
    (card,) = seen(battlemage(resource=SMALL_BAR)).accelerators

    assert card.window is None
    assert "window" not in card.cited


def test_a_card_reports_link_window_power_and_why_it_is_slow() -> None:
    """The same fields as any other vendor's card, each with its answers."""
    path = "/sys/bus/pci/devices/0000:03:00.0"
    throttle = f"{path}/tile0/gt0/freq0/throttle"
    hot = battlemage(current_link_speed="16.0 GT/s PCIe", max_link_speed="16.0 GT/s PCIe") | {
        f"list:{path}/hwmon": ["hwmon2"],
        f"read:{path}/hwmon/hwmon2/power1_cap": "190000000",
        f"read:{path}/hwmon/hwmon2/temp1_input": "96000",
        f"read:{throttle}/status": "1\n",
        f"read:{throttle}/reason_thermal": "1\n",
        f"read:{throttle}/reason_prochot": "0\n",
    }
    (card,) = seen(hot).accelerators

    assert card.link is not None
    assert (card.link.width, card.link.bytes_per_s) == (8, 8 * 1_969_200_000)
    assert card.window == Window(visible_bytes=16 * GIB, slows="computing")
    assert card.evidence_of("window") == (f"read:{path}/resource",)
    assert card.power == Power(limit_watts=190)
    assert card.throttle == Throttle(reasons=("temperature",), celsius=96)
    assert card.evidence_of("throttle") == (
        f"read:{path}/hwmon/hwmon2/temp1_input",
        f"read:{throttle}/status",
    )


@pytest.mark.parametrize(("status", "expected"), [("0\n", ()), (None, None)])
def test_a_card_at_full_speed_has_no_reasons(status: str | None, expected: tuple[str, ...] | None) -> None:
    """None of them is an answer, and unknown is another."""
    name = "tile0/gt0/freq0/throttle/status"
    files = {} if status is None else {name: status}
    (card,) = seen(battlemage(**files)).accelerators

    assert (card.throttle.reasons if card.throttle is not None else None) == expected


@pytest.mark.parametrize(
    ("changes", "why", "state"),
    [
        ({"driver": None}, "unusable.no-driver", "present"),
        ({"driver": "vfio-pci"}, "unusable.lent-to-vm", "lent"),
        ({"driver": "xe"}, "unusable.size-unknown", "present"),
    ],
)
def test_why_a_card_is_not_usable(changes: dict[str, Any], why: str, state: str) -> None:
    """The reason is an id, and its state a word."""
    (card,) = seen(gpu("0000:03:00.0", "0x56a0", **changes)).accelerators

    assert card.why_not is not None
    assert (card.usable, card.why_not.id, card.state) == (False, why, state)


def test_a_closed_device_file_is_the_reason() -> None:
    """Whatever the size, a user without the right cannot use the card."""
    (card,) = seen(
        battlemage() | {"run:test -w /dev/dri/renderD128": {"exit": 1, "stdout": "", "stderr": ""}}
    ).accelerators

    assert card.why_not == message("unusable.render-node-closed")


@pytest.mark.parametrize(("wake", "asked"), [({}, False), ({"env:LLMPROBE_WAKE": "1"}, True)])
def test_a_sleeping_card_is_not_woken_for_its_sensors(wake: dict[str, Any], asked: bool) -> None:
    """Its driver would wake it to read them."""
    path = "/sys/bus/pci/devices/0000:03:00.0"
    source = FakeSource(
        plain_host()
        | battlemage(**{"power/runtime_status": "suspended\n"})
        | {"list:/sys/bus/pci/devices": ["0000:03:00.0"]}
        | wake
    )
    collect(source)

    assert (f"list:{path}/hwmon" in source.asked) is asked
    assert (f"read:{path}/tile0/gt0/freq0/throttle/status" in source.asked) is asked


def graphics(device: str, driver: str | None = "xe", may: Any = MAY) -> dict[str, Any]:
    """
    Return graphics in a processor with their file in /dev/dri.
    """
    return gpu("0000:00:02.0", device, driver) | {
        "list:/sys/bus/pci/devices/0000:00:02.0/drm": ["card0", "renderD128"],
        "run:test -w /dev/dri/renderD128": may,
    }


@pytest.mark.parametrize(
    ("device", "usable"),
    [
        ("0x64a0", True),
        ("0x7d55", True),
        ("0x7d51", True),
        ("0xb080", True),
        ("0x46a6", False),
        ("0x9a49", False),
        ("0x7d67", False),
        ("0x4680", False),
        ("0xffff", False),
    ],
)
def test_graphics_in_a_processor_are_judged_by_their_rate(device: str, usable: bool) -> None:
    """
    Lunar, Meteor, Arrow and Panther Lake's Arc have 9 TFLOPS and more (techpowerup.com), Iris Xe 3.4, others less.

    Mesa offers three quarters of 64 GiB, of which 60 are free.
    """
    snapshot = seen(graphics(device))
    (found,) = snapshot.accelerators
    ram = snapshot.pool("ram")

    assert (found.usable, found.integrated, found.backend) == (usable, True, "vulkan" if usable else None)
    assert ram is not None
    assert (ram.kind, ram.budget_bytes) == (("unified", 48 * GIB) if usable else ("system", 60 * GIB))


@pytest.mark.parametrize(
    ("driver", "may", "why"),
    [
        (None, MAY, "unusable.kernel-too-old"),
        ("vfio-pci", MAY, "unusable.lent-to-vm"),
        ("xe", {"exit": 1, "stdout": "", "stderr": ""}, "unusable.render-node-closed"),
    ],
)
def test_what_keeps_fast_graphics_from_being_used_is_told(driver: str | None, may: Any, why: str) -> None:
    """Beside nothing else that is used; where it can be mended there is a finding."""
    snapshot = seen(graphics("0x64a0", driver, may))
    (found,) = snapshot.accelerators

    assert found.why_not is not None
    assert (found.usable, found.why_not.id) == (False, why)
    told = {each.id for each in snapshot.findings}
    assert ("gpu-not-usable" in told) is (why != "unusable.lent-to-vm")
    assert "gpu-not-usable" not in {
        each.id for each in seen(graphics("0x64a0", driver, may), battlemage()).findings
    }


@pytest.mark.parametrize(("total", "available", "expected"), [(4, 3, 2), (8, 3, 3), (16, 15, 12)])
def test_the_driver_offers_a_part_of_ram(total: int, available: int, expected: int) -> None:
    """Half of 4 GiB, three quarters of more (anv_device.c), and no more than is free."""
    memory = {"psutil:virtual_memory": {"total": total * GIB, "available": available * GIB}}
    missing = {"read:/proc/meminfo": MISSING}
    ram = seen(graphics("0x7d55") | memory | missing).pool("ram")

    assert ram is not None
    assert ram.budget_bytes == expected * GIB


def test_graphics_beside_a_card_are_left_alone() -> None:
    """As llama.cpp leaves them."""
    arc, card = seen(graphics("0x7d55"), battlemage()).accelerators

    assert (arc.usable, card.usable) == (False, True)
    assert arc.why_not is not None
    assert arc.why_not.id == "unusable.integrated-beside-card"
