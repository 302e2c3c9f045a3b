"""
Which parts of the layers are tried where a model is served by several machines.
"""

import pytest

from llmprobe.advise.serving.search import partitions
from llmprobe.facts.serving import Card
from llmprobe.units import GIB


def _machine(gib: int, gb_per_s: int | None, free_gib: int | None = None) -> tuple[Card, ...]:
    return (
        Card(
            total_bytes=gib * GIB,
            free_bytes=None if free_gib is None else free_gib * GIB,
            bandwidth_bytes_per_s=None if gb_per_s is None else gb_per_s * 10**9,
        ),
    )


@pytest.mark.parametrize(
    ("machines", "layers", "parts"),
    [
        # 16 and 48 of 64 GiB, and 1 and 3 of 4 TB/s: the same parts once.
        ((_machine(16, 1000), _machine(48, 3000)), 64, ((16, 48),)),
        # By room 2 : 1, by bandwidth 1 : 3.
        ((_machine(48, 300), _machine(24, 900)), 60, ((40, 20), (15, 45))),
        # What is free counts, not what there is.
        ((_machine(48, None, 10), _machine(48, None, 30)), 40, ((10, 30),)),
        # Within a layer of even parts, or of parts that are tried already.
        ((_machine(24, 936), _machine(24, 936)), 64, ()),
        ((_machine(24, 1000), _machine(25, 1000)), 64, ()),
        ((_machine(20, 200), _machine(60, 620)), 40, ((10, 30),)),
        # Three machines of a model of two layers.
        ((_machine(8, 1), _machine(16, 1), _machine(24, 1)), 2, ()),
    ],
)
def test_parts_by_room_and_by_bandwidth(
    machines: tuple[tuple[Card, ...], ...], layers: int, parts: tuple[tuple[int, ...], ...]
) -> None:
    """Only those that differ from even ones and from each other by more than a layer."""
    assert partitions(layers, machines) == parts


def test_the_least_device_of_a_machine_counts() -> None:
    """Its ranks hold as much as each other: of 24 and 8 GiB beside 24 and 24 the parts are 1 to 3."""
    small, large = (*_machine(24, None), *_machine(8, None)), (*_machine(24, None), *_machine(24, None))

    assert partitions(64, (small, large)) == ((16, 48),)
