"""
GPUs on Windows by the registry alone: their memory, what is a GPU at all, and what NVIDIA's own probe describes.
"""

from typing import Any

import pytest

from llmprobe.facts.answer import Answer
from llmprobe.facts.machine import Probed, Snapshot
from llmprobe.machine.probes import windows
from llmprobe.machine.probes.windows.registry import (
    COMPUTING,
    DISPLAYS,
    parse_hardware_id,
    parse_memory,
    plain_name,
)
from llmprobe.machine.snapshot import collect
from tests.machine.fake import GIB, MIB, MISSING, WINDOWS, FakeSource, card, plain_host

DESKTOP = 768 * MIB
NO_LIBRARY = Answer(status="missing", code=12)


def adapter(number: int, name: str, hardware_id: str, **values: Any) -> dict[str, Any]:
    """
    Return the registry's answers about one display adapter.
    """
    key = rf"registry:{DISPLAYS}\{number:04}"
    answers = {f"{key} DriverDesc": name, f"{key} MatchingDeviceId": hardware_id}
    return answers | {f"{key} HardwareInformation.{field}": value for field, value in values.items()}


def xtx(number: int = 0, **changes: Any) -> dict[str, Any]:
    values = {"qwMemorySize": 25_753_026_560, "MemorySize": "00f0ffff"} | changes
    return adapter(number, "AMD Radeon RX 7900 XTX", r"PCI\VEN_1002&DEV_744C&REV_C8", **values)


def npu() -> dict[str, Any]:
    return {rf"registry:{COMPUTING}\0000 DriverDesc": "Intel(R) AI Boost"}


def looked(*parts: dict[str, Any], total_gib: int = 32, available_gib: int = 24) -> Probed:
    return windows.probe(source(*parts, total_gib=total_gib, available_gib=available_gib))


def source(*parts: dict[str, Any], total_gib: int = 32, available_gib: int = 24) -> FakeSource:
    answers = plain_host(total_gib, available_gib) | {"nvml:nvmlInit": NO_LIBRARY}
    for part in parts:
        answers |= part
    return FakeSource(answers, WINDOWS)


def whole(*parts: dict[str, Any]) -> Snapshot:
    return collect(source(*parts))


def test_a_radeon_card_has_the_memory_that_its_driver_wrote() -> None:
    """
    24,560 MiB of an RX 7900 XTX, of which the desktop's usual 768 MiB are left; what is free is unknown.
    """
    probed = looked(xtx())
    (gpu,), (pool,) = probed.accelerators, probed.pools

    assert (gpu.vendor, gpu.name, gpu.backend, gpu.usable) == (
        "amd",
        "AMD Radeon RX 7900 XTX",
        "vulkan",
        True,
    )
    assert not gpu.integrated
    assert gpu.bandwidth_bytes_per_s == 960_000_000_000
    assert (pool.total_bytes, pool.free_bytes) == (24_560 * MIB, None)
    assert pool.budget_bytes == (24_560 - 768) * MIB
    assert (pool.limits[0].bytes, pool.limits[0].basis) == (DESKTOP, "assumed")


def test_a_card_is_no_reason_to_find_no_gpu() -> None:
    """
    A machine whose only GPU is a Radeon has a GPU.
    """
    snapshot = whole(xtx())

    assert "no-gpu" not in {finding.id for finding in snapshot.findings}
    assert [each.id for each in snapshot.accelerators] == ["gpu0"]


@pytest.mark.parametrize(
    ("name", "numbers", "memory", "size"),
    [
        ("Intel(R) Arc(TM) A770 Graphics", "VEN_8086&DEV_56A0", 17_079_205_888, 17_079_205_888),
        ("Intel(R) Arc(TM) B580 Graphics", "VEN_8086&DEV_E20B", 12_809_404_416, 12_809_404_416),
        ("AMD Radeon RX 5700 XT", "VEN_1002&DEV_731F", 8_573_157_376, 8_573_157_376),
    ],
)
def test_cards_of_both_makers(name: str, numbers: str, memory: int, size: int) -> None:
    """
    Cards of AMD and Intel can be used with Vulkan, with their own memory.
    """
    probed = looked(adapter(0, name, rf"PCI\{numbers}&SUBSYS_12345678&REV_08", qwMemorySize=memory))

    assert [(each.usable, each.backend, each.integrated) for each in probed.accelerators] == [
        (True, "vulkan", False)
    ]
    assert [pool.total_bytes for pool in probed.pools] == [size]


