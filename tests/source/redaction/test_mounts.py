"""
Where file systems are mounted is a secret, and what is under a mount is still found there in a recording.
"""

from llmprobe.facts.answer import Answer, Platform
from llmprobe.machine.probes import disk
from llmprobe.source.recording import Recording, encode
from llmprobe.source.recording.replay import Replay
from llmprobe.source.redaction import redact

ROOM = {"total": 100, "used": 60, "free": 40}
MOUNTS = (
    "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
    "2 1 0:9 / /mnt/thesis rw - nfs4 server:/x rw\n"
    "3 1 0:9 / /home/ada rw - ext4 /dev/sdb1 rw\n"
    "4 1 0:9 / /media/ada/my\\040disk rw - exfat /dev/sdc1 rw\n"
)


def recorded() -> Recording:
    answers = {
        ("env", "HOME"): "/home/ada",
        ("env", "OLLAMA_MODELS"): "/mnt/thesis/models",
        ("env", "HF_HOME"): "/media/ada/my disk/hf",
        ("read", "/proc/self/mountinfo"): MOUNTS,
        ("psutil", "disk_usage /mnt/thesis"): ROOM,
        ("psutil", "disk_usage /home/ada"): ROOM,
        ("psutil", "disk_usage /media/ada/my disk"): ROOM,
    }
    return Recording(
        platform=Platform(system="linux", machine="x86_64"),
        covers=("env",),
        answers={question: Answer(value=value) for question, value in answers.items()},
    )


def test_names_of_mounts_are_not_told() -> None:
    """Neither by the list of mounts, nor by paths below them."""
    text = encode(redact(recorded()))

    assert [word for word in ("thesis", "ada", "my disk", "server") if word in text] == []


def test_a_replay_finds_the_same_disks() -> None:
    """Each engine's folder is on the file system that it was on, with the same room."""

    def found(recording: Recording) -> list[tuple[object, ...]]:
        disks = disk.probe(Replay(recording)).disks
        return [(each.file_system, each.free_bytes, each.engines) for each in disks]

    assert found(redact(recorded())) == found(recorded())
