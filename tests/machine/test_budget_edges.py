"""
Budgets, carve-outs and machines that nobody has, at the edges of each rule.
"""

from typing import Any

import pytest

from llmprobe.errors import UsageError
from llmprobe.facts.machine import Accelerator, Limit, MemoryPool, Probed, Sharing, SystemFacts
from llmprobe.machine import merge
from llmprobe.machine.budget import settle, with_carve_out
from llmprobe.machine.hypothetical import hypothetical
from llmprobe.words.message import message
from tests.machine.fake import GIB


def pool(**fields: Any) -> MemoryPool:
    usual: dict[str, Any] = {
        "id": "ram",
        "kind": "system",
        "total_bytes": 100,
        "free_bytes": 70,
        "budget_bytes": 60,
    }
    return MemoryPool(**(usual | fields))


def limit(by: str, size: int) -> Limit:
    return Limit(by=by, bytes=size)


@pytest.mark.parametrize(
    ("budget", "caps", "expected"),
    [(60, (), 60), (60, (40, 50), 40), (60, (90,), 60), (60, (-5,), 0), (-5, (), 0), (None, (40,), None)],
)
def test_a_pool_of_unknown_size_has_the_least_of_all(
    budget: int | None, caps: tuple[int, ...], expected: int | None
) -> None:
    """Its budget or a cap, never less than nothing; what nobody knows stays unknown."""
    found = settle(
        pool(total_bytes=None, budget_bytes=budget), (), tuple(limit("cgroup", one) for one in caps)
    )

    assert found.budget_bytes == expected


@pytest.mark.parametrize(
    ("free", "budget", "expected"),
    [(70, 60, 60), (60, 70, 60), (70, None, 70), (None, 60, 60), (None, None, None), (70, 0, 0), (70, -5, 0)],
)
def test_the_budget_is_the_least_of_what_is_known(
    free: int | None, budget: int | None, expected: int | None
) -> None:
    """What is free and what a probe says may be taken."""
    assert settle(pool(free_bytes=free, budget_bytes=budget)).budget_bytes == expected


@pytest.mark.parametrize(
    ("free", "expected", "said"), [(100, 100, False), (0, 0, False), (101, 100, True), (-1, 0, True)]
)
def test_what_is_free_lies_between_nothing_and_all(free: int, expected: int, *, said: bool) -> None:
    """What does not is corrected, and that is said."""
    found = settle(pool(free_bytes=free, budget_bytes=None))

    assert found.free_bytes == expected
    assert ("limit.free-not-plausible" in [one.detail.id for one in found.limits if one.detail]) is said


@pytest.mark.parametrize(
    ("size", "taken", "cut"), [(100, 100, False), (0, 0, False), (101, 100, True), (-1, 0, True)]
)
def test_a_limit_takes_no_more_than_is_left(size: int, taken: int, *, cut: bool) -> None:
    """All of it is not too much."""
    first, *_ = settle(pool(free_bytes=None, budget_bytes=None), (limit("hidden", size),)).limits

    assert first.bytes == taken
    assert (first.detail is not None) is cut


def sharing(**fields: Any) -> Sharing:
    return Sharing(accelerator="gpu0", **fields)


@pytest.mark.parametrize(
    ("memory", "carve_out", "used", "expected"),
    [
        ({}, 20, 5, (120, 85, 75, [("display", 5)])),
        ({}, 20, 0, (120, 90, 80, [])),
        ({}, 0, 0, (100, 70, 60, [])),
        ({"free_bytes": None, "budget_bytes": None}, 20, 5, (120, None, None, [("display", 5)])),
        ({"total_bytes": None}, 20, 5, (None, 70, 60, [])),
    ],
)
def test_a_carve_out_is_added_with_what_is_free_of_it(
    memory: dict[str, Any], carve_out: int, used: int, expected: tuple[Any, ...]
) -> None:
    """What is in use of it is the display's; nothing is added to what nobody knows."""
    found = with_carve_out(pool(**memory), sharing(carve_out_bytes=carve_out, carve_out_used_bytes=used))

    assert (
        found.total_bytes,
        found.free_bytes,
        found.budget_bytes,
        [(one.by, one.bytes) for one in found.limits],
    ) == expected


