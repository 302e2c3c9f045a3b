"""
Bytes and rates to text and back: the only place that knows GiB from GB.

Inside the program a size is an ``int`` of bytes whose name ends in ``_bytes``.
"""

import re

from llmprobe.errors import UsageError

KIB = 1024
MIB = 1024**2
GIB = 1024**3

_UNITS = {
    "b": 1,
    "kib": KIB,
    "mib": MIB,
    "gib": GIB,
    "tib": 1024**4,
    "kb": 1000,
    "mb": 1000**2,
    "gb": 1000**3,
    "tb": 1000**4,
}
_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*")


def parse_size(text: str) -> int:
    """
    Return the bytes of a size as people type it: ``24GiB``, ``64 GB``, ``512MiB``.

    Raises:
        UsageError: there is no unit (24 what?), the unit is unknown, or it is no number.
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        raise UsageError(f"{text!r} is not a size", hint="write a number and a unit, such as 24GiB or 512MiB")
    number, unit = match.groups()
    if not unit:
        raise UsageError(f"{text!r} has no unit", hint=f"write {number}GiB, {number}GB or {number}MiB")
    factor = _UNITS.get(unit.lower())
    if factor is None:
        raise UsageError(f"{text!r} has an unknown unit {unit!r}", hint="use MiB, GiB, TiB, MB, GB or TB")
    return int(float(number) * factor)


def format_bytes(count: int, *, signed: bool = False) -> str:
    """
    Return a size for people in binary units with three significant digits or more: ``1.23 GiB``, ``512 MiB``.
    """
    sign = "-" if count < 0 else "+" if signed else ""
    size = abs(count)
    if size < KIB:
        return f"{sign}{size} B"
    for factor, unit in ((KIB, "KiB"), (MIB, "MiB"), (GIB, "GiB"), (1024**4, "TiB")):
        if size < factor * KIB or unit == "TiB":
            value = size / factor
            if unit in ("KiB", "MiB"):
                return f"{sign}{value:.0f} {unit}"
            return f"{sign}{value:.2f} {unit}" if value < 100 else f"{sign}{value:.1f} {unit}"
    raise AssertionError("unreachable")


def format_rate(bytes_per_s: float) -> str:
    """
    Return a memory bandwidth in the decimal units that datasheets use: ``1008 GB/s``.
    """
    return f"{bytes_per_s / 1e9:.0f} GB/s"


def format_count(count: int) -> str:
    """
    Return a parameter count the way models are named: ``70.6B``, ``494M``.
    """
    if count >= 1_000_000_000:
        value = count / 1e9
        return f"{value:.1f}B" if value < 100 else f"{value:.0f}B"
    return f"{count / 1e6:.0f}M"
