"""
Where models are kept: too little room, or a file system that is read slowly.
"""

from collections.abc import Iterator, Mapping

from llmprobe.facts.finding import Finding, Remedy
from llmprobe.facts.machine import Snapshot
from llmprobe.machine.rules import Rule
from llmprobe.units import GIB
from llmprobe.words.message import Message, message

_LITTLE_BYTES = 40 * GIB
_TOO_LITTLE_BYTES = 8 * GIB
_WINDOWS = message("finding.slow-fs.windows-drive")
_NETWORK = message("finding.slow-fs.network-drive")
_CLOUD = message("finding.slow-fs.cloud-drive")
_SLOW: dict[str, Message] = {
    "9p": _WINDOWS,
    "drvfs": _WINDOWS,
    "nfs": _NETWORK,
    "nfs4": _NETWORK,
    "cifs": _NETWORK,
    "smb3": _NETWORK,
    "smbfs": _NETWORK,
    "fuse.sshfs": _NETWORK,
    "ceph": _NETWORK,
    "glusterfs": _NETWORK,
    "fuse.rclone": _CLOUD,
}


_IN_RAM = frozenset({"tmpfs", "ramfs", "rootfs"})
"""
File systems whose files are in memory: https://docs.kernel.org/filesystems/tmpfs.html. The system of Unraid runs from
one of them, the home directory of its user included: https://docs.unraid.net/unraid-os/getting-started/what-is-unraid/.
"""

_LISTING = {
    "ollama": "ollama list",
    "huggingface": "du -sh ~/.cache/huggingface/hub/*",
}
"""Commands that list the models of an engine with their sizes."""

_MOVING = {
    "ollama": "export OLLAMA_MODELS=$HOME/models",
    "huggingface": "export HF_HOME=$HOME/huggingface",
    "llama.cpp": "export LLAMA_CACHE=$HOME/llama.cpp",
}
"""Commands after which an engine keeps its models on the disk of the home directory."""


def _of(engines: tuple[str, ...], commands: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(command for engine, command in commands.items() if engine in engines)


def disk_low(snapshot: Snapshot) -> Iterator[Finding]:
    """
    There is little room for models.
    """
    for each in snapshot.disks:
        free = each.free_bytes
        if free is None or free >= _LITTLE_BYTES:
            continue
        yield Finding(
            id="disk-low",
            severity="warning" if free < _TOO_LITTLE_BYTES else "note",
            title=message("finding.disk-low.title", free_bytes=free, directory=each.directory),
            detail=message("finding.disk-low.detail", engines=each.engines),
            evidence=each.evidence,
            remedy=Remedy(
                text=message("finding.disk-low.remedy"),
                commands=_of(each.engines, _LISTING),
            ),
        )


def slow_file_system(snapshot: Snapshot) -> Iterator[Finding]:
    """
    Models are read from a file system that is slow.
    """
    for each in snapshot.disks:
        kind = each.file_system
        if kind is None or kind not in _SLOW:
            continue
        yield Finding(
            id="slow-fs",
            severity="warning",
            title=message(
                "finding.slow-fs.title", directory=each.directory, drive=_SLOW[kind], file_system=kind
            ),
            detail=message("finding.slow-fs.detail", engines=each.engines),
            evidence=each.evidence,
            remedy=Remedy(
                text=message("finding.slow-fs.remedy"),
                commands=_of(each.engines, _MOVING),
            ),
        )


def models_in_ram(snapshot: Snapshot) -> Iterator[Finding]:
    """
    The folder for models is on a file system in memory.
    """
    for each in snapshot.disks:
        kind = each.file_system
        if kind is None or kind not in _IN_RAM:
            continue
        yield Finding(
            id="models-in-ram",
            severity="warning",
            title=message("finding.models-in-ram.title", directory=each.directory, file_system=kind),
            detail=message("finding.models-in-ram.detail", engines=each.engines),
            evidence=each.evidence,
            remedy=Remedy(text=message("finding.models-in-ram.remedy")),
        )


RULES = (
    Rule("models-in-ram", models_in_ram),
    Rule("disk-low", disk_low),
    Rule("slow-fs", slow_file_system),
)
