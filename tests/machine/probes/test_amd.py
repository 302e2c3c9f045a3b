"""
AMD GPUs: cards, graphics in a processor, and what of each may be used.
"""

from typing import Any

import pytest

from llmprobe.facts.answer import Answer, Status
from llmprobe.facts.machine import Power, Snapshot, Throttle, Window
from llmprobe.machine.probes.amd.access import parse_override
from llmprobe.machine.probes.amd.topology import Node, bandwidth, gfx_name, pci_address
from llmprobe.machine.snapshot import collect
from llmprobe.words.message import Message, message
from tests.machine.fake import GIB, MIB, FakeSource, card, nvidia_machine, plain_host

MAY = {"exit": 0, "stdout": "", "stderr": ""}
STATUSES: tuple[Status, ...] = ("denied", "missing")
MAY_NOT = {"exit": 1, "stdout": "", "stderr": ""}


def radeon(
    address: str = "0000:03:00.0",
    *,
    device: str = "0x744c",
    revision: str = "0xc8",
    vram: int = 24 * GIB,
    used: int = 1 * GIB,
    gtt: int = 32 * GIB,
    gtt_used: int = 0,
    maker: str = "samsung",
    gfx: int = 110000,
    units: int = 96,
    width: int = 384,
    clock: int = 1250,
    node: int = 1,
    heap: int | None = None,
    driver: str = "amdgpu",
) -> dict[str, Any]:
    """
    The sysfs files of one device, by default an RX 7900 XTX; ``node`` 0 leaves it out of the topology.
    """
    path = f"/sys/bus/pci/devices/{address}"
    render = f"renderD{127 + max(1, node)}"
    answers: dict[str, Any] = {
        f"read:{path}/class": "0x030000\n",
        f"read:{path}/vendor": "0x1002\n",
        f"read:{path}/device": f"{device}\n",
        f"read:{path}/revision": f"{revision}\n",
        f"link:{path}/driver": f"../../../../bus/pci/drivers/{driver}",
        f"read:{path}/power/runtime_status": "active\n",
        f"list:{path}/drm": ["card1", render],
        f"run:test -w /dev/dri/{render}": MAY,
        f"read:{path}/mem_info_vram_total": f"{vram}\n",
        f"read:{path}/mem_info_vram_used": f"{used}\n",
        f"read:{path}/mem_info_vis_vram_total": f"{vram}\n",
        f"read:{path}/mem_info_gtt_total": f"{gtt}\n",
        f"read:{path}/mem_info_gtt_used": f"{gtt_used}\n",
        f"read:{path}/mem_info_vram_vendor": f"{maker}\n",
        f"read:{path}/current_link_width": "16\n",
        f"read:{path}/max_link_width": "16\n",
    }
    if node:
        topology = f"/sys/class/kfd/kfd/topology/nodes/{node}"
        domain, bus, rest = address.split(":")
        slot, function = rest.split(".")
        location = int(bus, 16) << 8 | int(slot, 16) << 3 | int(function)
        answers |= {
            f"read:{topology}/properties": f"cpu_cores_count 0\nsimd_count {units * 2}\nsimd_per_cu 2\n"
            f"gfx_target_version {gfx}\nlocation_id {location}\ndomain {int(domain, 16)}\n",
            f"read:{topology}/mem_banks/0/properties": f"heap_type 1\nwidth {width}\nmem_clk_max {clock}\n"
            + ("" if heap is None else f"size_in_bytes {heap}\n"),
        }
    return answers


def strix_halo(**changes: Any) -> dict[str, Any]:
    given = {
        "address": "0000:c5:00.0",
        "device": "0x1586",
        "revision": "0xc1",
        "vram": 96 * GIB,
        "used": 1 * GIB,
        "gtt": 16 * GIB,
        "maker": "unknown",
        "gfx": 110501,
        "units": 40,
        "width": 256,
        "clock": 1000,
    }
    return radeon(**{**given, **changes})


def machine(*devices: dict[str, Any], ram: int = 64, available: int = 60, **changes: Any) -> dict[str, Any]:
    answers = plain_host(ram, available)
    addresses = []
    for device in devices:
        addresses += [name.split("/")[5] for name in device if name.endswith("/class")]
        answers |= device
    answers |= {
        "list:/sys/bus/pci/devices": addresses,
        "list:/sys/class/kfd/kfd/topology/nodes": [str(number) for number in range(len(devices) + 1)],
        "read:/sys/class/kfd/kfd/topology/nodes/0/properties": "cpu_cores_count 16\nsimd_count 0\n",
        "list:/dev": ["dri", "kfd", "null"],
        "run:test -w /dev/kfd": MAY,
    }
    return answers | changes


