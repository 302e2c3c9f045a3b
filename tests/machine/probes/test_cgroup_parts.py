"""
The parts of the probe for control groups by themselves: files of both versions, and the tightest of all limits.
"""

from typing import Any

import pytest

from llmprobe.facts.machine import Probed
from llmprobe.machine.control_groups import Mount, parse_mountinfo, parse_self_cgroup
from llmprobe.machine.probes import cgroup
from llmprobe.machine.probes.cgroup import parse_cpu_max, parse_memory_max, parse_memory_stat
from llmprobe.words.message import message
from tests.machine.fake import FakeSource

TOP = "/sys/fs/cgroup"
V2 = {
    "read:/proc/self/cgroup": "0::/a/b\n",
    "read:/proc/self/mountinfo": f"1 0 0:26 / {TOP} rw - cgroup2 cgroup2 rw\n",
}
V1 = {
    "read:/proc/self/cgroup": "5:memory:/a\n6:cpu,cpuacct:/a\n7:cpuset:/a\n0::/\n",
    "read:/proc/self/mountinfo": (
        f"1 0 0:26 / {TOP}/memory rw - cgroup cgroup rw,memory\n"
        f"2 0 0:27 / {TOP}/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
        f"3 0 0:28 / {TOP}/cpuset rw - cgroup cgroup rw,cpuset\n"
        f"4 0 0:29 / {TOP}/unified rw - cgroup2 cgroup2 rw\n"
    ),
}


def v2(files: dict[str, str]) -> Probed:
    return cgroup.probe(FakeSource(V2 | {f"read:{TOP}/{name}": text for name, text in files.items()}))


def v1(files: dict[str, str]) -> Probed:
    return cgroup.probe(FakeSource(V1 | {f"read:{TOP}/{name}": text for name, text in files.items()}))


def memory(found: Probed) -> tuple[Any, ...] | None:
    """
    Limit, what is left, what is used, what may be swapped, and whether programs are slowed down.
    """
    group = found.host.control_group
    if group is None or group.memory is None:
        return None
    one = group.memory
    return one.limit_bytes, one.left_bytes, one.used_bytes, one.swap_bytes, one.slows_down


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        ({}, "absent"),
        ({"read:/proc/self/cgroup": V2["read:/proc/self/cgroup"]}, "absent"),
        ({"read:/proc/self/mountinfo": V2["read:/proc/self/mountinfo"]}, "absent"),
        (V2, "ok"),
    ],
)
def test_groups_are_there_where_they_are_mounted(answers: dict[str, str], status: str) -> None:
    """Without a group or without a mount there is nothing."""
    found = cgroup.probe(FakeSource(answers))

    assert found.status == status
    assert (found.caps, found.host.control_group) == ((), None)


def test_lines_of_groups_have_three_parts() -> None:
    """Controllers share a line; a path may have colons, and an empty one is the root."""
    text = "5:cpu,cpuacct:/a:b\n0::\nnonsense\n1:x\n"

    assert parse_self_cgroup(text) == {"cpu": "/a:b", "cpuacct": "/a:b", "": "/"}


def test_mounts_of_other_kinds_are_left_out() -> None:
    """And lines that are cut."""
    text = (
        "1 0 0:26 /r /d rw - cgroup cgroup rw,memory\n"
        "2 0 0:26 /s /e rw shared:5 - cgroup2 none rw\n"
        "3 0 0:26 / /f rw - tmpfs tmpfs rw\n"
        "4 0 0:26 /g\n"
        "5 0 0:26 / - cgroup2 none rw\n"
        "6 0 0:26 / /h rw - cgroup2 none\n"
    )

    assert parse_mountinfo(text) == (
        Mount(directory="/d", root="/r", version=1, controllers=frozenset({"rw", "memory"})),
        Mount(directory="/e", root="/s", version=2),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [("max", None), ("0", 0), (str((1 << 62) - 1), (1 << 62) - 1), (str(1 << 62), None), ("", None)],
)
def test_a_limit_is_a_number_below_what_stands_for_none(text: str, expected: int | None) -> None:
    """Version 1 writes about 2^63 for no limit."""
    assert parse_memory_max(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("200000 100000", 2.0),
        ("50000 100000\n", 0.5),
        ("max 100000", None),
        ("200000", None),
        ("200000 0", None),
        ("0 100000", None),
        ("1 2 3", None),
    ],
)
def test_a_quota_is_time_of_a_period(text: str, expected: float | None) -> None:
    """No time at all is no quota that anybody could run in."""
    assert parse_cpu_max(text) == expected


