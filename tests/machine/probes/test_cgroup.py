"""
Control groups: version 1, version 2, both at once, nested.
"""

from typing import Any

import pytest

from llmprobe.facts.host import CpuQuota, CpuSet, GroupMemory
from llmprobe.machine.probes import cgroup
from llmprobe.machine.snapshot import collect
from llmprobe.words.message import message
from tests.machine.fake import GIB, FakeSource, plain_host

V2 = {
    "read:/proc/self/cgroup": "0::/\n",
    "read:/proc/self/mountinfo": "30 20 0:26 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw\n",
}


def cap(answers: dict[str, Any]) -> int | None:
    caps = cgroup.probe(FakeSource(answers)).caps
    return caps[0][1].bytes if caps else None


def test_no_numeric_limit_leaves_the_host_alone() -> None:
    """
    With memory.max at "max" nothing is taken away, however much file cache counts as current (ollama issue 15704).
    """
    answers = {
        **V2,
        "read:/sys/fs/cgroup/memory.max": "max\n",
        "read:/sys/fs/cgroup/memory.current": str(25 * GIB),
    }
    assert cap(answers) is None


def test_file_cache_that_can_be_dropped_is_not_used() -> None:
    """
    What is left is the limit less the working set (ollama issue 15474).
    """
    answers = {
        **V2,
        "read:/sys/fs/cgroup/memory.max": str(8 * GIB),
        "read:/sys/fs/cgroup/memory.current": str(5 * GIB),
        "read:/sys/fs/cgroup/memory.stat": f"anon {1 * GIB}\ninactive_file {4 * GIB}\n",
    }
    assert cap(answers) == 7 * GIB


def test_a_limit_of_an_ancestor_counts() -> None:
    """
    The walk goes up to the root, and the tightest limit wins (ollama issue 10389).
    """
    answers = {
        **V2,
        "read:/proc/self/cgroup": "0::/system.slice/run.service\n",
        "read:/sys/fs/cgroup/system.slice/run.service/memory.max": "max\n",
        "read:/sys/fs/cgroup/system.slice/memory.max": str(4 * GIB),
        "read:/sys/fs/cgroup/system.slice/memory.current": str(1 * GIB),
    }
    assert cap(answers) == 3 * GIB


def test_more_used_than_allowed_leaves_nothing() -> None:
    """
    A current use above the limit is no negative number.
    """
    answers = {
        **V2,
        "read:/sys/fs/cgroup/memory.max": str(1 * GIB),
        "read:/sys/fs/cgroup/memory.current": str(2 * GIB),
    }
    assert cap(answers) == 0


def test_version_1_beside_an_empty_version_2() -> None:
    """
    On a hybrid system the memory controller is where version 1 has it.
    """
    answers = {
        "read:/proc/self/cgroup": "4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n0::/\n",
        "read:/proc/self/mountinfo": (
            "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"
            "36 31 0:33 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n"
            "41 31 0:38 / /sys/fs/cgroup/unified ro - cgroup2 cgroup2 rw\n"
        ),
        "read:/sys/fs/cgroup/memory/memory.limit_in_bytes": str(8 * GIB),
        "read:/sys/fs/cgroup/memory/memory.usage_in_bytes": str(3 * GIB),
        "read:/sys/fs/cgroup/memory/memory.stat": f"total_inactive_file {1 * GIB}\n",
        "read:/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "250000\n",
        "read:/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
    }
    probed = cgroup.probe(FakeSource(answers))
    assert probed.caps[0][1].bytes == 6 * GIB
    assert probed.cpu.usable_threads == 2


@pytest.mark.parametrize("text", ["max", "9223372036854771712", "", "-1"])
def test_what_is_no_limit(text: str) -> None:
    """
    "max" and version 1's rounded 2^63 are no limits.
    """
    assert cgroup.parse_memory_max(text) is None


def test_a_group_outside_of_the_mount_is_the_mount() -> None:
    """
    A path that leads out of the container's own view of control groups is read at the mount.
    """
    answers = {
        **V2,
        "read:/proc/self/cgroup": "0::/../other\n",
        "read:/sys/fs/cgroup/memory.max": str(2 * GIB),
    }
    assert cap(answers) == 2 * GIB


