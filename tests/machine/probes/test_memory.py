"""
The memory of the host.
"""

from llmprobe.machine.host_ram import available_of, parse_meminfo
from llmprobe.machine.probes import memory
from tests.machine.fake import GIB, LINUX, MAC, MISSING, FakeSource, plain_host


def test_meminfo_counts_in_kib() -> None:
    """
    A field of /proc/meminfo in kB is that many KiB, and one without a unit is a plain number.
    """
    assert parse_meminfo("MemTotal:  2 kB\nHugePages_Total:  3\nnonsense\n") == {
        "MemTotal": 2048,
        "HugePages_Total": 3,
    }


def test_available_memory_is_the_kernels_own_estimate() -> None:
    """
    MemAvailable is taken as it is, not MemFree.
    """
    assert available_of({"MemTotal": 100, "MemFree": 10, "MemAvailable": 70}) == 70


def test_available_memory_of_zero_or_more_than_all_is_not_believed() -> None:
    """
    LXC has shown both (psutil issue 1915): then free memory and file cache are added up.
    """
    parts = {"MemTotal": 100, "MemFree": 10, "Active(file)": 20, "Inactive(file)": 30, "SReclaimable": 5}
    assert available_of({**parts, "MemAvailable": 0}) == 65
    assert available_of({**parts, "MemAvailable": 101}) == 65


def test_the_pool_has_total_free_and_what_is_in_use() -> None:
    """
    Total less the named reduction is the budget.
    """
    pool = memory.probe(FakeSource(plain_host(64, 60))).pools[0]
    assert (pool.id, pool.total_bytes, pool.free_bytes, pool.budget_bytes) == (
        "ram",
        64 * GIB,
        60 * GIB,
        60 * GIB,
    )
    assert [(limit.by, limit.bytes) for limit in pool.limits] == [("in-use", 4 * GIB)]


def test_psutil_alone_is_enough() -> None:
    """
    Without /proc/meminfo, psutil's figures are the answer.
    """
    answers = {**plain_host(16, 9), "read:/proc/meminfo": MISSING}
    for platform in (LINUX, MAC):
        assert memory.probe(FakeSource(answers, platform)).pools[0].free_bytes == 9 * GIB


def test_unknown_memory_is_no_pool() -> None:
    """
    Where nothing tells how much there is, nothing is guessed.
    """
    assert memory.probe(FakeSource({})).pools == ()


def test_compressed_swap_is_told_apart() -> None:
    """
    What zram holds is in memory, not on disk.
    """
    swaps = "Filename Type Size Used Priority\n/dev/zram0 partition 4096 1024 100\n/swap file 8192 2048 -2\n"
    answers = {
        **plain_host(),
        "psutil:swap_memory": {"total": 12288 * 1024, "used": 3072 * 1024},
        "read:/proc/swaps": swaps,
    }
    seen = memory.probe(FakeSource(answers)).observations[0]
    assert seen.value["compressed_used_bytes"] == 1024 * 1024
