"""
Facts that only NVIDIA's driver has: the start of its library, the kernel's view, the devices that CUDA shows.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from llmprobe.facts.answer import Status
from llmprobe.facts.seen import Seen
from llmprobe.words.message import Message


class LibraryStart(msgspec.Struct, frozen=True, kw_only=True):
    """
    The answer of ``nvmlInit`` where it is not ok: its status, NVML's return code, and the reason in words.
    """

    status: Status
    code: int | None
    why: Message


class VisibleDevices(msgspec.Struct, frozen=True, kw_only=True):
    """
    The value of CUDA_VISIBLE_DEVICES, and the entry at which CUDA stops reading it because it names no device.
    """

    value: str
    invalid: str | None = None


class NvidiaDevice(msgspec.Struct, frozen=True, kw_only=True):
    """
    Properties of one physical device that no other vendor reports. ``index`` is NVML's number of it.

    ``memory_node`` is the NUMA node that its memory is (GH200). ``licensed`` is known of vGPUs only.
    ``protected_bytes`` is memory set aside for confidential computing.
    """

    index: int
    brand: str | None = None
    minor: int | None = None
    addressing: Literal["none", "hmm", "ats"] | None = None
    memory_node: int | None = None
    performance_state: int | None = None
    virtualization: Literal["passthrough", "vgpu-guest", "vgpu-host", "vsga-host"] | None = None
    licensed: bool | None = None
    persistence: bool | None = None
    protected_bytes: int | None = None
    evidence: tuple[str, ...] = ()


class NvidiaSystem(msgspec.Struct, frozen=True, kw_only=True):
    """
    What a system knows of its NVIDIA devices beside the accelerators. A fact that was not looked for is None.

    ``on_bus`` are the PCI addresses of all NVIDIA devices, ``kernel_drivers`` the driver bound to each address,
    ``asleep`` the addresses that the kernel has powered down, ``device_files`` the names in /dev.
    ``module_version`` is the version of the running kernel module by /proc, ``installed_module`` by /sys.
    ``board`` and ``l4t`` are the name and the release of a Jetson's system. ``start`` is known where NVML failed
    to start, ``listed`` (how many devices NVML counts) where it counts none. ``by_command`` is True where
    nvidia-smi answered in the library's place. ``given_to_container`` is NVIDIA_VISIBLE_DEVICES, ``uncertain_order``
    the names of unlike devices that CUDA may number differently.
    """

    on_bus: Seen[tuple[str, ...]] | None = None
    kernel_drivers: Seen[dict[str, str]] | None = None
    asleep: Seen[tuple[str, ...]] | None = None
    module_version: Seen[str] | None = None
    installed_module: Seen[str] | None = None
    device_files: Seen[tuple[str, ...]] | None = None
    board: Seen[str] | None = None
    l4t: Seen[str] | None = None
    start: Seen[LibraryStart] | None = None
    listed: Seen[int | None] | None = None
    by_command: Seen[bool] | None = None
    cuda_version: Seen[str] | None = None
    given_to_container: Seen[str] | None = None
    cuda_visible_devices: Seen[VisibleDevices] | None = None
    uncertain_order: Seen[tuple[str, ...]] | None = None
    devices: tuple[NvidiaDevice, ...] = ()
