"""
What findings about hosts, AMD and Intel say, beyond that they are made.
"""

from typing import Any

import msgspec
import pytest

from llmprobe.facts.finding import Finding
from llmprobe.facts.machine import Accelerator, Host, Snapshot
from llmprobe.machine import rules
from llmprobe.machine.rules.disk import disk_low, slow_file_system
from llmprobe.machine.snapshot import collect
from llmprobe.words.message import message
from tests.machine.fake import GIB, MAC, FakeSource, plain_host
from tests.machine.probes.test_amd import MAY_NOT, machine, radeon, strix_halo
from tests.machine.probes.test_intel import SMALL_BAR, UNRESIZED, battlemage
from tests.machine.probes.test_intel import seen as intel
from tests.machine.rules.host_cases import CASES, ONE_MODULE, disk, linux

PATH = "/sys/bus/pci/devices/0000:03:00.0"


def found(snapshot: Snapshot, finding: str) -> Finding | None:
    return next((each for each in snapshot.findings if each.id == finding), None)


def test_an_arc_card_without_a_resized_window_is_warned_of() -> None:
    """It costs such a card most of its speed; a card with the whole window is not spoken of."""
    small = found(intel(battlemage(resource=UNRESIZED)), "rebar-off")

    assert small is not None
    assert (small.severity, small.evidence) == ("warning", (f"read:{PATH}/resource",))
    assert found(intel(battlemage()), "rebar-off") is None
    assert found(intel(battlemage(resource=SMALL_BAR)), "rebar-off") is None


def test_an_amd_card_on_few_lanes_is_warned_of() -> None:
    """One of sixteen lanes makes loading slow."""
    snapshot = linux(machine(radeon()), {f"read:{PATH}/current_link_width": "1"})
    narrow, link = found(snapshot, "pcie-narrow"), snapshot.accelerators[0].link

    assert narrow is not None
    assert link is not None
    assert (narrow.severity, link.width, link.max_width) == ("warning", 1, 16)


def test_a_sleeping_amd_card_is_told_of_once() -> None:
    """As asleep, not as one that can't be used."""
    snapshot = linux(machine(radeon()), {f"read:{PATH}/power/runtime_status": "suspended"})

    assert found(snapshot, "gpu-asleep") is not None
    assert found(snapshot, "gpu-not-usable") is None


def test_a_card_for_virtual_machines_is_told_of_once() -> None:
    """As lent, with the driver that it is bound to."""
    snapshot = linux(machine(radeon(driver="vfio-pci")))

    assert found(snapshot, "gpu-vfio") is not None
    assert found(snapshot, "gpu-not-usable") is None


def test_rights_to_rocm_are_mended_by_groups() -> None:
    """The command is the one of this system, and in a container another."""
    host = found(linux(machine(radeon()), {"run:test -w /dev/kfd": MAY_NOT}), "amd-no-kfd-access")
    container = found(
        linux(machine(radeon()), {"list:/dev": ["dri"], "list:/": [".dockerenv"]}), "amd-no-kfd-access"
    )

    assert host is not None
    assert host.remedy is not None
    assert host.remedy.commands == ("sudo usermod -aG render,video $USER",)
    assert container is not None
    assert container.remedy is not None
    assert container.remedy.commands[0].startswith("docker run --device /dev/kfd")


