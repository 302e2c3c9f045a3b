"""
Memory, processor and memory modules of Windows, from structures in memory.
"""

import ctypes
import struct
from typing import Any

import pytest

from llmprobe.facts.answer import Answer
from llmprobe.source.live import winapi
from llmprobe.source.live.winapi import smbios
from tests.source.live.winapi.fake_windows import Windows

GIB = 1024**3


def kernel(**functions: Any) -> Windows:
    windows = Windows()
    windows.functions["kernel32.dll"] = functions
    return windows


def status(content: Any) -> int:
    assert struct.unpack_from("<I", content.raw)[0] == 64
    struct.pack_into("<4Q", content, 8, 32 * GIB, 20 * GIB, 36 * GIB, 15 * GIB)
    return 1


def counted(content: Any, size: int) -> int:
    assert struct.unpack_from("<I", content.raw)[0] == size == 104
    struct.pack_into("<2Q", content, 8, 5 << 20, 9 << 20)
    struct.pack_into("<Q", content, 80, 4096)
    return 1


def test_memory_and_what_may_be_promised_of_it() -> None:
    """
    The limit counts pages: 9 Mi pages of 4 KiB are 36 GiB, of which 20 are promised.
    """
    windows = kernel(GlobalMemoryStatusEx=status, K32GetPerformanceInfo=counted)

    assert winapi.answered("memory", windows).value == {
        "ullTotalPhys": 32 * GIB,
        "ullAvailPhys": 20 * GIB,
        "CommitTotal": 20 * GIB,
        "CommitLimit": 36 * GIB,
    }


def test_memory_without_the_count_of_promises() -> None:
    """
    A part that fails is left out.
    """
    windows = kernel(GlobalMemoryStatusEx=status, K32GetPerformanceInfo=lambda content, size: 0)

    assert set(winapi.answered("memory", windows).value) == {"ullTotalPhys", "ullAvailPhys"}


def test_memory_that_is_not_told_has_failed() -> None:
    """
    So is a Windows without the function told from one that fails.
    """
    assert winapi.answered("memory", kernel(GlobalMemoryStatusEx=lambda content: 0)).status == "failed"
    assert winapi.answered("memory", kernel()).status == "missing"


def test_instruction_sets_have_linuxs_names() -> None:
    """
    39 is AVX, 40 AVX2, 41 AVX-512, 43 the dot products of ARM.
    """
    windows = kernel(IsProcessorFeaturePresent=lambda number: number in (36, 37, 38, 39, 40))

    assert winapi.answered("processor", windows).value == ["ssse3", "sse4_1", "sse4_2", "avx", "avx2"]
    arm = kernel(IsProcessorFeaturePresent=lambda number: number in (19, 43))
    assert winapi.answered("processor", arm).value == ["asimd", "asimddp"]


def module(
    *,
    size: int = 16384,
    extended: int = 0,
    kind: int = 0x22,
    speed: int = 5600,
    configured: int = 5200,
    width: int = 64,
    texts: tuple[bytes, ...] = (b"DIMM 0", b"P0 CHANNEL A", b"Maker", b"SERIAL12345"),
) -> bytes:
    """
    Return a structure of type 17 of SMBIOS 3.2: 84 bytes and its texts.
    """
    fields = bytearray(84)
    struct.pack_into("<BBHHHHHHBBBBB", fields, 0, 17, 84, 1, 2, 3, width, width, size, 9, 0, 1, 2, kind)
    struct.pack_into("<HHBBBB", fields, 0x13, 0, speed, 3, 4, 0, 0)
    struct.pack_into("<I", fields, 0x1C, extended)
    struct.pack_into("<H", fields, 0x20, configured)
    return bytes(fields) + b"\0".join(texts) + b"\0\0"


def cut(length: int) -> bytes:
    """
    Return the same module in an older and shorter structure.
    """
    whole = bytearray(module())
    whole[1] = length
    return bytes(whole[:length]) + bytes(whole[84:])


