"""
Bytes, rates and contexts to text and back: the only place that knows GiB from GB.

Memory is sold in powers of two, disks and downloads in powers of ten. So of memory ``64GB``, ``64G`` and ``64GiB`` are
all 64 x 2^30 bytes (``parse_memory``), and of a file ``64GB`` and ``64G`` are 64 x 10^9 (``parse_size``). A number
without a unit is refused: nobody knows of what. Inside the program a size is an ``int`` of bytes whose name ends in
``_bytes``.
"""

import re

from llmprobe.errors import UsageError
from llmprobe.words.message import message

KIB = 1024
MIB = 1024**2
GIB = 1024**3
_DIGITS = 18
TIB = 1024**4

_POWERS = {"k": 1, "m": 2, "g": 3, "t": 4}
_SIZE = r"\s*([0-9]{1,20}(?:\.[0-9]{1,20})?)\s*([A-Za-z]*)\s*"
_UNIT = r"(?i)b|([kmgt])(b|ib)?"
_RATE = r"(?i)\s*([0-9]{1,6}(?:\.[0-9]{1,6})?)\s*([mgt])i?b(?:/s|ps)?\s*"
_NETWORK = r"(?i)\s*([0-9]{1,6}(?:\.[0-9]{1,6})?)\s*(?:([mg])be|([mg])(?:b(?:it)?/s|bps|bit)?)\s*"
_TOKENS = r"(?i)\s*([0-9]{1,20}(?:\.[0-9]{1,20})?)\s*([km])\s*"


def parse_memory(text: str) -> int:
    """
    The bytes of an amount of memory as people type it: ``64GB``, ``64G``, ``64g`` and ``64GiB`` are the same.

    Raises:
        UsageError: there is no unit (64 what?), the unit is unknown, or it is no number.
    """
    return _bytes(text, base=1024)


def parse_size(text: str) -> int:
    """
    The bytes of a file or a disk: ``20GB`` and ``20G`` are decimal, ``20GiB`` is not.

    Raises:
        UsageError: as of ``parse_memory``.
    """
    return _bytes(text, base=1000)


def parse_rate(text: str) -> int | None:
    """
    The bytes per second of a bandwidth as datasheets have it: ``80GB/s``, ``1.2 TB/s``; None of other text.
    """
    match = re.fullmatch(_RATE, text)
    return None if match is None else _times(match[1], 1000 ** _POWERS[match[2].lower()])


def parse_network(text: str) -> int | None:
    """
    The bytes per second of a network as people name it: ``2.5GbE``, ``10G``, ``100Mbit/s``, which count bits, and
    ``1.25GB/s``, which counts bytes; None of other text.
    """
    in_bytes = re.fullmatch(r"\s*[0-9.]+\s*[MGmg]i?B(?:/s|ps)\s*", text)
    if in_bytes is not None:
        return parse_rate(text)
    match = re.fullmatch(_NETWORK, text)
    if match is None:
        return None
    return _times(match[1], 1000 ** _POWERS[(match[2] or match[3]).lower()]) // 8


def parse_link(text: str) -> tuple[int, float | None] | None:
    """
    The bytes per second of a network and, where it is named behind a comma, the seconds of a round trip: ``10GbE``,
    ``2.5GbE,0.2ms``, ``200G, 5us``; None of other text.

    >>> parse_link("10GbE"), parse_link("10GbE,0.25ms")
    ((1250000000, None), (1250000000, 0.00025))
    """
    rate_text, comma, delay_text = text.partition(",")
    rate = parse_network(rate_text)
    if not rate:
        return None
    if not comma:
        return rate, None
    delay = re.fullmatch(r"\s*([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*(ms|us|µs|s)\s*", delay_text)
    if delay is None:
        return None
    seconds = float(delay[1]) * {"s": 1, "ms": 1e-3}.get(delay[2], 1e-6)
    return (rate, seconds) if 0 < seconds <= _LONGEST_ROUND_TRIP_S else None


_LONGEST_ROUND_TRIP_S = 10.0


