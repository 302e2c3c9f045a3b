"""
What can be bought for machines that are less usual: unlike cards, guests, servers, modules that say little.
"""

from collections.abc import Iterable

import msgspec
import pytest

import llmprobe
from llmprobe.advise.upgrade.bought import more_ram, other_cards
from llmprobe.advise.upgrade.change import Change
from llmprobe.facts.host import HostMemory, MemoryModules
from llmprobe.facts.machine import Cpu, Host, Snapshot
from llmprobe.units import GIB
from tests.advise.machines import machine


def on(snapshot: Snapshot, **facts: object) -> Snapshot:
    host: Host = msgspec.structs.replace(snapshot.host, **facts)
    return msgspec.structs.replace(snapshot, host=host)


def with_modules(snapshot: Snapshot, **modules: object) -> Snapshot:
    found = MemoryModules(evidence=(), **modules)  # type: ignore[arg-type]  # as the tests below give them
    return on(snapshot, memory=HostMemory(modules=found))


def sizes(changes: Iterable[Change]) -> list[int]:
    return [(one.ram_bytes or 0) // GIB for one in changes]


def cards(*gpus: str) -> Snapshot:
    return llmprobe.probe(gpus=list(gpus), ram_bytes=64 * GIB)


def of_kind(kind: str, snapshot: Snapshot, needed_gib: int | None = None) -> list[Change]:
    needed = None if needed_gib is None else needed_gib * GIB
    return [one for one in other_cards(snapshot, needed) if one.kind == kind]


def test_a_machine_whose_ram_is_unknown_gets_none() -> None:
    """
    Neither a pool that nobody saw nor one without a size has a next size.
    """
    seen = machine(ram_gib=30)
    unknown = [msgspec.structs.replace(pool, total_bytes=None) for pool in seen.pools]

    assert list(more_ram(msgspec.structs.replace(seen, pools=()))) == []
    assert list(more_ram(msgspec.structs.replace(seen, pools=tuple(unknown)))) == []


def test_a_virtual_machine_has_what_it_was_given() -> None:
    """
    Its firmware may describe a module of 64 GiB where the hypervisor gives it 16: 32 are the next size, not 96.
    """
    given = with_modules(machine(ram_gib=14), installed_bytes=64 * GIB, count=1, channels=1)

    assert sizes(more_ram(on(given, environment="vm"))) == [32]
    assert sizes(more_ram(given)) == [96]


def test_a_server_of_unknown_modules_takes_what_is_sold() -> None:
    """
    1 TiB is the largest size that is tried; a desktop of unknown modules ends at 192 GiB.
    """
    server = on(machine(ram_gib=500), cpu=Cpu(name="AMD EPYC 7302 16-Core"))

    assert sizes(more_ram(server, 9)) == [768, 1024]
    assert sizes(more_ram(machine(ram_gib=120), 9)) == [192]


@pytest.mark.parametrize("kind", [None, "DRAM"])
def test_modules_of_a_kind_that_is_not_known_take_what_a_desktop_does(kind: str | None) -> None:
    """
    Firmware that leaves out the kind says nothing of the largest module, and no product can be named.
    """
    snapshot = with_modules(
        machine(ram_gib=62), kind=kind, slots=2, count=2, channels=2, installed_bytes=64 * GIB
    )
    found = list(more_ram(snapshot, 9))

    assert sizes(found) == [96, 128, 192]
    assert {one.product for one in found} == {None}


@pytest.mark.parametrize(
    ("gpus", "copied"),
    [
        (("RTX 4090",), "4090"),
        (("RTX 3060 12GB", "RTX 4090"), "4090"),
        # Of one size, the faster.
        (("RTX 3060 12GB", "RTX 4070"), "4070"),
    ],
)
def test_a_card_more_is_like_the_largest(gpus: tuple[str, ...], copied: str) -> None:
    """
    Whichever comes first; the name says how many cards there are then, and that another kind stands beside them.
    """
    (equal,) = of_kind("equal-card", cards(*gpus))
    (other, *_) = of_kind("other-card", cards(*gpus))

    assert equal.gpu is not None
    assert copied in equal.gpu
    assert equal.name.values["count"] == len(gpus) + 1
    assert other.name.values["beside"] == len(gpus)


def test_a_first_card_stands_beside_none() -> None:
    """
    Zero cards beside it are no fact to tell.
    """
    found = of_kind("first-card", llmprobe.probe(ram="64GiB"))

    assert {one.name.values["beside"] for one in found} == {None}


@pytest.mark.parametrize("gpus", [("RTX 3060 12GB", "RTX 4070"), ("RTX 4070", "RTX 3060 12GB")])
def test_of_cards_of_one_size_the_slower_is_replaced(gpus: tuple[str, ...]) -> None:
    """
    Both have 12 GB, of which drivers show 12,288 and 12,282 MiB; the RTX 3060 reads 360 GB/s and the RTX 4070 504
    (NVIDIA's product pages).
    """
    found = of_kind("card-instead", cards(*gpus))

    assert found
    assert {one.name.values["instead"] for one in found} == {"NVIDIA GeForce RTX 3060 12GB"}


def test_a_card_instead_holds_the_model_with_those_that_stay() -> None:
    """
    60 GiB on 24 that stay take 40 more: 48 instead of the small card are enough, and 96 are not tried.
    """
    found = [one.gpu for one in of_kind("card-instead", cards("RTX 4090", "RTX 3060 12GB"), 60)]

    assert "RTX A6000" in found
    assert "RTX PRO 6000 Blackwell Workstation" not in found
