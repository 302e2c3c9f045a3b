"""
What an engine can place layers on: a device as the accelerators of a snapshot and its links say, and its number.

Sources: llama.cpp b11549, src/llama.cpp (devices that are used, llama_max_devices), ggml/include/ggml-cuda.h and
ggml-vulkan.h (most devices); https://docs.nvidia.com/cuda/cuda-programming-guide/05-appendices/environment-variables.html
(left alone CUDA numbers the fastest device first, and with PCI_BUS_ID as NVML does).
"""

from collections.abc import Sequence

from llmprobe.facts.backends import BACKENDS
from llmprobe.facts.devices import Device
from llmprobe.facts.machine import Accelerator, Snapshot
from llmprobe.units import GIB
from llmprobe.words.message import Message, message

MOST_DEVICES = 16
"""A build of llama.cpp ends where its backend lists more."""

ASSUMED_MODULES = (0.5, 1.5)
"""What modules of an assumed speed or number of channels may reach, as parts: half of the channels, or a later kind."""

USUAL_BANDWIDTHS = (
    (5, 128, 80, 224),
    (9, 288, 160, 496),
    (13, 432, 288, 760),
    (18, 512, 200, 960),
    (28, 672, 280, 1008),
    (50, 864, 504, 1600),
    (4096, 3238, 1568, 8000),
)
"""
Of cards up to so many GiB: GB/s, and those of the slowest and the fastest twentieth: the cards of data/gpus.json.
"""


def device_of(
    accelerator: Accelerator, free_bytes: int | None, driver: str = "", *, windows: bool = False
) -> Device:
    """
    The device that a usable accelerator is, with a driver of its backend.
    """
    assert accelerator.backend is not None
    rate, low, high = accelerator.bandwidth_bytes_per_s, 1.0, 1.0
    if rate is None:
        rate, low, high = usual_bandwidth(free_bytes)
    elif accelerator.bandwidth_basis == "assumed":
        low, high = ASSUMED_MODULES
    return Device(
        id=accelerator.id,
        backend=accelerator.backend,
        driver=driver,
        name=accelerator.name,
        pool=accelerator.pools[0],
        free_bytes=free_bytes,
        compute_capability=accelerator.compute_capability,
        bandwidth_bytes_per_s=rate,
        bandwidth_low=low,
        bandwidth_high=high,
        link_bytes_per_s=accelerator.link.bytes_per_s if accelerator.link else None,
        cores=accelerator.cores,
        windows=windows,
    )


def about_bandwidth(device: Device, remedy: Message | None = None) -> Message:
    """
    What an assumed bandwidth of a device rests on, and what would tell it.
    """
    rate = device.bandwidth_bytes_per_s or 0
    return message(
        "note.bandwidth-assumed",
        device=device.name or device.id,
        bytes_per_s=rate,
        low=round(rate * device.bandwidth_low),
        high=round(rate * device.bandwidth_high),
        remedy=remedy,
    )


def usual_bandwidth(memory_bytes: int | None) -> tuple[int, float, float]:
    """
    What a card with so much memory usually has in bytes/s, and what it may have as parts of that.
    """
    gib = (memory_bytes or 0) / GIB
    rate, low, high = next(
        (rates for most, *rates in USUAL_BANDWIDTHS if gib <= most), USUAL_BANDWIDTHS[-1][1:]
    )
    return rate * 10**9, low / rate, high / rate


def listed(snapshot: Snapshot, backend: str) -> tuple[Accelerator, ...]:
    """
    The devices that a build for a backend lists, in its order: also those that cannot be used here.

    ROCm lists what its libraries have no kernels for, and Vulkan what other backends do too, cards before integrated
    graphics.
    """
    seen = [
        one
        for one in snapshot.accelerators
        if (
            one.backend == backend
            or (one.backend is not None and not {"*", one.vendor}.isdisjoint(BACKENDS[backend].lists))
        )
        and one.hidden_by is None
    ]
    if BACKENDS[backend].cards_first:
        seen.sort(key=lambda one: (one.integrated, one.pci or ""))
    places = _places(snapshot) if BACKENDS[backend].by_loader else {}
    if sorted(places.get(one.id, -1) for one in seen) == list(range(len(seen))):
        seen.sort(key=lambda one: places[one.id])
    return tuple(seen)


def _places(snapshot: Snapshot) -> dict[str, int]:
    """
    The numbers that llama.cpp's Vulkan gives the accelerators, empty where the loader was not asked.
    """
    devices = snapshot.vulkan.devices if snapshot.vulkan is not None else ()
    return {
        one.accelerator: one.number
        for one in devices
        if one.accelerator is not None and one.number is not None
    }


def left_over(there: Sequence[Accelerator], devices: Sequence[Device]) -> bool:
    """
    Whether an engine without further settings would use more of the devices that are there than these.

    Beside a card it leaves integrated graphics alone by itself.
    """
    used = {device.id for device in devices}
    cards = [one for one in there if not one.integrated] or there
    return any(one.id not in used for one in cards)


def environment_for(there: Sequence[Accelerator], devices: Sequence[Device]) -> dict[str, str]:
    """
    The variables that give an engine these of the devices that are there, in this order; none where their
    numbers do.

    CUDA is told UUIDs where its numbers are not sure: with unlike devices, of which it takes the fastest first, and
    with some that cannot be used, which it may not count.
    """
    if not devices:
        return {}
    backend = BACKENDS[devices[0].backend]
    known = {one.id: one for one in there}
    used = [known[device.id] for device in devices if device.id in known]
    if backend.visible is None:
        return {}
    if backend.visible_by_uuid:
        unlike = len({one.name for one in there}) > 1
        unsure = unlike or len(there) > MOST_DEVICES or not all(one.usable for one in there)
        uuids = [one.uuid for one in used if one.uuid is not None]
        if unsure and left_over(there, devices) and len(uuids) == len(devices):
            return {backend.visible: ",".join(uuids)}
        return dict(backend.order) if unlike else {}
    if len(there) > MOST_DEVICES:
        return {backend.visible: ",".join(map(str, numbers(there, devices)))}
    return {}


def numbers(there: Sequence[Accelerator], devices: Sequence[Device]) -> tuple[int, ...]:
    """
    The place of each device among those that are there.
    """
    places = {one.id: place for place, one in enumerate(there)}
    return tuple(places[device.id] for device in devices if device.id in places)
