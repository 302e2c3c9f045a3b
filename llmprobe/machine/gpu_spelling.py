"""
Which rows of the table a person means: ``7900xtx``, ``RTX 4090 laptop``, ``MacBook Air M2``, ``A100-80GB SXM``.

A name is cut into words and numbers, whose order does not matter. What only names a maker or a brand may be left out;
every other word tells products apart, so that a laptop's GPU is never the card, nor a Ti the plain one. Only where no
product has exactly these words, they are read in another way: short forms, board makers' words, slips of the pen. A
number is never mended, but for a letter O among digits.
"""

import re
from collections.abc import Iterator
from functools import cache

import msgspec

from llmprobe.data import content
from llmprobe.machine.gpu_table import Gpu

_SIZE = re.compile(
    r"(?<![0-9.])(?:([0-9]{1,6}(?:\.[0-9]{1,3})?)\s*(gib|gb|go|gigs?|gigabytes?|ギガ(?:バイト)?|mib|mb)"
    r"|(?<![a-z])([0-9]{1,3})\s*g)(?![a-z0-9])",
    re.IGNORECASE,
)
"""A bare G is one up to 999 only, and not behind a letter: a 5700G is a processor, an A10G a card."""

_MEMORY_KINDS = re.compile(
    r"\b(?:(?:lp)?g?ddr[0-9]x?(?:-[0-9]{4,5}| [0-9]{4,5} ?(?:mt/s|mhz))?|hbm[0-9]?e?)\b"
)
_PROCESSOR_CORES = re.compile(r"(?i)\b[0-9]{1,3}[- ]?cores? cpu\b")
_CORES_OF_BOTH = re.compile(
    r"(?i)(\bm[1-9] ?(?:pro|max|ultra)?\b.*?)(?<![0-9])[0-9]{1,2}c?/([0-9]{1,2})c?(?:[- ]?cores?)?\b"
)
"""``M4 Pro 14/20``: the cores of the processor, then those of its GPU."""
_CORES = re.compile(r"(?i)\b([0-9]{1,4})[- ]?(?:gpu[- ]?)?cores?(?: gpu)?\b")
_MAC = re.compile(
    r"\b(?:macbook ?(?:pro|air)?|mbp|mba|mac ?(?:mini|studio|pro)|imac(?: ?pro)?|mac|silicon)\b"
)
_MAC_BEHIND = re.compile(r"(\bm[1-9] ?(?:pro|max|ultra)?\b.*?)\b(?:mini|studio|air)\b")
"""``M4 Pro mini``: behind a chip a word is enough."""
_OF_A_MAC = re.compile(
    r"\b20[12][0-9]\b|(?<![a-z0-9])1[3-6](?:[.][0-9])?(?![0-9])[- ]*(?:inch|in\b|\"|”|″)?|"
    r"\b2[47][- ]?(?:inch|in\b|\"|”|″)"
)
_WORDS = re.compile(r"[a-z]+|[0-9]+|[^\W0-9_a-z]+")
"""Words of other scripts are words, too: what is not understood is not left out."""

_IDLE = frozenset(
    re.findall(
        r"\w+",
        """nvidia geforce amd ati radeon apple intel graphics generation gpu gpus card cards video graphic vram memory
        ram unified of with the edition workstation desktop discrete design series jetson battlemage alchemist qualcomm
        moore threads soc igpu egpu ws pcs pieces units lhr limited""",
    )
)
"""Words that tell no product from another."""

_BRANDS = {
    "rtx": "nvidia",
    "gtx": "nvidia",
    "gt": "nvidia",
    "quadro": "nvidia",
    "tesla": "nvidia",
    "blackwell": "nvidia",
    "rx": "amd",
    "instinct": "amd",
    "arc": "intel",
}
"""Words of a brand, which people leave out or confuse with its others, and whose it is."""

