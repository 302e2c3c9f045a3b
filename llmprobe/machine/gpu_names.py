"""
GPUs as people write them: ``2x RTX 3090``, ``dual 3090 + 3060``, ``M4 Max 128GB``, ``my card:24GB``.

A text is first compared as a whole, so that a ``+``, an ``x`` or a comma in it stays a part of a name. Only a text that
is no name is read as several kinds of cards or as a number of them.
"""

import re
from collections.abc import Sequence
from typing import Literal

import msgspec

from llmprobe.errors import UsageError
from llmprobe.machine.gpu_counts import counted, nested, with_count_last
from llmprobe.machine.gpu_near import refuse_link, unknown
from llmprobe.machine.gpu_spelling import (
    cores_in,
    only_size,
    rows_spelled,
    size_in,
    spelling,
    without_size,
)
from llmprobe.machine.gpu_table import Gpu, named
from llmprobe.machine.gpu_text import plain
from llmprobe.machine.link_spelling import link_in
from llmprobe.units import GIB, parse_rate
from llmprobe.words.message import message

MOST_GPUS = 16
"""As llama.cpp b11549 can use (src/llama.cpp, llama_max_devices)."""

_NONE = frozenset(
    (
        "none",
        "no",
        "no gpu",
        "cpu",
        "cpu only",
        "cpu-only",
        "without",
        "-",
        "なし",
        "無し",
        "无",
        "keine",
        "keiner",
        "aucune",
    )
)
_SEVERAL = re.compile(r"\s*(?:,|\+|&|;|\band\b|\bund\b|\bet\b|\bplus\b|[|]|(?<!w)/(?!s))\s*", re.IGNORECASE)
_SIDE_BY_SIDE = re.compile(r"\s+(?=[0-9]{1,2}[x×]\s?[a-z0-9])", re.IGNORECASE)
"""``1x4090 2x3090``: without a comma."""

_BARE_SIZE = re.compile(r"(.*\S)\s*[\s/]\s*([0-9]{1,3})", re.IGNORECASE)
"""``M1 Max 64``, ``3060 12``: a last number is the memory, where the chip or the card has that much."""

# So many words before it, not any number: that is tried from each of them, and a text may be nothing else.
_LINKED = re.compile(
    r"(?:[\s,(+]|\bwith(?:out)?\b|\bw/|\bno\b|\bin\b|\bover\b|\bvia\b|\ban?\b){0,40}"
    r"\b(?:nv-?link(?:ed|s)?|sli|cross-?fire ?x?|infinity fabric link)\b(?:[\s-]*(?:bridged?|mode|connected|link))*\)?",
    re.IGNORECASE,
)
"""How cards are linked: it names none, and a split by layers sends too little over a link to be faster with one."""
_BY_NVLINK = re.compile(r"(?<!no )(?<!without )(?<!without an )\bnv-?link", re.IGNORECASE)

_ONLY_SIZE = re.compile(
    r"([0-9]{1,5}(?:\.[0-9]{1,3})?(?=\s*g[ibo])|[0-9]{1,3}(?=\s*g)|[0-9]{1,7}(?=\s*mi?b))\s*(?:gib|gb|go|g|mib|mb)",
    re.IGNORECASE,
)
_RAM = re.compile(
    r"([0-9]{1,5}(?: ?x ?[0-9]{1,4})? ?g(?:i?b)?)\s*(?:of\s+)?(?:system\s+|main\s+)?"
    r"((?:ram|ddr[2-6](?:[ -][0-9]{4,5})?)(?:\s+ram)?)",
    re.IGNORECASE,
)
"""``64GB DDR5-6000`` beside a card: the memory of the host."""

