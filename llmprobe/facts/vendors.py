"""
What one vendor's probe alone reports. What several vendors have in common is a field of ``Accelerator``.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from llmprobe.words.message import Message


class Vendor(msgspec.Struct, frozen=True, kw_only=True):
    """
    What holds for all accelerators of one vendor; its probe names it, and nothing else does.

    ``rank`` is the place of its devices among those of others. ``in_processors`` is true where graphics that are part
    of a processor can be its own. ``lists_programs`` and ``prints_link`` are commands for a person: they show what runs
    on its devices, and how these are attached.
    """

    name: str
    rank: int = 9
    in_processors: bool = False
    lists_programs: tuple[str, ...] = ()
    prints_link: tuple[str, ...] = ()


class WorkingSet(msgspec.Struct, frozen=True, kw_only=True):
    """
    How much of the host's memory macOS lets the GPU use; ``wired_limit_mb`` is the owner's setting, 0 for none.
    """

    bytes: int
    wired_limit_mb: int | None = None
    evidence: tuple[str, ...]


class Apple(msgspec.Struct, frozen=True, kw_only=True):
    """
    A Mac with an Apple chip. ``translated`` is true where this Python runs under Rosetta, ``low_power_mode`` where
    the owner chose it.

    ``gpu_in_use_bytes`` is what the GPU holds now; ``wired_bytes`` and ``compressed_bytes`` are the kernel's count
    for the whole system. ``missing_bytes`` is how much larger than RAM everything would be if nothing was compressed.
    """

    working_set: WorkingSet | None = None
    gpu_in_use_bytes: int | None = None
    wired_bytes: int | None = None
    compressed_bytes: int | None = None
    missing_bytes: int | None = None
    translated: bool | None = None
    low_power_mode: bool | None = None
    evidence: tuple[str, ...] = ()


class KfdAccess(msgspec.Struct, frozen=True, kw_only=True):
    """
    Whether this user may open /dev/kfd, ROCm's device: ``open``, ``closed`` (no right to it) or ``absent``.
    """

    state: Literal["open", "closed", "absent"]
    evidence: tuple[str, ...]


class CarveOut(msgspec.Struct, frozen=True, kw_only=True):
    """
    The memory that the firmware sets aside for the integrated GPU at ``pci``, and what it may map of RAM (GTT).
    """

    pci: str
    bytes: int
    gtt_bytes: int | None = None
    evidence: tuple[str, ...]


class WithoutRocm(msgspec.Struct, frozen=True, kw_only=True):
    """
    A GPU whose instruction set ROCm's libraries have no code for (``gfx1031``).
    """

    pci: str
    gfx: str
    evidence: tuple[str, ...]


class HidingVariable(msgspec.Struct, frozen=True, kw_only=True):
    """
    A variable of the environment that hides GPUs from ROCm, with its value.
    """

    variable: str
    value: str
    evidence: tuple[str, ...]


class SharedHeaps(msgspec.Struct, frozen=True, kw_only=True):
    """
    What ROCm and Vulkan can allocate of the memory that the integrated GPU at ``pci`` shares, and the backend chosen.

    ROCm allocates from the carve-out or from RAM that the GPU may map (``gtt``), Vulkan from both. ``rocm_basis`` is
    ``measured`` where the driver says how large ROCm's part is, else it follows from the kernel's version.
    """

    pci: str
    rocm_from: Literal["carve-out", "gtt"]
    rocm_total_bytes: int
    rocm_free_bytes: int | None = None
    rocm_basis: str = "measured"
    vulkan_free_bytes: int | None = None
    chosen: Literal["rocm", "vulkan"]
    evidence: tuple[str, ...]

    @property
    def displaces(self) -> bool:
        """Whether ROCm, which is usual, gives way to Vulkan."""
        return self.chosen != "rocm"


class Amd(msgspec.Struct, frozen=True, kw_only=True):
    """
    AMD's driver and libraries on this machine.

    ``kfd`` is None where it could not be asked, and on processors that ROCm is not made for. ``hiding`` are the
    variables that hide GPUs from ROCm.
    """

    kfd: KfdAccess | None = None
    hiding: tuple[HidingVariable, ...] = ()
    carve_outs: tuple[CarveOut, ...] = ()
    without_rocm: tuple[WithoutRocm, ...] = ()
    heaps: tuple[SharedHeaps, ...] = ()


class SyclDevice(msgspec.Struct, frozen=True, kw_only=True):
    """
    A GPU that SYCL sees, or one ``tile`` of it. ``number`` is llama.cpp's (``SYCL0``), None where it is not sure.
    """

    pci: str
    tile: int | None = None
    number: int | None = None


class OneApi(msgspec.Struct, frozen=True, kw_only=True):
    """
    The variables that are set, and what they leave. ``problem`` is why a program ends at them; nothing is left then.

    ``hidden`` are addresses of GPUs that SYCL does not see by them; None where OpenCL's numbers decide, which count
    processors as well.
    """

    selector: str | None = None
    mask: str | None = None
    hierarchy: str | None = None
    devices: tuple[SyclDevice, ...] = ()
    hidden: tuple[str, ...] | None = ()
    problem: Message | None = None
    evidence: tuple[str, ...] = ()
