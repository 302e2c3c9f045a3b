"""
What threads are worth, how fast a file is read, and where threads can run.
"""

import threading
from pathlib import Path

import pytest

from llmprobe.source.measure import cores, disk, places


def test_threads_hash_together_and_end() -> None:
    """
    One alone and all have a rate.
    """
    before = threading.active_count()

    found = cores.hash_rates(2, seconds=0.3)

    assert found is not None
    assert found.one_bytes_per_s > 0
    assert found.all_bytes_per_s > 0
    # One of another test may end meanwhile.
    assert threading.active_count() <= before


def test_one_thread_is_worth_itself() -> None:
    """
    It is not tried twice.
    """
    found = cores.hash_rates(1, seconds=0.1)

    assert found is not None
    assert found.one_bytes_per_s == found.all_bytes_per_s


def test_a_file_is_read_up_to_what_is_wanted(tmp_path: Path) -> None:
    """
    Whole pieces of it, and no more than the most.
    """
    path = tmp_path / "model.gguf"
    with path.open("wb") as file:
        file.truncate(2 * disk.LEAST + 1)

    found = disk.file_rate(str(path), seconds=30.0, most_bytes=disk.LEAST)

    assert found is not None
    assert found.read_bytes == disk.LEAST
    assert found.bytes_per_s > 0


@pytest.mark.parametrize("size", [0, disk.LEAST - 1])
def test_a_small_file_has_no_rate(tmp_path: Path, size: int) -> None:
    """
    A drive answers so little from its own memory.
    """
    path = tmp_path / "model.gguf"
    with path.open("wb") as file:
        file.truncate(size)

    assert disk.file_rate(str(path), seconds=1.0, most_bytes=1 << 30) is None


def test_what_is_no_file_has_no_rate(tmp_path: Path) -> None:
    """
    A folder, and nothing.
    """
    assert disk.file_rate(str(tmp_path), seconds=1.0, most_bytes=1 << 30) is None
    assert disk.file_rate(str(tmp_path / "none"), seconds=1.0, most_bytes=1 << 30) is None


def test_the_largest_file_of_a_disk_is_read(tmp_path: Path) -> None:
    """
    Files that are not there are passed over; a folder that is not there has none.
    """
    for name, size in (("a", 1), ("b", 3), ("c", 2)):
        (tmp_path / name).write_bytes(bytes(size))
    paths = [str(tmp_path / name) for name in ("a", "b", "c", "none")]

    assert disk.largest_on(str(tmp_path), paths) == str(tmp_path / "b")
    assert disk.largest_on(str(tmp_path), []) is None
    assert disk.largest_on(str(tmp_path / "none"), paths) is None


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """
    Return a folder that stands for /sys/devices/system, on which four processors may be used.
    """
    monkeypatch.setattr(places, "_NODES", tmp_path / "node")
    monkeypatch.setattr(places, "_PROCESSORS", tmp_path / "cpu")
    monkeypatch.setattr(places, "processors", lambda: frozenset({0, 1, 2, 3}))
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="ascii")


def test_nodes_have_the_processors_that_may_be_used(system: Path) -> None:
    """
    One without any is none for a thread.
    """
    write(system / "node/node0/cpulist", "0-1,8-9\n")
    write(system / "node/node1/cpulist", "2,3\n")
    write(system / "node/node2/cpulist", "\n")
    write(system / "node/possible", "0-2\n")

    assert places.nodes() == {0: frozenset({0, 1}), 1: frozenset({2, 3})}


def test_one_node_is_none_apart(system: Path) -> None:
    """
    Where all processors are of one node, or none is told, there is nothing to tell apart.
    """
    assert places.nodes() == {}
    write(system / "node/node0/cpulist", "0-3\n")
    assert places.nodes() == {}


def test_a_cache_that_processors_share_is_counted_once(system: Path) -> None:
    """
    The last level only: two of 16 MiB for four processors.
    """
    for number, sharers in ((0, "0-1"), (1, "0-1"), (2, "2-3"), (3, "2-3")):
        write(system / f"cpu/cpu{number}/cache/index0/size", "32K\n")
        write(system / f"cpu/cpu{number}/cache/index3/size", "16384K\n")
        write(system / f"cpu/cpu{number}/cache/index3/shared_cpu_list", f"{sharers}\n")

    assert places.caches_bytes() == 2 * 16 * 1024 * 1024


def test_caches_that_are_not_told_are_unknown(system: Path) -> None:
    """
    And not zero.
    """
    assert places.caches_bytes() is None