def seen(answers: dict[str, Any]) -> Snapshot:
    return collect(FakeSource(answers))


def test_a_card_is_measured() -> None:
    """Its name, size, what is free, bandwidth and engine are what its driver says."""
    snapshot = seen(machine(radeon()))
    (device,) = snapshot.accelerators
    pool = snapshot.pool("vram0")

    assert (device.name, device.backend, device.architecture, device.bandwidth_bytes_per_s) == (
        "AMD Radeon RX 7900 XTX",
        "rocm",
        "gfx1100",
        960_000_000_000,
    )
    assert pool is not None
    assert (pool.total_bytes, pool.free_bytes, pool.budget_bytes) == (24 * GIB, 23 * GIB, 23 * GIB)
    assert snapshot.pool("ram").kind == "system"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("width", "clock", "gfx", "expected"),
    [
        (256, 1218, "gfx1101", 623_616_000_000),
        (4096, 1200, "gfx908", 1_228_800_000_000),
        (8192, 1300, "gfx942", 5_324_800_000_000),
        (256, 1750, "gfx803", None),
    ],
)
def test_bandwidth_is_width_times_clock_by_kind_of_memory(
    width: int, clock: int, gfx: str, expected: int | None
) -> None:
    """The clock counts commands: what moves with each depends on the memory, and is not guessed."""
    assert bandwidth(Node(gfx=gfx, width_bits=width, clock_mhz=clock)) == expected


@pytest.mark.parametrize(
    ("version", "expected"),
    [(110501, "gfx1151"), (90010, "gfx90a"), (90402, "gfx942"), (100300, "gfx1030"), (0, None)],
)
def test_instruction_sets_are_named_as_compilers_do(version: int, expected: str | None) -> None:
    """The last two parts are hexadecimal digits."""
    assert gfx_name(version) == expected


def test_the_topology_names_pci_addresses() -> None:
    """The location is bus, device and function in one number."""
    assert pci_address({"location_id": 0xC500, "domain": 0}) == "0000:c5:00.0"


def test_bug_28_a_sleeping_card_is_not_woken() -> None:
    """
    Where a card is suspended its memory is not asked for, and the size is the table's. Engines wake it where it is the
    only one: they have it less the driver's usual 112 MiB and a 640th.
    """
    answers = machine(radeon()) | {
        "read:/sys/bus/pci/devices/0000:03:00.0/power/runtime_status": "suspended\n"
    }
    source = FakeSource(answers)
    snapshot = collect(source)
    (device,) = snapshot.accelerators

    assert [name for name in source.asked if "mem_info" in name or "/dev/dri" in name] == []
    pool = snapshot.pool("vram0")
    assert pool is not None
    assert (device.usable, device.state, pool.total_bytes, pool.free_bytes) == (
        True,
        "asleep",
        24 * GIB,
        None,
    )
    assert pool.budget_bytes == 24 * GIB - 112 * MIB - 24 * GIB // 640


def test_a_card_sleeps_on_beside_one_that_is_awake() -> None:
    """What is awake is enough, and what the other has is not known."""
    second = "/sys/bus/pci/devices/0000:83:00.0/power/runtime_status"
    answers = machine(radeon(), radeon("0000:83:00.0", node=2)) | {f"read:{second}": "suspended\n"}
    snapshot = seen(answers)
    sleeping = next(each for each in snapshot.accelerators if each.state == "asleep")

    assert (sleeping.pci, sleeping.usable) == ("0000:83:00.0", False)
    assert snapshot.pool(sleeping.pools[0]).budget_bytes in (0, None)  # type: ignore[union-attr]


def test_graphics_of_the_processor_are_not_used_beside_a_card_that_sleeps() -> None:
    """llama.cpp lists the card, which wakes it, and leaves the graphics out."""
    card = "/sys/bus/pci/devices/0000:03:00.0/power/runtime_status"
    apu = strix_halo(node=2)
    snapshot = seen(machine(radeon(), apu) | {f"read:{card}": "suspended\n"})
    used = {each.pci: each.usable for each in snapshot.accelerators}

    assert used == {"0000:03:00.0": True, "0000:c5:00.0": False}
    assert snapshot.pool("ram").kind == "system"  # type: ignore[union-attr]


