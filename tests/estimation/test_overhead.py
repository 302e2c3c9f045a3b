"""
What is taken beside the buffers, as a range.
"""

import pytest

from llmprobe.data import table
from llmprobe.estimation.memory.overhead import device_overhead, host_overhead
from llmprobe.facts.devices import Device
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


@pytest.mark.parametrize(
    ("name", "seen_low", "seen_high"),
    [
        ("NVIDIA GeForce RTX 4090", 451, 456),
        ("NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition", 703, 712),
        ("NVIDIA GeForce RTX 4060 Ti", 107, 107),
        ("NVIDIA GeForce RTX 3090", 256, 256),
    ],
)
def test_what_was_read_off_a_card_lies_in_its_range(name: str, seen_low: int, seen_high: int) -> None:
    """
    The figure is not far below what was read, and at most 100 MiB above it.
    """
    term = device_overhead(Device(id="gpu0", name=name, compute_capability="8.9"))
    assert term.low_bytes is not None
    assert term.high_bytes is not None
    assert term.low_bytes <= seen_low * MIB
    assert term.high_bytes >= seen_high * MIB
    assert 0.99 * seen_high <= term.bytes / MIB <= seen_high + 100


def test_the_longest_name_decides() -> None:
    """
    A laptop's card of the same number has fewer multiprocessors, and a small card takes less than a large one.
    """
    names = ("RTX 4060 Laptop GPU", "RTX 4090 Laptop GPU", "RTX 4090 D", "RTX 4090")
    sizes = [device_overhead(Device(id="gpu0", name=f"NVIDIA GeForce {name}")).bytes for name in names]
    assert sizes == sorted(set(sizes))


def test_a_card_that_is_not_listed_is_taken_by_its_generation() -> None:
    """
    An unknown name gives the range of the generation.
    """
    unknown = Device(id="gpu0", name="NVIDIA Unheard Of", compute_capability="8.9")
    assert device_overhead(unknown).bytes == 460 * MIB


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
    assert host_overhead(()).bytes < host_overhead((Device(id="gpu0"),)).bytes
    assert host_overhead((Device(id="rpc0", backend="rpc"),)) == host_overhead(())


def test_every_row_says_where_it_is_from() -> None:
    """
    No figure without a source.
    """
    rows = [*table("overhead")["devices"], *table("overhead")["host"].values()]
    assert all(row["source"] for row in rows)
