"""
Chips of NVIDIA that share the RAM of Windows: what the firmware sets aside, and what Windows lends beside it.
"""

from typing import Any

import pytest

from llmprobe.facts.answer import Platform
from llmprobe.facts.machine import MemoryPool
from llmprobe.machine.snapshot import collect
from tests.machine.fake import GIB, LINUX_ARM, MIB, WINDOWS, FakeSource, card, nvidia_machine, plain_host

NAME = "NVIDIA RTX Spark N1X (6144-core Blackwell RTX GPU)"


def ram(platform: Platform, total_gib: int, available_gib: int, **adapter: Any) -> MemoryPool:
    """
    Return the RAM of a machine with a chip of which 8 GiB are set aside and 1 GiB of these is used.
    """
    chip = card(name=NAME, total_mib=8192, reserved_mib=0, used_mib=1024, capability=(12, 1))
    lists = {"winapi:adapters": [{"address": [1, 0, 0], **adapter}]} if adapter else {}
    answers = plain_host(total_gib, available_gib) | nvidia_machine(chip) | lists
    snapshot = collect(FakeSource(answers, platform))
    assert [each.integrated for each in snapshot.accelerators] == [True]
    pool = snapshot.pool("ram")
    assert pool is not None
    assert snapshot.pool("vram0") is None
    return pool


@pytest.mark.parametrize(
    ("available", "adapter", "budget"),
    [
        # 7 GiB of its own are free, and of 40 that are lent 2 are used.
        (50, {"SharedSystemMemory": 40 * GIB, "segments": [{"resident": 2 * GIB, "aperture": True}]}, 45),
        # Of 40 that are lent only 20 are free.
        (20, {"SharedSystemMemory": 40 * GIB}, 27),
        # Where Windows does not tell, half of 56 GiB.
        (50, {}, 35),
    ],
)
def test_windows_hides_a_part_and_lends_another(available: int, adapter: dict[str, Any], budget: int) -> None:
    """The pool is RAM with what is set aside; the budget what is free of both, as far as Windows lends it."""
    pool = ram(WINDOWS, 56, available, **adapter)

    assert pool.kind == "unified"
    assert pool.total_bytes == 64 * GIB
    assert pool.budget_bytes == budget * GIB
    (lent,) = [one.detail for one in pool.limits if one.by == "working-set"]
    assert lent is not None
    assert lent.values["shared_bytes"] == (budget - 7) * GIB


def test_what_is_assumed_is_no_measurement() -> None:
    """Half of RAM is Windows' rule, what an adapter tells is its word."""
    measured = ram(WINDOWS, 56, 50, SharedSystemMemory=30 * GIB)
    assumed = ram(WINDOWS, 56, 50)

    assert {one.by: one.basis for one in measured.limits}["working-set"] == "measured"
    assert {one.by: one.basis for one in assumed.limits}["working-set"] == "assumed"


def test_linux_hides_nothing() -> None:
    """There the size is a part of RAM that is counted already."""
    pool = ram(LINUX_ARM, 61, 50)

    assert pool.total_bytes == 61 * GIB
    assert pool.budget_bytes == 50 * GIB
    assert 8192 * MIB not in {one.bytes for one in pool.limits}