def test_bug_32_a_small_integrated_gpu_gets_no_guessed_memory() -> None:
    """Graphics with half a GiB set aside are not given 8 GiB, nor used where they have two units."""
    raphael = radeon(device="0x164e", vram=512 * MIB, gtt=32 * GIB, maker="unknown", gfx=100306, units=2)
    snapshot = seen(machine(raphael))
    (device,) = snapshot.accelerators

    assert (device.usable, device.integrated, device.pools) == (False, True, ("ram",))
    assert [pool.id for pool in snapshot.pools] == ["ram"]
    assert snapshot.pool("ram").total_bytes == 64 * GIB  # type: ignore[union-attr]


def test_bug_33_an_integrated_gpu_is_no_second_card() -> None:
    """Beside a card, graphics of the processor are named, not used, and add no memory."""
    phoenix = radeon(
        "0000:c5:00.0",
        device="0x15bf",
        revision="0xff",
        vram=4 * GIB,
        maker="unknown",
        gfx=110003,
        units=12,
        node=2,
    )
    snapshot = seen(machine(radeon(), phoenix))

    assert [(each.name, each.usable) for each in snapshot.accelerators] == [
        ("AMD Radeon RX 7900 XTX", True),
        ("AMD Radeon Graphics (Phoenix)", False),
    ]
    assert [(pool.id, pool.total_bytes) for pool in snapshot.pools] == [
        ("ram", 64 * GIB),
        ("vram0", 24 * GIB),
    ]


def test_bug_34_a_card_of_a_generic_name_is_no_integrated_gpu() -> None:
    """An MI50 that calls itself "AMD Radeon Graphics" keeps its own memory."""
    mi50 = radeon(device="0x66a0", revision="0x00", vram=16 * GIB, gfx=90006, width=4096, clock=1000)
    snapshot = seen(machine(mi50))

    assert (snapshot.accelerators[0].integrated, snapshot.accelerators[0].pools) == (False, ("vram0",))


def test_bug_34_a_small_card_beside_much_ram_is_no_integrated_gpu() -> None:
    """2 GiB of named memory beside a GTT of 32 GiB is a small card."""
    small = radeon(device="0x699f", revision="0xc7", vram=2 * GIB, node=0)

    assert [each.integrated for each in seen(machine(small)).accelerators] == [False]


def test_bug_35_a_large_carve_out_is_counted() -> None:
    """Of 128 GiB with 96 set aside for the GPU the system sees 32, and the GPU can still have nearly all."""
    ram = seen(machine(strix_halo(), ram=31, available=28)).pool("ram")

    assert ram is not None
    assert (ram.kind, ram.total_bytes, ram.free_bytes) == ("unified", 127 * GIB, 123 * GIB)
    assert (ram.budget_bytes, ram.host_budget_bytes) == (95 * GIB + 16 * GIB, 28 * GIB)


def test_bug_36_carve_out_and_mapped_memory_are_added() -> None:
    """With half a GiB set aside the GPU still maps half of RAM."""
    ram = seen(
        machine(strix_halo(vram=512 * MIB, used=100 * MIB, gtt=62 * GIB), ram=124, available=110)
    ).pool("ram")

    assert ram is not None
    assert ram.budget_bytes == 412 * MIB + 62 * GIB


def test_bug_37_the_sum_is_never_more_than_there_is() -> None:
    """VRAM of 8 GiB and GTT of 124 GiB on 120 GiB of RAM is at most what is free of both."""
    ram = seen(machine(strix_halo(vram=8 * GIB, used=0, gtt=124 * GIB), ram=120, available=100)).pool("ram")

    assert ram is not None
    assert (ram.total_bytes, ram.budget_bytes) == (128 * GIB, 108 * GIB)


def test_bug_43_gtt_of_a_card_is_no_memory() -> None:
    """A card whose driver reports GTT as large as VRAM has its VRAM once."""
    polaris = radeon(device="0x67df", revision="0xef", vram=4 * GIB, used=0, gtt=4 * GIB, gfx=80003)
    snapshot = seen(machine(polaris, ram=16, available=10))

    assert [(pool.id, pool.total_bytes) for pool in snapshot.pools] == [("ram", 16 * GIB), ("vram0", 4 * GIB)]