def graphics(**fields: Any) -> Accelerator:
    usual: dict[str, Any] = {
        "id": "gpu0",
        "vendor": "amd",
        "name": "graphics",
        "backend": "vulkan",
        "pools": ("ram",),
        "integrated": True,
    }
    return Accelerator(**(usual | fields))


def card(**fields: Any) -> Accelerator:
    usual: dict[str, Any] = {
        "id": "gpu0",
        "vendor": "nvidia",
        "name": "card",
        "backend": "cuda",
        "pools": ("vram0",),
    }
    return Accelerator(**(usual | fields))


@pytest.mark.parametrize(
    ("beside", "used"),
    [
        ({}, False),
        ({"usable": False}, True),
        ({"pools": ()}, True),
        ({"integrated": True, "vendor": "nvidia"}, True),
    ],
)
def test_graphics_beside_a_card_are_not_used(beside: dict[str, Any], *, used: bool) -> None:
    """One that can be used and has memory of its own."""
    accelerators, _ = merge.devices(
        [
            Probed(accelerators=(graphics(),)),
            Probed(accelerators=(card(**beside),), pools=(pool(id="vram0"),)),
        ]
    )
    found = next(one for one in accelerators if one.name == "graphics")

    assert found.usable is used
    assert (found.backend is not None) is used
    assert (found.why_not is None) is used


@pytest.mark.parametrize(
    "fields", [{"vendor": "apple"}, {"integrated": False, "pools": ()}, {"usable": False}]
)
def test_only_graphics_of_a_processor_give_way_to_a_card(fields: dict[str, Any]) -> None:
    """Not what shares memory by itself, a card, or what was not usable before."""
    accelerators, _ = merge.devices(
        [
            Probed(accelerators=(graphics(**fields),)),
            Probed(accelerators=(card(),), pools=(pool(id="vram0"),)),
        ]
    )
    found = next(one for one in accelerators if one.name == "graphics")

    assert found.why_not is None


@pytest.mark.parametrize(
    ("fields", "rate", "expected"),
    [
        ({}, 90, 90),
        ({"bandwidth_bytes_per_s": 50}, 90, 50),
        ({}, None, None),
        ({"usable": False}, 90, None),
        ({"pools": ("vram0",)}, 90, None),
    ],
)
def test_what_shares_the_ram_is_as_fast_as_it(
    fields: dict[str, Any], rate: int | None, expected: int | None
) -> None:
    """Where its own rate is unknown and it is used."""
    host = SystemFacts(ram_bandwidth_bytes_per_s=rate)
    ((found,), _) = merge.devices([Probed(accelerators=(graphics(**fields),), host=host)])

    assert found.bandwidth_bytes_per_s == expected


@pytest.mark.parametrize(
    ("first", "second", "differ"),
    [
        (100, 102, []),
        (100, 103, ["device-memory"]),
        (100, 97, ["device-memory"]),
        (None, 50, []),
        (100, None, []),
    ],
)
def test_sizes_differ_from_2_percent_on(first: int | None, second: int | None, differ: list[str]) -> None:
    """Of one device that two probes know; an unknown size differs from none."""
    found = [
        Probed(
            accelerators=(card(pci="0000:01:00.0", evidence=("a",)),),
            pools=(pool(id="vram0", total_bytes=size),),
        )
        for size in (first, second)
    ]

    assert [one.of for one in merge.disagreements(found)] == differ


def test_names_of_one_device_may_differ() -> None:
    """The first is used; devices at other addresses, or without any, are others."""
    here = {"pci": "0000:01:00.0"}
    found = [
        Probed(accelerators=(card(name="a", **here), card(name="c"))),
        Probed(accelerators=(card(name="b", **here), card(name="d"), card(name="e", pci="0000:02:00.0"))),
    ]
    (one,) = merge.disagreements(found)

    assert (one.of, one.names, one.device, one.evidence) == (
        "device-name",
        ("a", "b"),
        "0000:01:00.0",
        ("source:merge",),
    )


