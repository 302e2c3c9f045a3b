"""
What is kept of this machine: where, for whom, and what is not believed.
"""

import os
import threading
from pathlib import Path

import pytest

from llmprobe.source import kept

AMD = "processor\t: 0\nmodel name\t: AMD Ryzen 5 5600\ncpu MHz\t\t: {0}\n\nprocessor\t: 1\n"


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (kept.FOLDER_VARIABLE, "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setenv("USERPROFILE", "/home/somebody")


@pytest.mark.parametrize(
    ("system", "variables", "expected"),
    [
        ("linux", {}, "/home/somebody/.cache/llmprobe"),
        ("linux", {"XDG_CACHE_HOME": "/scratch/cache"}, "/scratch/cache/llmprobe"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "/home/somebody/.cache/llmprobe"),
        ("darwin", {}, "/home/somebody/Library/Caches/llmprobe"),
        ("win32", {"LOCALAPPDATA": "/users/somebody/local"}, "/users/somebody/local/llmprobe"),
        ("win32", {}, None),
        ("linux", {"LLMPROBE_KEPT": "/elsewhere"}, "/elsewhere"),
        ("linux", {"LLMPROBE_KEPT": ""}, None),
    ],
)
def test_each_system_has_its_folder(
    monkeypatch: pytest.MonkeyPatch, system: str, variables: dict[str, str], expected: str | None
) -> None:
    """
    The XDG directory specification counts only absolute paths.
    """
    monkeypatch.setattr(kept, "_SYSTEM", system)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    found = kept.folder()
    assert (None if found is None else Path(found)) == (None if expected is None else Path(expected))


def test_a_machine_has_one_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """
    The clock changes from look to look and does not count; another processor has another file.
    """
    monkeypatch.setenv(kept.FOLDER_VARIABLE, str(tmp_path))

    first = kept.path_of(AMD.format("3500.1"))

    assert first is not None
    assert Path(first).parent == tmp_path
    assert kept.path_of(AMD.format("4200.7")) == first
    assert kept.path_of(AMD.format("3500.1").replace("5600", "5800X")) != first
    assert kept.path_of(None) != first


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_what_is_written_is_the_owners_alone(tmp_path: Path) -> None:
    """
    The file is replaced whole, nothing else is left in its folder.
    """
    path = tmp_path / "new" / "measured-1.json"
    path.parent.mkdir()
    path.write_text("old", encoding="utf-8")
    path.chmod(0o644)

    kept.write(path, '{"a": 1}')

    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    assert kept.read(path).value == {"a": 1}


def test_a_folder_is_made(tmp_path: Path) -> None:
    """
    With all folders above it.
    """
    path = tmp_path / "a" / "b" / "measured-1.json"

    assert kept.writable(path)
    kept.write(path, "{}")

    assert kept.read(path).value == {}


def test_nothing_kept_is_missing(tmp_path: Path) -> None:
    """
    No file, and no folder for one.
    """
    assert kept.read(tmp_path / "none").status == "missing"
    assert kept.read(None).status == "missing"
    assert not kept.writable(None)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b"3", b"\xff\xfe", b"[" * 5000, b'{"a":' + b" " * 70_000 + b"1}"]
)
def test_what_is_no_document_has_failed(tmp_path: Path, content: bytes) -> None:
    """
    It is no answer, whatever it is, and whatever its size.
    """
    path = tmp_path / "measured.json"
    path.write_bytes(content)
    path.chmod(0o600)

    assert kept.read(path).status == "failed"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_a_file_that_others_may_write_to_is_not_read(tmp_path: Path) -> None:
    """
    Nor a link, which may lead to anybody's file, nor a folder.
    """
    path = tmp_path / "measured.json"
    path.write_text("{}", encoding="utf-8")
    link = tmp_path / "link.json"
    link.symlink_to(path)
    path.chmod(0o622)

    assert kept.read(path).status == "denied"
    assert kept.read(link).status == "failed"
    assert kept.read(tmp_path).status == "failed"


def test_a_file_of_another_user_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Whoever runs this may be somebody else today.
    """
    path = tmp_path / "measured.json"
    path.write_text("{}", encoding="utf-8")
    path.chmod(0o600)
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1, raising=False)

    assert kept.read(path).status == "denied"


def test_several_threads_may_write_at_once(tmp_path: Path) -> None:
    """
    The file is that of one of them, whole, and nothing else is left.
    """
    path = tmp_path / "measured.json"
    texts = [f'{{"thread": {number}}}' for number in range(8)]
    threads = [threading.Thread(target=kept.write, args=(path, text)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert path.read_text(encoding="utf-8") in texts
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_what_an_ended_process_left_is_no_hindrance(tmp_path: Path) -> None:
    """
    Its number may be ours.
    """
    path = tmp_path / "measured.json"
    left = tmp_path / f"{path.name}.{os.getpid()}.{threading.get_ident()}.new"
    left.write_text("half", encoding="utf-8")

    kept.write(path, "{}")

    assert kept.read(path).value == {}
    assert not left.exists()
