"""
GPUs on Windows by its own list beside the registry: what is here, what is used of it, and what Windows lets a program
have.
"""

from typing import Any

import pytest

from llmprobe.facts.answer import Answer
from llmprobe.facts.machine import Probed
from llmprobe.machine.probes import windows
from llmprobe.machine.probes.windows.dxgi import parse
from llmprobe.machine.snapshot import collect
from tests.machine.fake import GIB, MIB, card
from tests.machine.probes.test_windows import adapter, npu, source, xtx
from tests.machine.vulkan import samples


def listed(
    name: str = "AMD Radeon RX 7900 XTX",
    ids: tuple[int, int, int] = (0x1002, 0x744C, 0xC8),
    *,
    own_mib: int = 24492,
    used_mib: int = 1800,
    budget_mib: int = 23700,
    bus: int = 3,
    **changes: Any,
) -> dict[str, Any]:
    """
    Return an adapter of Windows' list: 24,492 MiB of its own, of which 1,800 are resident; 16,179 MiB of RAM may be
    used.
    """
    vendor, device, revision = ids
    fields = {
        "Description": name,
        "VendorId": vendor,
        "DeviceId": device,
        "Revision": revision,
        "Flags": 0,
        "DedicatedVideoMemory": own_mib * MIB,
        "DedicatedSystemMemory": 0,
        "SharedSystemMemory": 16179 * MIB,
        "outputs": True,
        "local": {"Budget": budget_mib * MIB, "CurrentUsage": 0},
        "nonlocal": {"Budget": 15411 * MIB, "CurrentUsage": 0},
        "address": [bus, 0, 0],
        "type": 3,
        "segments": [
            {"limit": own_mib * MIB, "resident": used_mib * MIB, "aperture": False},
            {"limit": 16179 * MIB, "resident": 179 * MIB, "aperture": True},
        ],
    }
    return {**fields, **changes}


SOFTWARE = listed("Microsoft Basic Render Driver", (0x1414, 0x8C, 0), Flags=2, outputs=False, bus=0)


def now(*adapters: dict[str, Any]) -> dict[str, Any]:
    return {"winapi:adapters": list(adapters)}


def looked(*parts: dict[str, Any], **sizes: int) -> Probed:
    return windows.probe(source(*parts, **sizes))


def test_what_is_free_of_a_card() -> None:
    """
    24,560 MiB of the driver are 24,492 of Windows and 68 reserved; 1,800 are resident, 22,692 free. The budget of
    23,700 is no further limit.
    """
    snapshot = collect(source(now(listed(), SOFTWARE), xtx()))
    (gpu,) = snapshot.accelerators
    pool = snapshot.pool("vram0")

    assert (gpu.pci, gpu.display_active, gpu.usable) == ("0000:03:00.0", True, True)
    assert pool is not None
    assert (pool.total_bytes, pool.free_bytes, pool.budget_bytes) == (24560 * MIB, 22692 * MIB, 22692 * MIB)
    assert [(limit.by, limit.bytes) for limit in pool.limits] == [
        ("driver-reserve", 68 * MIB),
        ("in-use", 1800 * MIB),
        ("budget", 0),
    ]
    assert "winapi:adapters" in gpu.evidence


def test_the_programs_on_a_card() -> None:
    """
    Windows tells them for every maker's card.
    """
    game = {"pid": 8, "name": "game.exe", "bytes": 900 * MIB}
    (pool,) = looked(now(listed(processes=[game, None, {"pid": "x", "name": 7}])), xtx()).pools

    assert [(each.pid, each.name, each.used_bytes) for each in pool.held_by] == [
        (8, "game.exe", 900 * MIB),
        (None, None, None),
    ]


def test_windows_budget_is_the_most() -> None:
    """
    Where Windows lets a program have 20,000 MiB, more being free changes nothing.
    """
    pool = collect(source(now(listed(budget_mib=20000)), xtx())).pool("vram0")

    assert pool is not None
    assert (pool.free_bytes, pool.budget_bytes) == (22692 * MIB, 20000 * MIB)