def test_the_older_size_is_not_believed_at_its_end() -> None:
    """
    4 GiB less 1 MiB is the most that the older value can say: then the table's 24 GiB of the name stand, as declared.
    """
    (pool,) = looked(xtx(qwMemorySize=MISSING)).pools

    assert (pool.total_bytes, pool.basis) == (24 * GIB, "declared")


def test_the_older_size_of_a_small_card_counts() -> None:
    """
    4,293,918,719 and less can be true.
    """
    (pool,) = looked(xtx(qwMemorySize=MISSING, MemorySize="00f0ff7f")).pools

    assert (pool.total_bytes, pool.basis) == (0x7FFFF000, "measured")


def test_a_card_of_unknown_size_is_named() -> None:
    """
    A card without a size, of which the table has none either, is listed and cannot be used.
    """
    probed = looked(adapter(0, "AMD Radeon RX 99", r"PCI\VEN_1002&DEV_FFFF"))
    (gpu,) = probed.accelerators

    assert (gpu.usable, gpu.pools, probed.pools) == (False, (), ())
    assert gpu.why_not is not None
    assert gpu.why_not.id == "unusable.size-unknown"


def test_graphics_of_a_processor_share_ram() -> None:
    """
    Strix Halo: 96 GiB set aside, and half of the 32 GiB that Windows has, of which 12 GiB are free.

    96 GiB - 768 MiB of the desktop + 12 GiB.
    """
    probed = looked(
        adapter(0, "AMD Radeon(TM) 8060S Graphics", r"PCI\VEN_1002&DEV_1586&REV_C1", qwMemorySize=96 * GIB),
        available_gib=12,
    )
    (gpu,), (sharing,) = probed.accelerators, probed.sharing

    assert (gpu.name, gpu.usable, gpu.integrated, gpu.pools) == (
        "AMD Radeon 8060S Graphics",
        True,
        True,
        ("ram",),
    )
    assert (sharing.carve_out_bytes, sharing.carve_out_used_bytes) == (96 * GIB, DESKTOP)
    assert sharing.cap is not None
    assert sharing.cap.bytes == 108 * GIB - DESKTOP


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("AMD Radeon(TM) 8050S Graphics", "AMD Radeon 8050S Graphics"),
        ("AMD Radeon(TM) Graphics", "AMD Radeon Graphics (Strix Halo)"),
        ("Something else", "AMD Radeon Graphics (Strix Halo)"),
    ],
)
def test_a_number_of_a_family_has_the_name_that_its_driver_gives(said: str, name: str) -> None:
    """
    A revision that no table has is a Strix Halo; which one, the driver knows.
    """
    probed = looked(adapter(0, said, r"PCI\VEN_1002&DEV_1586&REV_EF", qwMemorySize=512 * MIB))

    assert probed.accelerators[0].name == name


def test_windows_lends_half_of_ram() -> None:
    """
    With 24 of 32 GiB free, the GPU may take 16 of them beside its own.
    """
    probed = looked(
        adapter(0, "AMD Radeon(TM) 780M Graphics", r"PCI\VEN_1002&DEV_15BF&REV_C1", qwMemorySize=512 * MIB)
    )

    assert probed.sharing[0].cap is not None
    assert probed.sharing[0].cap.bytes == 16 * GIB


@pytest.mark.parametrize(
    ("name", "numbers", "reason"),
    [
        ("Intel(R) UHD Graphics 770", "VEN_8086&DEV_A780", "unusable.slower-than-processor"),
        ("Intel(R) Graphics", "VEN_8086&DEV_FFFF", "unusable.slower-than-processor"),
        ("AMD Radeon(TM) Graphics", "VEN_1002&DEV_164E", "unusable.few-compute-units"),
    ],
)
def test_small_graphics_are_named(name: str, numbers: str, reason: str) -> None:
    """
    What the processor beats is listed with that reason, also where 1 GiB is written as its memory.
    """
    (gpu,) = looked(adapter(0, name, rf"PCI\{numbers}", qwMemorySize=GIB)).accelerators

    assert gpu.integrated
    assert not gpu.usable
    assert gpu.why_not is not None
    assert gpu.why_not.id == reason


