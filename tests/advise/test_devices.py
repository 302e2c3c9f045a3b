"""
What a device is to an engine: its link among it.
"""

from typing import Any

import msgspec
import pytest

from llmprobe.advise.devices import device_of, link_bytes_per_s
from llmprobe.facts.machine import Observation, Snapshot
from tests.advise.machines import machine

MACHINE = machine((23.5,))


def linked(value: Any) -> Snapshot:
    gpu = msgspec.structs.replace(MACHINE.accelerators[0], index=0)
    seen = Observation(name="nvidia.pcie", value={"0": value}, evidence=("nvml",))
    return msgspec.structs.replace(MACHINE, accelerators=(gpu,), observations=(seen,))


@pytest.mark.parametrize(
    ("link", "gigabytes"),
    [
        ({"width": 16, "max_generation": 4}, 31.5),
        ({"width": 4, "max_generation": 3}, 3.9),
        ({"width": 16, "generation": 1}, None),
        ({}, None),
        (None, None),
    ],
)
def test_a_link_is_lanes_by_generation(link: Any, gigabytes: float | None) -> None:
    """
    16 lanes of PCIe 4.0 carry 31.5 GB/s; what does not say both has no known speed.
    """
    snapshot = linked(link)
    speed = link_bytes_per_s(snapshot, snapshot.accelerators[0])

    assert (speed and round(speed / 1e9, 1)) == gigabytes


def test_a_device_has_what_its_accelerator_says() -> None:
    """
    Name, backend, memory and bandwidth come from the snapshot.
    """
    gpu = MACHINE.accelerators[0]
    device = device_of(gpu, MACHINE, 5)

    assert (device.id, device.backend, device.free_bytes) == (gpu.id, "cuda", 5)
    assert device.bandwidth_bytes_per_s == gpu.bandwidth_bytes_per_s
    assert device.link_bytes_per_s is None