_VENDOR_WORDS: dict[str, Literal["nvidia", "amd", "intel"]] = {
    "nvidia": "nvidia",
    "geforce": "nvidia",
    "rtx": "nvidia",
    "gtx": "nvidia",
    "quadro": "nvidia",
    "tesla": "nvidia",
    "amd": "amd",
    "radeon": "amd",
    "rx": "amd",
    "instinct": "amd",
    "intel": "intel",
    "arc": "intel",
}
_CLOSE = 0.08
_EXACT = 0.01
_LARGEST_GB = 4096
_LONGEST = 1000
"""Letters of a text: sixteen names of the longest kind. What is read in many ways takes long with more."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """
    One GPU of ``--gpu``: the text that names it, its row, and the memory in GB where the text has it.

    ``assumed`` is true where the device was sold with several sizes and the text has none. ``rate_given`` is true
    where the bandwidth is from the text. ``rows`` are those of a chip that shares memory, one of which the size of that
    memory chooses.
    """

    text: str
    row: Gpu
    rows: tuple[Gpu, ...] = ()
    size_gb: float | None = None
    assumed: bool = False
    rate_given: bool = False


def asks_for_nvlink(text: str) -> bool:
    """
    Whether cards are meant to be linked by NVLink.
    """
    return _BY_NVLINK.search(plain(text)) is not None


def wanted_gpus(text: str) -> tuple[Wanted, ...]:
    """
    The GPUs of one text, in its order; none for ``none``.

    Raises:
        UsageError: no GPU has such a name or such a memory, or the text has no number of GPUs that can be used.
    """
    if len(text) > _LONGEST:
        raise UsageError(
            message("error.gpu-text-too-long", letters=len(text), most=_LONGEST),
            hint=message("hint.gpu-spelling"),
        )
    stripped = plain(text)
    stripped = with_count_last(_LINKED.sub(" ", stripped).strip() or stripped)
    if (inside := nested(stripped)) is not None:
        return _times(*inside)
    if stripped.lower() in _NONE:
        return ()
    parts = [part for part in _SEVERAL.split(stripped) if part]
    ram = next((part for part in parts if _RAM.fullmatch(part)), None)
    if ram is not None and (len(parts) > 1 or "ddr" in ram.lower()):
        raise UsageError(message("error.ram-in-gpu", text=ram), hint=message("hint.ram-in-gpu", text=ram))
    if ":" not in stripped:
        alone = _resolved(stripped) if stripped else None
        if alone is not None:
            return (alone,)
    if len(parts) == 1:
        parts = _SIDE_BY_SIDE.split(stripped)
    if len(parts) > 1:
        return tuple(each for part in parts for each in _of_one_kind(part))
    return _of_one_kind(stripped)


def too_many_gpus(count: int) -> UsageError:
    """
    The refusal of more GPUs than an engine can use.
    """
    return UsageError(
        message("error.too-many-gpus", gpus=count), hint=message("hint.too-many-gpus", most=MOST_GPUS)
    )


def _times(count: int, text: str) -> tuple[Wanted, ...]:
    found = wanted_gpus(text)
    if count * len(found) > MOST_GPUS:
        raise too_many_gpus(count * len(found))
    return found * count


def _of_one_kind(text: str) -> tuple[Wanted, ...]:
    if (inside := nested(text)) is not None:
        return _times(*inside)
    if (linked := link_in(text)) is not None:
        refuse_link(text, *linked)
    readings = tuple(counted(text))
    described = ":" in text
    for count, name in (*readings, (1, text)) if described else ((1, text), *readings):
        found = _resolved(name, count)
        if found is None:
            continue
        if count == 0:
            raise UsageError(message("error.no-gpu-in-text", text=text), hint=message("hint.gpu-spelling"))
        if count > MOST_GPUS:
            raise too_many_gpus(count)
        return (found,) * count
    if not spelling(text).core:
        raise UsageError(message("error.no-gpu-in-text", text=text), hint=message("hint.gpu-spelling"))
    raise unknown(next((name for count, name in readings if count != 1), text))


def _resolved(text: str, count: int = 1) -> Wanted | None:
    """
    The GPU of a name, with its memory where the text has it; None for a name that is not known.

    Where there are several, the memory may be that of all of them: ``2x 3090 48GB``.

    Raises:
        UsageError: the name is known, and was never sold with that memory or those cores.
    """
    if ":" in text:
        return _described(text)
    size_gb = size_in(text)
    if size_gb is not None and only_size(text):
        unlisted = msgspec.structs.replace(_unlisted(f"GPU with {size_gb:g} GB"), vendor=_vendor_of(text))
        return _with_memory(text, unlisted, _size_of(text, size_gb))
    whole = named(text)
    if whole:
        # A size in the name of a product is a part of it: a GH200 480GB has less on its GPU.
        return _chosen(whole, text, None)
    if size_gb is not None:
        _size_of(text, size_gb)
    found = rows_spelled(text, several=count > 1)
    if not found and size_gb is None:
        found, size_gb = _with_bare_size(text)
    return _chosen(found, text, size_gb, count) if found else None


def _with_bare_size(text: str) -> tuple[tuple[Gpu, ...], float | None]:
    """
    The rows of a name with a last number that is their memory, and that memory; none where it is something else.
    """
    found = _BARE_SIZE.fullmatch(text)
    if found is None:
        return (), None
    size_gb = float(found[2])
    rows = tuple(row for row in rows_spelled(found[1]) if row.unified or _fits(row, size_gb))
    return rows, size_gb


def _chosen(found: tuple[Gpu, ...], text: str, size_gb: float | None, count: int = 1) -> Wanted:
    first = found[0]
    if first.unified:
        return _chip(found, text, size_gb)
    if size_gb is not None:
        if count > 1 and not any(_fits(row, size_gb) for row in found):
            size_gb = _each(found, size_gb, count)
        fitting = [row for row in found if _fits(row, size_gb)]
        if not fitting:
            raise _not_sold(found, text, size_gb)
        if len({row.name for row in fitting}) > 1:
            raise _several(fitting, text)
        return Wanted(text=text, row=fitting[0], size_gb=size_gb)
    sold = [row for row in found if not row.modified]
    if len({(row.name, row.memory_bytes) for row in sold}) == 1:
        return Wanted(text=text, row=sold[0])
    usual = [row for row in sold if row.usual]
    if len(usual) != 1:
        raise _several(sold, text)
    return Wanted(text=text, row=usual[0], assumed=True)


def _each(found: tuple[Gpu, ...], size_gb: float, count: int) -> float:
    """
    The memory of one card, where a size is that of all of them.
    """
    each = size_gb / count
    return each if any(_fits(row, each) for row in found) else size_gb


def _chip(found: tuple[Gpu, ...], text: str, size_gb: float | None) -> Wanted:
    """
    A chip that shares memory, which may tell chips of one name apart, as the number of its GPU cores may.
    """
    if len({row.name for row in found}) > 1:
        raise _several(found, text)
    cores = cores_in(text)
    if cores is not None and found[0].cores is not None:
        own = tuple(row for row in found if row.cores == cores)
        if not own:
            known = tuple(row.cores for row in found)
            raise UsageError(
                message("error.gpu-cores", device=found[0].name, cores=cores),
                hint=message("hint.gpu-cores", cores=known),
            )
        found = own
    wanted = Wanted(text=text, row=found[0], rows=found)
    return wanted if size_gb is None else of_memory(wanted, size_gb)


def of_memory(wanted: Wanted, size_gb: float) -> Wanted:
    """
    A chip that shares memory, as it is sold with that much.

    Raises:
        UsageError: it is not.
    """
    found = wanted.rows or (wanted.row,)
    fitting = [
        row for row in found if not row.sizes_gb or any(_is_size(size_gb, one) for one in row.sizes_gb)
    ]
    if not fitting:
        raise _not_sold(found, wanted.text, size_gb)
    return msgspec.structs.replace(wanted, row=fitting[0], size_gb=size_gb)


def _not_sold(found: Sequence[Gpu], text: str, size_gb: float) -> UsageError:
    sizes = {size for row in found if not row.modified for size in (row.sizes_gb or (_gb(row),))}
    return UsageError(
        message("error.gpu-memory", device=found[0].name, size_gb=size_gb),
        hint=message(
            "hint.gpu-memory", sizes_gb=tuple(sorted(sizes)), name=without_size(text), size_gb=size_gb
        ),
    )


def _several(found: Sequence[Gpu], text: str) -> UsageError:
    names = tuple(
        dict.fromkeys(
            row.name if size_in(row.name) or row.unified else f"{row.name} {_gb(row)}GB" for row in found
        )
    )
    return UsageError(message("error.gpu-several", name=text), hint=message("hint.gpu-several", names=names))


def _unlisted(name: str) -> Gpu:
    return Gpu(name=name, vendor=_vendor_of(name), source="", confidence="", memory_bytes=0)


def _described(text: str) -> Wanted:
    """
    A card that the text describes itself: ``name:24GB`` or ``name:24GB:608GB/s``.

    Where the table has the name, its other figures hold.
    """
    name, *figures = (part.strip() for part in text.split(":"))
    if _ONLY_SIZE.fullmatch(name) and len(figures) == 1 and parse_rate(figures[0]) is not None:
        name, figures = f"GPU with {size_in(name):g} GB", [name, *figures]
    size = _ONLY_SIZE.fullmatch(figures[0])
    rate = parse_rate(figures[1]) if len(figures) > 1 else None
    if not name or size is None or len(figures) > 2 or (len(figures) > 1 and not rate):
        raise UsageError(message("error.gpu-description", text=text), hint=message("hint.gpu-description"))
    size_gb = _size_of(text, size_in(size[0]) or 0)
    known = () if size_in(name) else named(name) or rows_spelled(name)
    if len({row.name for row in known}) > 1:
        known = tuple(row for row in known if row.usual or _fits(row, size_gb))
    # Of one name the row with that memory has the right bandwidth, too.
    row = next((row for row in known if _fits(row, size_gb)), None) or next(
        (row for row in known if row.usual), next(iter(known), None) or _unlisted(name)
    )
    if rate is not None:
        row = msgspec.structs.replace(row, bandwidth_bytes_per_s=rate)
    wanted = _with_memory(text, row, size_gb)
    return msgspec.structs.replace(wanted, rate_given=rate is not None)


def _with_memory(text: str, row: Gpu, size_gb: float) -> Wanted:
    if not row.unified:
        row = msgspec.structs.replace(row, memory_bytes=round(size_gb * GIB))
    return Wanted(text=text, row=row, size_gb=size_gb)


def _size_of(text: str, size_gb: float) -> float:
    if not 0 < size_gb <= _LARGEST_GB:
        raise UsageError(
            message("error.gpu-memory-range", text=text, size_gb=size_gb),
            hint=message("hint.gpu-memory-range", most_gb=_LARGEST_GB),
        )
    return size_gb


def _vendor_of(name: str) -> Literal["nvidia", "amd", "intel", "other"]:
    words = re.findall(r"[a-z]+", name.lower())
    return next((_VENDOR_WORDS[word] for word in words if word in _VENDOR_WORDS), "other")


def _is_size(given_gb: float, sold_gb: int) -> bool:
    """
    Whether a size is one that is sold, in powers of two or of ten.
    """
    return any(abs(given_gb / size - 1) < _EXACT for size in (sold_gb, sold_gb * 1e9 / GIB))


def _fits(row: Gpu, size_gb: float) -> bool:
    return row.memory_bytes is not None and abs(row.memory_bytes / (size_gb * GIB) - 1) < _CLOSE


def _gb(row: Gpu) -> int:
    return round((row.memory_bytes or 0) / GIB)
