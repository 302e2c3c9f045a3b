"""
The guard of the tests stops what it is there to stop.
"""

import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from llmprobe.source.live import LiveSource
from tests.conftest import TouchedTheMachine


@pytest.mark.parametrize(
    "touch",
    [
        lambda: Path("/proc/meminfo").read_text(),
        lambda: os.open("/sys/class/drm", os.O_RDONLY),
        lambda: list(Path("/sys/class").iterdir()),
        lambda: Path("/proc/self/exe").readlink(),
        lambda: subprocess.run(["true"], check=False),
        lambda: os.system("true"),
        lambda: socket.create_connection(("127.0.0.1", 9), timeout=1),
        lambda: LiveSource().read("/proc/meminfo"),
        lambda: LiveSource().run("true"),
    ],
)
def test_the_machine_is_out_of_reach(touch: Callable[[], object]) -> None:
    """Files of the system, commands and sockets end a test that is not listed, through any handler of exceptions."""
    with pytest.raises(TouchedTheMachine):
        touch()
    assert not issubclass(TouchedTheMachine, Exception)


def test_other_files_are_within_reach(tmp_path: Path) -> None:
    """Fixtures and temporary files are read as ever."""
    (tmp_path / "file").write_text("text")

    assert (tmp_path / "file").read_text() == "text"
