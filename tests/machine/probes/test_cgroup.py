"""
Control groups: version 1, version 2, both at once, nested.
"""

from typing import Any

import pytest

from llmprobe.machine.probes import cgroup
from tests.machine.fake import GIB, FakeSource

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
    assert probed.cpu["usable_threads"] == 2


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
        assert probed.cpu["usable_threads"] == threads


def test_a_cpuset_counts() -> None:
    """
    The processors of the set are the threads that may run.
    """
    probed = cgroup.probe(FakeSource({**V2, "read:/sys/fs/cgroup/cpuset.cpus.effective": "0-3,8\n"}))
    assert probed.cpu["usable_threads"] == 5


def test_no_groups_at_all_is_absent() -> None:
    """
    A system without control groups has no limits.
    """
    assert cgroup.probe(FakeSource({})).status == "absent"