@pytest.mark.parametrize(
    ("name", "hardware_id", "kind"),
    [
        ("Microsoft Basic Display Adapter", r"PCI\CC_0300", "basic"),
        ("Microsoft Remote Display Adapter", r"SWD\RemoteDisplayEnum\RdpIdd_IndirectDisplay", "remote"),
        ("Parsec Virtual Display Adapter", r"Root\Parsec\VDA", "virtual"),
        ("Microsoft Hyper-V Video", r"VMBUS\{da0a7802-e377-4aac-8e77-0558eb1073f8}", "virtual"),
        ("VMware SVGA 3D", r"PCI\VEN_15AD&DEV_0405&SUBSYS_040515AD&REV_00", "virtual"),
        ("Red Hat QXL controller", r"PCI\VEN_1B36&DEV_0100", "virtual"),
        ("DisplayLink USB Device", r"USB\VID_17E9&PID_6000", "virtual"),
    ],
)
def test_displays_that_compute_nothing_are_named_and_not_counted(
    name: str, hardware_id: str, kind: str
) -> None:
    """
    Displays of sessions, programs and virtual machines, and of Windows' own driver, are no accelerators.
    """
    probed = looked(adapter(0, name, hardware_id), xtx(1))

    assert [each.name for each in probed.accelerators] == ["AMD Radeon RX 7900 XTX"]
    assert probed.windows is not None
    assert [(each.name, each.kind) for each in probed.windows.uncounted] == [(name, kind)]


def test_a_neural_processor_is_named_and_not_counted() -> None:
    """
    NPUs have a class of their own.
    """
    probed = looked(npu())

    assert probed.accelerators == ()
    assert probed.windows is not None
    assert [(each.name, each.kind) for each in probed.windows.uncounted] == [("Intel AI Boost", "npu")]


def test_graphics_of_a_snapdragon_are_listed_and_not_used() -> None:
    """
    They are not on PCI; the maker's name is added where the driver's has none.
    """
    (gpu,) = looked(adapter(0, "Adreno(TM) X1-85 GPU", r"ACPI\QCOM0C36")).accelerators

    assert (gpu.vendor, gpu.name, gpu.usable) == ("other", "Qualcomm Adreno X1-85 GPU", False)
    assert gpu.why_not is not None
    assert gpu.why_not.id == "unusable.opencl-only"
    arm = whole(
        adapter(0, "Immortalis-G925", r"ACPI\ARMH0001"), adapter(1, "Adreno(TM) X1-85 GPU", r"ACPI\QCOM0C36")
    )
    details = {each.title.values["device"]: each.detail.id for each in arm.findings if "vendor" in each.id}
    assert details == {
        "Arm Immortalis-G925": "finding.gpu-unsupported-vendor.detail",
        "Qualcomm Adreno X1-85 GPU": "finding.gpu-unsupported-vendor.detail-opencl",
    }


def nvml() -> dict[str, Any]:
    return {"nvml:nvmlInit": None, "nvml:nvmlDeviceGetCount_v2": 1, **card(bus=1)}


GEFORCE = adapter(0, "NVIDIA GeForce RTX 4090", r"PCI\VEN_10DE&DEV_2684&SUBSYS_1", qwMemorySize=24 * GIB)


def test_a_card_that_nvml_lists_is_listed_once() -> None:
    """
    NVIDIA's probe has it, and the Radeon beside it is there as well.
    """
    snapshot = whole(GEFORCE, xtx(1), nvml())

    assert [each.vendor for each in snapshot.accelerators] == ["nvidia", "amd"]


def test_a_card_that_nvidia_smi_lists_is_listed_once() -> None:
    """
    The command stands for the library.
    """
    printed = {"exit": 0, "stdout": '<nvidia_smi_log><gpu id="0"></gpu></nvidia_smi_log>', "stderr": ""}

    assert looked(GEFORCE, {"run:nvidia-smi -q -x": printed}).accelerators == ()


