"""
The bus between processor and memory: how much of it the modules use, and how wide it can be.

The firmware names the place of a module in its maker's words. Which of them mean a channel was worked out on the
firmware of 73,760 machines of 2019 or newer (https://github.com/linuxhw/DMI), of which this rule has the bus of
73,739 right. A module whose channel is not named is taken to have its own, up to what the processor has.
"""

import re
from collections.abc import Mapping, Sequence

import msgspec

from llmprobe.units import GIB

DDR_BITS = 64
"""The data of one channel of DDR, of whatever generation; check bits are none."""

MOST_OF_A_DESKTOP = 256 * GIB
"""Four modules of 64 GiB, the largest without registers: more RAM is a server's."""

_LEAST_TRANSFERS_OF_DDR4 = 1600

_OF_BANK = (
    r"p(\d+) channel ([a-p])\d*",
    r"p(\d+)_node(\d+)_channel(\d+)(?:_dimm\d+)?",
    r"controller(\d+)[-_ ]?channel ?([a-p])\d*",
    r"(?:memory )?channel ?([a-p])\d*(?:[-_ ]?dimm ?\d+)?",
)
"""Banks that name a channel, in lower case. ``Channel 0 Slot 0`` is not among them: it stands on all modules."""

_OF_LOCATOR = (
    r"((?:controller\d+[-_ ]?)?channel ?[a-p])(?:[-_ ]?dimm[-_ ]?\d+)?",
    r"(controller\d+)[-_ ]dimm[-_ ]?\d+",
)
_LETTER = (
    r"(?=.*dimm|ddr)(?:(controller\d+|p\d+|cpu ?\d+|ddr\d)[-_ ]?)?(?:(?:so)?dimm)?"
    r"[-_ ]?(?:ch ?)?([a-p])[-_ ]?\d{1,2}"
)
"""``DIMM_A1``, ``DIMM CHA1``, ``Controller0-DIMMA1``, ``CPU1_DIMM_A1``, ``DDR4-A1``."""

_CONTROLLER = r"controller\d+"
"""From Tiger Lake on a controller has 64 bits, in up to four channels; some firmware lists one chip for all of it."""

_WHOLE_CHANNEL = r"channel[ab][-_ ]?dimm\d+"
"""Intel's names before memory had several controllers: a channel has 64 bits, whatever width its chips have."""

_BUSES: tuple[tuple[str, tuple[tuple[str, int], ...], int | None], ...] = (
    # A word of a processor's name, the patterns of those that differ with the width of one socket's bus in bits, and
    # the width of the others: makers' pages of specifications.
    ("threadripper", ((r"\bpro\b", 512),), 256),
    (
        "epyc",
        ((r" 4\d{2}[45]", 128), (r" 8\d{2}[45]", 384), (r" 9\d{2}[45]", 768), (r" 7\w{2}[123]", 512)),
        None,
    ),
    ("ryzen ai max", (), 256),
    # Mendocino has one channel.
    ("ryzen", ((r"ryzen [35] (?:7[1-5]20[uc]|10|40)\b", 64),), 128),
    ("athlon", ((r"(?:gold|silver) (?:7[12]20[uc]|10|20)\b", 64),), 128),
    (
        "xeon",
        (
            (r"\b6[79]\d\d[pe]", 768),
            (r"\be[57]-?\s?24\d\d", 192),
            (r"\be5-?\s?(?:16|26|46)\d\d|\be7-", 256),
            (r"\be3-|\be-2|\bw-1\d{3}", 128),
            (r"(?:bronze|silver|gold|platinum|max) .?\d[12]\d\d", 384),
            (r"(?:bronze|silver|gold|platinum|max) .?\d[3-6]\d\d", 512),
            (r"\bw-2[12]\d\d|\bw[3579]-2\d{3}", 256),
            (r"\bw-3[12]\d\d", 384),
            (r"\bw-33\d\d|\bw[3579]-3\d{3}", 512),
        ),
        None,
    ),
    (
        "core",
        (
            # Alder Lake-N and Twin Lake have one channel, the larger socket of Intel's enthusiasts has four.
            (r"\bi3-n3\d\d|\b3 n35\d", 64),
            (r"\bi7-(?:38|39|48|49|58|59|68|69)[2-7]0[kx]|\bi7-78[02]0x|\bi9-(?:79|98|99|109)\d\dxe?\b", 256),
        ),
        128,
    ),
    (
        "intel",
        (
            (r"\bn(?:50|95|97|100|150|200|250)\b|\bx7\d{3}(?:e|re|fe)", 64),
            (r"celeron|pentium|\bn\d{4}\b", 128),
        ),
        None,
    ),
    ("amd a", (), 128),
    ("amd fx", (), 128),
    ("phenom", (), 128),
)


