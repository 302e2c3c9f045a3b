"""
RAM as people write it: ``64GB``, ``64GiB DDR5-6000``, ``2x32GB DDR4 3200``, ``512GB DDR4-3200 x8``.

A number before the size is one of modules, an ``x`` behind the kind one of channels of 64 bits. What is not written is
None: the processor, or the class of the machine, decides it.
"""

import re
import unicodedata

import msgspec

from llmprobe.errors import UsageError
from llmprobe.units import parse_memory
from llmprobe.words.message import message

_SIZE = re.compile(
    r"(?<![0-9.])([0-9]{1,6}(?:\.[0-9]{1,6})?)\s*([kmgt](?:ib|b)?|b)(?![a-z0-9/])", re.IGNORECASE
)
_GIGABYTES = re.compile(r"(?i)(?<=[0-9])\s*(?:gigabytes?|gigs?|go\b|ギガ(?:バイト)?)")
_MEMORY = re.compile("メモリー?|内存|記憶體|메모리")
_MODULES = re.compile(r"([0-9]{1,3})\s*[x×*]\s*$", re.IGNORECASE)
_KIND = re.compile(r"\b((?:lp)?ddr[1-6]x?|mrdimm)\b", re.IGNORECASE)
_PC = re.compile(r"\bpc[2-5]l?-([0-9]{4,6})[a-z]?\b", re.IGNORECASE)
_SPEED = re.compile(r"(?<![0-9.])([0-9]{3,5})\s*(?:mt/?s|mhz)?(?![0-9a-z.])", re.IGNORECASE)
_CHANNELS = re.compile(
    r"[x×*]\s*([0-9]{1,2})(?![0-9a-z])|(?<![0-9])([0-9]{1,2})[- ]?(?:channels?|ch)\b|"
    r"\b(single|dual|triple|quad|hexa?|six|octa?|eight|twelve)[- ]?channels?\b",
    re.IGNORECASE,
)
_COUNTS = {
    "single": 1,
    "dual": 2,
    "triple": 3,
    "quad": 4,
    "six": 6,
    "hex": 6,
    "hexa": 6,
    "oct": 8,
    "octa": 8,
    "eight": 8,
    "twelve": 12,
}
_IDLE = re.compile(r"(?i)\b(?:ram|memory|so-?dimm|u?dimm|rdimm|ecc|reg|of|in|at|cl[0-9]{1,2})\b|[@,()+-]")
USUAL_MTS = {
    "DDR2": 800,
    "DDR3": 1600,
    "DDR4": 3200,
    "DDR5": 5600,
    "LPDDR4": 3200,
    "LPDDR4X": 4266,
    "LPDDR5": 6400,
}
USUAL_MTS |= {"LPDDR3": 1866, "LPDDR5X": 7500, "DDR1": 400, "MRDIMM": 8800, "DDR6": 8800, "LPDDR6": 10667}
"""What modules of a kind usually run at, where nobody says."""

_LEAST_MTS, _MOST_MTS = 200, 20_000
_MOST_CHANNELS = 32


class Ram(msgspec.Struct, frozen=True, kw_only=True):
    """
    RAM in bytes, with its kind, its speed in MT/s, its channels of 64 bits and its modules, where they are written.
    """

    bytes: int
    kind: str | None = None
    mts: int | None = None
    channels: int | None = None
    modules: int | None = None


def parse_ram(text: str) -> Ram:
    """
    The RAM that a text describes.

    Raises:
        UsageError: it has no size, or more than it that is no kind, speed or number of channels.
    """
    text = _MEMORY.sub(" ", _GIGABYTES.sub("GB", unicodedata.normalize("NFKC", text)))
    found = _SIZE.search(text)
    if found is None and _KIND.search(text):
        raise UsageError(message("error.ram-malformed", given=text), hint=message("hint.ram-spelling"))
    if found is None:
        return Ram(bytes=parse_memory(text.strip()))
    before, behind = text[: found.start()], text[found.end() :]
    counted = _MODULES.search(before)
    modules = int(counted[1]) if counted is not None else None
    before = before[: counted.start()] if counted is not None else before
    rest = f"{before} {behind}"
    if modules is None and re.match(r"\s*[x×*]\s*[0-9]", behind) and not _KIND.search(text):
        # Two modules of this size, or this much in two channels?
        count = re.sub(r"[^0-9]", "", behind)
        raise UsageError(
            message("error.ram-modules", given=text, count=count),
            hint=message("hint.ram-modules", size=found[0].strip(), count=count),
        )
    kind_found, pc = _KIND.search(rest), _PC.search(rest)
    rest = _PC.sub(" ", _KIND.sub(" ", rest))
    channels_found = _CHANNELS.search(rest)
    rest = _CHANNELS.sub(" ", rest, count=1)
    speed = _SPEED.search(rest)
    rest = _IDLE.sub(" ", _SPEED.sub(" ", rest, count=1))
    mts = int(speed[1]) if speed is not None else int(pc[1]) // 8 if pc is not None else None
    channels = None
    if channels_found is not None:
        one, other, word = channels_found.groups()
        channels = _COUNTS[word.lower()] if word else int(one or other)
    if (
        rest.strip()
        or before.strip() == "-"
        or (mts is not None and not _LEAST_MTS <= mts <= _MOST_MTS)
        or (channels is not None and not 1 <= channels <= _MOST_CHANNELS)
        or modules == 0
    ):
        raise UsageError(message("error.ram-malformed", given=text), hint=message("hint.ram-spelling"))
    return Ram(
        bytes=parse_memory(f"{found[1]}{found[2]}") * (modules or 1),
        kind=kind_found[1].upper() if kind_found is not None else None,
        mts=mts,
        channels=channels,
        modules=modules,
    )
