"""
Where models are kept: too little room, or a file system that is read slowly.
"""

from collections.abc import Iterator

from llmprobe.facts.finding import Finding, Remedy
from llmprobe.facts.machine import Snapshot
from llmprobe.machine.rules import Rule
from llmprobe.units import GIB, format_bytes

_LITTLE_BYTES = 40 * GIB
_TOO_LITTLE_BYTES = 8 * GIB
_SLOW = {
    "9p": "a Windows drive seen from Linux (9p)",
    "drvfs": "a Windows drive seen from Linux",
    "nfs": "a network drive (NFS)",
    "nfs4": "a network drive (NFS)",
    "cifs": "a network drive (SMB)",
    "smb3": "a network drive (SMB)",
    "smbfs": "a network drive (SMB)",
    "fuse.sshfs": "a network drive (SSH)",
    "fuse.rclone": "a cloud drive",
    "ceph": "a network drive (Ceph)",
    "glusterfs": "a network drive (Gluster)",
}


def disk_low(snapshot: Snapshot) -> Iterator[Finding]:
    """
    There is little room for models.
    """
    seen = snapshot.observed("disk.models")
    for each in seen.value if seen else ():
        free = each["free_bytes"]
        if seen is None or free is None or free >= _LITTLE_BYTES:
            continue
        yield Finding(
            id="disk-low",
            severity="warning" if free < _TOO_LITTLE_BYTES else "note",
            title=f"{format_bytes(free)} are left for models on {each['directory']}",
            detail=f"{_keepers(each['engines'])} models there. One of 8 billion parameters takes 5 GB in four "
            "bits, one of 70 billion 43.",
            evidence=seen.evidence,
            remedy=Remedy(
                text="Remove models that are not used, or keep them elsewhere (OLLAMA_MODELS, HF_HOME, LLAMA_CACHE).",
                commands=("ollama list", "du -sh ~/.cache/huggingface/hub/*"),
            ),
        )


def slow_file_system(snapshot: Snapshot) -> Iterator[Finding]:
    """
    Models are read from a file system that is slow.
    """
    seen = snapshot.observed("disk.models")
    for each in seen.value if seen else ():
        what = _SLOW.get(each["file_system"] or "")
        if seen is None or what is None:
            continue
        yield Finding(
            id="slow-fs",
            severity="warning",
            title=f"Models on {each['directory']} are on {what}",
            detail=f"{_keepers(each['engines'])} models there. Loading takes minutes instead of seconds, and a "
            "model that does not stay in memory is read from there again for every token.",
            evidence=seen.evidence,
            remedy=Remedy(
                text="Keep models on a local disk, under WSL on Linux' own.",
                commands=("export OLLAMA_MODELS=$HOME/models",),
            ),
        )


def _keepers(engines: list[str]) -> str:
    return f"{', '.join(engines)} {'keeps' if len(engines) == 1 else 'keep'}"


RULES = (
    Rule("disk-low", disk_low),
    Rule("slow-fs", slow_file_system),
)
