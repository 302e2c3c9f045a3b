"""
What .wslconfig gives WSL, and how it explains the memory that is there.
"""

from typing import Any

import pytest

from llmprobe.facts.host import WslSettings
from llmprobe.machine.snapshot import collect
from llmprobe.machine.wsl_settings import parse_wslconfig
from llmprobe.words.render import english
from tests.machine.fake import GIB, FakeSource, plain_host

PATH = "/mnt/c/Users/me/.wslconfig"
KERNEL = {"read:/proc/sys/kernel/osrelease": "6.6.87.2-microsoft-standard-WSL2"}
USERS = {"list:/mnt/c/Users": ["All Users", "Default", "me", "Public", "desktop.ini"]}


@pytest.mark.parametrize(
    ("text", "memory", "swap", "processors"),
    [
        ("[wsl2]\nmemory=24GB\nprocessors=8\nswap=0\n", 24 * GIB, 0, 8),
        ("\ufeff[WSL2]\r\nMemory = 24GB # half\r\n", 24 * GIB, None, None),
        ("[wsl2]\nmemory=4GB\nmemory=8192MB\n", 8 * GIB, None, None),
        ('[wsl2]\nmemory="1TB"\n', 1024 * GIB, None, None),
        ("[wsl2]\nmemory=8589934592\n", 8 * GIB, None, None),
        ("[wsl2]\nmemory=8388608KB\nswap=512 mb\n", 8 * GIB, GIB // 2, None),
        ("[wsl2]\nmemory=1.5GB\nswap=lots\nprocessors=-1\n", None, None, None),
        ("[experimental]\nmemory=24GB\n", None, None, None),
        ("memory=24GB\n", None, None, None),
        ("[wsl2]\n# memory=24GB\n", None, None, None),
        ("", None, None, None),
    ],
)
def test_a_file_is_read_as_windows_writes_it(
    text: str, memory: int | None, swap: int | None, processors: int | None
) -> None:
    """
    Sections and names in any case, whole numbers with units of 1024, comments, and the last of several lines
    (https://learn.microsoft.com/windows/wsl/wsl-config).
    """
    found = parse_wslconfig(text, PATH)

    assert (found.memory_bytes, found.swap_bytes, found.processors) == (memory, swap, processors)
    assert found.evidence == (f"read:{PATH}",)


def seen(*parts: dict[str, Any]) -> tuple[WslSettings | None, str, str]:
    answers = plain_host() | KERNEL
    for part in parts:
        answers |= part
    snapshot = collect(FakeSource(answers))
    (finding,) = (one for one in snapshot.findings if one.id == "wsl-ram-cap")
    assert finding.remedy is not None
    return snapshot.host.memory.wsl or None, english(finding.detail), english(finding.remedy.text)


def test_memory_that_is_set_is_named_with_its_file() -> None:
    """
    The host has 64 GiB, as the file says.
    """
    settings, detail, remedy = seen(USERS, {f"read:{PATH}": "[wsl2]\nmemory=64GB\n"})

    assert settings is not None
    assert settings.memory_bytes == 64 * GIB
    assert detail.startswith("C:\\Users\\me\\.wslconfig sets memory to 64.00 GiB.")
    assert remedy == "Set memory= below [wsl2] in C:\\Users\\me\\.wslconfig, then restart WSL from Windows."


def test_memory_that_is_not_in_force_is_said_to_be_so() -> None:
    """
    96 GB are set and 64 GiB are there: WSL was not restarted.
    """
    _, detail, _ = seen(USERS, {f"read:{PATH}": "[wsl2]\nmemory=96GB\n"})

    assert "which is not in force" in detail


@pytest.mark.parametrize(
    ("file", "begins"),
    [
        (
            {f"read:{PATH}": "[wsl2]\nprocessors=4\n"},
            "C:\\Users\\me\\.wslconfig sets no memory, so it is the default",
        ),
        ({}, "It is the default: half of the memory of Windows, which has about 128.0 GiB."),
    ],
)
def test_without_memory_in_the_file_it_is_half_of_windows(file: dict[str, Any], begins: str) -> None:
    """
    So that Windows has about twice what is here.
    """
    settings, detail, remedy = seen(USERS, file)

    assert settings is not None
    assert settings.memory_bytes is None
    assert detail.startswith(begins)
    assert "128.0 GiB" in detail
    assert "C:\\Users\\me\\.wslconfig" in remedy


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"list:/mnt/c/Users": ["Public", "Default"]},
        {
            "list:/mnt/c/Users": ["me", "you"],
            f"read:{PATH}": "[wsl2]\nmemory=8GB\n",
            "read:/mnt/c/Users/you/.wslconfig": "[wsl2]\nmemory=16GB\n",
        },
    ],
)
def test_nothing_is_guessed_where_the_file_is_not_sure(parts: dict[str, Any]) -> None:
    """
    Drives that are not mounted, no user, or two with the file.
    """
    settings, detail, remedy = seen(parts)

    assert settings is None
    assert detail.startswith("The default is half.")
    assert "%UserProfile%\\.wslconfig" in remedy


