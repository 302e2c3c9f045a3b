"""
Nodes of memory, disks of models, and Linux on a Mac.
"""

from typing import Any

import pytest

from llmprobe.facts.answer import Answer
from llmprobe.machine.probes import asahi, disk, numa
from llmprobe.machine.probes.disk import Mount, mount_of, parse_mounts
from tests.machine.fake import GIB, LINUX, LINUX_ARM, MAC, WINDOWS, FakeSource
from tests.machine.rules.host_cases import nodes

ROOM = {"total": 500 * GIB, "used": 100 * GIB, "free": 400 * GIB, "percent": 20.0}
MOUNTS = (
    "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
    "2 1 0:9 / /home rw - nfs4 server:/home rw\n"
    "3 1 0:9 / /home/me/big\\040disk rw - xfs /dev/sdb1 rw\n"
)


def places(answers: dict[str, Any], platform: Any = LINUX) -> list[tuple[str, str | None, tuple[str, ...]]]:
    disks = disk.probe(FakeSource(answers, platform)).disks
    return [(each.directory, each.file_system, each.engines) for each in disks]


def test_models_are_on_the_file_system_that_holds_their_folder() -> None:
    """
    Each is asked once, with the engines that keep models there.
    """
    answers = {
        "env:HOME": "/home/me",
        "env:OLLAMA_MODELS": "/home/me/big disk/ollama",
        "env:HF_HOME": "/data/hf",
        "read:/proc/self/mountinfo": MOUNTS,
    }
    assert places(answers) == [
        ("/home/me/big disk", "xfs", ("ollama",)),
        ("/home", "nfs4", ("llama.cpp", "lmstudio")),
        ("/", "ext4", ("huggingface",)),
    ]


def test_a_disk_that_does_not_answer_has_unknown_room() -> None:
    """
    What is free is not zero then.
    """
    answers = {
        "env:HOME": "/root",
        "read:/proc/self/mountinfo": MOUNTS,
        "psutil:disk_usage /": Answer(status="timeout"),
    }
    probed = disk.probe(FakeSource(answers))

    assert (probed.status, probed.disks[0].free_bytes) == ("partial", None)


@pytest.mark.parametrize(("platform", "home"), [(MAC, "HOME"), (WINDOWS, "USERPROFILE")])
def test_elsewhere_the_home_is_asked(platform: Any, home: str) -> None:
    """
    Without a list of mounts the room is that of the home.
    """
    answers = {f"env:{home}": "/Users/me", "psutil:disk_usage /Users/me": ROOM}

    assert places(answers, platform) == [
        ("/Users/me", None, ("huggingface", "llama.cpp", "lmstudio", "ollama"))
    ]


def test_a_name_that_begins_alike_is_no_mount_of_a_folder() -> None:
    """
    /home is not where /homestead is.
    """
    mounts = (Mount("/", "ext4"), Mount("/home", "nfs"))

    assert mount_of("/homestead/models", mounts) == Mount("/", "ext4")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("1 0 8:1 / /data - ext4 /dev/sda rw", (Mount("/data", "ext4"),)),
        ("1 0 8:1 / - ext4 /dev/sda rw", ()),
        ("1 0 8:1 / /data rw", ()),
        ("1 0 8:1 / /data rw -", ()),
    ],
)
def test_a_mount_has_a_directory_and_a_type(line: str, expected: tuple[Mount, ...]) -> None:
    """
    The directory is the fifth field, the type the first behind the dash; a line without them is none.
    """
    assert parse_mounts(line) == expected


def test_one_node_is_nothing_to_tell() -> None:
    """
    Most machines have one, and nothing more is asked.
    """
    source = FakeSource({"read:/sys/devices/system/node/has_memory": "0\n"})

    assert (numa.probe(source).host.memory.numa, len(source.asked)) == (None, 1)


def test_nodes_are_told_with_what_they_have() -> None:
    """
    Which have processors is the kernel's word.
    """
    seen = numa.probe(FakeSource(nodes("0-1", "0"))).host.memory.numa

    assert seen is not None
    assert [(each.has_processors, each.total_bytes) for each in seen.nodes] == [
        (True, 32 * GIB),
        (False, 32 * GIB),
    ]


