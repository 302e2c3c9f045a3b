r"""
What a display adapter of Windows is: a GPU of a maker, or one of those that no model can be put on.

The identifier of its hardware decides: GPUs are on PCI, or of a system on a chip (``ACPI\QCOM…``). Displays of virtual
machines have makers of their own on PCI or are on the hypervisor's bus, and those of programs and of sessions over the
network have no hardware (``ROOT\``, ``SWD\``).
"""

import re

from llmprobe.facts.windows import AdapterKind
from llmprobe.machine.display_vendors import DISPLAYS_ONLY
from llmprobe.machine.gpu_table import Gpu
from llmprobe.machine.in_processors import AMD_INTEGRATED
from llmprobe.machine.probes.windows.registry import Listed
from llmprobe.units import GIB

NVIDIA, AMD, INTEL = "0x10de", "0x1002", "0x8086"
_BASIC = r"(?i)basic (?:display|render)"
_BY_CLASS = r"(?i)^PCI\\CC_"
"""Windows' own driver matches any display by its PCI class; drivers of makers match their devices."""

_REMOTE = r"(?i)remote ?display|^remote desktop|\\remotedisplay"
_ON_CHIP = r"(?i)^ACPI\\(?:VEN_)?(QCOM|NVDA|ARMH)"
_LEAST_OF_A_CARD = 3 * GIB
"""Drivers of Intel's integrated graphics write 128 MiB to 2 GiB; its cards have 4 GiB and more (DG1, Arc A310)."""

_ON_CHIP_MAKERS = {"QCOM": "Qualcomm", "NVDA": "NVIDIA", "ARMH": "Arm"}


def uncounted_kind(adapter: Listed) -> AdapterKind | None:
    """
    Why an adapter is not counted, None where it is a GPU.
    """
    if re.search(_REMOTE, adapter.name) or re.search(_REMOTE, adapter.hardware_id):
        return "remote"
    if re.search(_BASIC, adapter.name) or re.match(_BY_CLASS, adapter.hardware_id):
        return "basic"
    if adapter.vendor in (NVIDIA, AMD, INTEL) or on_chip(adapter):
        return None
    if adapter.vendor is not None:
        return "virtual" if adapter.vendor in DISPLAYS_ONLY else None
    return "virtual" if adapter.hardware_id else None


def on_chip(adapter: Listed) -> str | None:
    """
    The maker of a GPU that is a part of a system on a chip, None of any other.
    """
    found = re.match(_ON_CHIP, adapter.hardware_id)
    return _ON_CHIP_MAKERS[found[1].upper()] if found else None


def is_integrated(adapter: Listed, row: Gpu | None, memory_bytes: int | None) -> bool:
    """
    Whether a GPU of AMD or Intel shares RAM: by its PCI number, by the table, or by the size of its own memory.

    A card of AMD may be small; without a size Intel's counts as integrated, as nearly all are.
    """
    if adapter.vendor == AMD and adapter.device in AMD_INTEGRATED:
        return True
    if row is not None:
        return row.unified
    return adapter.vendor == INTEL and (memory_bytes or 0) < _LEAST_OF_A_CARD