def test_the_limit_of_an_apu_is_told_in_pages() -> None:
    """All of RAM but 8 GiB, in pages of 4 KiB."""
    little = strix_halo(vram=GIB // 2, used=0, gtt=62 * GIB)
    finding = found(linux(machine(little, ram=124, available=110)), "apu-carveout")

    assert finding is not None
    assert finding.remedy is not None
    pages = (124 - 8) * GIB // 4096
    assert f"ttm.pages_limit={pages} " in finding.remedy.commands[0]


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        (
            "Ubuntu 25.04",
            ("sudo sed -i 's/^GRUB_CMDLINE_LINUX_DEFAULT=\"/&{} /' /etc/default/grub", "sudo update-grub"),
        ),
        ("Fedora Linux 43", ("sudo grubby --update-kernel=ALL --args='{}'",)),
    ],
)
def test_kernel_parameters_are_set_by_the_systems_tools(system: str, expected: tuple[str, ...]) -> None:
    """Debian's family has GRUB's file of defaults, Fedora's has grubby."""
    little = strix_halo(vram=GIB // 2, used=0, gtt=62 * GIB)
    named = {"read:/etc/os-release": f'PRETTY_NAME="{system}"\n'}
    finding = found(linux(machine(little, ram=124, available=110), named), "apu-carveout")
    pages = (124 - 8) * GIB // 4096
    parameters = f"ttm.pages_limit={pages} ttm.page_pool_size={pages}"

    assert finding is not None
    assert finding.remedy is not None
    assert finding.remedy.commands == tuple(command.format(parameters) for command in expected)


@pytest.mark.parametrize(
    ("why", "command"),
    [
        ("unusable.no-driver", "lspci -k -d ::0300"),
        ("unusable.other-driver", "lspci -k -d ::0300"),
        ("unusable.render-node-closed", "sudo usermod -aG render,video $USER"),
        ("unusable.no-amd-device-file", "sudo usermod -aG render,video $USER"),
        ("unusable.size-unknown", None),
    ],
)
def test_a_card_is_made_usable_by_what_it_lacks(why: str, command: str | None) -> None:
    """A driver or rights; a driver that reports no memory is mended by neither."""
    card = Accelerator(id="gpu0", vendor="amd", name="R", usable=False, why_not=message(why))
    snapshot = Snapshot(this_machine=True, host=Host(system="linux", machine="x86_64"), accelerators=(card,))
    finding = found(rules.diagnosed(snapshot), "gpu-not-usable")

    assert finding is not None
    assert (finding.remedy and finding.remedy.commands) == (None if command is None else (command,))


@pytest.mark.parametrize(
    ("kind", "free", "expected"),
    [("ext4", 300 * GIB, set()), ("ext4", 20 * GIB, {"disk-low"}), ("cifs", GIB, {"disk-low", "slow-fs"})],
)
def test_disks(kind: str, free: int, expected: set[str]) -> None:
    """Room and kind are told apart."""
    snapshot = linux(disk("/srv", kind, free))

    assert {each.id for each in snapshot.findings} & {"disk-low", "slow-fs"} == expected


@pytest.mark.parametrize(
    ("engines", "listing", "moving"),
    [
        (("llama.cpp",), (), ("export LLAMA_CACHE=$HOME/llama.cpp",)),
        (("lmstudio",), (), ()),
        (
            ("huggingface", "ollama"),
            ("ollama list", "du -sh ~/.cache/huggingface/hub/*"),
            ("export OLLAMA_MODELS=$HOME/models", "export HF_HOME=$HOME/huggingface"),
        ),
    ],
)
def test_the_commands_about_a_disk_are_those_of_the_engines_that_use_it(
    engines: tuple[str, ...], listing: tuple[str, ...], moving: tuple[str, ...]
) -> None:
    """Who keeps models for llama.cpp only is not sent to Ollama."""
    snapshot = linux(disk("/srv", "cifs", GIB))
    disks = tuple(msgspec.structs.replace(each, engines=engines) for each in snapshot.disks)
    snapshot = msgspec.structs.replace(snapshot, disks=disks)
    (low,), (slow,) = disk_low(snapshot), slow_file_system(snapshot)

    assert low.remedy is not None
    assert slow.remedy is not None
    assert (low.remedy.commands, slow.remedy.commands) == (listing, moving)


def test_memory_on_the_board_is_not_called_a_single_channel() -> None:
    """LPDDR has several channels in one package."""
    snapshot = linux({"read:/run/udev/data/+dmi:id": ONE_MODULE.replace("DDR5", "LPDDR5")})

    assert found(snapshot, "single-channel-ram") is None


def test_a_mac_under_pressure_is_told_so() -> None:
    """Level 2 is a warning of macOS, 4 is critical."""
    answers: dict[str, Any] = plain_host() | {
        "sysctl:hw.optional.arm64": 1,
        "sysctl:hw.memsize": 64 * GIB,
        "sysctl:machdep.cpu.brand_string": "Apple M3 Max",
        "sysctl:kern.memorystatus_vm_pressure_level": 4,
    }
    finding = found(collect(FakeSource(answers, MAC)), "memory-pressure")

    assert finding is not None
    assert finding.detail == message("finding.memory-pressure.detail-critical")


@pytest.mark.parametrize("finding", sorted(CASES))
def test_nothing_is_found_on_a_plain_host(finding: str) -> None:
    """A sound machine has none of these findings, whatever it lacks."""
    assert found(linux(), finding) is None


@pytest.mark.parametrize("finding", sorted(CASES))
def test_nothing_is_found_on_a_sound_amd_machine(finding: str) -> None:
    """Nor has one with a card that everything works with."""
    assert found(linux(machine(radeon())), finding) is None


@pytest.mark.parametrize(("gib", "commands"), [(64, 1), (18, 1), (16, 0), (8, 0)])
def test_a_wired_limit_below_half_of_memory_is_not_advised(gib: int, commands: int) -> None:
    """Of 16 GiB 8 are left to macOS, and what remains is less than macOS gives by itself."""
    answers: dict[str, Any] = {
        "psutil:virtual_memory": {"total": gib * GIB, "available": gib * GIB - GIB // 2},
        "sysctl:hw.optional.arm64": 1,
        "sysctl:hw.memsize": gib * GIB,
        "sysctl:machdep.cpu.brand_string": "Apple M3",
    }
    finding = found(collect(FakeSource(answers, MAC)), "mac-wired-limit")

    assert finding is not None
    assert finding.remedy is not None
    assert len(finding.remedy.commands) == commands


@pytest.mark.parametrize(("level", "warned"), [(1, False), (2, True), (4, True)])
def test_pressure_of_a_mac_is_a_word(level: int, warned: bool) -> None:
    """1 is normal, 2 is high, 4 is critical."""
    answers: dict[str, Any] = plain_host() | {
        "sysctl:hw.optional.arm64": 1,
        "sysctl:hw.memsize": 64 * GIB,
        "sysctl:machdep.cpu.brand_string": "Apple M3 Max",
        "sysctl:kern.memorystatus_vm_pressure_level": level,
    }
    snapshot = collect(FakeSource(answers, MAC))
    pressure = snapshot.host.memory.pressure

    assert pressure is not None
    assert pressure.level == {1: "normal", 2: "high", 4: "critical"}[level]
    assert (found(snapshot, "memory-pressure") is not None) is warned
