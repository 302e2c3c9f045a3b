"""
GPUs that GGML_VK_VISIBLE_DEVICES leaves out of llama.cpp's Vulkan backend.

The variable counts the devices of the loader. Where that was not asked or did not answer, the GPUs count in the order
of the bus, which is that of the loader where one driver has them all: with one GPU the answer is sure.
"""

from collections.abc import Sequence

import msgspec

from llmprobe.facts.machine import Accelerator, Probed
from llmprobe.facts.vulkan import Vulkan
from llmprobe.machine.vulkan.order import VARIABLE, named
from llmprobe.words.message import message

_BACKEND = "vulkan"


def without_hidden(vulkan: Vulkan, accelerators: Sequence[Accelerator]) -> tuple[Accelerator, ...]:
    """
    The accelerators; those that would run by Vulkan and that the variable does not name cannot be used.
    """
    if vulkan.visible is None:
        return tuple(accelerators)
    left = _left(vulkan, accelerators, vulkan.visible)
    why_not = message("unusable.hidden-from-vulkan", variable=VARIABLE)
    return tuple(
        msgspec.structs.replace(
            each,
            usable=False,
            backend=None,
            why_not=why_not,
            hidden_by=VARIABLE,
            cited={**each.cited, "hidden_by": (f"env:{VARIABLE}",)},
        )
        if each.usable and each.backend == _BACKEND and each.id not in left
        else each
        for each in accelerators
    )


def without_sharing(found: Sequence[Probed], accelerators: Sequence[Accelerator]) -> list[Probed] | None:
    """
    What probes found without the use of hidden graphics that share the host's memory; None where there are none.
    """
    gone = {each.pci for each in accelerators if each.hidden_by == VARIABLE and each.integrated}
    if not gone:
        return None
    return [
        msgspec.structs.replace(
            probed,
            accelerators=tuple(
                msgspec.structs.replace(each, usable=False) if each.pci in gone else each
                for each in probed.accelerators
            ),
        )
        for probed in found
    ]


def _left(vulkan: Vulkan, accelerators: Sequence[Accelerator], visible: str) -> frozenset[str]:
    """
    The ids of the accelerators that the variable names.
    """
    if vulkan.devices:
        return frozenset(
            each.accelerator
            for each in vulkan.devices
            if each.number is not None and each.accelerator is not None
        )
    there = sorted(
        (each for each in accelerators if each.state in ("present", "asleep") and each.vendor != "other"),
        key=lambda each: each.pci or "",
    )
    return frozenset(there[place].id for place in named(visible, len(there)))