_SAME = {"mobile": "laptop", "notebook": "laptop"}
_BOARDS = re.compile(
    r"(?<![a-z])(?:msi|asus dual|asus|evga|gigabyte|zotac|palit|pny|gainward|inno3d|galax|kfa2|sapphire|powercolor|xfx|"
    r"asrock|sparkle|acer|colorful|rog|strix|tuf|gaming|oc|x? ?trio|ventus ?[23]?x?|suprim ?x?|founders|fe|le|"
    r"ftw3?|xc3?|nitro|pulse|aorus|eagle|windforce|phantom|red devil|hellhound|taichi|steel legend|challenger|"
    r"merc ?(?:310|319)?|speedster|qick|swft|amp|trinity|gamerock|jetstream|gamingpro|turbo|aero|blower|reference|"
    r"proart|prime|noctua|white|black|astral|master|xtreme|elite|waterforce|expert|armor|shadow|inspire|vanguard|liquid|"
    r"pci-?e(?: ?(?:x16|[345]\.0|gen ?[345]))?|sxm[2-6]?|oam|"
    r"phoenix|ghost|solid|infinit[ey]|uprising|epic|xlr8|verto|hof|ichill|twin edge|igame|vulcan|neptune|reaper|"
    r"fighter|toxic|quicksilver|magnetic air|creator|orc|luna|roc)(?![a-z0-9])"
)
"""Words of board makers, and of slots where no two products differ in them: they say nothing of the chip."""

_MENDED = frozenset(
    {
        *(word for word in _IDLE if len(word) > 3),
        "amd",
        "gpu",
        *_BRANDS,
        "laptop",
        "mobile",
        "super",
        "titan",
        "ultra",
        "ryzen",
        "strix",
        "halo",
        "server",
        "macbook",
        "studio",
    }
)
_SHORTEST_MENDED = 3
_OF_DRIVERS = re.compile(
    r"(?i)\((?:radv|anv|nvk|llvm|navi|vega|bmg|dg[12]|acm|gfx|0x[0-9a-f]|(?:ga|ad|gb|tu|gp|gm|gv|gh)[0-9])[^()]*\)\s*$"
)
"""What drivers write behind a name: themselves, the code name of the chip, or its number."""


class Spelling(msgspec.Struct, frozen=True, kw_only=True):
    """
    A text in words: those that tell products apart, sorted; those of a brand; and the memory in GB that it has.
    """

    core: tuple[str, ...]
    brands: frozenset[str]
    size_gb: float | None = None


def without_size(text: str) -> str:
    """
    A text without the memory in it, or the text where nothing else is in it.
    """
    return " ".join(re.sub(r"[(,]\s*(?:\)|$)", " ", _SIZE.sub(" ", text)).split()) or text


def size_in(text: str) -> float | None:
    """
    The memory in GB that a text has, or None.
    """
    found = _SIZE.search(text)
    if found is None:
        return None
    if found[3] is not None:
        return float(found[3])
    return float(found[1]) / (1024 if found[2].lower().startswith("m") else 1)


def only_size(text: str) -> bool:
    """
    Whether a text says nothing of a GPU but its memory, and perhaps its maker: ``24GB``, ``nvidia 16GB``.
    """
    words = spelling(text)
    chip = _MAC.search(text.lower()) or "apple" in text.lower()
    return words.size_gb is not None and not words.core and not words.brands and not chip


def cores_in(text: str) -> int | None:
    """
    The number of GPU cores that a text has, or None.
    """
    found = _CORES.search(_only_gpu_cores(text))
    return None if found is None else int(found[1])


def _only_gpu_cores(text: str) -> str:
    return _CORES_OF_BOTH.sub(r"\1 \2-core", _PROCESSOR_CORES.sub(" ", text))


def spelling(text: str, *, kinds: bool = False) -> Spelling:
    """
    The words of a text; ``kinds`` keeps those that name a kind of memory.
    """
    lower = text.lower()
    size_gb = size_in(lower)
    lower = _SIZE.sub(" ", lower)
    lower = lower if kinds else _MEMORY_KINDS.sub(" ", lower)
    lower = _CORES.sub(" ", _only_gpu_cores(lower))
    if _MAC.search(lower) is not None or _MAC_BEHIND.search(lower) is not None:
        lower = _OF_A_MAC.sub(" ", _MAC_BEHIND.sub(r"\1", _MAC.sub(" ", lower)))
    words = [_SAME.get(word, word) for glued in _WORDS.findall(lower) for word in _apart(glued)]
    return Spelling(
        core=tuple(sorted(word for word in words if word not in _IDLE and word not in _BRANDS)),
        brands=frozenset(word for word in words if word in _BRANDS),
        size_gb=size_gb,
    )


