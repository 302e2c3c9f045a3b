"""
The memory of the host.
"""

from typing import Any

import pytest

from llmprobe.facts.host import HostMemory, ProcessLimits, Swap
from llmprobe.machine.host_ram import available_of, parse_meminfo
from llmprobe.machine.probes import memory
from tests.machine.fake import GIB, LINUX, LINUX_ARM, MAC, MIB, MISSING, FakeSource, plain_host


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
    assert memory.probe(FakeSource(answers)).host.memory.swap == Swap(
        total_bytes=12288 * 1024,
        used_bytes=3072 * 1024,
        compressed_used_bytes=1024 * 1024,
        evidence=("psutil:swap_memory", "read:/proc/swaps"),
    )


def seen(**answers: Any) -> HostMemory:
    source = FakeSource(plain_host() | {f"read:{path}": text for path, text in answers.items()})
    return memory.probe(source).host.memory


def test_the_cache_of_zfs_is_free_but_for_its_least() -> None:
    """
    The kernel counts it as used; what is above c_min is given back.
    """
    answers = plain_host(64, 40) | {
        "read:/proc/spl/kstat/zfs/arcstats": f"c_min 4 {2 * GIB}\nsize 4 {12 * GIB}\n"
    }
    (pool,) = memory.probe(FakeSource(answers)).pools

    assert pool.free_bytes == 50 * GIB


def test_bug_07_free_memory_of_a_shared_pool_is_what_can_be_made_free() -> None:
    """
    MemFree shrinks with the file cache; MemAvailable is what counts (ollama issue 12283).
    """
    text = f"MemTotal: {64 * MIB} kB\nMemFree: {3 * MIB} kB\nMemAvailable: {58 * MIB} kB\nCached: {55 * MIB} kB\n"
    (pool,) = memory.probe(FakeSource(plain_host() | {"read:/proc/meminfo": text}, LINUX_ARM)).pools

    assert pool.free_bytes == 58 * GIB


def test_memory_of_a_gpu_that_the_kernel_counts_is_left_out() -> None:
    """
    On GH200 nodes without processors are the GPU's: 480 GiB of the host stay of 576.
    """
    nodes = "/sys/devices/system/node"
    answers = {
        "psutil:virtual_memory": {"total": 576 * GIB, "available": 560 * GIB},
        "read:/proc/meminfo": f"MemTotal: {576 * MIB} kB\nMemAvailable: {560 * MIB} kB\n",
        f"read:{nodes}/has_memory": "0-1\n",
        f"read:{nodes}/has_cpu": "0\n",
        f"read:{nodes}/node0/meminfo": f"Node 0 MemTotal: {480 * MIB} kB\nNode 0 MemFree: {400 * MIB} kB\n"
        f"Node 0 Inactive(file): {50 * MIB} kB\n",
        f"read:{nodes}/node1/meminfo": f"Node 1 MemTotal: {96 * MIB} kB\nNode 1 MemFree: {90 * MIB} kB\n",
    }
    arm, x86 = (memory.probe(FakeSource(answers, platform)).pools[0] for platform in (LINUX_ARM, LINUX))

    assert (arm.total_bytes, arm.free_bytes) == (480 * GIB, 450 * GIB)
    assert x86.total_bytes == 576 * GIB


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("some avg10=7.25 avg60=1.00 avg300=0.50 total=9\nfull avg10=1.00 avg60=0 avg300=0 total=1\n", 7.25),
        ("some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n", None),
        ("nothing of the kind", None),
    ],
)
def test_waiting_for_memory(text: str, expected: float | None) -> None:
    """
    The share of the last ten seconds, where there is any.
    """
    pressure = seen(**{"/proc/pressure/memory": text}).pressure

    assert (pressure.some_percent if pressure is not None else None) == expected


def test_limits_of_the_shell() -> None:
    """
    Unlimited is left out, a number is kept.
    """
    text = (
        "Limit                     Soft Limit           Hard Limit           Units     \n"
        "Max locked memory         8388608              8388608              bytes     \n"
        "Max address space         unlimited            unlimited            bytes     \n"
    )
    assert seen(**{"/proc/self/limits": text}).process_limits == ProcessLimits(
        address_space_bytes=None, locked_bytes=8388608, evidence=("read:/proc/self/limits",)
    )


@pytest.mark.parametrize(("mode", "expected"), [("2", 100 * 1024), ("0", None), ("1", None)])
def test_strict_overcommit(mode: str, expected: int | None) -> None:
    """
    Only mode 2 is a limit.
    """
    meminfo = f"MemTotal: {64 * MIB} kB\nMemAvailable: {GIB} kB\nCommitLimit: 100 kB\nCommitted_AS: 50 kB\n"
    answers = {"/proc/sys/vm/overcommit_memory": f"{mode}\n", "/proc/meminfo": meminfo}

    strict = seen(**answers).strict_overcommit

    assert (strict.limit_bytes if strict is not None else None) == expected
