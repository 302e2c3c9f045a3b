"""
The system around the devices.
"""

from typing import Any

import pytest

from llmprobe.facts.host import MemoryModules
from llmprobe.machine.probes import host
from tests.machine.fake import MAC, FakeSource

UDEV = """E:MEMORY_ARRAY_NUM_DEVICES=4
E:MEMORY_DEVICE_0_SIZE=17179869184
E:MEMORY_DEVICE_0_CONFIGURED_SPEED_MTS=5600
E:MEMORY_DEVICE_0_DATA_WIDTH=64
E:MEMORY_DEVICE_0_LOCATOR=Controller0-ChannelA-DIMM0
E:MEMORY_DEVICE_1_SIZE=17179869184
E:MEMORY_DEVICE_1_CONFIGURED_SPEED_MTS=5600
E:MEMORY_DEVICE_1_DATA_WIDTH=64
E:MEMORY_DEVICE_1_LOCATOR=Controller0-ChannelA-DIMM1
E:MEMORY_DEVICE_2_SIZE=17179869184
E:MEMORY_DEVICE_2_CONFIGURED_SPEED_MTS=5600
E:MEMORY_DEVICE_2_DATA_WIDTH=64
E:MEMORY_DEVICE_2_LOCATOR=Controller1-ChannelA-DIMM0
E:MEMORY_DEVICE_3_PRESENT=0
E:MEMORY_DEVICE_3_LOCATOR=Controller1-ChannelB-DIMM0
"""


@pytest.mark.parametrize(
    ("answers", "environment"),
    [
        ({}, "bare"),
        ({"cpuinfo:": {"flags": ["hypervisor"]}}, "vm"),
        ({"read:/sys/class/dmi/id/sys_vendor": "QEMU\n"}, "vm"),
        ({"list:/": [".dockerenv", "bin"], "cpuinfo:": {"flags": ["hypervisor"]}}, "container"),
        ({"env:container": "podman"}, "container"),
        ({"read:/run/.containerenv": ""}, "container"),
        ({"read:/proc/1/cgroup": "0::/docker/abc\n"}, "container"),
        ({"read:/proc/sys/kernel/osrelease": "5.15.153.1-microsoft-standard-WSL2\n"}, "wsl"),
    ],
)
def test_what_kind_of_system(answers: dict[str, Any], environment: str) -> None:
    """
    Container, WSL, virtual machine or none of them.
    """
    assert host.probe(FakeSource(answers)).host.environment == environment


def test_bandwidth_of_memory_counts_channels_not_modules() -> None:
    """
    Two modules on one channel give no more than one: two channels of 44.8 GB/s.
    """
    found = host.probe(FakeSource({"read:/run/udev/data/+dmi:id": UDEV})).host
    assert (found.ram_bandwidth_bytes_per_s, found.ram_bandwidth_basis) == (89_600_000_000, "derived")


def test_bandwidth_of_memory_is_unknown_where_nobody_says_it() -> None:
    """
    Nothing is guessed.
    """
    assert host.probe(FakeSource({})).host.ram_bandwidth_bytes_per_s is None
    silent = {"read:/run/udev/data/+dmi:id": "E:MEMORY_DEVICE_0_SIZE=1\nE:MEMORY_DEVICE_0_LOCATOR=DIMM0\n"}
    assert host.probe(FakeSource(silent)).host.ram_bandwidth_bytes_per_s is None


@pytest.mark.parametrize(
    ("kernel", "nodes", "expected"),
    [("5.15-microsoft", ["null"], False), ("5.15-microsoft", ["dxg"], True), ("6.8.0", ["dxg"], None)],
)
def test_whether_windows_lends_a_gpu_is_a_device_file(
    kernel: str, nodes: list[str], expected: bool | None
) -> None:
    """
    /dev/dxg, and only WSL can have it.
    """
    source = FakeSource({"read:/proc/sys/kernel/osrelease": kernel, "list:/dev": nodes})

    assert host.probe(source).host.wsl_gpu is expected


def test_a_container_in_wsl_is_both() -> None:
    """
    The environment is WSL, whose driver counts, and it is known that it is a container.
    """
    answers = {"read:/proc/sys/kernel/osrelease": "5.15-microsoft", "list:/": [".dockerenv"]}
    found = host.probe(FakeSource(answers)).host

    assert (found.environment, found.in_container) == ("wsl", True)


def test_a_mac() -> None:
    """
    The model is the product.
    """
    found = host.probe(FakeSource({"sysctl:hw.model": "Mac15,9", "sysctl:kern.hv_vmm_present": 0}, MAC)).host
    assert (found.product, found.environment) == ("Mac15,9", "bare")


def test_modules_are_summed() -> None:
    """
    Two modules of one channel are one channel, and what is installed is their sum.
    """
    text = "".join(
        f"E:MEMORY_DEVICE_{place}_SIZE=17179869184\nE:MEMORY_DEVICE_{place}_TYPE=DDR5\n"
        f"E:MEMORY_DEVICE_{place}_LOCATOR=ChannelA-DIMM{place}\n"
        for place in (0, 1)
    )
    found = host.probe(FakeSource({"read:/run/udev/data/+dmi:id": text})).host

    assert found.memory.modules == MemoryModules(
        count=2,
        kind="DDR5",
        channels=1,
        slots=2,
        bus_bits=64,
        installed_bytes=34359738368,
        evidence=("read:/run/udev/data/+dmi:id",),
    )