def _apart(word: str) -> tuple[str, ...]:
    """
    The words of one that is several: ``geforcertx`` and ``tisuper`` are two.
    """
    for first in (
        "nvidia",
        "geforce",
        "radeon",
        "macbook",
        "laptop",
        "super",
        "ti",
        "rtx",
        "gtx",
        "rx",
        "xtx",
    ):
        rest = word.removeprefix(first)
        if rest != word and rest in {
            *_BRANDS,
            *_IDLE,
            "ti",
            "super",
            "laptop",
            "mobile",
            "geforcertx",
            "geforcegtx",
        }:
            return (first, *_apart(rest))
    joined = {
        "strixhalo": ("strix", "halo"),
        "tis": ("ti", "super"),
        "steamdeck": ("steam", "deck"),
        "maxq": ("max", "q"),
    }
    return joined.get(word) or _chip_and_tier(word)


def _chip_and_tier(word: str) -> tuple[str, ...]:
    for tier in ("max", "pro", "ultra"):
        if word.endswith(tier) and word.removesuffix(tier) in ("rtx", "ai", "m"):
            return (word.removesuffix(tier), tier)
    return (word,)


def rows_spelled(text: str, *, several: bool = False) -> tuple[Gpu, ...]:
    """
    The rows that a text names, whatever memory it has; none where it is no name.

    ``several`` says that more than one is meant, so that an ``s`` behind the number is a plural.
    """
    for each in _readings(text, several=several):
        found = _rows_of(each)
        if found:
            return found
    return _chip_of_several_names(spelling(text))


def _chip_of_several_names(wanted: Spelling) -> tuple[Gpu, ...]:
    """
    The chip that shares memory of which a text has two names or more: that of a computer, and its own.
    """
    core = {*wanted.core}
    found = []
    for row, forms in _forms_with(wanted.core):
        named = [{*form.core} for form in forms if {*form.core} <= core]
        if row.unified and core and core == set().union(*named):
            found.append(row)
    return tuple(found) if len({row.name for row in found}) == 1 else ()


def same_words(name: str) -> tuple[Gpu, ...]:
    """
    The rows that differ from a name in their memory at most.
    """
    core = spelling(name).core
    return tuple(
        row
        for row, _ in _forms_with(core)
        if any(spelling(each).core == core for each in (row.name, *row.aliases))
    )


def _readings(text: str, *, several: bool) -> Iterator[Spelling]:
    """
    The ways to read a text, the likeliest first.
    """
    yield spelling(text, kinds=True)
    own = spelling(text)
    yield own
    words = own.core
    if several and "s" in words and not re.search("[0-9]S", text):
        yield _with(own, tuple(word for word in words if word != "s"))
    yield from _short_forms(own)
    bracketed = re.search(r"\[([^\[\]/]+)\]", text)
    if bracketed is not None:
        # As lspci writes it, behind the name of the chip.
        yield spelling(bracketed[1])
    if (chip := _OF_DRIVERS.search(text)) is not None:
        yield spelling(text[: chip.start()])
    right = re.split(r"(?i)\bwith\s|\bw/", text, maxsplit=1)
    if len(right) > 1:
        yield from (spelling(part) for part in reversed(right) if spelling(part).core)
    bare = _BOARDS.sub(" ", text.lower())
    for other in dict.fromkeys((bare, _mended(text), _mended(bare))):
        read = spelling(other)
        if read.core != own.core:
            yield read
            yield from _short_forms(read)
    if "laptop" not in words:
        # Some chips are made for laptops alone: an RTX 4050, an RTX 3050 Ti.
        yield _with(own, (*words, "laptop"))