def test_a_quota_is_rounded_down_and_is_at_least_one_thread() -> None:
    """
    One and a half processors run one thread without waiting; half a one still runs one.
    """
    for quota, threads in (("150000 100000", 1), ("50000 100000", 1), ("400000 100000", 4)):
        probed = cgroup.probe(FakeSource({**V2, "read:/sys/fs/cgroup/cpu.max": quota}))
        assert probed.cpu.usable_threads == threads


def test_a_cpuset_counts() -> None:
    """
    The processors of the set are the threads that may run.
    """
    probed = cgroup.probe(FakeSource({**V2, "read:/sys/fs/cgroup/cpuset.cpus.effective": "0-3,8\n"}))
    assert probed.cpu.usable_threads == 5


def test_no_groups_at_all_is_absent() -> None:
    """
    A system without control groups has no limits.
    """
    assert cgroup.probe(FakeSource({})).status == "absent"


def v1(group: str = "/docker/abc", **files: str) -> dict[str, Any]:
    """
    Return the answers of a host with version 1, whose memory controller is mounted at its usual place.
    """
    mount = "/sys/fs/cgroup/memory"
    return {
        "read:/proc/self/cgroup": f"4:memory:{group}\n0::/\n",
        "read:/proc/self/mountinfo": f"30 20 0:26 / {mount} rw - cgroup cgroup rw,memory\n"
        "31 20 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
        **{f"read:{mount}{name}": text for name, text in files.items()},
    }


def test_bug_01_file_cache_of_a_container_is_not_used() -> None:
    """
    Of 5 GiB of which 4 are file cache, one is used (ollama issue 15474).
    """
    answers = {
        **V2,
        "read:/sys/fs/cgroup/memory.max": str(8 * GIB),
        "read:/sys/fs/cgroup/memory.current": str(5 * GIB),
        "read:/sys/fs/cgroup/memory.stat": f"inactive_file {1 * GIB}\nactive_file {3 * GIB}\n",
    }
    assert cap(answers) == 7 * GIB


def test_bug_02_a_group_without_a_number_says_nothing() -> None:
    """
    "max" leaves free memory alone, whatever is counted as current (ollama issues 15704 and 15650).
    """
    answers = {
        **V2,
        "read:/sys/fs/cgroup/memory.max": "max\n",
        "read:/sys/fs/cgroup/memory.high": "max\n",
        "read:/sys/fs/cgroup/memory.current": str(23 * GIB),
    }
    assert cap(answers) is None


def test_bug_03_kernel_memory_that_can_be_dropped_is_not_used() -> None:
    """
    What LXCFS calls available: both lists of files and the slabs that can be reclaimed (ollama pull request 13782).
    """
    answers = {
        **V2,
        "read:/sys/fs/cgroup/memory.max": str(8 * GIB),
        "read:/sys/fs/cgroup/memory.current": str(6 * GIB),
        "read:/sys/fs/cgroup/memory.stat": f"active_file {GIB}\ninactive_file {GIB}\nslab_reclaimable {GIB}\n",
    }
    assert cap(answers) == 5 * GIB


def test_bug_04_a_limit_of_version_1_counts_too() -> None:
    """
    A container of 40 GiB on a host of 500 has 40 (ollama issue 10389), also where the limit is an ancestor's.
    """
    own = {
        "/docker/abc/memory.limit_in_bytes": str(40 * GIB),
        "/docker/abc/memory.usage_in_bytes": str(10 * GIB),
        "/docker/abc/memory.stat": f"total_inactive_file {2 * GIB}\n",
    }
    of_ancestor = {
        "/docker/abc/memory.limit_in_bytes": "9223372036854771712",
        "/docker/abc/memory.usage_in_bytes": str(GIB),
        "/docker/abc/memory.stat": f"hierarchical_memory_limit {40 * GIB}\n",
    }
    assert (cap(v1(**own)), cap(v1(**of_ancestor))) == (32 * GIB, 39 * GIB)


def test_bug_05_what_psutil_says_of_the_host_is_not_what_a_container_has() -> None:
    """
    Psutil knows nothing of control groups (psutil issue 2100).
    """
    limited = {
        **V2,
        "read:/sys/fs/cgroup/memory.max": str(8 * GIB),
        "read:/sys/fs/cgroup/memory.current": "0",
    }
    ram = collect(FakeSource(plain_host() | limited)).pool("ram")

    assert ram is not None
    assert (ram.total_bytes, ram.budget_bytes) == (64 * GIB, 8 * GIB)


