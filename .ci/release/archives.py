"""
Archives that are the same to the byte for the same content: a source archive as any tool made it, made again so.

https://reproducible-builds.org/docs/archives/: order, times, owners and modes are what differs between two builds.
"""

import gzip
import hashlib
import io
import tarfile
from pathlib import Path

_FILE, _PROGRAM, _FOLDER = 0o644, 0o755, 0o755


def normalized(content: bytes, epoch: int) -> bytes:
    """
    Return a ``.tar.gz`` with its members by name, at one time (seconds since 1970), of no owner, with plain modes.

    Links stay links; what else is no file or folder is left out.
    """
    written = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive,
        tarfile.open(fileobj=written, mode="w", format=tarfile.PAX_FORMAT) as other,
    ):
        for member in sorted(archive.getmembers(), key=lambda member: member.name):
            if not (member.isreg() or member.isdir() or member.issym()):
                continue
            clean = tarfile.TarInfo(member.name)
            clean.type, clean.linkname, clean.size, clean.mtime = (
                member.type,
                member.linkname,
                member.size,
                epoch,
            )
            clean.mode = _FOLDER if member.isdir() else _PROGRAM if member.mode & 0o100 else _FILE
            other.addfile(clean, archive.extractfile(member) if member.isreg() else None)
    return gzip.compress(written.getvalue(), mtime=epoch)


def sha256(path: Path) -> str:
    """
    Return the checksum of a file in hexadecimal.
    """
    return hashlib.sha256(path.read_bytes()).hexdigest()


def checksums(paths: list[Path]) -> str:
    """
    Return the lines that ``sha256sum --check`` reads, by name.
    """
    return "".join(f"{sha256(path)}  {path.name}\n" for path in sorted(paths, key=lambda path: path.name))


def different(first: Path, second: Path) -> list[str]:
    """
    Return the names of the files that are not the same in two folders, or only in one.
    """
    names = sorted({path.name for folder in (first, second) for path in folder.iterdir()})
    return [
        name
        for name in names
        if not ((first / name).is_file() and (second / name).is_file())
        or (first / name).read_bytes() != (second / name).read_bytes()
    ]
