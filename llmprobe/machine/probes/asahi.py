"""
Linux on a Mac with an Apple chip (Asahi): its GPU is there, and is not what llama.cpp uses on macOS.

The GPU has a Vulkan driver under Linux and no Metal, so that it is named, and not counted on.
https://asahilinux.org/docs/

Questions, in order, on ARM only:

    read:/proc/device-tree/compatible
    read:/proc/device-tree/model                       where that is Apple's
"""

from llmprobe.facts.answer import Source
from llmprobe.facts.machine import Accelerator, Probed
from llmprobe.facts.vendors import Vendor
from llmprobe.machine.asking import Asker
from llmprobe.words.message import message

NAME = "asahi"
PLATFORMS = frozenset({"linux"})
VENDORS: tuple[Vendor, ...] = ()

COMPATIBLE = "/proc/device-tree/compatible"
MODEL = "/proc/device-tree/model"
_ARM = ("aarch64", "arm64")


def probe(source: Source) -> Probed:
    """
    The GPU of an Apple chip, as one that can't be used.
    """
    ask = Asker(source)
    if ask.platform.machine.lower() not in _ARM:
        return ask.probed(found=False)
    names = (ask.text(COMPATIBLE) or "").strip("\0\n").split("\0")
    if not any(name.startswith("apple,") for name in names):
        return ask.probed(found=False)
    model = (ask.text(MODEL) or "").strip("\0\n ")
    gpu = Accelerator(
        id="gpu0",
        vendor="apple",
        name=f"GPU of {model}" if model else "Apple GPU",
        pools=("ram",),
        usable=False,
        why_not=message("unusable.apple-on-linux"),
        integrated=True,
        evidence=(f"read:{COMPATIBLE}",),
    )
    return ask.probed(found=True, accelerators=(gpu,))