def test_bug_42_two_equal_cards_are_two() -> None:
    """Cards are told apart by their address, not by name and size."""
    snapshot = seen(machine(radeon(), radeon("0000:83:00.0", node=2)))

    assert [each.pci for each in snapshot.accelerators] == ["0000:03:00.0", "0000:83:00.0"]


def test_a_container_limits_the_host_part_only() -> None:
    """
    A control group counts neither what the firmware set aside for the GPU, of which 95 GiB are free, nor the pages that
    the driver takes of RAM, 16 GiB by GTT.
    """
    answers = machine(strix_halo(), ram=31, available=28) | {
        "read:/proc/self/cgroup": "0::/\n",
        "read:/proc/self/mountinfo": "30 20 0:26 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
        "read:/sys/fs/cgroup/memory.max": str(8 * GIB),
        "read:/sys/fs/cgroup/memory.current": "0",
    }
    ram = seen(answers).pool("ram")

    assert ram is not None
    assert (ram.budget_bytes, ram.host_budget_bytes) == (95 * GIB + 16 * GIB, 8 * GIB)


LXCFS = "9 8 0:61 /proc/meminfo /proc/meminfo rw - fuse.lxcfs lxcfs rw\n"


def of_node(number: int, total_gib: int, free_gib: int) -> dict[str, str]:
    sizes = {"MemTotal": total_gib, "MemFree": free_gib}
    lines = "".join(f"Node {number} {name}: {gib * GIB // 1024} kB\n" for name, gib in sizes.items())
    return {f"read:/sys/devices/system/node/node{number}/meminfo": lines}


@pytest.mark.parametrize(("free", "gpu"), [(90, 64), (50, 50)])
def test_graphics_of_a_container_of_8_gib_have_the_hosts_memory(free: int, gpu: int) -> None:
    """
    The container's 8 GiB are what lxcfs shows. What GTT maps (64 GiB), at most what the host has left, comes beside
    that; the processors have the container's.
    """
    small = strix_halo(vram=512 * MIB, used=0, gtt=64 * GIB, heap=64 * GIB)
    answers = machine(small, ram=8, available=7) | of_node(0, 120, free)
    ram = seen(answers | {"read:/proc/self/mountinfo": LXCFS}).pool("ram")

    assert ram is not None
    assert ram.budget_bytes == gpu * GIB
    assert ram.host_budget_bytes == 7 * GIB
    assert ram.total_bytes == 8 * GIB + gpu * GIB


@pytest.mark.parametrize("mounts", ["", LXCFS])
def test_without_the_hosts_nodes_the_container_is_all_that_is_known(mounts: str) -> None:
    """As it was before: nothing is made up."""
    small = strix_halo(vram=512 * MIB, used=0, gtt=64 * GIB, heap=64 * GIB)
    ram = seen(machine(small, ram=8, available=7) | {"read:/proc/self/mountinfo": mounts}).pool("ram")

    assert ram is not None
    assert ram.budget_bytes is not None
    assert ram.budget_bytes <= 8 * GIB


def apu(number: int, heap_gib: int = 96) -> dict[str, Any]:
    """
    Return a socket of a board with several MI300A, which reports no VRAM.
    """
    card = radeon(
        f"000{number}:01:00.0",
        device="0x74a0",
        revision="0x00",
        vram=0,
        used=0,
        gtt=384 * GIB,
        maker="unknown",
        gfx=90402,
        units=228,
        width=8192,
        clock=1300,
        node=number + 1,
        heap=heap_gib * GIB,
    )
    return card | {f"read:/sys/bus/pci/devices/000{number}:01:00.0/numa_node": f"{number}\n"}