@pytest.mark.parametrize(
    ("quota", "threads"), [("250000 100000", 2), ("50000 100000", 1), ("max 100000", 16)]
)
def test_bug_06_threads_are_what_the_quota_allows(quota: str, threads: int) -> None:
    """
    The time of two and a half processors is two threads, not the host's sixteen (ollama issue 17916).
    """
    cpu = collect(FakeSource(plain_host() | V2 | {"read:/sys/fs/cgroup/cpu.max": quota})).host.cpu

    assert (cpu.usable_threads, cpu.usable_cores) == (threads, min(threads, 8))


def test_a_group_that_is_slowed_down_is_limited() -> None:
    """
    Above memory.high nothing is killed, and nothing goes on either.
    """
    answers = {
        **V2,
        "read:/sys/fs/cgroup/memory.max": str(8 * GIB),
        "read:/sys/fs/cgroup/memory.high": str(6 * GIB),
        "read:/sys/fs/cgroup/memory.current": str(GIB),
        "read:/sys/fs/cgroup/memory.swap.max": str(2 * GIB),
        "read:/sys/fs/cgroup/memory.swap.current": str(GIB),
    }
    group = cgroup.probe(FakeSource(answers)).host.control_group

    assert group is not None
    assert group.memory == GroupMemory(
        limit_bytes=6 * GIB,
        used_bytes=GIB,
        left_bytes=5 * GIB,
        slows_down=True,
        swap_bytes=GIB,
        evidence=tuple(
            f"read:/sys/fs/cgroup/memory.{name}"
            for name in ("max", "high", "current", "stat", "swap.max", "swap.current")
        ),
    )


def test_a_path_with_two_dots_is_not_walked() -> None:
    """
    The groups of another part of the tree are not this process's, also where such a folder can be read.
    """
    answers = {
        **V2,
        "read:/proc/self/cgroup": "0::/../other\n",
        "read:/sys/fs/cgroup/../other/memory.max": str(1 * GIB),
        "read:/sys/fs/cgroup/../memory.max": str(2 * GIB),
        "read:/sys/fs/cgroup/memory.max": str(4 * GIB),
        "read:/sys/fs/cgroup/memory.current": "0",
    }
    source = FakeSource(answers)

    assert cgroup.probe(source).caps[0][1].bytes == 4 * GIB
    assert [name for name in source.asked if ".." in name] == []


def test_what_a_quota_and_a_set_rest_on() -> None:
    """
    Each has the file that it is from, and the tighter one counts.
    """
    probed = cgroup.probe(
        FakeSource(
            {
                **V2,
                "read:/sys/fs/cgroup/cpu.max": "250000 100000",
                "read:/sys/fs/cgroup/cpuset.cpus.effective": "0-3",
            }
        )
    )
    group = probed.host.control_group

    assert group is not None
    assert group.cpu_quota == CpuQuota(processors=2.5, evidence=("read:/sys/fs/cgroup/cpu.max",))
    assert group.cpu_set == CpuSet(processors=4, evidence=("read:/sys/fs/cgroup/cpuset.cpus.effective",))
    assert (probed.cpu.usable_threads, probed.cpu.limits) == (
        2,
        (message("limit.cpu-quota", processors=2.5),),
    )


@pytest.mark.parametrize(
    ("root", "group", "directory"),
    [
        ("/docker/abc", "/docker/abc", ""),
        ("/docker/abc", "/docker/abc/inner", "/inner"),
        ("/docker/ab", "/docker/abc", "/docker/abc"),
        ("/docker/abc", "/system.slice/ollama.service", "/system.slice/ollama.service"),
        ("/", "/user.slice", "/user.slice"),
        ("/", "/", ""),
    ],
)
def test_a_group_is_found_below_the_root_of_its_mount(root: str, group: str, directory: str) -> None:
    """
    The root of the mount is taken off the path only where the path leads through it.
    """
    source = FakeSource(
        {
            "read:/proc/self/cgroup": f"0::{group}\n",
            "read:/proc/self/mountinfo": f"30 20 0:26 {root} /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
        }
    )
    cgroup.probe(source)
    asked = [name for name in source.asked if name.endswith("/memory.max")]

    assert asked[0] == f"read:/sys/fs/cgroup{directory}/memory.max"
