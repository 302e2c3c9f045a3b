"""
Files of models on this machine, and what the system's errors mean.
"""

import errno
import os
from pathlib import Path

import pytest

from llmprobe.errors import ModelError
from llmprobe.facts.answer import Answer
from llmprobe.source import model_files
from llmprobe.source.errors_as_answers import of_os_error, plain_text
from llmprobe.words.message import message


def test_a_file_is_read_from_any_place(tmp_path: Path) -> None:
    """
    So many bytes from there, and fewer at its end.
    """
    path = tmp_path / "x.gguf"
    path.write_bytes(b"0123456789")

    with model_files.opened(path) as (read_at, size):
        assert size == 10
        assert [read_at(at, 4) for at in (3, 0, 8, 20)] == [b"3456", b"0123", b"89", b""]


@pytest.mark.parametrize(("most", "fits"), [(10, True), (11, True), (9, False)])
def test_a_small_file_is_read_whole(most: int, fits: bool, tmp_path: Path) -> None:
    """
    Up to so many bytes; a longer one is refused with the bound.
    """
    path = tmp_path / "config.json"
    path.write_bytes(b"0123456789")
    if fits:
        assert model_files.small(path, most) == b"0123456789"
        return
    with pytest.raises(ModelError) as caught:
        model_files.small(path, most)
    assert caught.value.message == message("error.file-too-large", path=str(path), most_bytes=9)


def test_a_file_that_is_not_there_is_none_where_it_may_be_missing(tmp_path: Path) -> None:
    """
    A model's own is an error, with the system's reason in small letters.
    """
    path = tmp_path / "none"

    assert model_files.small(path, 10) is None
    with pytest.raises(ModelError) as caught, model_files.opened(path):
        pass
    assert caught.value.message == message(
        "error.file-unreadable", path=str(path), reason="no such file or directory"
    )


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """
    Whichever way it is opened.
    """
    expected = message("error.file-unreadable", path=str(tmp_path), reason="is a directory")
    with pytest.raises(ModelError) as caught:
        model_files.small(tmp_path, 10)
    assert caught.value.message == expected
    with pytest.raises(ModelError) as caught, model_files.opened(tmp_path):
        pass
    assert caught.value.message == expected


def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    """
    It would wait until something writes.
    """
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(ModelError) as caught:
        model_files.small(path, 10)
    assert caught.value.message == message("error.file-is-pipe", path=str(path))
    assert caught.value.hint == message("hint.file-path")
    with pytest.raises(ModelError) as caught, model_files.opened(path):
        pass
    assert caught.value.message == message("error.file-is-pipe", path=str(path))


def test_the_files_of_a_folder_are_those_below_it_too(tmp_path: Path) -> None:
    """
    Sorted, by their paths within it; folders themselves are none.
    """
    (tmp_path / "b").mkdir()
    (tmp_path / "empty").mkdir()
    for name in ("b/x.gguf", "a.json", "b/a.gguf"):
        (tmp_path / name).write_text("")

    assert model_files.names(tmp_path) == ("a.json", "b/a.gguf", "b/x.gguf")


@pytest.mark.parametrize(("count", "fits"), [(3, True), (4, False)])
def test_a_folder_of_very_many_files_is_refused(
    count: int, fits: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    As many as are read are all told.
    """
    monkeypatch.setattr(model_files, "_MOST_FILES", 3)
    for number in range(count):
        (tmp_path / str(number)).write_text("")
    if fits:
        assert len(model_files.names(tmp_path)) == 3
        return
    with pytest.raises(ModelError) as caught:
        model_files.names(tmp_path)
    assert caught.value.message == message("error.folder-too-large", path=str(tmp_path), most=3)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(errno.ENOENT, "none"), Answer(status="missing", code=errno.ENOENT, detail="none")),
        (OSError(errno.ENOTDIR, "none"), Answer(status="missing", code=errno.ENOTDIR, detail="none")),
        (OSError(errno.EACCES, "no"), Answer(status="denied", code=errno.EACCES, detail="no")),
        (OSError(errno.EPERM, "no"), Answer(status="denied", code=errno.EPERM, detail="no")),
        (OSError(errno.EIO, "bad"), Answer(status="failed", code=errno.EIO, detail="bad")),
        (TimeoutError("late"), Answer(status="timeout", detail="late")),
        (OSError("odd"), Answer(status="failed", detail="OSError")),
    ],
    ids=repr,
)
def test_an_error_of_the_system_is_an_answer(error: OSError, expected: Answer) -> None:
    """
    With its number and its words.
    """
    assert of_os_error(error) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [(b"a\xffb", "a�b"), ("a\udcffb", "a�b"), ("é", "é"), ("é".encode(), "é"), (b"", "")],
)
def test_text_can_be_written_whatever_it_was(raw: bytes | str, expected: str) -> None:
    """
    A byte that is none of UTF-8 has the sign of one that was replaced.
    """
    assert plain_text(raw) == expected