def test_without_the_kernels_figures_the_desktops_use_is_assumed() -> None:
    """
    Then Windows' own size and budget are what there is.
    """
    bare = listed(segments=None, address=None, type=None)
    (pool,) = looked(now(bare), xtx()).pools

    assert (pool.free_bytes, pool.budget_bytes) == (None, (24560 - 768) * MIB)


@pytest.mark.parametrize(
    ("written", "expected"),
    [(24560 * MIB, 24560 * MIB), (4 * GIB, 24492 * MIB), (48 * GIB, 24492 * MIB), (None, 24492 * MIB)],
)
def test_the_size_in_the_registry_must_be_that_of_the_card(written: int | None, expected: int) -> None:
    """
    A little more than Windows counts is the card's whole memory; anything else is wrong or another card's.
    """
    key = xtx(qwMemorySize=written) if written else {}

    assert [pool.total_bytes for pool in looked(now(listed()), key).pools] == [expected]


def test_a_card_that_was_taken_out_is_not_here() -> None:
    """
    Its key stays in the registry; Windows' list does not have it.
    """
    old = adapter(0, "AMD Radeon RX 580", r"PCI\VEN_1002&DEV_67DF&REV_E7", qwMemorySize=8 * GIB)

    assert [each.name for each in looked(now(listed()), old, xtx(1)).accelerators] == [
        "AMD Radeon RX 7900 XTX"
    ]


def test_a_card_without_a_key_is_here() -> None:
    """
    What Windows lists needs no key.
    """
    (gpu,) = looked(now(listed())).accelerators

    assert (gpu.name, gpu.usable, gpu.driver) == ("AMD Radeon RX 7900 XTX", True, None)


def test_a_key_without_a_revision_is_any_revisions() -> None:
    """
    Setups of drivers match devices with and without it.
    """
    key = adapter(0, "AMD Radeon RX 7900 XTX", r"PCI\VEN_1002&DEV_744C", qwMemorySize=24560 * MIB)

    assert [pool.total_bytes for pool in looked(now(listed()), key).pools] == [24560 * MIB]


def test_two_of_a_kind_have_their_own_keys() -> None:
    """
    Each key is one card's, so that both have a driver and a place.
    """
    version = {
        r"registry:HKLM\SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}"
        rf"\{number:04} DriverVersion": f"32.{number}"
        for number in (0, 1)
    }
    probed = looked(now(listed(), listed(bus=7)), xtx(0), xtx(1), version)

    assert [(each.pci, each.driver) for each in probed.accelerators] == [
        ("0000:03:00.0", "32.0"),
        ("0000:07:00.0", "32.1"),
    ]


def test_a_key_of_another_revision_is_another_cards() -> None:
    """
    An RX 7900 GRE has the same numbers but its revision.
    """
    gre = listed("AMD Radeon RX 7900 GRE", (0x1002, 0x744C, 0xCE), own_mib=16300)
    (gpu,) = looked(now(gre), xtx()).accelerators

    assert (gpu.name, gpu.driver) == ("AMD Radeon RX 7900 GRE", None)


HALO = adapter(0, "AMD Radeon(TM) 8060S Graphics", r"PCI\VEN_1002&DEV_1586&REV_C1", qwMemorySize=96 * GIB)
HALO_NOW = listed(
    "AMD Radeon(TM) 8060S Graphics", (0x1002, 0x1586, 0xC1), own_mib=96 * 1024, used_mib=1500, bus=0xC1
)


def test_graphics_that_share_ram_have_windows_own_limit() -> None:
    """
    98,304 MiB set aside less 1,500 in use, and 16,179 - 179 MiB of RAM, which is free.
    """
    (sharing,) = looked(now(HALO_NOW), HALO).sharing

    assert (sharing.carve_out_bytes, sharing.carve_out_used_bytes) == (96 * GIB, 1500 * MIB)
    assert sharing.cap is not None
    assert (sharing.cap.bytes, sharing.cap.basis) == ((98304 - 1500 + 16000) * MIB, "measured")


def test_graphics_without_a_carve_out_share_ram_alone() -> None:
    """
    Neither Windows nor the driver tells one: nothing comes on top of RAM.
    """
    bare = {key: value for key, value in HALO_NOW.items() if key not in ("DedicatedVideoMemory", "segments")}
    (sharing,) = looked(now(bare)).sharing

    assert (sharing.carve_out_bytes, sharing.carve_out_used_bytes) == (0, 0)


