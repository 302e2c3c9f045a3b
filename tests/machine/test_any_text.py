"""
Whatever a file or a command says, its parser returns something and raises nothing.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from llmprobe.errors import UsageError
from llmprobe.machine import control_groups, host_ram, hypothetical, intel_memory, memory_bus, vm_stat
from llmprobe.machine.asking import as_int
from llmprobe.machine.cpu_list import parse_cpu_list
from llmprobe.machine.kernel_release import kernel_version
from llmprobe.machine.probes import apple, cgroup, cpu, disk, host, memory
from llmprobe.machine.probes.amd import access, topology
from llmprobe.machine.probes.amd import visible as amd_visible
from llmprobe.machine.probes.nvidia import device, presence, visible

pytestmark = pytest.mark.sweep

PARSERS: tuple[Callable[[str], Any], ...] = (
    as_int,
    parse_cpu_list,
    host_ram.parse_meminfo,
    memory.parse_swaps,
    cpu.parse_cpuinfo,
    control_groups.parse_self_cgroup,
    control_groups.parse_mountinfo,
    cgroup.parse_memory_max,
    cgroup.parse_memory_stat,
    cgroup.parse_cpu_max,
    apple.parse_gpu_cores,
    vm_stat.parse_vm_stat,
    host.parse_os_release,
    host.parse_udev_memory,
    device.pci_address,
    device.architecture_of,
    presence.parse_driver_version,
    presence.parse_gpu_information,
    lambda text: visible.parse_cuda_visible_devices(text, (("GPU-1",), ()), numbered=2),
    host_ram.cache_of_zfs,
    host_ram.parse_node_meminfo,
    memory.parse_pressure,
    memory.parse_limits,
    disk.parse_mounts,
    apple.parse_in_use,
    apple.parse_displays,
    lambda text: amd_visible.rocr_visible(text, ("GPU-0000000100000000", None)),
    lambda text: amd_visible.hip_visible(text, ("GPU-0000000100000000", None)),
    kernel_version,
    access.parse_override,
    topology.parse_properties,
    lambda text: topology.pci_address(topology.parse_properties(text)),
    intel_memory.parse_size,
    intel_memory.parse_largest,
    lambda text: intel_memory.parse_bar(text, 0),
    lambda text: memory_bus.bus(host.parse_udev_memory(text), processor=text, system=text),
    host.slots,
)
LONG = "9" * 5000
TEXT = st.one_of(
    st.text(max_size=200),
    st.text(alphabet="0123456789-,:. \nkBMemoryE=_x/\"'", max_size=200),
)


@pytest.mark.parametrize("parser", PARSERS)
@given(text=TEXT)
@example(text=LONG)
@example(text=f"MemTotal: {LONG} kB")
@example(text=f"0-{LONG}")
@example(text=f"E:MEMORY_DEVICE_{LONG}_SIZE={LONG}")
@example(text=f'"gpu-core-count" = {LONG}')
@example(text=f"page size of {LONG} bytes")
@example(text=f"Filename\n/a b {LONG} {LONG} 1 1")
@example(text=f"{LONG}x RTX 4090 {LONG}GB")
@example(text=f"{LONG}:01:00.0")
@example(text=f"{LONG}.{LONG}")
@example(text=f"location_id {LONG}")
@example(text=f"some avg10={LONG} avg60=0")
@example(text=f"0x{LONG} 0x{LONG} 0x0")
@example(text='{"SPDisplaysDataType": [{"spdisplays_vendor": 7}]}')
@example(text="[" * 5000)
@example(text="²")
@settings(max_examples=40, deadline=None)
def test_any_text(parser: Callable[[str], Any], text: str) -> None:
    """
    No parser raises.
    """
    parser(text)


NO_GPU = frozenset(("none", "no", "no gpu", "cpu", "cpu only", "cpu-only", "without", "-", "なし"))


@given(text=TEXT)
@example(text="-")
@example(text=f"{LONG}GB")
@example(text=f"{LONG}x RTX 4090 {LONG}GB")
@example(text="x" * 5000)
@example(text="2x" * 2000)
@example(text="+" * 5000)
@example(text="RTX 4090 + " * 400)
@example(text="an " * 1700)
@settings(max_examples=60, deadline=None)
def test_any_name_of_a_gpu(text: str) -> None:
    """
    A name is known or refused with a sentence, and only few words say that there is none.
    """
    with suppress(UsageError):
        found = hypothetical.hypothetical([text], 2**34).accelerators
        assert found or text.strip().lower() in NO_GPU
    with suppress(UsageError):
        assert hypothetical.hypothetical([f"{text}:24GB"], 2**34).accelerators
