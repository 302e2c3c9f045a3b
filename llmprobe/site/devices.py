"""
What an engine can place layers on: a device as the accelerators of a snapshot and its links say, and its number.

Sources: llama.cpp b11549, src/llama.cpp (devices that are used, llama_max_devices), ggml/include/ggml-cuda.h and
ggml-vulkan.h (most devices); https://docs.nvidia.com/cuda/cuda-programming-guide/05-appendices/environment-variables.html
(left alone CUDA numbers the fastest device first, and with PCI_BUS_ID as NVML does).
"""

from collections.abc import Sequence
from typing import Any

from llmprobe.facts.backends import BACKENDS
from llmprobe.facts.devices import Device
from llmprobe.facts.machine import Accelerator, Snapshot

LANE_BYTES_PER_S = {
    1: 250_000_000,
    2: 500_000_000,
    3: 984_600_000,
    4: 1_969_200_000,
    5: 3_938_500_000,
    6: 7_877_000_000,
}
"""One lane of PCIe, one way, by generation: 2.5 to 64 GT/s less the line code (PCI-SIG base specifications)."""

MOST_DEVICES = 16
"""A build of llama.cpp ends where its backend lists more."""

HIDDEN = "hidden by"
"""How the reason begins why a device is not used that a variable of the environment hides."""


def device_of(accelerator: Accelerator, snapshot: Snapshot, free_bytes: int | None) -> Device:
    """
    The device that a usable accelerator is.
    """
    assert accelerator.backend is not None
    return Device(
        id=accelerator.id,
        backend=accelerator.backend,
        name=accelerator.name,
        pool=accelerator.pools[0],
        free_bytes=free_bytes,
        compute_capability=accelerator.compute_capability,
        bandwidth_bytes_per_s=accelerator.bandwidth_bytes_per_s,
        link_bytes_per_s=link_bytes_per_s(snapshot, accelerator),
        cores=accelerator.cores,
    )


def link_bytes_per_s(snapshot: Snapshot, accelerator: Accelerator) -> int | None:
    """
    Return how fast bytes come to a device over PCIe, by its lanes and the generation that its slot allows.

    The generation of the moment is not taken: idle cards lower it to save power.
    """
    seen = snapshot.observed("nvidia.pcie") if accelerator.vendor == "nvidia" else None
    link: dict[str, Any] = (seen.value.get(str(accelerator.index)) or {}) if seen is not None else {}
    lanes, generation = link.get("width"), link.get("max_generation")
    if not lanes or generation not in LANE_BYTES_PER_S:
        return None
    return int(lanes) * LANE_BYTES_PER_S[generation]


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
        and not (one.why_not or "").startswith(HIDDEN)
    ]
    if BACKENDS[backend].cards_first:
        seen.sort(key=lambda one: (one.integrated, one.pci or ""))
    return tuple(seen)


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