def test_no_more_ram_is_shared_than_is_free() -> None:
    """
    With 4 GiB available these are the most.
    """
    (sharing,) = looked(now(HALO_NOW), HALO, available_gib=4).sharing

    assert sharing.cap is not None
    assert sharing.cap.bytes == (98304 - 1500 + 4096) * MIB


def test_windows_mark_of_integrated_graphics_counts() -> None:
    """
    In a laptop with a second GPU Windows marks which one is in the processor, also one that no table has.
    """
    marked = listed("AMD Radeon Graphics", (0x1002, 0xFFFF, 0xC1), own_mib=512, type=0x23)
    (gpu,) = looked(now(marked)).accelerators

    assert (gpu.integrated, gpu.pools) == (True, ("ram",))


def test_the_basic_driver_counts_where_no_hardware_has_another() -> None:
    """
    Its key stays after the setup of a card's driver.
    """
    basic = adapter(0, "Microsoft Basic Display Adapter", r"PCI\CC_0300")

    assert looked(now(listed(), SOFTWARE), basic, xtx(1)).windows is None
    alone = looked(now(SOFTWARE), basic).windows
    assert alone is not None
    assert [each.kind for each in alone.uncounted] == ["basic"]


def test_a_remote_session_and_an_npu_are_named() -> None:
    """
    The display of a session is marked in Windows' list.
    """
    session = listed("Microsoft Remote Display Adapter", (0x1414, 0x8C, 0), Flags=1)
    probed = looked(now(listed(), session), npu(), xtx())

    assert len(probed.accelerators) == 1
    assert probed.windows is not None
    assert [(each.name, each.kind) for each in probed.windows.uncounted] == [
        ("Microsoft Remote Display Adapter", "remote"),
        ("Intel AI Boost", "npu"),
    ]


def test_graphics_of_a_snapdragon_are_found_by_name() -> None:
    """
    They have no PCI numbers in the registry, and others in Windows' list.
    """
    key = adapter(0, "Qualcomm(R) Adreno(TM) X1-85 GPU", r"ACPI\VEN_QCOM&DEV_0C36", qwMemorySize=0)
    adreno = listed("Qualcomm(R) Adreno(TM) X1-85 GPU", (0x4D4F4351, 0x36334330, 0), own_mib=0)
    (gpu,) = looked(now(adreno), key).accelerators

    assert (gpu.vendor, gpu.name, gpu.usable) == ("other", "Qualcomm Adreno X1-85 GPU", False)


GEFORCE = listed("NVIDIA GeForce RTX 4090", (0x10DE, 0x2684, 0xA1), bus=1)


def test_a_card_that_nvml_lists_is_left_to_it() -> None:
    """
    As many as the library lists are described there.
    """
    nvml = {"nvml:nvmlInit": None, "nvml:nvmlDeviceGetCount_v2": 1, **card(bus=1)}

    assert looked(now(GEFORCE), nvml).accelerators == ()


def test_a_card_that_nvml_does_not_list_is_named() -> None:
    """
    An old card beside one that the driver serves: Windows has both, told apart by their places.
    """
    old = listed("NVIDIA GeForce GTX 680", (0x10DE, 0x1180, 0xA1), bus=2)
    nvml = {"nvml:nvmlInit": None, "nvml:nvmlDeviceGetCount_v2": 1, **card(bus=1)}
    snapshot = collect(source(now(old, GEFORCE), nvml))

    assert [(each.name, each.usable) for each in snapshot.accelerators] == [
        ("NVIDIA GeForce RTX 4090", True),
        ("NVIDIA GeForce GTX 680", False),
    ]
    unlisted = snapshot.accelerators[1]
    assert unlisted.why_not is not None
    assert unlisted.why_not.id == "unusable.nvidia-unlisted"


def test_without_the_library_every_card_is_named() -> None:
    """
    With the reason.
    """
    (gpu,) = looked(now(GEFORCE)).accelerators

    assert (gpu.pci, gpu.why_not and gpu.why_not.id) == ("0000:01:00.0", "unusable.nvml-no-library")


