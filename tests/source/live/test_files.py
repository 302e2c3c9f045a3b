"""
Files of the machine itself.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from llmprobe.facts.answer import Answer
from llmprobe.source.live import files

pytestmark = pytest.mark.live


def test_file_is_read_whole(tmp_path: Path) -> None:
    """The text of a file comes as it is, also when it is larger than one read."""
    path = tmp_path / "file"
    path.write_text("a line\n" * 50_000)

    assert files.read(str(path)).value == "a line\n" * 50_000


def test_pseudo_file_is_read_although_its_size_is_zero() -> None:
    """A file that says it has 0 bytes is read to its end."""
    path = "/proc/self/status"

    assert Path(path).stat().st_size == 0
    assert "Name:" in files.read(path).value


def test_bytes_that_are_no_text_are_replaced(tmp_path: Path) -> None:
    """A byte that is no UTF-8 does not hide the rest."""
    path = tmp_path / "file"
    path.write_bytes(b"before \xff after")

    assert files.read(str(path)).value == "before \N{REPLACEMENT CHARACTER} after"


def test_absent_file_is_missing(tmp_path: Path) -> None:
    """Nothing there is an answer of its own, with the system's number."""
    answer = files.read(str(tmp_path / "none"))

    assert (answer.status, answer.code) == ("missing", 2)


def test_path_below_a_file_is_missing(tmp_path: Path) -> None:
    """A path that leads through a file leads nowhere."""
    (tmp_path / "file").write_text("")

    assert files.read(str(tmp_path / "file" / "below")).status == "missing"


def test_path_with_a_zero_byte_is_missing() -> None:
    """A name that no file can have is no crash."""
    assert files.read("/tmp/\0").status == "missing"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_forbidden_file_is_denied(tmp_path: Path) -> None:
    """Not allowed is an answer of its own."""
    path = tmp_path / "file"
    path.write_text("secret")
    path.chmod(0)

    assert files.read(str(path)).status == "denied"


def test_directory_can_not_be_read(tmp_path: Path) -> None:
    """Reading a directory fails with its reason."""
    answer = files.read(str(tmp_path))

    assert (answer.status, answer.detail) == ("failed", "Is a directory")


def test_large_file_fails(tmp_path: Path) -> None:
    """Half of a file would be a wrong answer, so there is none."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * (files.LARGEST_BYTES + 1))

    assert files.read(str(path)).status == "failed"


def test_fifo_without_a_writer_is_empty(tmp_path: Path) -> None:
    """A pipe that nobody writes to is not waited for."""
    path = tmp_path / "pipe"
    os.mkfifo(path)

    assert files.read(str(path)).value == ""


def test_names_are_sorted(tmp_path: Path) -> None:
    """A directory's names come in one order on every file system."""
    for name in ("b", "a", "c"):
        (tmp_path / name).touch()

    assert files.names(str(tmp_path)).value == ["a", "b", "c"]


def test_name_that_is_no_text_can_be_written(tmp_path: Path) -> None:
    """A name of arbitrary bytes becomes text that JSON can hold."""
    (tmp_path / os.fsdecode(b"\xff")).touch()

    assert files.names(str(tmp_path)).value == ["\N{REPLACEMENT CHARACTER}"]


def test_link_is_given_as_it_is_written(tmp_path: Path) -> None:
    """A link is not resolved."""
    (tmp_path / "link").symlink_to("../somewhere")

    assert files.link(str(tmp_path / "link")).value == "../somewhere"


def test_file_that_is_no_link_fails(tmp_path: Path) -> None:
    """What is no link says so."""
    (tmp_path / "file").touch()

    assert files.link(str(tmp_path / "file")).status == "failed"


def test_a_directory_of_any_size_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More names than any directory of a machine has are not read; as many as are read are all told."""
    monkeypatch.setattr(files, "MOST_NAMES", 3)
    for name in "cab":
        (tmp_path / name).touch()
    assert files.names(str(tmp_path)).value == ["a", "b", "c"]
    (tmp_path / "d").touch()

    assert files.names(str(tmp_path)) == Answer(status="failed", detail="more than 3 names")


def test_a_device_without_end_is_not_read() -> None:
    """As a path in the environment may lead to one."""
    assert files.read("/dev/zero") == Answer(
        status="failed", detail=f"larger than {files.LARGEST_BYTES} bytes"
    )


@pytest.mark.parametrize(("more", "status"), [(0, "ok"), (1, "failed")])
def test_the_largest_file_is_read(
    more: int, status: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As large as is read is not too large."""
    monkeypatch.setattr(files, "LARGEST_BYTES", 100_000)
    path = tmp_path / "file"
    path.write_bytes(b"x" * (100_000 + more))

    assert files.read(str(path)).status == status


@pytest.mark.parametrize("ask", [files.read, files.names, files.link])
def test_a_path_that_means_nothing_here_is_missing(
    ask: Callable[[str], Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A zero byte on any system, and on Windows a path of Linux, which would be a folder of the current drive."""
    assert ask("/tmp/\0") == Answer(status="missing")
    monkeypatch.setattr("sys.platform", "win32")
    assert ask("/proc") == Answer(status="missing")
    monkeypatch.chdir(tmp_path)
    assert ask("none").code == 2


@pytest.mark.parametrize("ask", [files.read, files.names, files.link])
def test_what_is_not_there_is_missing_with_its_number(ask: Callable[[str], Answer], tmp_path: Path) -> None:
    """Of each kind of question."""
    assert ask(str(tmp_path / "none")) == Answer(status="missing", code=2, detail="No such file or directory")
