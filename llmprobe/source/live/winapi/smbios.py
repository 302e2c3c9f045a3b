"""
The memory modules in the firmware's table (SMBIOS), under udev's names, and the number of its processors.

https://www.dmtf.org/standards/smbios (DSP0134): structures of a header of four bytes (type, length, handle), fields at
fixed offsets, and texts behind them that fields name by number. Serial numbers are not read.
"""

import struct
from collections.abc import Iterator
from typing import Any

_PROCESSOR, _MEMORY_DEVICE, _END = 4, 17, 127
_POPULATED = 0x40
_UNKNOWN_WORD = 0xFFFF
_EXTENDED_SIZE = 0x7FFF
_TYPES = {
    0x12: "DDR",
    0x13: "DDR2",
    0x18: "DDR3",
    0x1A: "DDR4",
    0x1B: "LPDDR",
    0x1C: "LPDDR2",
    0x1D: "LPDDR3",
    0x1E: "LPDDR4",
    0x20: "HBM",
    0x21: "HBM2",
    0x22: "DDR5",
    0x23: "LPDDR5",
    0x24: "HBM3",
}
_KIB, _MIB = 1024, 1024**2


def parse(table: bytes) -> dict[str, Any]:
    """
    ``sockets``, and ``modules``: an object of text for each place, as ``/run/udev/data/+dmi:id`` has them.
    """
    modules = []
    sockets = 0
    for kind, fields, texts in _structures(table):
        if kind == _PROCESSOR and len(fields) > 0x18:
            sockets += bool(fields[0x18] & _POPULATED)
        elif kind == _MEMORY_DEVICE and len(fields) >= 0x15:
            modules.append(_module(fields, texts))
    return {"sockets": sockets or None, "modules": modules}


def _structures(table: bytes) -> Iterator[tuple[int, bytes, list[str]]]:
    place = 0
    while place + 4 <= len(table):
        kind, length = table[place], table[place + 1]
        end = table.find(b"\0\0", place + length)
        if length < 4 or end < 0 or kind == _END:
            return
        texts = table[place + length : end].split(b"\0")
        yield kind, table[place : place + length], [text.decode(errors="replace") for text in texts]
        place = end + 2


def _module(fields: bytes, texts: list[str]) -> dict[str, str]:
    size = _size(fields)
    if not size:
        return {"PRESENT": "0"}
    module = {
        "PRESENT": "1",
        "SIZE": str(size),
        "LOCATOR": _text(fields, texts, 0x10),
        "BANK_LOCATOR": _text(fields, texts, 0x11),
        "TYPE": _TYPES.get(fields[0x12], ""),
        "DATA_WIDTH": _number(fields, 0x0A, "H", _UNKNOWN_WORD),
        "SPEED_MTS": _speed(fields, 0x15, 0x54),
        "CONFIGURED_SPEED_MTS": _speed(fields, 0x20, 0x58),
    }
    return {name: value for name, value in module.items() if value}


def _size(fields: bytes) -> int:
    (size,) = struct.unpack_from("<H", fields, 0x0C)
    if size == _EXTENDED_SIZE and len(fields) >= 0x20:
        (mebibytes,) = struct.unpack_from("<I", fields, 0x1C)
        return int(mebibytes & 0x7FFFFFFF) * _MIB
    if size == _UNKNOWN_WORD:
        return 0
    return int(size & 0x7FFF) * (_KIB if size & 0x8000 else _MIB)


def _speed(fields: bytes, offset: int, extended: int) -> str:
    """
    Millions of transfers per second, empty where the firmware does not tell; large ones are in a field of their own.
    """
    if len(fields) >= extended + 4 and fields[offset : offset + 2] == b"\xff\xff":
        return _number(fields, extended, "I", 0)
    return _number(fields, offset, "H", _UNKNOWN_WORD)


def _number(fields: bytes, offset: int, form: str, unknown: int) -> str:
    if len(fields) < offset + struct.calcsize(form):
        return ""
    (number,) = struct.unpack_from(f"<{form}", fields, offset)
    return str(number) if number not in (0, unknown) else ""


def _text(fields: bytes, texts: list[str], offset: int) -> str:
    number = fields[offset]
    return texts[number - 1].strip() if 0 < number <= len(texts) else ""
