"""
Limits of control groups on the memory of GPUs.
"""

from typing import Any

import pytest

from llmprobe.machine.asking import Asker
from llmprobe.machine.device_groups import ask_caps, parse_regions
from llmprobe.machine.snapshot import collect
from tests.machine.fake import GIB, MIB, FakeSource, plain_host
from tests.machine.probes.test_intel import battlemage

GROUP = "/sys/fs/cgroup/user.slice/llm.scope"
MOUNT = "33 24 0:29 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n"
CARD = "0000:03:00.0"


def limited(**files: str) -> dict[str, Any]:
    """
    The answers of a process in a group, whose files are given by name, those of its parent with ``parent_``.
    """
    answers: dict[str, Any] = {
        "read:/proc/self/cgroup": "0::/user.slice/llm.scope\n",
        "read:/proc/self/mountinfo": MOUNT,
    }
    for name, text in files.items():
        folder = GROUP.rsplit("/", 1)[0] if name.startswith("parent_") else GROUP
        answers[f"read:{folder}/dmem.{name.removeprefix('parent_')}"] = text
    return answers


def left(answers: dict[str, Any]) -> dict[str, int]:
    caps = ask_caps(Asker(FakeSource(answers)), {CARD: "vram0"})
    return {pool: limit.bytes for pool, limit in caps}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("drm/0000:03:00.0/vram0 1073741824\n", {CARD: GIB}),
        ("drm/0000:03:00.0/vram 5\ndrm/0000:03:00.0/stolen 7\n", {CARD: 5}),
        ("drm/0000:03:00.0/vram0 max\n", {CARD: None}),
        ("drm/0000:03:00.0/vram0 3\ndrm/0000:03:00.0/vram1 4\n", {CARD: 7}),
        ("drm/0000:03:00.0/vram0 3\ndrm/0000:03:00.0/vram1 max\n", {CARD: None}),
        ("drm/0000:03:00.0/vram0 max\ndrm/0000:03:00.0/vram1 4\n", {CARD: None}),
        ("drm/0000:03:00.0/vram0 much\nvram0 3\n\n", {}),
    ],
)
def test_regions_of_a_device_count_together(text: str, expected: dict[str, int | None]) -> None:
    """Its own memory alone, by its address; one region without a limit leaves the device without any."""
    assert parse_regions(text) == expected


def test_the_tightest_group_counts_with_what_it_uses() -> None:
    """A parent that leaves less than the group itself decides."""
    own = limited(max=f"drm/{CARD}/vram0 {8 * GIB}\n", current=f"drm/{CARD}/vram0 {GIB}\n")
    parent = limited(
        parent_max=f"drm/{CARD}/vram0 {6 * GIB}\n", parent_current=f"drm/{CARD}/vram0 {5 * GIB}\n"
    )

    assert left(own) == {"vram0": 7 * GIB}
    assert left(own | parent) == {"vram0": GIB}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"max": f"drm/{CARD}/vram0 max\n"}, {}),
        ({"max": f"drm/0000:04:00.0/vram0 {GIB}\n"}, {}),
        ({}, {}),
        ({"max": f"drm/{CARD}/vram0 {GIB}\n"}, {"vram0": GIB}),
        ({"max": f"drm/{CARD}/vram0 {GIB}\n", "current": f"drm/{CARD}/vram0 {2 * GIB}\n"}, {"vram0": 0}),
    ],
)
def test_only_a_limit_on_the_device_is_a_cap(files: dict[str, str], expected: dict[str, int]) -> None:
    """Where its use is unknown the whole limit is left, where that is above it nothing."""
    assert left(limited(**files)) == expected


def test_a_card_has_no_more_than_its_group() -> None:
    """The budget of an Arc B580 is what the limit leaves, and the limit is named."""
    files = limited(max=f"drm/{CARD}/vram0 {4 * GIB}\n", current=f"drm/{CARD}/vram0 {512 * MIB}\n")
    answers = plain_host() | battlemage() | files | {"list:/sys/bus/pci/devices": [CARD]}
    pool = collect(FakeSource(answers)).pool("vram0")

    assert pool is not None
    assert pool.budget_bytes == 4 * GIB - 512 * MIB
    assert "cgroup" in {limit.by for limit in pool.limits}