@pytest.mark.parametrize(("ram", "system"), [(64 * GIB, 2 * GIB), (16 * GIB, 2 * GIB), (8 * GIB, GIB)])
def test_the_system_uses_an_eighth_and_no_more_than_2_gib(ram: int, system: int) -> None:
    """Of a machine that is idle."""
    (found,) = hypothetical([], ram).pools

    assert (found.total_bytes, found.free_bytes, found.budget_bytes) == (ram, ram - system, ram - system)
    assert [(one.by, one.bytes) for one in found.limits] == [("os", system)]
    assert (found.kind, found.evidence) == ("system", ("option:--ram",))


@pytest.mark.parametrize(("factor", "refused"), [(1.08, False), (1.081, True), (0.92, False), (0.919, True)])
def test_ram_may_differ_from_a_chips_name_by_8_percent(factor: float, *, refused: bool) -> None:
    """That is what lies between two units."""
    size = int(64 * GIB * factor) + (1 if factor < 1 else 0)
    if refused:
        with pytest.raises(UsageError) as raised:
            hypothetical(["M4 Max 64GB"], size)
        assert getattr(raised.value.message, "id", None) == "error.ram-contradicts"
    else:
        assert hypothetical(["M4 Max 64GB"], size).pools[0].total_bytes == 64 * GIB


@pytest.mark.parametrize(
    ("ram", "error"),
    [(0, "error.ram-zero"), (-1, "error.ram-zero"), (65_536 * GIB + 1, "error.ram-too-large")],
)
def test_no_machine_has_so_little_or_so_much(ram: int, error: str) -> None:
    """From one byte to 64 TiB."""
    with pytest.raises(UsageError) as raised:
        hypothetical([], ram)

    assert getattr(raised.value.message, "id", None) == error
    assert hypothetical([], 65_536 * GIB).pools[0].total_bytes == 65_536 * GIB
    assert hypothetical([], 1).pools[0].total_bytes == 1


@pytest.mark.parametrize(
    ("gpu", "system", "machine", "kind", "backend", "rate"),
    [
        ("M3 Max 64GB", "darwin", "arm64", "unified", "metal", "declared"),
        ("Strix Halo 128GB", "linux", "x86_64", "unified", "rocm", "declared"),
        ("RTX 4090", "linux", "x86_64", "system", "cuda", "assumed"),
        ("RX 7900 XTX", "linux", "x86_64", "system", "rocm", "assumed"),
        ("Arc B580", "linux", "x86_64", "system", "sycl", "assumed"),
        ("RTX 3090", "linux", "x86_64", "system", "cuda", None),
        ("my card:24GB", "linux", "x86_64", "system", "vulkan", None),
    ],
)
def test_a_machine_is_one_that_has_such_a_gpu(
    gpu: str, system: str, machine: str, kind: str, backend: str, rate: str | None
) -> None:
    """A chip brings its host and its rate; a card stands in a PC whose RAM the time when it was sold may tell."""
    found = hypothetical([gpu], None if kind == "unified" else 64 * GIB)
    (accelerator,) = found.accelerators

    assert (found.host.system, found.host.machine, found.pools[0].kind) == (system, machine, kind)
    assert (accelerator.backend, accelerator.integrated, accelerator.index) == (backend, kind == "unified", 0)
    assert accelerator.pools == (("ram",) if kind == "unified" else ("vram0",))
    assert (found.host.ram_bandwidth_bytes_per_s is not None) is (rate is not None)
    assert found.host.ram_bandwidth_basis == rate
    assert (accelerator.bandwidth_basis is None) is (accelerator.bandwidth_bytes_per_s is None)


def test_a_rate_that_was_given_is_called_so() -> None:
    """The table's is the table's."""
    given, listed = (
        hypothetical([text], 64 * GIB).accelerators[0].bandwidth_how
        for text in ("x:24GB:608GB/s", "RTX 4090")
    )

    assert given == message("bandwidth.given")
    assert listed is not None
    assert listed.id == "bandwidth.table"


def test_a_chip_of_amd_may_map_half_and_never_less_than_nothing() -> None:
    """The limit is what lies between that and what the system leaves."""
    (found,) = hypothetical(["Strix Halo 128GB"]).pools

    assert [(one.by, one.bytes) for one in found.limits] == [("os", 2 * GIB), ("working-set", 62 * GIB)]
    assert found.free_bytes == 126 * GIB
