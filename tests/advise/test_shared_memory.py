"""
Memory that processor and graphics share, of which the firmware has set a part aside.
"""

import msgspec

from llmprobe.facts.machine import Snapshot
from llmprobe.facts.recommendation import Wishes
from llmprobe.site.site import survey
from llmprobe.units import GIB
from tests.advise.machines import unified


def apu() -> Snapshot:
    """
    Return 128 GiB, of which 96 are set aside: the GPU may take 106, the host 28, both together 118.
    """
    snapshot = unified(118, 106, total_gib=128)
    (ram,) = snapshot.pools
    return msgspec.structs.replace(
        snapshot, pools=(msgspec.structs.replace(ram, host_budget_bytes=28 * GIB),)
    )


def short(host: int, gpu: int) -> list[str]:
    site = survey(apu(), Wishes(ctx_size=8192, reserve_bytes=0))
    return [each.where for each in site.shortfalls({"host": host * GIB, "gpu0": gpu * GIB})]


def test_the_gpu_may_take_what_is_set_aside_and_what_it_maps() -> None:
    """100 GiB are no trouble."""
    assert short(4, 100) == []


def test_the_host_cannot_take_what_is_set_aside() -> None:
    """With 90 GiB free of the carve-out the processor still has 28."""
    assert short(30, 0) == ["host"]


def test_both_together_take_no_more_than_there_is() -> None:
    """Each within its own budget is not enough."""
    assert short(20, 104) == ["shared"]