def parse_tokens(text: str) -> int | None:
    """
    The tokens of a context in thousands of 1024: ``8k`` is 8192, ``1.5k`` 1536, ``1m`` 1048576; None of anything else.
    """
    match = re.fullmatch(_TOKENS, text)
    return None if match is None else _times(match[1], 1024 ** _POWERS[match[2].lower()])


def format_bytes(count: int, *, signed: bool = False) -> str:
    """
    A size for people in binary units with three significant digits or more: ``1.23 GiB``, ``512 MiB``.
    """
    sign = "-" if count < 0 else "+" if signed else ""
    size = abs(count)
    if size < KIB:
        return f"{sign}{size} B"
    for factor, unit in ((KIB, "KiB"), (MIB, "MiB"), (GIB, "GiB"), (TIB, "TiB")):
        value = size / factor
        # As it is written, so that nothing is 1024 of a unit.
        if round(value) < KIB or unit == "TiB":
            if unit in ("KiB", "MiB"):
                return f"{sign}{value:.0f} {unit}"
            return f"{sign}{value:.2f} {unit}" if value < 100 else f"{sign}{value:.1f} {unit}"
    raise AssertionError("unreachable")


def format_rate(bytes_per_s: float) -> str:
    """
    A bandwidth in the decimal units that datasheets use: ``1008 GB/s``, ``7.9 GB/s``, ``540 MB/s``.
    """
    value = bytes_per_s / 1e9
    if value >= 0.9995:
        return f"{value:.0f} GB/s" if value >= 9.95 else f"{value:.1f} GB/s"
    return f"{bytes_per_s / 1e6:.0f} MB/s"


def format_count(count: int) -> str:
    """
    A parameter count the way models are named: ``70.6B``, ``494M``.
    """
    if count >= 1_000_000_000:
        value = count / 1e9
        return f"{value:.1f}B" if value < 100 else f"{value:.0f}B"
    return f"{count / 1e6:.0f}M" if count >= 1_000_000 else f"{count / 1e3:.0f}K"


def format_pace(tokens_per_s: float) -> str:
    """
    Tokens per second with two significant digits, from a thousand on in hundreds: ``0.31``, ``4.2``, ``38``, ``1200``.
    """
    if tokens_per_s < 0.995:
        return f"{tokens_per_s:.2f}"
    if tokens_per_s >= 1000:
        return f"{round(tokens_per_s, -2):.0f}"
    return f"{tokens_per_s:.1f}" if tokens_per_s < 9.95 else f"{tokens_per_s:.0f}"


def format_seconds(seconds: float) -> str:
    """
    A time in the unit that suits it: ``9.2 s``, ``92 s``, ``15 min``, ``2.5 h``.
    """
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 600:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def whole_number(text: str) -> int | None:
    """
    The number that the text of a file, a process or a server is, None for anything else.

    Digits of other scripts are none, nor is more than 64 bits could hold: Python refuses to read thousands of digits.
    """
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _DIGITS else None


def port_number(text: str) -> int | None:
    """
    The port of TCP that a text names, None for anything else.
    """
    port = whole_number(text)
    return port if port is not None and 0 < port < 1 << 16 else None


def _bytes(text: str, base: int) -> int:
    match = re.fullmatch(_SIZE, text)
    if match is None:
        raise UsageError(message("error.size-malformed", given=text), hint=message("hint.size"))
    number, unit = match.groups()
    if not unit:
        raise UsageError(
            message("error.size-without-unit", given=text), hint=message("hint.size-unit", number=number)
        )
    known = re.fullmatch(_UNIT, unit)
    if known is None:
        raise UsageError(
            message("error.size-unit-unknown", given=text, unit=unit), hint=message("hint.size-units")
        )
    letter, rest = known.groups()
    if letter is None:
        return _times(number, 1)
    return _times(number, (1024 if (rest or "").lower() == "ib" else base) ** _POWERS[letter.lower()])


def _times(number: str, factor: int) -> int:
    """
    A decimal number times a whole one, rounded down; exact, however large.
    """
    whole, _, part = number.partition(".")
    scale: int = 10 ** len(part)
    return int(whole + part) * factor // scale