def test_sockets_with_a_gpu_each_have_their_own_memory() -> None:
    """
    Of 128 GiB a socket ROCm has 96, of which on the second 60 are free. What the GPUs may take is not offered to the
    processors again: of 240 GiB that are free of all 240 - 96 - 60.
    """
    snapshot = seen(
        machine(apu(0), apu(1), ram=256, available=240) | of_node(0, 128, 120) | of_node(1, 128, 60)
    )
    first, second, ram = (snapshot.pool(name) for name in ("vram0", "vram1", "ram"))

    assert [each.pools for each in snapshot.accelerators] == [("vram0",), ("vram1",)]
    assert [each.backend for each in snapshot.accelerators] == ["rocm", "rocm"]
    assert first is not None
    assert second is not None
    assert ram is not None
    assert (first.total_bytes, first.budget_bytes) == (96 * GIB, 96 * GIB)
    assert (second.total_bytes, second.budget_bytes) == (96 * GIB, 60 * GIB)
    assert (ram.total_bytes, ram.budget_bytes) == (256 * GIB, 84 * GIB)
    assert "read:/sys/devices/system/node/node1/meminfo" in second.evidence


def test_a_socket_whose_use_is_unknown_has_its_size() -> None:
    """Nothing is free for certain, and RAM keeps what it has."""
    snapshot = seen(machine(apu(0), apu(1), ram=256, available=240))
    first, ram = snapshot.pool("vram0"), snapshot.pool("ram")

    assert first is not None
    assert ram is not None
    assert (first.total_bytes, first.free_bytes) == (96 * GIB, None)
    assert not [name for name in first.evidence if "node" in name and "meminfo" in name]
    assert ram.budget_bytes == 240 * GIB


def test_one_mi300a_shares_ram() -> None:
    """As graphics do."""
    snapshot = seen(machine(apu(0), ram=128, available=120))

    assert [each.pools for each in snapshot.accelerators] == [("ram",)]
    assert snapshot.pool("ram").kind == "unified"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("changes", "backend", "usable"),
    [
        ({}, "rocm", True),
        ({"run:test -w /dev/kfd": MAY_NOT}, "vulkan", True),
        ({"list:/dev": ["dri"]}, "vulkan", True),
        ({"run:test -w /dev/kfd": MAY_NOT, "run:test -w /dev/dri/renderD128": MAY_NOT}, None, False),
        ({"run:test -w /dev/kfd": Answer(status="timeout")}, "rocm", True),
        ({"env:HIP_VISIBLE_DEVICES": "1"}, None, False),
        ({"env:HIP_VISIBLE_DEVICES": "0"}, "rocm", True),
        ({"env:ROCR_VISIBLE_DEVICES": ""}, None, False),
    ],
)
def test_rights_and_variables_decide_what_runs(
    changes: dict[str, Any], backend: str | None, usable: bool
) -> None:
    """ROCm needs /dev/kfd, Vulkan the render node; what cannot be asked counts as allowed."""
    (device,) = seen(machine(radeon()) | changes).accelerators

    assert (device.backend, device.usable) == (backend, usable)


@pytest.mark.parametrize(
    ("override", "backend"), [(None, "vulkan"), ("10.3.0", "rocm"), ("nonsense", "vulkan")]
)
def test_an_unsupported_instruction_set_is_run_by_vulkan(override: str | None, backend: str) -> None:
    """Unless the environment makes ROCm take it for another."""
    rx6700 = radeon(device="0x73df", revision="0xc5", vram=12 * GIB, gfx=100301, width=192, clock=1000)
    answers = machine(rx6700) | ({} if override is None else {"env:HSA_OVERRIDE_GFX_VERSION": override})

    snapshot = seen(answers)

    assert snapshot.accelerators[0].backend == backend
    told = {each.id for each in snapshot.findings}
    assert ("amd-gfx-unsupported" in told) is (backend == "vulkan")


@pytest.mark.parametrize(
    ("driver", "why_not"),
    [
        ("vfio-pci", message("unusable.lent-to-vm")),
        ("radeon", message("unusable.other-driver", driver="radeon", needed="amdgpu")),
    ],
)
def test_a_card_of_another_driver_is_named(driver: str, why_not: Message) -> None:
    """It is there, and it is said why it can't be used."""
    (device,) = seen(machine(radeon(driver=driver))).accelerators

    assert (device.name, device.usable, device.why_not) == ("AMD Radeon RX 7900 XTX", False, why_not)


def test_an_nvidia_card_beside_an_apu_is_the_only_device_used() -> None:
    """A laptop's NVIDIA card is used, the processor's graphics are not."""
    phoenix = radeon("0000:05:00.0", device="0x15bf", vram=2 * GIB, maker="unknown", gfx=110003, units=12)
    answers = machine(phoenix) | nvidia_machine(card())
    answers["list:/sys/bus/pci/devices"] = ["0000:01:00.0", "0000:05:00.0"]

    assert [(each.vendor, each.usable) for each in seen(answers).accelerators] == [
        ("nvidia", True),
        ("amd", False),
    ]


