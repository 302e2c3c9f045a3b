"""
What Vulkan's loader lists, on Linux: for graphics whose memory their own driver's files do not tell, and for the
numbers and limits that llama.cpp goes by.

The loader opens every driver, which takes a while and wakes devices that sleep. It is asked only where there is a GPU
that may run by Vulkan, and not while a GPU sleeps (LLMPROBE_WAKE=1 allows it). Graphics in a processor that nothing
runs on, Intel's and those beside a card of NVIDIA, are no reason to ask.

Questions, in order:

    list:/sys/bus/pci/devices                          and what pci_bus asks
    read:/sys/bus/pci/devices/<address>/power/runtime_status       of each of AMD, Intel and NVIDIA
    env:LLMPROBE_WAKE                                  where one sleeps
    vulkan:                                            where there is a GPU that may run by it
    env:GGML_VK_VISIBLE_DEVICES                        of the same, also where that is not asked for their sleep
"""

from llmprobe.facts.answer import Source
from llmprobe.facts.machine import Probed
from llmprobe.machine.asking import Asker, as_text
from llmprobe.machine.pci_bus import PciDevice, display_devices

NAME = "vulkan"
PLATFORMS = frozenset({"linux"})

_NVIDIA, _AMD, _INTEL = "0x10de", "0x1002", "0x8086"
_OF_INTELS_PROCESSOR = "0000:00:02.0"
_MAY_SLEEP = frozenset({_NVIDIA, _AMD, _INTEL})


def probe(source: Source) -> Probed:
    """
    The Vulkan devices, where there may be some that matter.
    """
    ask = Asker(source)
    devices = _gpus(ask)
    if not any(_may_run(device, devices) for device in devices):
        return ask.probed(found=False)
    asleep = [
        device
        for device in devices
        if device.vendor in _MAY_SLEEP
        and (ask.text(f"{device.path}/power/runtime_status") or "").strip() == "suspended"
    ]
    from llmprobe.machine.vulkan.devices import ask_vulkan, unasked
    from llmprobe.machine.vulkan.order import VARIABLE

    if asleep and as_text(ask.env("LLMPROBE_WAKE")) is None:
        vulkan = unasked(as_text(ask.env(VARIABLE)))
        return ask.probed(found=vulkan is not None, vulkan=vulkan)
    vulkan = ask_vulkan(ask)
    return ask.probed(found=vulkan is not None, vulkan=vulkan)


def _gpus(ask: Asker) -> list[PciDevice]:
    """
    The devices on the bus that may compute.
    """
    devices = [device for device in display_devices(ask) if device.vendor]
    if not devices:
        # A machine without any loads nothing that is about them.
        return []
    from llmprobe.machine.display_vendors import DISPLAYS_ONLY

    return [device for device in devices if device.vendor not in DISPLAYS_ONLY]


def _may_run(device: PciDevice, all_of_them: list[PciDevice]) -> bool:
    """
    Whether models may run on a device by Vulkan, as far as its numbers tell.
    """
    from llmprobe.machine.in_processors import AMD_INTEGRATED, AMD_TOO_SMALL, INTEL_RATED

    if device.vendor == _AMD and device.device in AMD_INTEGRATED:
        beside_card = any(each.vendor == _NVIDIA for each in all_of_them)
        return not beside_card and device.device not in AMD_TOO_SMALL
    if (device.vendor, device.address) == (_INTEL, _OF_INTELS_PROCESSOR):
        beside_card = any(each.vendor in (_NVIDIA, _AMD) for each in all_of_them)
        return not beside_card and device.device in INTEL_RATED
    return device.vendor != _NVIDIA
