"""
Small rules that every probe stands on: numbers, texts, the memory of a host, a status out of answers.
"""

from typing import Any

import pytest

from llmprobe.facts.answer import Answer
from llmprobe.machine.asking import Asker, as_int, as_text, fields_of, harmless, items_of
from llmprobe.machine.host_ram import (
    available_of,
    cache_of_zfs,
    host_ram,
    is_of_container,
    parse_node_meminfo,
)
from llmprobe.machine.probes import cgroup, numa
from llmprobe.machine.probes.amd.access import may_write
from llmprobe.machine.wired_limit import raised_limit_bytes
from llmprobe.words.message import message
from tests.machine.fake import GIB, LINUX, LINUX_ARM, MAC, FakeSource
from tests.machine.rules.records import pool


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, 5),
        (0, 0),
        (-1, None),
        (True, None),
        (" 7\n", 7),
        ("-7", None),
        ("", None),
        ("9" * 40, None),
        (2.9, 2),
        (float("inf"), None),
        (float("nan"), None),
        (-0.5, 0),
        (None, None),
        ([1], None),
    ],
)
def test_a_whole_number_is_one_of_several_kinds(value: Any, expected: int | None) -> None:
    """
    Also decimal text and what a float holds; never negative, and never of a length that no count has.
    """
    assert as_int(value) == expected


@pytest.mark.parametrize("status", ["ok", "failed"])
def test_only_an_answer_that_is_ok_has_a_value(status: Any) -> None:
    """
    And only of the kind that was asked for.
    """
    fine = status == "ok"

    assert as_text(Answer(status=status, value="x")) == ("x" if fine else None)
    assert fields_of(Answer(status=status, value={"a": 1})) == ({"a": 1} if fine else {})
    assert items_of(Answer(status=status, value=[1])) == ([1] if fine else [])
    assert (as_text(Answer(value=1)), fields_of(Answer(value=[1])), items_of(Answer(value={}))) == (
        None,
        {},
        [],
    )


ORDER = "\x1b[2J"


@pytest.mark.parametrize(
    ("value", "changed"),
    [
        ({"a": ["b", {"c": "d"}]}, False),
        ({"a": ORDER}, True),
        ({ORDER: 1}, True),
        ({"a": 1, ORDER: 1}, True),
        (["a", [ORDER]], True),
        (ORDER, True),
        ([], False),
        (7, False),
    ],
)
def test_an_answer_is_changed_only_where_a_terminal_would_obey(value: Any, *, changed: bool) -> None:
    """
    In keys, values and items; what needs no change stays the very answer.
    """
    answer = Answer(value=value)
    found = harmless(answer)

    assert (found is answer) is not changed
    assert "\x1b" not in str(found.value)
    assert found.detail is None
    assert "\x1b" not in str(harmless(Answer(status="failed", detail=ORDER)).detail)


@pytest.mark.parametrize(
    ("statuses", "found", "status"),
    [
        ([], True, "ok"),
        ([], False, "absent"),
        (["missing"], True, "ok"),
        (["denied"], True, "partial"),
        (["denied"], False, "denied"),
        (["timeout", "denied"], False, "timeout"),
        (["failed"], False, "failed"),
        (["not_recorded"], True, "not_recorded"),
        (["not_recorded"], False, "not_recorded"),
        (["not_recorded", "denied"], True, "partial"),
        (["not_recorded", "denied"], False, "not_recorded"),
    ],
)
def test_trouble_is_the_status_of_a_probe(statuses: list[Any], found: bool, status: str) -> None:
    """
    Beside something found it is partial, else the first trouble itself.
    """
    ask = Asker(FakeSource({f"read:/{at}": Answer(status=one) for at, one in enumerate(statuses)}))
    for at in range(len(statuses)):
        ask.text(f"/{at}")

    assert ask.probed(found=found).status == status


@pytest.mark.parametrize(
    ("meminfo", "expected"),
    [
        ({"MemTotal": 100, "MemAvailable": 60, "MemFree": 5}, 60),
        ({"MemAvailable": 60}, 60),
        ({"MemTotal": 100, "MemAvailable": 100}, 100),
        ({"MemTotal": 100, "MemAvailable": 101, "MemFree": 5}, 5),
        ({"MemTotal": 100, "MemAvailable": 0, "MemFree": 5}, 5),
        ({"MemTotal": 100, "MemFree": 5, "Active(file)": 10, "Inactive(file)": 20, "SReclaimable": 40}, 75),
        ({"MemTotal": 50, "MemFree": 5, "Active(file)": 10, "Inactive(file)": 20, "SReclaimable": 40}, 50),
        ({"MemFree": 5}, 5),
        ({"MemTotal": 100}, None),
    ],
)
def test_what_is_available_of_the_ram(meminfo: dict[str, int], expected: int | None) -> None:
    """
    As the kernel says where that is plausible, else what is free and what can be dropped.
    """
    assert available_of(meminfo) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("size 4 90\nc_min 4 30\n", 60),
        ("size 4 30\nc_min 4 90\n", 0),
        ("size 4 90\n", None),
        ("c_min 4 9", None),
    ],
)
def test_zfs_gives_back_all_but_its_least(text: str, expected: int | None) -> None:
    """
    Never less than nothing, and unknown without both figures.
    """
    assert cache_of_zfs(text) == expected


