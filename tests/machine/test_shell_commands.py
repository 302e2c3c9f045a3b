"""
What a person types: of a shell, and of Windows.
"""

import pytest

from llmprobe.machine.shell_commands import assign, of_windows, unset
from tests.machine.rules.records import machine


@pytest.mark.parametrize(
    ("system", "without", "set_"),
    [
        ("linux", "unset A B", "export A='x y'"),
        ("darwin", "unset A B", "export A='x y'"),
        ("win32", "Remove-Item Env:A, Env:B", "$env:A = 'x y'"),
    ],
)
def test_variables_are_set_as_the_terminal_does(system: str, without: str, set_: str) -> None:
    """PowerShell is the terminal of Windows 10 and 11."""
    snapshot = machine(host={"system": system})

    assert unset(snapshot, "A", "B") == without
    assert assign(snapshot, "A", "x y") == set_


@pytest.mark.parametrize(
    ("linux", "windows"),
    [
        ("nvidia-smi", "nvidia-smi"),
        ("sudo nvidia-smi -i 0 -pl 200", "nvidia-smi -i 0 -pl 200"),
        ("sudo dmesg | grep -i xid", None),
        ("free -h", None),
        ("kill 7 8", "taskkill /F /PID 7 /PID 8"),
        ("rocm-smi --showpids", "taskmgr"),
        ("ollama stop qwen3", "ollama stop qwen3"),
        ("", ""),
    ],
)
def test_windows_gets_no_command_of_linux(linux: str, windows: str | None) -> None:
    """There is no sudo, no kernel log and no rocm-smi on it."""
    assert of_windows(linux) == windows
