"""
What an executable file is for: headers written by hand from elf.h and mach-o/loader.h, and this Python's own.
"""

import platform
import sys
from pathlib import Path

import pytest

from llmprobe.source.executable import made_for


def elf(machine: int, *, system: int = 0, order: str = "little") -> bytes:
    """
    An identification of 64 bits, the type of an executable file, and its machine.
    """
    byte_order = 2 if order == "big" else 1
    kind = b"\x00\x02" if order == "big" else b"\x02\x00"
    number = machine.to_bytes(2, "big" if order == "big" else "little")
    return b"\x7fELF\x02" + bytes([byte_order, 1, system]) + bytes(8) + kind + number + bytes(44)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (elf(62), "Linux x86_64"),
        (elf(62, system=3), "Linux x86_64"),
        (elf(62, system=9), "FreeBSD x86_64"),
        (elf(183), "Linux aarch64"),
        (elf(243), "Linux riscv64"),
        (elf(40), None),  # 32-bit ARM: kernels name several
        (elf(183, order="big"), None),
        (elf(62, system=64), None),
        (elf(62)[:19], None),
        (b"\xcf\xfa\xed\xfe\x0c\x00\x00\x01" + bytes(24), "Darwin arm64"),
        (b"\xcf\xfa\xed\xfe\x07\x00\x00\x01" + bytes(24), "Darwin x86_64"),
        (b"\xcf\xfa\xed\xfe\x12\x00\x00\x01" + bytes(24), None),
        (b"#!/usr/bin/env python3\n", ""),
        (b"MZ\x90\x00" + bytes(60), None),
        (b"PK\x03\x04" + bytes(60), None),
        (b"", None),
    ],
)
def test_the_header_tells_it(content: bytes, expected: str | None, tmp_path: Path) -> None:
    """
    As `uname -sm` names a machine of that kind, where it can be started by its name.
    """
    path = tmp_path / "program"
    path.write_bytes(content)

    assert made_for(path) == expected


@pytest.mark.live
@pytest.mark.skipif(sys.platform != "linux", reason="a program of this machine, in the format of Linux")
def test_a_real_program_is_for_this_machine() -> None:
    """
    The Python that runs this test.
    """
    assert made_for(Path(sys.executable).resolve()) == f"{platform.system()} {platform.machine()}"