MEMINFO = "read:/proc/meminfo"
PSUTIL = "psutil:virtual_memory"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("9 8 0:61 /proc/meminfo /proc/meminfo rw,nosuid shared:5 master:9 - fuse.lxcfs lxcfs rw", True),
        ("9 8 0:61 /proc/meminfo /proc/meminfo rw - tmpfs tmpfs rw", False),
        ("9 8 0:61 /proc/cpuinfo /proc/cpuinfo rw - fuse.lxcfs lxcfs rw", False),
        ("9 8 0:61 / /proc rw - proc proc rw", False),
        ("", False),
        ("/proc/meminfo", False),
    ],
)
def test_a_container_is_shown_memory_of_its_own(line: str, expected: bool) -> None:
    """By lxcfs, which is mounted on the file; the cache of ZFS beside it is the host's (htop-dev/htop#863)."""
    assert is_of_container(f"1 0 8:1 / / rw - ext4 a rw\n{line}\n") is expected
    meminfo = "MemTotal: 4194304 kB\nMemAvailable: 1048576 kB\n"
    arcstats = f"c_min 4 {GIB}\nsize 4 {3 * GIB}\n"
    answers = {"read:/proc/meminfo": meminfo, ARC: arcstats, "read:/proc/self/mountinfo": line}
    found = host_ram(Asker(FakeSource(answers)))

    assert found.available_bytes == (GIB if expected else 3 * GIB)
    assert found.zfs_cache_bytes == (None if expected else 2 * GIB)


ARC = "read:/proc/spl/kstat/zfs/arcstats"


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({PSUTIL: {"total": 4096, "available": 1024}}, (4096, 1024, None)),
        (
            {PSUTIL: {"total": 9999, "available": 9}, MEMINFO: "MemTotal: 4 kB\nMemAvailable: 1 kB\n"},
            (4096, 1024, (4096, 9999)),
        ),
        ({MEMINFO: "MemTotal: 4 kB\nMemAvailable: 1 kB\n"}, (4096, 1024, None)),
        ({PSUTIL: {"total": 4096, "available": 1024}, MEMINFO: "Other: 1 kB\n"}, (4096, 1024, None)),
        ({PSUTIL: {"total": 4096, "available": 5000}}, (4096, 4096, None)),
        ({PSUTIL: {"total": 4096, "available": 1024}, ARC: "size 4 500\nc_min 4 100\n"}, (4096, 1424, None)),
        ({PSUTIL: {"total": 4096}, ARC: "size 4 500\nc_min 4 100\n"}, (4096, None, None)),
        ({PSUTIL: {"available": 1024}}, (None, 1024, None)),
        ({}, (None, None, None)),
    ],
)
def test_the_kernel_knows_better_than_psutil(answers: dict[str, Any], expected: tuple[Any, ...]) -> None:
    """
    What both count is kept; a cache of ZFS is available too, and never more than there is.
    """
    found = host_ram(Asker(FakeSource(answers)))

    assert (found.total_bytes, found.available_bytes, found.counted_bytes) == expected


def test_only_linux_has_a_kernels_list_of_memory() -> None:
    """
    Others are asked through psutil alone.
    """
    answers = {PSUTIL: {"total": 4096, "available": 1024}, MEMINFO: "MemTotal: 8 kB\nMemAvailable: 1 kB\n"}
    found = host_ram(Asker(FakeSource(answers, MAC)))

    assert (found.total_bytes, found.available_bytes, found.evidence) == (4096, 1024, (PSUTIL,))


NODES = "/sys/devices/system/node"


def nodes(**changes: Any) -> dict[str, Any]:
    """
    A machine of Arm with 8 KiB at its processors and 96 KiB of a GPU.
    """
    answers: dict[str, Any] = {
        MEMINFO: "MemTotal: 104 kB\nMemAvailable: 90 kB\n",
        f"read:{NODES}/has_memory": "0,2\n",
        f"read:{NODES}/has_cpu": "0\n",
        f"read:{NODES}/node0/meminfo": "Node 0 MemTotal: 8 kB\nNode 0 MemFree: 3 kB\n",
        f"read:{NODES}/node2/meminfo": "Node 2 MemTotal: 96 kB\nNode 2 MemFree: 90 kB\n",
    }
    return answers | changes