@pytest.mark.parametrize(("text", "expected"), [("11.0.0", "gfx1100"), ("9.0.10", "gfx90a"), ("11", None)])
def test_override(text: str, expected: str | None) -> None:
    """Three numbers name an instruction set."""
    assert parse_override(text) == expected


def test_bug_38_what_the_driver_says_counts_not_a_share_of_it() -> None:
    """Of 96 GiB set aside all are there, not the two thirds that Vulkan's heaps show."""
    ram = seen(machine(strix_halo(used=0), ram=31, available=28)).pool("ram")

    assert ram is not None
    assert ram.budget_bytes == 112 * GIB


def test_bug_40_more_used_than_there_is_is_no_negative_number() -> None:
    """What is free is zero then, not 2^64 less something."""
    pool = seen(machine(radeon(used=25 * GIB))).pool("vram0")

    assert pool is not None
    assert (pool.free_bytes, pool.budget_bytes) == (0, 0)


def test_bug_52_no_tool_has_to_be_installed_for_a_gpu_to_be_seen() -> None:
    """Where sysfs alone tells of a card, without topology, rights or tools, it is named."""
    answers = machine(radeon(node=0)) | {
        "list:/sys/class/kfd/kfd/topology/nodes": Answer(status="missing"),
        "list:/dev": Answer(status="denied"),
    }
    (device,) = seen(answers).accelerators

    assert (device.name, device.backend, device.usable) == ("AMD Radeon RX 7900 XTX", "vulkan", True)


def test_programs_that_compute_are_named() -> None:
    """With what each holds; what is left over is the display's and the driver's."""
    held = {
        "read:/sys/class/kfd/kfd/topology/nodes/1/gpu_id": "51234\n",
        "list:/sys/class/kfd/kfd/proc": ["700", "800"],
        "read:/sys/class/kfd/kfd/proc/700/vram_51234": f"{9 * GIB}\n",
        "read:/sys/class/kfd/kfd/proc/800/vram_51234": "0\n",
        "read:/proc/700/comm": "llama-server\n",
    }
    pool = seen(machine(radeon(used=10 * GIB)) | held).pool("vram0")

    assert pool is not None
    assert [(each.pid, each.name, each.used_bytes) for each in pool.held_by] == [
        (700, "llama-server", 9 * GIB)
    ]
    assert [(limit.by, limit.bytes) for limit in pool.limits] == [("processes", 9 * GIB), ("in-use", GIB)]


def test_no_finding_about_macs_is_made_of_an_amd_machine() -> None:
    """What limits the GPU is the driver's, and macOS has no part in it."""
    assert "mac-wired-limit" not in {each.id for each in seen(machine(strix_halo())).findings}


def test_a_driver_that_cannot_be_read_is_not_missing() -> None:
    """What the compute driver lists has its kernel driver."""
    link = "link:/sys/bus/pci/devices/0000:03:00.0/driver"
    denied, missing = (
        seen(machine(radeon()) | {link: Answer(status=status)}).accelerators[0] for status in STATUSES
    )

    assert (denied.driver, denied.usable) == ("amdgpu", True)
    assert (missing.driver, missing.usable) == (None, False)


def test_an_mi300a_has_the_hosts_memory_once() -> None:
    """What its driver calls VRAM is what the kernel counts as RAM."""
    mi300a = radeon(
        device="0x74a0", revision="0x00", vram=128 * GIB, gfx=90402, units=228, width=8192, clock=1300
    )
    snapshot = seen(machine(mi300a, ram=125, available=118))

    assert [(pool.id, pool.kind, pool.total_bytes) for pool in snapshot.pools] == [
        ("ram", "unified", 125 * GIB)
    ]
    assert (snapshot.accelerators[0].usable, snapshot.pools[0].budget_bytes) == (True, 118 * GIB)


def test_a_card_of_the_topology_is_no_integrated_gpu_by_its_sizes() -> None:
    """The compute driver says which nodes are with a processor; sizes are asked only where it says nothing."""
    small: dict[str, Any] = {
        "device": "0x699f",
        "revision": "0xc7",
        "vram": 2 * GIB,
        "maker": "unknown",
        "gfx": 80003,
    }
    listed, unlisted = (seen(machine(radeon(**small, node=node))).accelerators[0] for node in (1, 0))

    assert (listed.integrated, unlisted.integrated) == (False, True)


