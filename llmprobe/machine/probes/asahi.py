"""
Linux on a Mac with an Apple chip (Asahi): there is no Metal, and llama.cpp runs on the GPU by Vulkan.

The GPU shares the RAM. What it may use of that is what Vulkan's driver tells (Honeykrisp: half of the RAM on an M2 Pro
in ggml-org/llama.cpp#16188). https://asahilinux.org/docs/

Questions, in order, on ARM only:

    read:/proc/device-tree/compatible
    read:/proc/device-tree/model                       where that is Apple's, and so the next
    vulkan:                                            and what ask_vulkan asks
"""

import re

from llmprobe.facts.answer import Source
from llmprobe.facts.machine import Accelerator, Limit, Probed
from llmprobe.facts.vendors import Vendor
from llmprobe.facts.vulkan import Vulkan, VulkanDevice
from llmprobe.machine.asking import Asker
from llmprobe.words.message import message

NAME = "asahi"
PLATFORMS = frozenset({"linux"})
VENDORS: tuple[Vendor, ...] = ()

COMPATIBLE = "/proc/device-tree/compatible"
MODEL = "/proc/device-tree/model"
_ARM = ("aarch64", "arm64")
_CHIP = r"Apple M\d{1,2}(?: (?:Pro|Max|Ultra))?"


def probe(source: Source) -> Probed:
    """
    The GPU of an Apple chip as Vulkan's driver lists it; one that can't be used without that.
    """
    ask = Asker(source)
    if ask.platform.machine.lower() not in _ARM:
        return ask.probed(found=False)
    names = (ask.text(COMPATIBLE) or "").strip("\0\n").split("\0")
    if not any(name.startswith("apple,") for name in names):
        return ask.probed(found=False)
    model = (ask.text(MODEL) or "").strip("\0\n ")
    # Other machines load nothing that is about Vulkan.
    from llmprobe.machine.vulkan.devices import ask_vulkan

    vulkan = ask_vulkan(ask)
    device = _of_apple(vulkan)
    if device is None:
        why = message("unusable.apple-on-linux")
        if vulkan is None:
            why = message("unusable.vulkan-not-asked")
        gpu = Accelerator(
            id="gpu0",
            vendor="apple",
            name=f"GPU of {model}" if model else "Apple GPU",
            pools=("ram",),
            usable=False,
            why_not=why,
            integrated=True,
            evidence=(f"read:{COMPATIBLE}",),
        )
        return ask.probed(found=True, accelerators=(gpu,), vulkan=vulkan)
    gpu = _by_vulkan(device)
    caps: tuple[tuple[str, Limit], ...] = ()
    if device.total_bytes is not None:
        size = device.total_bytes if device.free_bytes is None else device.free_bytes
        detail = message("limit.vulkan-heaps", driver=device.driver, heap_bytes=size)
        caps = (("ram", Limit(by="working-set", bytes=size, detail=detail, basis="measured")),)
    return ask.probed(found=True, accelerators=(gpu,), caps=caps, vulkan=vulkan)


def _of_apple(vulkan: Vulkan | None) -> VulkanDevice | None:
    """
    The device that llama.cpp takes of those that Vulkan lists.
    """
    devices = vulkan.devices if vulkan is not None else ()
    return next(
        (each for each in devices if each.number is not None and re.match(_CHIP, each.name) is not None), None
    )


def _by_vulkan(device: VulkanDevice) -> Accelerator:
    from llmprobe.machine.gpu_table import named
    from llmprobe.machine.vulkan.devices import QUESTION

    found = re.match(_CHIP, device.name)
    chip = found[0] if found else device.name
    rates = {row.bandwidth_bytes_per_s for row in named(chip)}
    row = next(iter(named(chip)), None) if len(rates) == 1 else None
    how = None
    if row is not None:
        how = message("bandwidth.table", name=row.name, cores=None, source=row.source)
    return Accelerator(
        id="gpu0",
        vendor="apple",
        name=f"{chip} GPU",
        backend="vulkan",
        pools=("ram",),
        usable=True,
        integrated=True,
        architecture=chip.removeprefix("Apple "),
        bandwidth_bytes_per_s=row.bandwidth_bytes_per_s if row else None,
        bandwidth_basis="declared" if row else None,
        bandwidth_how=how,
        evidence=(QUESTION,),
    )
