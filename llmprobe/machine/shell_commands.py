"""
Commands that change the environment of a terminal: of a shell, on Windows of PowerShell.
"""

from llmprobe.facts.machine import Snapshot
from llmprobe.harmless import shell_word


def unset(snapshot: Snapshot, *names: str) -> str:
    """
    The command after which these variables are not set.
    """
    if snapshot.host.system == "win32":
        return f"Remove-Item {', '.join(f'Env:{name}' for name in names)}"
    return f"unset {' '.join(names)}"


def assign(snapshot: Snapshot, name: str, value: str) -> str:
    """
    The command that gives a variable a value, which programs started from there get.
    """
    if snapshot.host.system == "win32":
        return f"$env:{name} = '{value}'"
    return f"export {name}={shell_word(value)}"


_OF_LINUX = frozenset(
    {"sudo", "dmesg", "lspci", "modinfo", "ls", "cat", "free", "uname", "du", "dkms", "ldconfig"}
)
"""The first words of commands that Windows lacks."""

_INSTEAD = {"rocm-smi --showpids": "taskmgr"}


def of_windows(command: str) -> str | None:
    """
    A command as Windows has it, None where it has none. NVIDIA's needs the terminal of an administrator.
    """
    if command in _INSTEAD:
        return _INSTEAD[command]
    if command.startswith("sudo nvidia-smi "):
        return command.removeprefix("sudo ")
    words = command.split()
    if words[:1] == ["kill"]:
        return f"taskkill /F {' '.join(f'/PID {number}' for number in words[1:])}"
    return None if words[:1] and words[0] in _OF_LINUX else command
