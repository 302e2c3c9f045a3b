"""
What a user of Windows set for WSL 2: the file .wslconfig in the profile, read from inside of WSL.

Windows mounts its drives below /mnt, unless its owner moved them. Which of its users runs this WSL shows in the path of
commands, to which WSL adds that of Windows with folders in the user's profile. Where it does not, the settings are
those of the only user who has the file. Sizes are whole numbers with a unit of 1024; without any they
are bytes. https://learn.microsoft.com/windows/wsl/wsl-config

Questions, in order:

    list:/mnt/c/Users
    env:PATH                                           where there are several
    read:/mnt/c/Users/<name>/.wslconfig                of each, but those that Windows made
"""

import re

from llmprobe.facts.host import WslSettings
from llmprobe.machine.asking import Asker, as_text, items_of
from llmprobe.units import whole_number

_USERS = "/mnt/c/Users"
_FILE = ".wslconfig"
_NOBODY = frozenset({"all users", "default", "default user", "public", "desktop.ini", "wdagutilityaccount"})
_MOST = 16
_SECTION = r"\[([^\]]*)\]"
_SIZE = r"(?i)(\d{1,12})\s*([kmgt]?)b?"
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def ask_settings(ask: Asker) -> WslSettings | None:
    """
    The settings of the only user who has some; without memory where nobody has any, None where nothing tells.
    """
    names = [str(name) for name in items_of(ask.list(_USERS))]
    people = [name for name in names if name.lower() not in _NOBODY][:_MOST]
    if not people:
        return None
    people = _who_runs_it(ask, people)
    files = {f"{_USERS}/{name}/{_FILE}": ask.text(f"{_USERS}/{name}/{_FILE}") for name in people}
    written = [(path, text) for path, text in files.items() if text is not None]
    if len(written) > 1:
        return None
    if not written:
        path = next(iter(files)) if len(files) == 1 else None
        return WslSettings(path=path, exists=False, evidence=(f"list:{_USERS}",))
    path, text = written[0]
    return parse_wslconfig(text, path)


def _who_runs_it(ask: Asker, people: list[str]) -> list[str]:
    """
    The user whose folders are in the path of commands, all where that names none or several.
    """
    if len(people) == 1:
        return people
    places = (as_text(ask.env("PATH")) or "").split(":")
    named = {place.split("/")[4].casefold() for place in places if place.startswith(f"{_USERS}/")}
    found = [name for name in people if name.casefold() in named]
    return found if len(found) == 1 else people


def parse_wslconfig(text: str, path: str) -> WslSettings:
    """
    What the section ``wsl2`` of a file sets; of several lines with one name the last counts.
    """
    section, found = "", {}
    for line in text.lstrip("\ufeff").splitlines():
        words = line.split("#", 1)[0].strip()
        head = re.fullmatch(_SECTION, words)
        if head is not None:
            section = head[1].strip().lower()
        elif section == "wsl2" and "=" in words:
            name, _, value = words.partition("=")
            found[name.strip().lower()] = value.strip().strip('"')
    return WslSettings(
        path=path,
        exists=True,
        memory_bytes=_size(found.get("memory", "")),
        swap_bytes=_size(found.get("swap", "")),
        processors=whole_number(found.get("processors", "")),
        evidence=(f"read:{path}",),
    )


def _size(text: str) -> int | None:
    match = re.fullmatch(_SIZE, text)
    return None if match is None else int(match[1]) * _UNITS[match[2].lower()]