@pytest.mark.parametrize(
    ("answers", "platform", "total", "available"),
    [
        (nodes(), LINUX_ARM, 8, 3),
        (nodes(**{f"read:{NODES}/node2/meminfo": Answer(status="missing")}), LINUX_ARM, 104, 3),
        (nodes(**{MEMINFO: "MemTotal: 90 kB\nMemAvailable: 80 kB\n"}), LINUX_ARM, 0, 0),
        (nodes(**{MEMINFO: "MemTotal: 104 kB\n"}), LINUX_ARM, 8, None),
        (nodes(**{MEMINFO: Answer(status="missing")}), LINUX_ARM, None, None),
        (nodes(), LINUX, 104, 90),
        (nodes(**{f"read:{NODES}/has_cpu": "0,2\n"}), LINUX_ARM, 104, 90),
        (
            nodes(
                **{
                    f"read:{NODES}/has_cpu": "0,2\n",
                    f"read:{NODES}/node2/meminfo": "Node 2 MemTotal: 96 kB\nNode 2 MemFree: 1 kB\n",
                }
            ),
            LINUX_ARM,
            104,
            90,
        ),
        (nodes(**{f"read:{NODES}/has_cpu": ""}), LINUX_ARM, 104, 90),
        (nodes(**{f"read:{NODES}/has_cpu": Answer(status="missing")}), LINUX_ARM, 104, 90),
        (nodes(**{f"read:{NODES}/has_memory": Answer(status="missing")}), LINUX_ARM, 104, 90),
        (nodes(**{f"read:{NODES}/node0/meminfo": "Node 0 MemTotal: 8 kB\n"}), LINUX_ARM, 8, None),
        (nodes(**{MEMINFO: "MemTotal: 104 kB\nMemAvailable: 2 kB\n"}), LINUX_ARM, 8, 2),
    ],
)
def test_memory_of_a_gpu_is_no_memory_of_the_host(
    answers: dict[str, Any], platform: Any, total: int | None, available: int | None
) -> None:
    """
    That of a node without processors, but not on x86, where it is an extension; what is left is the others'.
    """
    found = host_ram(Asker(FakeSource(answers, platform)))

    assert (found.total_bytes, found.available_bytes) == tuple(
        None if each is None else each * 1024 for each in (total, available)
    )


def test_lines_of_a_node_are_those_of_the_whole() -> None:
    """
    After its number; empty ones are left out.
    """
    assert parse_node_meminfo("Node 0 MemTotal: 8 kB\n\nNode 0 MemFree: 3 kB\n") == {
        "MemTotal": 8192,
        "MemFree": 3072,
    }


@pytest.mark.parametrize(
    ("answers", "status", "expected"),
    [
        (nodes(), "ok", [(0, True, 8192), (2, False, 98304)]),
        (
            nodes(**{f"read:{NODES}/has_cpu": Answer(status="missing")}),
            "ok",
            [(0, False, 8192), (2, False, 98304)],
        ),
        (nodes(**{f"read:{NODES}/has_memory": "0\n"}), "ok", None),
        ({}, "absent", None),
    ],
)
def test_nodes_are_several(answers: dict[str, Any], status: str, expected: Any) -> None:
    """
    One is no matter, and where it is not said which have processors none is known to.
    """
    found = numa.probe(FakeSource(answers))
    seen = found.host.memory.numa

    assert found.status == status
    assert (
        [(one.number, one.has_processors, one.total_bytes) for one in seen.nodes] if seen else None
    ) == expected


@pytest.mark.parametrize(("code", "expected"), [(0, True), (1, False), (2, None), (None, None)])
def test_a_device_file_may_be_written_or_not(code: int | None, expected: bool | None) -> None:
    """
    By the exit of ``test``; another one is no answer.
    """
    answer: Any = Answer(status="missing") if code is None else {"exit": code, "stdout": "", "stderr": ""}

    assert may_write(Asker(FakeSource({"run:test -w /dev/kfd": answer})), "/dev/kfd") is expected


def test_a_controller_that_is_mounted_and_not_joined_is_version_2s() -> None:
    """
    A process that is in no group of version 1 has that of version 2.
    """
    answers = {
        "read:/proc/self/cgroup": "0::/a\n",
        "read:/proc/self/mountinfo": (
            "1 0 0:26 / /v1 rw - cgroup cgroup rw,memory\n2 0 0:27 / /v2 rw - cgroup2 cgroup2 rw\n"
        ),
        "read:/v2/a/memory.max": "100\n",
        "read:/v1/a/memory.limit_in_bytes": "50\n",
    }

    assert [limit.bytes for _, limit in cgroup.probe(FakeSource(answers)).caps] == [100]


@pytest.mark.parametrize(
    ("gib", "expected"), [(64, 56), (17, 9), (16, None), (8, None), (4, None), (None, None)]
)
def test_a_macs_limit_may_be_raised_to_all_but_8_gib(gib: int | None, expected: int | None) -> None:
    """
    Where that is more than half.
    """
    assert raised_limit_bytes(pool("ram", gib)) == (None if expected is None else expected * GIB)


def test_trouble_is_named_with_its_questions() -> None:
    """
    The first few, and how many more there are.
    """
    ask = Asker(FakeSource({f"read:/{at}": Answer(status="denied", detail="no") for at in range(9)}))
    for at in range(9):
        ask.text(f"/{at}")
    detail = ask.probed(found=True).detail
    assert detail is not None
    named: Any = detail.values["questions"]

    assert named[0] == message("source.question", question="read:/0", status="denied", reason="no")
    assert detail.values["more"] == 9 - len(named)
    assert 0 < len(named) < 9
