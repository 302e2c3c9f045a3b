"""
This machine, seen from within a control group that has a limit: the limit counts, live and recorded.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmprobe.facts.wire import encode
from llmprobe.machine.control_groups import parse_mountinfo, parse_self_cgroup
from llmprobe.machine.snapshot import probe

LIMIT_BYTES = 1536 * 1024**2
"""Less than any machine has that runs these tests, and enough for the program."""

ENTER = "import os, sys; open(sys.argv[1], 'w').write(str(os.getpid())); os.execv(sys.argv[2], sys.argv[2:])"


@pytest.fixture
def group() -> Iterator[Path]:
    """
    Make a group below this process's own with a limit of memory, of the version that this system has.
    """
    made = _make()
    if made is None:
        pytest.skip("this system lets nobody make a control group here")
    yield made
    made.rmdir()


def _make() -> Path | None:
    try:
        groups = parse_self_cgroup(Path("/proc/self/cgroup").read_text(encoding="utf-8"))
        mounts = parse_mountinfo(Path("/proc/self/mountinfo").read_text(encoding="utf-8"))
    except OSError:
        return None
    for mount in sorted(mounts, key=lambda each: each.version):
        controller = "memory" if mount.version == 1 else ""
        if controller not in groups or (mount.version == 1 and "memory" not in mount.controllers):
            continue
        made = Path(mount.directory + groups[controller]) / f"llmprobe-test-{os.getpid()}"
        limit = "memory.limit_in_bytes" if mount.version == 1 else "memory.max"
        try:
            made.mkdir()
        except OSError:
            continue
        try:
            (made / limit).write_text(str(LIMIT_BYTES), encoding="utf-8")
        except OSError:
            made.rmdir()
            continue
        return made
    return None


def run(group: Path, *arguments: str) -> str:
    """
    The output of the program that runs in the group.
    """
    command = [sys.executable, "-c", ENTER, str(group / "cgroup.procs"), sys.executable, "-m", "llmprobe"]
    done = subprocess.run([*command, *arguments], check=False, capture_output=True, text=True, timeout=60)

    assert done.returncode in (0, 3), done.stderr
    return done.stdout


@pytest.mark.live
def test_a_limit_made_for_the_test_is_seen_live_and_recorded(
    group: Path, tmp_path: Path, record_property: Any
) -> None:
    """What is live in a limited group, and what is replayed of a recording made there, have that group's limit."""
    version = "v1" if (group / "memory.limit_in_bytes").exists() else "v2"
    record_property("control_group", version)
    recording = tmp_path / "limited.json"
    live = json.loads(run(group, "check", "--json"))
    run(group, "record", "-o", str(recording))
    replayed = json.loads(encode(probe(str(recording))))

    for snapshot in (live, replayed):
        (ram,) = [pool for pool in snapshot["pools"] if pool["id"] == "ram"]
        assert snapshot["host"]["control_group"]["memory"]["limit_bytes"] == LIMIT_BYTES
        assert 0 < ram["budget_bytes"] <= LIMIT_BYTES
        assert ram["total_bytes"] > LIMIT_BYTES
        assert "container-ram" in {finding["id"] for finding in snapshot["findings"]}