def test_of_two_users_the_one_with_the_file_counts() -> None:
    """
    Where nobody has it, it is not said whose it would be.
    """
    settings, _, _ = seen({"list:/mnt/c/Users": ["me", "you"], f"read:{PATH}": "[wsl2]\nmemory=64GB\n"})
    nobody, _, remedy = seen({"list:/mnt/c/Users": ["me", "you"]})

    assert settings is not None
    assert settings.path == PATH
    assert nobody is not None
    assert (nobody.path, nobody.exists) == (None, False)
    assert "%UserProfile%\\.wslconfig" in remedy


def test_elsewhere_nobody_asks_for_it() -> None:
    """
    Only WSL has a Windows around it.
    """
    snapshot = collect(FakeSource(plain_host() | USERS | {f"read:{PATH}": "[wsl2]\nmemory=64GB\n"}))

    assert not snapshot.host.memory.wsl


TWO = {
    "list:/mnt/c/Users": ["Default", "Ann", "bob"],
    "read:/mnt/c/Users/Ann/.wslconfig": "[wsl2]\nmemory=64GB\n",
    "read:/mnt/c/Users/bob/.wslconfig": "[wsl2]\nmemory=32GB\n",
}
OF_WINDOWS = "/usr/bin:/mnt/c/Windows/system32:/mnt/c/Users/{}/AppData/Local/Microsoft/WindowsApps"


@pytest.mark.parametrize(
    ("path", "files", "memory"),
    [
        (OF_WINDOWS.format("ann"), TWO, 64 * GIB),
        (OF_WINDOWS.format("bob"), TWO, 32 * GIB),
        (OF_WINDOWS.format("carl"), TWO, None),
        (OF_WINDOWS.format("ann") + ":/mnt/c/Users/bob/bin", TWO, None),
        ("/usr/bin:/bin", TWO, None),
        (None, TWO, None),
    ],
)
def test_of_several_users_the_one_in_the_path_counts(
    path: str | None, files: dict[str, Any], memory: int | None
) -> None:
    """
    WSL adds the path of the Windows user who started it; without that nobody knows whose file it read.
    """
    settings, _, _ = seen(files, {} if path is None else {"env:PATH": path})

    assert (settings.memory_bytes if settings is not None else None) == memory


def test_a_user_without_the_file_has_the_default() -> None:
    """
    Also where another user has one.
    """
    theirs = {name: value for name, value in TWO.items() if "bob" not in name}
    settings, _, _ = seen(theirs, {"env:PATH": OF_WINDOWS.format("bob")})

    assert settings is not None
    assert not settings.exists
    assert settings.path == "/mnt/c/Users/bob/.wslconfig"
