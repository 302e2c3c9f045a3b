"""
Which Vulkan devices llama.cpp takes, and in which order: its numbers (``Vulkan0``).

llama.cpp b11549, ggml-vulkan.cpp, ``ggml_vk_instance_init``: without GGML_VK_VISIBLE_DEVICES cards and integrated
graphics in the loader's order, of several drivers' entries of one GPU the preferred driver's; where there is neither,
the first device that is no software. With the variable exactly the devices that it names, whatever they are.
"""

import re
from collections.abc import Sequence

from llmprobe.facts.vulkan import VulkanDevice

VARIABLE = "GGML_VK_VISIBLE_DEVICES"
_NUMBER = r"[ \t\n\v\f\r]*([+-]?)(\d+)"
_WIDTH = 1 << 64
_MOLTEN_VK, _DOZEN = 14, 23
_PREFERRED: dict[int, tuple[int, ...]] = {
    0x1002: (3, 2, 1),
    0x8086: (6, 5),
    0x10DE: (4, 24),
    0x5143: (8, 18),
}
"""
The drivers of each vendor by Vulkan's ids, the preferred first: RADV, AMD's open one, AMD's own; Mesa, Intel's own;
NVIDIA's own, NVK; Qualcomm's own, Turnip.
"""

_LAST, _UNKNOWN = 100, 1 << 31


def taken(devices: Sequence[VulkanDevice], visible: str | None = None) -> tuple[int, ...]:
    """
    The places of the devices that llama.cpp takes, in its order; ``visible`` is the variable, None where it isn't set.
    """
    if visible is not None:
        return named(visible, len(devices))
    places: list[int] = []
    for device in devices:
        if device.kind not in ("discrete", "integrated") or device.storage_16_bit is False:
            continue
        before = next((place for place in places if _is_same(devices[place], device)), None)
        if before is None:
            places.append(device.place)
        elif _rank(device) < _rank(devices[before]):
            places.remove(before)
            places.append(device.place)
    if places:
        return tuple(places)
    return tuple(device.place for device in devices if device.kind != "software")[:1]


def named(visible: str, count: int) -> tuple[int, ...]:
    """
    The places that the variable names among so many devices: numbers up to the first thing that is none.

    One that does not exist ends the backend, which then has no device: so does -1, which is read as a large number.
    """
    places: list[int] = []
    rest = visible.replace(",", " ")
    while (found := re.match(_NUMBER, rest, re.ASCII)) is not None:
        number = int(found[2][:20])
        if number >= _WIDTH:
            # Too large to be read: the rest is left.
            break
        if (-number % _WIDTH if found[1] == "-" else number) >= count:
            return ()
        places.append(number)
        rest = rest[found.end() :]
    return tuple(places)


def _is_same(first: VulkanDevice, second: VulkanDevice) -> bool:
    both_molten = first.driver_id == second.driver_id == _MOLTEN_VK
    alike = [(first.uuid, second.uuid), (first.luid, second.luid)]
    return any(one is not None and one == other for one, other in alike) and not both_molten


def _rank(device: VulkanDevice) -> int:
    if device.driver_id == _DOZEN:
        return _LAST
    preferred = _PREFERRED.get(device.vendor_id or 0, ())
    return preferred.index(device.driver_id) if device.driver_id in preferred else _UNKNOWN