def _short_forms(own: Spelling) -> Iterator[Spelling]:
    """
    ``m`` behind a number is a laptop's GPU, ``s`` a SUPER or a plural; Max-Q says so too since the RTX 30.
    """
    words = own.core
    if "q" in words and "max" in words:
        yield _with(own, (*(word for word in words if word not in ("q", "max")), "laptop"))
    if "s" in words:
        yield _with(own, (*(word for word in words if word != "s"), "super"))
    if "m" in words:
        yield _with(own, (*(word for word in words if word != "m"), "laptop"))
    if "m" in words and "u" in words:
        # ``M3U``
        yield _with(own, (*(word for word in words if word != "u"), "ultra"))
    if "ada" in words and "a" in words:
        # An A before the number is of the generation before.
        yield _with(own, tuple(word for word in words if word != "a"))
    if "laptop" in words:
        # Chips that laptops alone have are not called so.
        bare = tuple(word for word in words if word != "laptop")
        yield _with(own, (*bare, "m"))
        if {"m", "mx", "s"} & {*words}:
            yield _with(own, bare)


def _with(own: Spelling, words: tuple[str, ...]) -> Spelling:
    return msgspec.structs.replace(own, core=tuple(sorted(words)))


def _rows_of(wanted: Spelling) -> tuple[Gpu, ...]:
    """
    The rows of exactly these words, with as few others of a brand as there are.
    """
    if not any(len(word) > 2 for word in wanted.core) and len(wanted.core) < 2:
        return ()
    found: dict[int, tuple[int, Gpu]] = {}
    for row, forms in _forms_with(wanted.core):
        for form in forms:
            if form.core != wanted.core or not _one_maker(wanted, form, row):
                continue
            apart = len(form.brands ^ wanted.brands)
            if id(row) not in found or apart < found[id(row)][0]:
                found[id(row)] = (apart, row)
    least = min((apart for apart, _ in found.values()), default=0)
    return tuple(row for apart, row in found.values() if apart == least)


def _one_maker(wanted: Spelling, form: Spelling, row: Gpu) -> bool:
    makers = {_BRANDS[brand] for brand in wanted.brands | form.brands}
    return len(makers | {row.vendor}) == 1 if makers else True


def _forms_with(core: tuple[str, ...]) -> Iterator[tuple[Gpu, tuple[Spelling, ...]]]:
    """
    The rows whose line has all these words, in all their forms.
    """
    words = {word for word in core if word != "laptop"}
    for line, lower in _lines():
        if all(word in lower for word in words):
            yield _forms(line)


@cache
def _lines() -> tuple[tuple[bytes, str], ...]:
    lines = [line.strip().removesuffix(b",") for line in content("gpus").splitlines()]
    return tuple((line, line.decode().lower()) for line in lines if line.startswith(b'{"name"'))


@cache
def _forms(line: bytes) -> tuple[Gpu, tuple[Spelling, ...]]:
    row = msgspec.json.decode(line, type=Gpu)
    return row, tuple(dict.fromkeys(spelling(name, kinds=True) for name in (row.name, *row.aliases)))


def _mended(text: str) -> str:
    """
    A text with slips of the pen mended: a letter too few, too many, another, or two changed, and O for 0.
    """
    lower = re.sub(r"(?<=[0-9])o|o(?=[0-9])", "0", text.lower())
    return re.sub(r"[a-z]+", lambda found: _nearest_word(found[0]), lower)


def _nearest_word(word: str) -> str:
    if len(word) < _SHORTEST_MENDED or word in _MENDED:
        return word
    close = {known for known in _MENDED if len(known) >= _SHORTEST_MENDED and _one_slip(word, known)}
    return close.pop() if len(close) == 1 else word


def _one_slip(one: str, other: str) -> bool:
    """
    Whether one letter is missing, added or another, or two neighbours are exchanged.
    """
    if abs(len(one) - len(other)) > 1 or one == other:
        return False
    start = next(
        (at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
    a, b = one[start:], other[start:]
    if len(a) == len(b):
        return a[1:] == b[1:] or (a[:2] == b[1::-1] and a[2:] == b[2:])
    return a[1:] == b or a == b[1:]
