"""
Where engines keep their models: how much room there is, and whether the file system is a slow one.

Asked are the file systems, not the folders: several folders are often on one, and a folder may not exist yet.
A network that does not answer holds up only this probe.

Questions, in order:

    env:HOME                                           env:USERPROFILE on Windows
    env:OLLAMA_MODELS
    env:HF_HUB_CACHE
    env:HF_HOME
    env:LLAMA_CACHE
    env:XDG_CACHE_HOME
    read:/proc/self/mountinfo                          on Linux, where a home is known
    psutil:disk_usage <path>                           of each mount with one of the folders, or of the home
"""

import msgspec

from llmprobe.facts.answer import Source
from llmprobe.facts.host import ModelDisk
from llmprobe.facts.machine import Probed
from llmprobe.machine.asking import Asker, as_int, as_text, fields_of

NAME = "disk"
PLATFORMS = frozenset({"linux", "darwin", "win32"})

MOUNTS = "/proc/self/mountinfo"


class Mount(msgspec.Struct, frozen=True):
    """
    A directory where a file system begins, and what kind it is.
    """

    directory: str
    kind: str


def probe(source: Source) -> Probed:
    """
    The file systems that engines keep their models on.
    """
    ask = Asker(source)
    windows = ask.platform.system == "win32"
    home = as_text(ask.env("USERPROFILE" if windows else "HOME"))
    if not home:
        return ask.probed(found=False)
    folders = _folders(ask, home)
    if ask.platform.system == "linux":
        mounts = parse_mounts(ask.text(MOUNTS) or "")
        places = {engine: mount_of(folder, mounts) for engine, folder in folders.items()}
    else:
        places = {engine: Mount(home, "") for engine in folders}
    found = []
    for mount in dict.fromkeys(place for place in places.values() if place is not None):
        question = f"disk_usage {mount.directory}"
        room = fields_of(ask.psutil(question))
        found.append(
            ModelDisk(
                directory=mount.directory,
                file_system=mount.kind or None,
                total_bytes=as_int(room.get("total")),
                free_bytes=as_int(room.get("free")),
                engines=tuple(sorted(engine for engine, place in places.items() if place == mount)),
                evidence=(*ask.answered(f"read:{MOUNTS}"), f"psutil:{question}"),
            )
        )
    return ask.probed(found=bool(found), disks=tuple(found))


def parse_mounts(text: str) -> tuple[Mount, ...]:
    """
    The mounts in /proc/self/mountinfo; a later mount hides an earlier one of its directory.

    https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html: blanks in names are written as ``\\040``.
    """
    mounts = {}
    for line in text.splitlines():
        before, dash, after = line.partition(" - ")
        fields, kind = before.split(" "), after.split(" ")
        if dash and len(fields) >= 5:
            directory = fields[4].replace("\\040", " ")
            mounts[directory] = Mount(directory, kind[0])
    return tuple(mounts.values())


def mount_of(folder: str, mounts: tuple[Mount, ...]) -> Mount | None:
    """
    The file system of a folder: the longest mounted directory that it begins with.
    """
    fitting = [
        mount
        for mount in mounts
        if mount.directory == "/" or f"{folder}/".startswith(f"{mount.directory.rstrip('/')}/")
    ]
    return max(fitting, key=lambda mount: len(mount.directory), default=None)


def _folders(ask: Asker, home: str) -> dict[str, str]:
    """
    The folder where each engine keeps models, by its documentation and the environment.
    """
    variables = {
        name: as_text(ask.env(name))
        for name in ("OLLAMA_MODELS", "HF_HUB_CACHE", "HF_HOME", "LLAMA_CACHE", "XDG_CACHE_HOME")
    }
    cache = variables["XDG_CACHE_HOME"] or f"{home}/.cache"
    hub = variables["HF_HOME"] or f"{cache}/huggingface"
    return {
        "ollama": variables["OLLAMA_MODELS"] or f"{home}/.ollama/models",
        "lmstudio": f"{home}/.lmstudio/models",
        "huggingface": variables["HF_HUB_CACHE"] or f"{hub}/hub",
        "llama.cpp": variables["LLAMA_CACHE"] or f"{cache}/llama.cpp",
    }
