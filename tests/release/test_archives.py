"""
Archives of a release are the same for the same content, and their checksums are those that sha256sum reads.
"""

import gzip
import hashlib
import io
import tarfile
from pathlib import Path

from release.archives import checksums, different, normalized

EPOCH = 1_700_000_000


def archive(*members: tuple[str, bytes, int], mtime: int, user: str) -> bytes:
    """
    A .tar.gz with members (name, content, mode) as some machine made it at some time.
    """
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as made:
        for name, content, mode in members:
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime, member.uname, member.uid = (
                len(content),
                mode,
                mtime,
                user,
                mtime,
            )
            made.addfile(member, io.BytesIO(content))
    return written.getvalue()


def test_order_times_owners_and_modes_make_no_difference() -> None:
    """
    The same files give the same bytes, whoever packed them, when, in which order and with which umask.
    """
    first = archive(("p/a", b"1", 0o644), ("p/b", b"2", 0o755), mtime=5, user="me")
    second = archive(("p/b", b"2", 0o700), ("p/a", b"1", 0o600), mtime=9, user="you")

    assert first != second
    assert normalized(first, EPOCH) == normalized(second, EPOCH)


def test_content_and_programs_are_kept() -> None:
    """
    Members have their content, a program stays one, and all are of the given time and of nobody.
    """
    content = normalized(archive(("p/a", b"one", 0o664), ("p/b", b"two", 0o775), mtime=5, user="me"), EPOCH)

    with tarfile.open(fileobj=io.BytesIO(content)) as opened:
        found = {member.name: member for member in opened.getmembers()}
        texts = {name: opened.extractfile(member).read() for name, member in found.items()}  # type: ignore[union-attr]  # files
    assert texts == {"p/a": b"one", "p/b": b"two"}
    assert {name: member.mode for name, member in found.items()} == {"p/a": 0o644, "p/b": 0o755}
    assert {(member.mtime, member.uid, member.uname) for member in found.values()} == {(EPOCH, 0, "")}
    assert int.from_bytes(content[4:8], "little") == EPOCH  # RFC 1952, 2.3.1: MTIME
    assert gzip.decompress(content)


def test_another_time_is_another_archive() -> None:
    """
    The time is in the archive.
    """
    one = archive(("p/a", b"1", 0o644), mtime=5, user="me")

    assert normalized(one, EPOCH) != normalized(one, EPOCH + 1)


def test_devices_are_left_out_and_links_stay() -> None:
    """
    A source archive has files, folders and links only.
    """
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as made:
        for name, kind in (("p", tarfile.DIRTYPE), ("p/link", tarfile.SYMTYPE), ("p/pipe", tarfile.FIFOTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "a" if kind == tarfile.SYMTYPE else ""
            made.addfile(member)

    with tarfile.open(fileobj=io.BytesIO(normalized(written.getvalue(), EPOCH))) as opened:
        found = [(member.name, member.linkname, member.mode) for member in opened.getmembers()]
    assert found == [("p", "", 0o755), ("p/link", "a", 0o644)]


def test_two_builds_that_differ_are_named(tmp_path: Path) -> None:
    """
    A file of other content and one that only a build has are named, equal ones are not.
    """
    for name, files in (("a", {"x": "1", "y": "2"}), ("b", {"x": "1", "y": "3", "z": "4"})):
        (tmp_path / name).mkdir()
        for file, text in files.items():
            (tmp_path / name / file).write_text(text)

    assert different(tmp_path / "a", tmp_path / "b") == ["y", "z"]
    assert different(tmp_path / "b", tmp_path / "a") == ["y", "z"]
    assert different(tmp_path / "a", tmp_path / "a") == []


def test_checksums_are_lines_of_sha256sum(tmp_path: Path) -> None:
    """
    A line has the checksum, two spaces and the name, in the order of names.
    """
    for name in ("b.whl", "a.tar.gz"):
        (tmp_path / name).write_bytes(name.encode())

    assert checksums([tmp_path / "b.whl", tmp_path / "a.tar.gz"]).splitlines() == [
        f"{hashlib.sha256(b'a.tar.gz').hexdigest()}  a.tar.gz",
        f"{hashlib.sha256(b'b.whl').hexdigest()}  b.whl",
    ]