def test_vulkan_is_asked_where_a_card_may_run_by_it() -> None:
    """
    A card of AMD is a reason; NVIDIA's, and graphics that nothing runs on or that are beside NVIDIA's, are none.
    """
    asked = source(now(listed()), samples.answer(samples.device()))
    assert windows.probe(asked).vulkan is not None
    nvml = {"nvml:nvmlInit": None, "nvml:nvmlDeviceGetCount_v2": 1, **card(bus=1)}
    for other in (now(GEFORCE), now(SOFTWARE), {}, now(HALO_NOW, GEFORCE) | nvml):
        silent = source(other, samples.answer(samples.device()))
        assert windows.probe(silent).vulkan is None
        assert "vulkan:" not in silent.asked


@pytest.mark.parametrize("status", ["missing", "failed", "timeout", "denied", "not_recorded"])
def test_without_windows_list_the_registry_stands(status: Any) -> None:
    """
    A list that is not told loses no card.
    """
    probed = looked({"winapi:adapters": Answer(status=status)}, xtx())

    assert [(each.name, each.usable) for each in probed.accelerators] == [("AMD Radeon RX 7900 XTX", True)]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"Description": 7, "VendorId": "x", "Flags": None, "segments": 7, "local": [], "address": [1, 2]},
        {"address": [256, 0, 0], "segments": [None, {"limit": -1}], "VendorId": 1 << 40},
        {"address": [1, 32, 0]},
        {"address": [1, 0, 8]},
    ],
)
def test_nonsense_is_unknown(fields: dict[str, Any]) -> None:
    """
    A recording may hold anything.
    """
    one = parse(fields)

    assert (one.pci, one.resident_bytes, one.budget_bytes, one.vendor) == (None, None, None, None)


def test_figures_of_an_adapter() -> None:
    """
    Numbers as sysfs writes them; use above the size is cut; what this program uses itself is no loss.
    """
    one = parse(listed(used_mib=99999, local={"Budget": 1000, "CurrentUsage": 300}))

    assert (one.vendor, one.device, one.revision) == ("0x1002", "0x744c", "0xc8")
    assert one.resident_bytes == one.dedicated_bytes == 24492 * MIB
    assert one.budget_bytes == 700
    assert parse(listed(address=[255, 31, 7])).pci == "0000:ff:1f.7"
    assert parse(listed(segments=[])).dedicated_bytes == 24492 * MIB


def intel(bus: int, ids: tuple[int, int, int], own_mib: int, **changes: Any) -> dict[str, Any]:
    return listed("Intel(R) Graphics", ids, bus=bus, own_mib=own_mib, used_mib=0, **changes)


IRIS, A370M = intel(0, (0x8086, 0x46A6, 0xC), 128), intel(3, (0x8086, 0x5693, 5), 4000)


@pytest.mark.parametrize(
    ("variables", "left", "hidden"),
    [
        ({"ONEAPI_DEVICE_SELECTOR": "level_zero:0"}, ["0000:03:00.0"], ("0000:00:00.0",)),
        ({"ONEAPI_DEVICE_SELECTOR": "level_zero:1"}, ["0000:00:00.0"], ("0000:03:00.0",)),
        ({"ZE_AFFINITY_MASK": "1"}, ["0000:00:00.0"], ("0000:03:00.0",)),
    ],
)
def test_oneapis_variables_count_cards_first(
    variables: dict[str, str], left: list[str], hidden: tuple[str, ...]
) -> None:
    """
    Level Zero lists those with memory of their own first, on Windows as on Linux.
    """
    named = {f"env:{name}": value for name, value in variables.items()}
    found = collect(source(now(IRIS, A370M, SOFTWARE), named)).oneapi

    assert found
    assert [one.pci for one in found.devices] == left
    assert found.hidden == hidden


def test_oneapis_variables_are_of_intel_only() -> None:
    """
    Without its GPUs, or without a variable, there is nothing to say.
    """
    variable = {"env:ONEAPI_DEVICE_SELECTOR": "level_zero:0"}

    assert not collect(source(now(listed(), SOFTWARE), xtx(), variable)).oneapi
    assert not collect(source(now(IRIS, A370M, SOFTWARE))).oneapi