def test_fields_of_the_statistics_are_numbers() -> None:
    """A line without one is left out."""
    assert parse_memory_stat("file 5\nslab x\nanon\n") == {"file": 5}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"a/b/memory.max": "100"}, (100, 100, None, None, False)),
        ({"a/b/memory.max": "100", "a/b/memory.current": "30"}, (100, 70, 30, None, False)),
        ({"a/b/memory.max": "100", "a/b/memory.high": "80"}, (80, 80, None, None, True)),
        ({"a/b/memory.max": "80", "a/b/memory.high": "100"}, (80, 80, None, None, False)),
        ({"a/b/memory.max": "80", "a/b/memory.high": "80"}, (80, 80, None, None, False)),
        ({"a/b/memory.high": "80"}, (80, 80, None, None, True)),
        ({"a/memory.max": "60", "a/b/memory.max": "100"}, (60, 60, None, None, False)),
        (
            {"a/memory.max": "100", "a/memory.current": "90", "a/b/memory.max": "60"},
            (60, 10, 90, None, False),
        ),
        ({"memory.max": "50"}, (50, 50, None, None, False)),
        (
            {
                "a/b/memory.max": "100",
                "a/b/memory.current": "90",
                "a/b/memory.stat": "active_file 10\ninactive_file 20\nslab_reclaimable 5\nanon 40\n",
            },
            (100, 45, 55, None, False),
        ),
        (
            {"a/b/memory.max": "100", "a/b/memory.current": "5", "a/b/memory.stat": "active_file 10\n"},
            (100, 100, 0, None, False),
        ),
        (
            {"a/b/memory.max": "100", "a/b/memory.swap.max": "50", "a/b/memory.swap.current": "20"},
            (100, 100, None, 30, False),
        ),
        ({"a/b/memory.max": "100", "a/b/memory.swap.max": "50"}, (100, 100, None, 50, False)),
        (
            {"a/b/memory.max": "100", "a/b/memory.swap.max": "50", "a/b/memory.swap.current": "70"},
            (100, 100, None, 0, False),
        ),
        ({"a/b/memory.max": "100", "a/b/memory.swap.max": "max"}, (100, 100, None, None, False)),
        (
            {
                "a/b/memory.max": "100",
                "a/b/memory.swap.max": "50",
                "a/memory.max": "200",
                "a/memory.swap.max": "20",
            },
            (100, 100, None, 20, False),
        ),
        ({"a/b/memory.max": "max"}, None),
        ({}, None),
    ],
)
def test_the_tightest_limit_of_version_2(files: dict[str, str], expected: tuple[Any, ...] | None) -> None:
    """Of the group and its ancestors; what can be dropped is not used, and no sum is less than nothing."""
    found = v2(files)

    assert memory(found) == expected
    assert [(name, cap.bytes) for name, cap in found.caps] == (
        [] if expected is None else [("ram", expected[1])]
    )


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"memory/a/memory.limit_in_bytes": "100"}, (100, 100, None, None, False)),
        (
            {
                "memory/a/memory.limit_in_bytes": str(1 << 63),
                "memory/a/memory.stat": "hierarchical_memory_limit 70\n",
            },
            (70, 70, None, None, False),
        ),
        (
            {
                "memory/a/memory.limit_in_bytes": "50",
                "memory/a/memory.stat": "hierarchical_memory_limit 70\n",
            },
            (50, 50, None, None, False),
        ),
        (
            {
                "memory/a/memory.limit_in_bytes": "100",
                "memory/a/memory.usage_in_bytes": "90",
                "memory/a/memory.stat": "total_active_file 10\nactive_file 50\ntotal_inactive_file 5\n",
                "memory/a/memory.memsw.limit_in_bytes": "130",
            },
            (100, 25, 75, 30, False),
        ),
        (
            {"memory/a/memory.limit_in_bytes": "100", "memory/a/memory.memsw.limit_in_bytes": "90"},
            (100, 100, None, 0, False),
        ),
        ({"memory/memory.limit_in_bytes": "40"}, (40, 40, None, None, False)),
        ({"memory/memory.stat": "hierarchical_memory_limit 40\n"}, None),
        ({"memory/a/memory.limit_in_bytes": str(1 << 63)}, None),
    ],
)
def test_the_tightest_limit_of_version_1(files: dict[str, str], expected: tuple[Any, ...] | None) -> None:
    """Its group says the limit of its ancestors too, and counts memory and swap together."""
    assert memory(v1(files)) == expected


@pytest.mark.parametrize(
    ("found", "threads", "processors", "allowed"),
    [
        (v2({"a/b/cpu.max": "250000 100000"}), 2, 2.5, None),
        (v2({"a/b/cpu.max": "50000 100000"}), 1, 0.5, None),
        (v2({"a/b/cpu.max": "400000 100000", "a/cpu.max": "300000 100000"}), 3, 3.0, None),
        (v2({"a/b/cpuset.cpus.effective": "0-3,8"}), 5, None, 5),
        (v2({"a/b/cpuset.cpus.effective": "0-3", "a/b/cpu.max": "200000 100000"}), 2, 2.0, 4),
        (v2({"a/b/cpuset.cpus.effective": "0", "a/b/cpu.max": "200000 100000"}), 1, 2.0, 1),
        (v2({"a/cpuset.cpus.effective": "0-3"}), None, None, None),
        (v1({"cpu/a/cpu.cfs_quota_us": "150000", "cpu/a/cpu.cfs_period_us": "100000"}), 1, 1.5, None),
        (v1({"cpu/a/cpu.cfs_quota_us": "-1", "cpu/a/cpu.cfs_period_us": "100000"}), None, None, None),
        (v1({"cpu/a/cpu.cfs_quota_us": "150000"}), None, None, None),
        (v1({"cpuset/a/cpuset.cpus": "0-1"}), 2, None, 2),
        (v2({}), None, None, None),
    ],
)
def test_threads_are_what_quota_and_set_leave(
    found: Probed, threads: int | None, processors: float | None, allowed: int | None
) -> None:
    """Whole ones, at least one, by the smaller of both; only the quota needs a word."""
    group = found.host.control_group
    quota, cpus = (group.cpu_quota, group.cpu_set) if group is not None else (None, None)

    assert found.cpu.usable_threads == threads
    assert (quota.processors if quota else None, cpus.processors if cpus else None) == (processors, allowed)
    assert found.cpu.limits == (
        () if processors is None else (message("limit.cpu-quota", processors=processors),)
    )