GROUP = {
    "read:/proc/self/cgroup": "0::/box\n",
    "read:/proc/self/mountinfo": "30 20 0:26 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
}
OLD_GROUP = {
    "read:/proc/self/cgroup": "4:cpuset:/box\n",
    "read:/proc/self/mountinfo": "30 20 0:26 / /sys/fs/cgroup/cpuset ro - cgroup cgroup rw,cpuset\n",
}


@pytest.mark.parametrize(
    ("group", "path"),
    [
        (GROUP, "/sys/fs/cgroup/box/cpuset.mems.effective"),
        (OLD_GROUP, "/sys/fs/cgroup/cpuset/box/cpuset.mems"),
    ],
)
@pytest.mark.parametrize(
    ("listed", "allowed", "caps"),
    [
        ("0", (0,), [20 * GIB]),
        ("1", (1,), [20 * GIB]),
        ("0-1", None, []),
        ("2", None, []),
        ("", None, []),
    ],
)
def test_a_group_kept_to_a_node_has_that_nodes_memory(
    group: dict[str, str], path: str, listed: str, allowed: tuple[int, ...] | None, caps: list[int]
) -> None:
    """
    Of two nodes with 20 GiB free each one is left; a list of all nodes, or of none that is there, takes nothing away.
    """
    probed = numa.probe(FakeSource(nodes("0-1", "0-1") | group | {f"read:{path}": f"{listed}\n"}))

    assert probed.host.memory.numa is not None
    assert probed.host.memory.numa.allowed == allowed
    assert [(pool, cap.bytes) for pool, cap in probed.caps] == [("ram", size) for size in caps]


ON_A_MAC = {
    "read:/proc/device-tree/compatible": "apple,j293\0apple,t8103\0apple,arm-platform\0",
    "read:/proc/device-tree/model": "Apple MacBook Pro (13-inch, M1, 2020)\0",
}
HONEYKRISP = {
    "deviceName": "Apple M1 (G13G B1)",
    "deviceType": 1,
    "driverID": 26,
    "driverName": "Honeykrisp",
    "storageBuffer16BitAccess": 1,
    "heaps": [{"size": 6 * GIB, "flags": 1, "budget": 5 * GIB, "usage": 0}],
}
LLVMPIPE = {"deviceName": "llvmpipe", "deviceType": 4, "storageBuffer16BitAccess": 1}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"devices": [LLVMPIPE]}, "unusable.apple-on-linux"),
        (Answer(status="missing"), "unusable.apple-on-linux"),
        (Answer(status="timeout"), "unusable.vulkan-not-asked"),
    ],
)
def test_an_apple_chip_under_linux_needs_vulkan(answer: Any, why: str) -> None:
    """
    It has no Metal there; a loader that does not answer has not said that there is no driver.
    """
    (gpu,) = asahi.probe(FakeSource(ON_A_MAC | {"vulkan:": answer}, LINUX_ARM)).accelerators

    assert (gpu.vendor, gpu.usable, gpu.pools) == ("apple", False, ("ram",))
    assert gpu.why_not is not None
    assert gpu.why_not.id == why
    assert asahi.probe(FakeSource({}, LINUX_ARM)).accelerators == ()


def test_an_apple_chip_under_linux_runs_by_vulkan() -> None:
    """
    The driver's budget is the most of the RAM that it may use, and the chip's name tells its bandwidth (68 GB/s).
    """
    probed = asahi.probe(FakeSource(ON_A_MAC | {"vulkan:": {"devices": [LLVMPIPE, HONEYKRISP]}}, LINUX_ARM))
    (gpu,) = probed.accelerators

    assert (gpu.usable, gpu.backend, gpu.name, gpu.integrated) == (True, "vulkan", "Apple M1 GPU", True)
    assert gpu.bandwidth_bytes_per_s == 68_250_000_000
    assert [(pool, cap.by, cap.bytes) for pool, cap in probed.caps] == [("ram", "working-set", 5 * GIB)]
