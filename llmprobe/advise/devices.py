"""
What an engine can place layers on: a device as the accelerators of a snapshot and its links say.
"""

from typing import Any

from llmprobe.facts.machine import Accelerator, Snapshot
from llmprobe.facts.plan import Device

LANE_BYTES_PER_S = {
    1: 250_000_000,
    2: 500_000_000,
    3: 984_600_000,
    4: 1_969_200_000,
    5: 3_938_500_000,
    6: 7_877_000_000,
}
"""One lane of PCIe, one way, by generation: 2.5 to 64 GT/s less the line code (PCI-SIG base specifications)."""


def device_of(accelerator: Accelerator, snapshot: Snapshot, free_bytes: int | None) -> Device:
    """
    Return the device that a usable accelerator is.
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