def test_a_card_without_its_library_is_named() -> None:
    """
    Where NVIDIA's library does not load, the registry still knows the card.
    """
    (gpu,) = looked(GEFORCE).accelerators

    assert (gpu.vendor, gpu.usable) == ("nvidia", False)
    assert gpu.why_not is not None
    assert gpu.why_not.id == "unusable.nvml-no-library"


def test_keys_of_removed_drivers_leave_gaps() -> None:
    """
    Seven numbers may be missing between two adapters.
    """
    probed = looked(xtx(0), xtx(8))

    assert [each.id for each in probed.accelerators] == ["gpu0", "gpu1"]
    assert [pool.id for pool in probed.pools] == ["vram0", "vram1"]


def test_an_adapter_without_an_id_is_named() -> None:
    """
    What it is cannot be told, and it is not left out.
    """
    (gpu,) = looked({rf"registry:{DISPLAYS}\0000 DriverDesc": "Odd GPU"}).accelerators

    assert (gpu.vendor, gpu.name, gpu.usable) == ("other", "Odd GPU", False)


def test_numbers_of_amds_processors_are_amds_alone() -> None:
    """
    A card of Intel may have the number of a Strix Halo.
    """
    (gpu,) = looked(
        adapter(0, "Intel(R) Arc(TM) Z999", r"PCI\VEN_8086&DEV_1586", qwMemorySize=16 * GIB)
    ).accelerators

    assert not gpu.integrated


def test_an_adapter_without_a_readable_name_is_not_lost() -> None:
    """
    Its hardware id and the table of PCI numbers name it.
    """
    key = rf"registry:{DISPLAYS}\0000 DriverDesc"
    probed = looked(xtx() | {key: Answer(status="denied")})

    assert [(each.name, each.usable) for each in probed.accelerators] == [("AMD Radeon RX 7900 XTX", True)]
    assert probed.status == "partial"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (25_753_026_560, 25_753_026_560),
        ("0000000006000000", 25_769_803_776),
        ("00f0ffff", 4_294_963_200),
        ("", None),
        ("0", None),
        ("00f", None),
        ("zz", None),
        (0, None),
        (-1, None),
        (None, None),
        ([1], None),
    ],
)
def test_sizes_in_the_registry(value: Any, expected: int | None) -> None:
    """
    A number, or bytes of which the first is the least; anything else is no size.
    """
    assert parse_memory(value) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"PCI\VEN_1002&DEV_744C&REV_C8", ("0x1002", "0x744c", "0xc8")),
        (r"pci\ven_10de&dev_2786", ("0x10de", "0x2786", None)),
        (r"PCI\VEN_8086&DEV_56A0&SUBSYS_10201849&REV_08", ("0x8086", "0x56a0", "0x08")),
        (r"PCI\CC_0300", None),
        (r"Root\Parsec\VDA", None),
        ("", None),
    ],
)
def test_hardware_ids(text: str, expected: tuple[str, str, str | None] | None) -> None:
    """
    Numbers as sysfs writes them, so that the tables for Linux serve Windows.
    """
    assert parse_hardware_id(text) == expected


def test_names_lose_their_trademarks() -> None:
    """
    The tables have none.
    """
    assert plain_name("Intel(R) Arc(TM)  A770 Graphics") == "Intel Arc A770 Graphics"


def test_the_basic_driver_leaves_it_open_whether_there_is_a_gpu() -> None:
    """
    On real hardware a display with Windows' own driver may be a card: that is no "No GPU".
    """
    basic = adapter(0, "Microsoft Basic Display Adapter", r"PCI\CC_0300")
    found = {finding.id: finding for finding in whole(basic).findings}

    assert "no-gpu" not in found
    assert found["gpu-basic-driver"].severity == "warning"
    beside = {finding.id: finding for finding in whole(basic, xtx(1)).findings}
    assert beside["gpu-basic-driver"].severity == "note"


def test_the_basic_driver_of_a_virtual_machine_is_nothing_to_repair() -> None:
    """
    There it is what there is.
    """
    product = r"registry:HKLM\HARDWARE\DESCRIPTION\System\BIOS SystemProductName"
    machine = whole(adapter(0, "Microsoft Basic Display Adapter", r"PCI\CC_0300"), {product: "VirtualBox"})
    found = {finding.id for finding in machine.findings}

    assert {"no-gpu", "adapter-not-counted"} <= found
    assert "gpu-basic-driver" not in found
