"""
Machines that nobody has yet, and the table that they are made of.
"""

import pytest

from llmprobe.errors import UsageError
from llmprobe.machine.gpu_table import lookup, named, rows, usual_reserve
from llmprobe.machine.hypothetical import hypothetical, parse_gpu
from tests.machine.fake import GIB, MIB


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("RTX 4090", (1, "RTX 4090", None)),
        ("2x RTX 4090", (2, "RTX 4090", None)),
        ("4 x RTX 3060 12GB", (4, "RTX 3060", 12)),
        ("2xRTX 3090", (2, "RTX 3090", None)),
        ("M3 Max 64 GB", (1, "M3 Max", 64)),
    ],
)
def test_how_a_gpu_is_written(text: str, parts: tuple[int, str, int | None]) -> None:
    """
    A number of them, the name, and the memory where one name has several.
    """
    assert parse_gpu(text) == parts


def test_two_cards() -> None:
    """
    Each has its own pool with what the driver usually keeps taken off, and everything is declared.
    """
    snapshot = hypothetical(["2x RTX 4090"], 64 * GIB)
    assert (snapshot.this_machine, snapshot.origin) == (False, "hypothetical")
    assert [device.pools for device in snapshot.accelerators] == [("vram0",), ("vram1",)]
    pool = snapshot.pool("vram1")
    assert pool is not None
    assert (pool.total_bytes, pool.basis) == (24564 * MIB, "declared")
    assert [limit.by for limit in pool.limits] == ["driver-reserve"]
    assert pool.budget_bytes is not None
    assert 23900 * MIB < pool.budget_bytes < 24200 * MIB


def test_budgets_add_up() -> None:
    """
    Total less all reductions is the budget, of every pool of every device in the table.
    """
    for row in rows():
        size = f" {round(row.memory_bytes / GIB)}GB" if row.memory_bytes and len(named(row.name)) > 1 else ""
        for pool in hypothetical([f"{row.name}{size}"], 64 * GIB).pools:
            assert pool.total_bytes is not None
            assert pool.total_bytes - sum(limit.bytes for limit in pool.limits) == pool.budget_bytes, row.name


@pytest.mark.parametrize(("gpu", "budget_mib"), [("M3 Max 64GB", 49152), ("M1 16GB", 10922)])
def test_a_mac(gpu: str, budget_mib: int) -> None:
    """
    One unified pool of the size that the name says, within the working set.
    """
    snapshot = hypothetical([gpu], 8 * GIB)
    pool = snapshot.pools[0]
    assert (len(snapshot.pools), pool.kind, pool.budget_bytes) == (1, "unified", budget_mib * MIB)


@pytest.mark.parametrize(
    ("gpu", "hint"),
    [
        ("RTX 4091", "RTX 4090"),
        ("RTX 3060", "RTX 3060 8GB"),
        ("RTX 4090 12GB", "24GB"),
        ("0x RTX 4090", "RTX 4090"),
        ("A100", "'NVIDIA A100-SXM4-40GB'"),
        ("RTX 4090 + RTX 3090", "--gpu for each kind"),
        ("RTX 4090, RTX 3090", "--gpu for each kind"),
    ],
)
def test_what_is_not_sold(gpu: str, hint: str) -> None:
    """
    An unknown name, a name of several sizes, a size that there is not: refused with what there is.
    """
    with pytest.raises(UsageError) as error:
        hypothetical([gpu], 64 * GIB)
    assert hint in (error.value.hint or "")


@pytest.mark.parametrize("gpus", [["17x RTX 4090"], ["9x RTX 4090", "8x RTX 3090"], ["9999x RTX 4090"]])
def test_more_gpus_than_an_engine_can_use(gpus: list[str]) -> None:
    """
    llama.cpp uses 16 devices at most, so more are refused, however they are divided, with that number.
    """
    with pytest.raises(UsageError, match="cannot use") as error:
        hypothetical(gpus, 64 * GIB)
    assert error.value.hint == "give 16 or fewer in all (--gpu)"
    assert len(hypothetical(["8x RTX 4090", "8x RTX 3090"], 64 * GIB).accelerators) == 16


def test_more_ram_than_any_machine_has() -> None:
    """
    A size that cannot be is a slip of the unit.
    """
    with pytest.raises(UsageError, match=r"no machine has 100000.0 TiB of RAM"):
        hypothetical([], 100_000 * 1024 * GIB)


def test_names_as_people_type_them() -> None:
    """
    Without spaces, without the brand, in any case.
    """
    names = {
        hypothetical([text], GIB).accelerators[0].name
        for text in ("rtx4090", "4090", "NVIDIA GeForce RTX 4090")
    }
    assert names == {"NVIDIA GeForce RTX 4090"}


def test_a_shared_memory_comes_alone() -> None:
    """
    A chip with unified memory and a card are no machine.
    """
    with pytest.raises(UsageError):
        hypothetical(["M3 Max", "RTX 4090"], 64 * GIB)


def test_a_laptop_gpu_is_not_the_desktop_one() -> None:
    """
    They share the name, not the bandwidth.
    """
    desktop, laptop = lookup("NVIDIA GeForce RTX 4090"), lookup("NVIDIA GeForce RTX 4090 Laptop GPU")
    assert desktop is not None
    assert laptop is not None
    assert (desktop.bandwidth_bytes_per_s, laptop.bandwidth_bytes_per_s) == (
        1_008_000_000_000,
        576_000_000_000,
    )


def test_the_memory_tells_cards_of_one_name_apart() -> None:
    """
    The RTX 3060 with 8 GB has a narrower bus; a size that was never sold has no row.
    """
    wide, narrow = (
        lookup("NVIDIA GeForce RTX 3060", 12288 * MIB),
        lookup("NVIDIA GeForce RTX 3060", 8192 * MIB),
    )
    assert wide is not None
    assert narrow is not None
    assert (wide.bandwidth_bytes_per_s, narrow.bandwidth_bytes_per_s) == (360_000_000_000, 240_000_000_000)
    assert lookup("NVIDIA GeForce RTX 3060", 5000 * MIB) is None
    assert lookup("NVIDIA GeForce RTX 3060") is None


def test_a_similar_name_is_no_match() -> None:
    """
    Substrings have given a Quadro M4000 the figures of an Apple M4, and a T400 those of a T4.
    """
    assert lookup("Quadro M4000") is None
    assert lookup("NVIDIA T400") is None


def test_every_row_says_where_it_is_from() -> None:
    """
    A source, a confidence, and memory unless it shares the host's.
    """
    assert [row.name for row in rows() if not (row.source and row.confidence)] == []
    assert [row.name for row in rows() if not row.unified and row.memory_bytes is None] == []


@pytest.mark.parametrize(
    ("name", "reserved_mib"),
    [("RTX 2080 SUPER", 408), ("RTX 4080 SUPER", 434), ("A10G", 435), ("RTX 3090", 316)],
)
def test_the_usual_reserve_is_near_what_was_seen(name: str, reserved_mib: int) -> None:
    """
    At most 25 MiB less and 200 MiB more than what NVML names as reserved on idle cards.
    """
    row = lookup(name)
    assert row is not None
    assert -25 < usual_reserve(row) / MIB - reserved_mib < 200
