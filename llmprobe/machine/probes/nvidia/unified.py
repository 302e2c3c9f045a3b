"""
How a chip of NVIDIA without memory of its own shares the RAM of Windows.

Of RTX Spark NVML reports only what the firmware sets aside and hides from Windows: 8,128 MiB, where CUDA allocates
46,477 MiB (unslothai/unsloth#11208), or 40,896 MiB with 22 GiB left to Windows (openclaw/openclaw-windows-node#1242).
Beside that Windows lends a GPU a part of RAM, of which its adapter tells the size. Linux hides nothing.

Questions, in order:

    winapi:adapters
    what host_ram asks
"""

from typing import Literal

from llmprobe.facts.machine import Limit, Sharing
from llmprobe.machine.adapter_programs import shared_with
from llmprobe.machine.host_ram import host_ram
from llmprobe.machine.probes.nvidia.asking import Careful
from llmprobe.machine.probes.nvidia.memory import Memory
from llmprobe.words.message import message

_SHARE_OF_RAM = 2
"""
https://learn.microsoft.com/windows-hardware/drivers/display/calculating-graphics-memory
"""


def sharing_of(ask: Careful, memory: Memory, address: str | None) -> Sharing | None:
    """
    What the firmware set aside, and the most that the device may take with it; None where nothing is set aside.
    """
    if ask.platform.system != "win32" or memory.total_bytes is None or memory.free_bytes is None:
        return None
    lent = shared_with(ask, address)
    basis: Literal["measured", "assumed"] = "measured" if lent is not None else "assumed"
    ram = host_ram(ask)
    if lent is None and ram.total_bytes is not None:
        lent = ram.total_bytes // _SHARE_OF_RAM
    cap = None
    if lent is not None:
        left = lent if ram.available_bytes is None else min(lent, ram.available_bytes)
        detail = message("limit.windows-shared", carve_out_bytes=memory.total_bytes, shared_bytes=left)
        cap = Limit(by="working-set", bytes=memory.free_bytes + left, detail=detail, basis=basis)
    return Sharing(
        accelerator="gpu",
        carve_out_bytes=memory.total_bytes,
        carve_out_used_bytes=memory.total_bytes - memory.free_bytes,
        cap=cap,
    )