_OF_SERVERS = ("epyc", "xeon")
"""There may be several of these in a machine; the bus of one says nothing where nobody counted them."""


class Bus(msgspec.Struct, frozen=True, kw_only=True):
    """
    The bits that are in use, the most of this processor (None: not known), and the parts that they are in.

    ``transfers_mts`` are the rates of the modules, each once, in millions of transfers per second. ``bytes_per_s`` is
    the peak rate of all, None where a module does not tell its own.
    """

    bits: int
    most_bits: int | None
    channels: int
    transfers_mts: tuple[int, ...]
    bytes_per_s: int | None


def bus(
    modules: Sequence[Mapping[str, str]],
    *,
    processor: str | None = None,
    sockets: int | None = None,
    system: str = "",
) -> Bus:
    """
    What the installed modules use of the bus.

    A module has udev's fields (``LOCATOR``, ``BANK_LOCATOR``, ``TYPE``, ``DATA_WIDTH``, ``SPEED_MTS``,
    ``CONFIGURED_SPEED_MTS``). ``system`` is maker and product of the machine, and ``sockets`` counts its processors,
    None where nobody did.
    """
    widths: dict[str, int] = {}
    for place, module in enumerate(modules):
        name, bits = _channel(module, system), _bits(module)
        if name is None or _is_soldered(module):
            # Chips of one package share a name, and each has its own lines.
            name = f"{name} {place}"
        widths[name] = max(widths.get(name, 0), bits)
    most = most_bits(processor, sockets)
    bits = sum(widths.values())
    controllers = {found[0] for name in widths if (found := re.match(_CONTROLLER, name)) is not None}
    if len(controllers) and all(name.startswith("controller") for name in widths):
        bits = max(bits, DDR_BITS * len(controllers))
    used = bits if most is None else min(bits, most)
    rates = [_transfers(module) for module in modules]
    slowest = min((rate for rate in rates if rate), default=0)
    return Bus(
        bits=used,
        most_bits=most,
        channels=max(1, round(used / DDR_BITS)) if any(map(_is_soldered, modules)) else len(widths),
        transfers_mts=tuple(sorted({rate for rate in rates if rate})),
        bytes_per_s=slowest * used * 1_000_000 // 8 if rates and all(rates) else None,
    )


def _channel(module: Mapping[str, str], system: str) -> str | None:
    """
    The channel that the firmware names for a module, None where it names none.
    """
    locator, bank = _plain(module.get("LOCATOR", "")), _plain(module.get("BANK_LOCATOR", ""))
    for patterns, text in ((_OF_LOCATOR, locator), (_OF_BANK, bank)):
        for pattern in patterns:
            if (match := re.fullmatch(pattern, text)) is not None:
                return " ".join(filter(None, match.groups()))
    # On Dell's servers the letter is the socket.
    match = None if re.search(r"(?i)dell.*poweredge", system) else re.fullmatch(_LETTER, locator)
    return None if match is None else " ".join(filter(None, match.groups()))


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def _is_soldered(module: Mapping[str, str]) -> bool:
    named = re.fullmatch(_WHOLE_CHANNEL, _plain(module.get("LOCATOR", "")))
    return module.get("TYPE", "").startswith("LPDDR") and named is None


def _bits(module: Mapping[str, str]) -> int:
    """
    The data lines of a module: those of a channel of DDR, or what the firmware says of chips that are soldered.
    """
    said = module.get("DATA_WIDTH", "")
    return int(said) if _is_soldered(module) and said in ("16", "32", "64") else DDR_BITS


def _transfers(module: Mapping[str, str]) -> int:
    """
    Millions of transfers per second in force, 0 where the firmware does not tell. Some give the clock, which is half.
    """
    rated, configured = (_number(module.get(name, "")) for name in ("SPEED_MTS", "CONFIGURED_SPEED_MTS"))
    is_clock = (
        module.get("TYPE") == "DDR4"
        and 0 < configured < _LEAST_TRANSFERS_OF_DDR4
        and abs(rated - 2 * configured) <= 2
    )
    return 2 * configured if is_clock else configured or rated


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 6 else 0


def most_bits(processor: str | None, sockets: int | None) -> int | None:
    """
    The width of the widest bus of a processor's family in bits, over all its sockets; None where it is unknown.
    """
    name = " ".join((processor or "").lower().split())
    for word, others, usual in _BUSES:
        if word in name:
            found = next((bits for pattern, bits in others if re.search(pattern, name)), usual)
            if sockets is None and word in _OF_SERVERS and found is not None and found > 2 * DDR_BITS:
                return None
            return None if found is None else found * max(1, sockets or 1)
    return None