@pytest.mark.parametrize(
    ("length", "known"),
    [
        (0x15, set()),
        (0x17, {"SPEED_MTS"}),
        (0x21, {"SPEED_MTS"}),
        (0x22, {"SPEED_MTS", "CONFIGURED_SPEED_MTS"}),
    ],
)
def test_older_firmware_has_shorter_structures(length: int, known: set[str]) -> None:
    """
    Speeds came later: SMBIOS 2.1 has 21 bytes, and a field counts where all of it is there.
    """
    (found,) = smbios.parse(cut(length))["modules"]

    assert found["SIZE"] == str(16 * GIB)
    assert {name for name in found if name.endswith("_MTS")} == known


def processor(status: int = 0x41) -> bytes:
    fields = bytearray(48)
    struct.pack_into("<BBH", fields, 0, 4, 48, 9)
    fields[0x18] = status
    return bytes(fields) + b"\0\0"


END = bytes((127, 4, 0, 0, 0, 0))


def test_a_module_under_udevs_names() -> None:
    """
    Its place, kind, width and both speeds; serial numbers are not read.
    """
    (found,) = smbios.parse(module() + END)["modules"]

    assert found == {
        "PRESENT": "1",
        "SIZE": str(16 * GIB),
        "LOCATOR": "DIMM 0",
        "BANK_LOCATOR": "P0 CHANNEL A",
        "TYPE": "DDR5",
        "DATA_WIDTH": "64",
        "SPEED_MTS": "5600",
        "CONFIGURED_SPEED_MTS": "5200",
    }


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"size": 0x7FFF, "extended": 65536}, 64 * GIB),
        ({"size": 0x8000 | 512}, 512 * 1024),
        ({"size": 32766}, 32766 * 1024**2),
    ],
)
def test_sizes(fields: dict[str, int], expected: int) -> None:
    """
    MiB, with the highest bit KiB, and above 32 GiB a field of its own.
    """
    assert smbios.parse(module(**fields))["modules"][0]["SIZE"] == str(expected)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [0, 0xFFFF])
def test_an_empty_place(size: int) -> None:
    """
    Nothing is in it, or nobody knows what.
    """
    assert smbios.parse(module(size=size))["modules"] == [{"PRESENT": "0"}]


def test_what_the_firmware_does_not_know_is_left_out() -> None:
    """
    Zero and all ones are no speed and no width; an unknown kind has no name; a text that is not there is none.
    """
    unknown = module(kind=2, speed=0, configured=0, width=0xFFFF, texts=(b"",))
    (found,) = smbios.parse(unknown)["modules"]

    assert found == {"PRESENT": "1", "SIZE": str(16 * GIB)}


def test_populated_sockets_are_counted() -> None:
    """
    A second socket may be empty.
    """
    assert smbios.parse(processor() + processor() + END)["sockets"] == 2
    assert smbios.parse(processor() + processor(0x00) + END)["sockets"] == 1
    assert smbios.parse(END)["sockets"] is None


@pytest.mark.parametrize(
    "table", [b"", b"\x11", module()[:50], b"\x11\x02\x00\x00\0\0", b"\x11\xff\x00\x00" + b"x" * 300, END]
)
def test_a_table_that_ends_early_ends_the_list(table: bytes) -> None:
    """
    Nothing is read beyond it.
    """
    assert smbios.parse(table)["modules"] == []


def test_the_table_is_behind_a_header_of_eight_bytes() -> None:
    """
    The provider is RSMB; it is asked for the size first.
    """
    table = bytes(8) + module() + END

    def firmware(provider: int, number: int, into: Any, size: int) -> int:
        assert (provider, number) == (int.from_bytes(b"RSMB", "big"), 0)
        if into is not None:
            assert size == len(table)
            ctypes.memmove(into, table, size)
        return len(table)

    answer = winapi.answered("memory-modules", kernel(GetSystemFirmwareTable=firmware))

    assert [each["LOCATOR"] for each in answer.value["modules"]] == ["DIMM 0"]


@pytest.mark.parametrize("size", [0, 1 << 21])
def test_a_firmware_without_a_table_has_failed(size: int) -> None:
    """
    Nothing, and more than any firmware has.
    """
    windows = kernel(GetSystemFirmwareTable=lambda *arguments: size)

    assert winapi.answered("memory-modules", windows) == Answer(
        status="failed", detail=f"the firmware's table has {size} bytes"
    )
