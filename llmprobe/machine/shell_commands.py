"""
Commands as the system has them on which they are typed: of a shell or of PowerShell, of Docker or of what keeps a
container instead.
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


_MEMORY, _RESTART, _NVIDIA, _AMD = (
    "docker update --memory",
    "docker restart",
    "docker run --gpus",
    "docker run --device",
)
_KEEPERS = {
    "kubernetes": {
        _MEMORY: "kubectl set resources deployment NAME --limits=memory=SIZE",
        _RESTART: "kubectl delete pod NAME",
        _NVIDIA: "kubectl set resources deployment NAME --limits=nvidia.com/gpu=1",
        _AMD: "kubectl set resources deployment NAME --limits=amd.com/gpu=1",
    },
    "lxc": {
        _MEMORY: "pct set ID --memory MEBIBYTES",
        _RESTART: "pct reboot ID",
        _NVIDIA: "pct set ID --dev0 /dev/nvidia0 --dev1 /dev/nvidiactl --dev2 /dev/nvidia-uvm",
        _AMD: "pct set ID --dev0 /dev/kfd --dev1 /dev/dri/renderD128",
    },
}
"""
What does the same where Docker does not keep a container: https://kubernetes.io/docs/reference/kubectl/,
https://pve.proxmox.com/pve-docs/pct.1.html.
"""


def of_keeper(command: str, keeper: str) -> str | None:
    """
    A command of Docker as another keeper of containers has it, None where it has none; others as they are.
    """
    if not command.startswith("docker "):
        return command
    return next((told for start, told in _KEEPERS[keeper].items() if command.startswith(start)), None)
