"""
How a person gives an rpc-server, and which card each of its devices is then.
"""

from typing import Any

import pytest

from llmprobe.errors import UsageError
from llmprobe.facts.remote import RpcDevice
from llmprobe.site.remote_spelling import cards_of, read_rpc, serves
from llmprobe.units import GIB

NO_LIMIT = None


def device(total_gib: float, *, align: int = 128, largest: int | None = NO_LIMIT) -> RpcDevice:
    total = round(total_gib * GIB)
    return RpcDevice(free_bytes=total // 2, total_bytes=total, align=align, largest_bytes=largest)


@pytest.mark.parametrize(
    ("given", "size", "by", "cards"),
    [
        ("box:50052", None, "", []),
        ("box:50052:rocm", None, "rocm", []),
        ("box:50052=24GiB", 24 * GIB, "", []),
        ("box:50052= 24 GB :cpu", 24 * GIB, "cpu", []),
        ("box:50052=512MiB", 512 << 20, "", []),
        ("box:50052=RTX 3090", None, "", ["NVIDIA GeForce RTX 3090"]),
        ("box:50052=3090", None, "", ["NVIDIA GeForce RTX 3090"]),
        ("box:50052=2x RTX 3090", None, "", ["NVIDIA GeForce RTX 3090"] * 2),
        ("box:50052=RTX 3090 + RTX 3060", None, "", ["NVIDIA GeForce RTX 3090", "NVIDIA GeForce RTX 3060"]),
        ("box:50052=RX 7900 XTX:vulkan", None, "vulkan", ["AMD Radeon RX 7900 XTX"]),
        ("box:50052=mine:24GB:608GB/s", None, "", ["mine"]),
        ("box:50052=mine:24GB:608GB/s:vulkan", None, "vulkan", ["mine"]),
    ],
)
def test_a_server_is_given_with_a_size_a_card_or_nothing(
    given: str, size: int | None, by: str, cards: list[str]
) -> None:
    """What is behind the address is what is free, or a text of --gpu; a backend may follow either."""
    found = read_rpc(given)

    assert (found.host, found.port, found.address) == ("box", 50052, "box:50052")
    assert (found.size_bytes, found.by, [one.row.name for one in found.cards]) == (size, by, cards)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("box:1=", "error.rpc-not-a-device"),
        ("box:1=none", "error.rpc-not-a-device"),
        ("box:1=24", "error.size-without-unit"),
        ("box:1=24GiB:tpu", "error.backend-unknown"),
        ("box:1:tpu", "error.backend-unknown"),
        ("box:1=RTX 30900", "error.gpu-unknown"),
        ("box:1=RTX 3090:tpu", "error.gpu-description"),
    ],
)
def test_what_is_none_of_these_is_refused(given: str, problem: str) -> None:
    """A size needs its unit, a card must be known, and a backend is one of llama.cpp's."""
    with pytest.raises(UsageError) as refused:
        read_rpc(given)

    assert refused.value.message.id == problem


@pytest.mark.parametrize(("total_gib", "bandwidth"), [(11.65, 360_000_000_000), (7.65, 240_000_000_000)])
def test_of_a_card_with_several_memories_the_server_tells_which(total_gib: float, bandwidth: int) -> None:
    """An RTX 3060 has 12 GB at 360 GB/s or 8 GB at 240 (NVIDIA's data sheet); a driver keeps a little of it."""
    (found,) = cards_of(read_rpc("box:1=RTX 3060"), [device(total_gib)])

    assert found is not None
    assert found.bandwidth_bytes_per_s == bandwidth


def test_a_server_whose_cards_nobody_names_has_unknown_ones() -> None:
    """One for each device."""
    assert cards_of(read_rpc("box:1"), [device(24), device(8)]) == (None, None)


@pytest.mark.parametrize(
    ("given", "devices", "problem"),
    [
        ("box:1=RTX 3090", [device(24), device(24)], "error.rpc-cards"),
        ("box:1=2x RTX 3090", [device(24)], "error.rpc-cards"),
        ("box:1=RTX 3090", [device(12)], "error.rpc-other-card"),
        ("box:1=RTX 3060 12GB", [device(24)], "error.rpc-other-card"),
        ("box:1=RTX 3090", [device(64, align=32)], "error.rpc-card-not-there"),
        ("box:1=mine:24GB", [device(24, align=32)], "error.rpc-card-not-there"),
        ("box:1=RTX 3090", [device(24, align=32, largest=GIB)], "error.rpc-card-not-there"),
        ("box:1=M3 Max 64GB", [device(48)], "error.rpc-card-not-there"),
    ],
)
def test_a_name_that_contradicts_the_server_is_refused(
    given: str, devices: list[RpcDevice], problem: str
) -> None:
    """By the number of devices, by what one has in all, or by what computes there."""
    with pytest.raises(UsageError) as refused:
        cards_of(read_rpc(given), devices)

    assert refused.value.message.id == problem


@pytest.mark.parametrize(
    ("given", "told", "by"),
    [
        ("box:1", device(24), "cuda"),
        ("box:1:rocm", device(24), "rocm"),
        ("box:1=RTX 3090", device(24), "cuda"),
        ("box:1=RX 7900 XTX", device(24), "rocm"),
        ("box:1=Arc B580", device(12), "sycl"),
        ("box:1=mine:24GB", device(24), "cuda"),
        ("box:1=RX 7900 XTX", device(24, align=16, largest=GIB), "vulkan"),
        ("box:1=M3 Max 64GB", device(48, align=32, largest=GIB), "metal"),
        ("box:1", device(64, align=32), "cpu"),
    ],
)
def test_the_maker_of_a_card_tells_backends_apart_that_look_alike(
    given: str, told: RpcDevice, by: str
) -> None:
    """CUDA, ROCm and SYCL begin tensors at the same multiples; who made the card decides, unless it is given."""
    read: Any = read_rpc(given)
    (card,) = cards_of(read, [told])

    assert serves(read, told, card) == by