def test_a_card_reports_its_surroundings() -> None:
    """Window, link, power and temperature are fields as of any other card, each with its answers."""
    path = "/sys/bus/pci/devices/0000:03:00.0"
    answers = machine(radeon()) | {
        f"read:{path}/mem_info_vis_vram_total": str(256 * MIB),
        f"read:{path}/current_link_speed": "16.0 GT/s PCIe",
        f"read:{path}/max_link_speed": "16.0 GT/s PCIe",
        f"list:{path}/hwmon": ["hwmon1"],
        f"read:{path}/hwmon/hwmon1/power1_cap": "250000000",
        f"read:{path}/hwmon/hwmon1/power1_cap_default": "327000000",
        f"read:{path}/hwmon/hwmon1/temp1_input": "55000",
    }
    (card,) = seen(answers).accelerators

    assert card.window == Window(visible_bytes=256 * MIB)
    assert card.link is not None
    assert (card.link.width, card.link.bytes_per_s) == (16, 16 * 1_969_200_000)
    assert card.power == Power(limit_watts=250, default_watts=327)
    assert card.throttle == Throttle(celsius=55)
    assert card.evidence_of("link")[0] == f"read:{path}/current_link_width"
    assert f"read:{path}/mem_info_vis_vram_total" in card.evidence_of("window")


def test_integrated_graphics_have_no_slot() -> None:
    """No window, no link: they are in the processor."""
    (apu,) = seen(machine(strix_halo(), ram=31, available=28)).accelerators

    assert (apu.window, apu.link, apu.power) == (None, None, None)


@pytest.mark.parametrize(
    ("changes", "state", "why"),
    [
        ({}, "present", None),
        ({"read:PATH/power/runtime_status": "suspended"}, "asleep", None),
        ({"link:PATH/driver": "../drivers/vfio-pci"}, "lent", "unusable.lent-to-vm"),
        ({"link:PATH/driver": Answer(status="missing")}, "present", "unusable.no-driver"),
        ({"env:HIP_VISIBLE_DEVICES": "-1"}, "present", "unusable.hidden-from-rocm"),
    ],
)
def test_the_state_of_a_card_is_a_word(changes: dict[str, Any], state: str, why: str | None) -> None:
    """And the reason why it can't be used an id."""
    path = "/sys/bus/pci/devices/0000:03:00.0"
    named = {name.replace("PATH", path): value for name, value in changes.items()}
    (card,) = seen(machine(radeon()) | named).accelerators

    assert (card.state, card.why_not.id if card.why_not is not None else None) == (state, why)


def test_the_variable_that_hides_a_card_is_named_with_its_value() -> None:
    """Of two, the one that leaves it out last; its value is for the finding."""
    answers = machine(radeon(), radeon("0000:83:00.0", node=2)) | {
        "env:ROCR_VISIBLE_DEVICES": "0,1",
        "env:HIP_VISIBLE_DEVICES": "1",
    }
    snapshot = seen(answers)
    finding = next(each for each in snapshot.findings if each.id == "rocm-visible-hides")

    assert [(each.pci, each.hidden_by) for each in snapshot.accelerators] == [
        ("0000:83:00.0", None),
        ("0000:03:00.0", "HIP_VISIBLE_DEVICES"),
    ]
    assert finding.detail.values == {"variable": "HIP_VISIBLE_DEVICES", "value": "1"}
    assert finding.title.values["devices"] == ("gpu1 AMD Radeon RX 7900 XTX",)


def test_a_sleeping_card_without_a_driver_is_not_woken_by_asking() -> None:
    """What keeps it from being used is the driver, so it is not called asleep."""
    path = "/sys/bus/pci/devices/0000:03:00.0"
    answers = machine(radeon()) | {
        f"read:{path}/power/runtime_status": "suspended",
        f"link:{path}/driver": "../drivers/radeon",
    }
    snapshot = seen(answers)

    assert snapshot.accelerators[0].state == "present"
    assert {"gpu-asleep", "gpu-not-usable"} & {each.id for each in snapshot.findings} == {"gpu-not-usable"}
