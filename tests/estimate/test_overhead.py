"""
What is taken beside the buffers, as a range.
"""

import pytest

from llmprobe.data import table
from llmprobe.estimate.overhead import device_overhead, host_overhead
from llmprobe.facts.plan import Device
from llmprobe.units import MIB


@pytest.mark.parametrize("backend", ["cuda", "rocm", "vulkan", "metal", "sycl"])
def test_the_counted_figure_lies_in_its_range(backend: str) -> None:
    """
    Low, counted and high are in order for every backend.
    """
    term = device_overhead(Device(id="gpu0", backend=backend))  # type: ignore[arg-type]
    assert term.low_bytes is not None
    assert term.high_bytes is not None
    assert term.low_bytes <= term.bytes <= term.high_bytes


def test_the_generation_of_a_card_decides_its_range() -> None:
    """
    A Pascal card takes less than a Blackwell card.
    """
    old = device_overhead(Device(id="gpu0", compute_capability="6.1"))
    new = device_overhead(Device(id="gpu0", compute_capability="12.0"))
    assert (old.bytes, new.bytes) == (200 * MIB, 720 * MIB)


def test_metal_takes_nothing() -> None:
    """
    Zero is measured there, not unknown.
    """
    assert device_overhead(Device(id="gpu0", backend="metal")).bytes == 0


def test_weights_on_the_host_widen_the_range_only() -> None:
    """
    They are staged on the device in long prompts.
    """
    device = Device(id="gpu0", compute_capability="8.9")
    alone, staged = device_overhead(device), device_overhead(device, weights_on_host=True)
    assert (staged.bytes, staged.high_bytes) == (alone.bytes, 2200 * MIB)


def test_a_driver_makes_the_process_larger() -> None:
    """
    The host pays for a GPU's libraries.
    """
    assert host_overhead(0).bytes < host_overhead(1).bytes


def test_every_row_says_where_it_is_from() -> None:
    """
    No figure without a source.
    """
    rows = [*table("overhead")["devices"], *table("overhead")["host"].values()]
    assert all(row["source"] for row in rows)
