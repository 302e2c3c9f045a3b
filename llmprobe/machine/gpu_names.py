"""
GPUs as people write them: ``2x RTX 3090``, ``7900xtx``, ``Tesla V100 16GB``, ``M4 Max 128GB``, ``my card:24GB``.

A name is first compared as a whole, so that a ``+`` or an ``x`` in it stays a part of it. Only a text that is no name
is read as a number of cards or as several kinds of them.
"""

import difflib
import re
from collections.abc import Iterator
from typing import Literal

import msgspec

from llmprobe.errors import UsageError
from llmprobe.machine.gpu_table import Gpu, named, rows, simplified
from llmprobe.units import GIB
from llmprobe.words.message import message

MOST_GPUS = 16
"""As llama.cpp b11549 can use (src/llama.cpp, llama_max_devices)."""

_BEFORE = r"(?i)([0-9]{1,4})\s*[x×*]\s*(\S.*)"
_BEHIND = r"(?i)(.*\S)\s*(?<![a-z])[x×*]\s*([0-9]{1,4})"
_SEVERAL = r"(?i)\s*(?:,|\+|&|;|\band\b)\s*"
_GB = r"([0-9]{1,5}(?:\.[0-9]{1,3})?)\s*(?:gib|gb|g)"
_SIZE = re.compile(rf"\b{_GB}\b", re.IGNORECASE)
_ONLY_SIZE = re.compile(_GB, re.IGNORECASE)
_RATE = r"(?i)([0-9]{1,5}(?:\.[0-9]{1,3})?)\s*(gb|tb)(?:/s)?"
_CORES = r"(?i)\b([0-9]{1,4})[- ]?cores?\b"
_BRANDS = ("", "RTX ", "GTX ", "RX ", "Arc ", "Tesla ", "PRO ", "AI PRO ")
"""What people leave out: ``4090``, ``7900 XTX``, ``V100-SXM2-16GB``, ``W7900``, ``R9700``."""

_MAKERS = r"(?i)(?:tesla|quadro)\s+"
"""What the table leaves out of some names: ``Tesla V100``."""

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
_LARGEST_GB = 4096
_NEAREST = 4


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """
    One GPU of ``--gpu``: the text that names it, its row, and the memory in GB where the text has it.

    ``assumed`` is true where the device was sold with several sizes and the text has none. ``rate_given`` is true
    where the bandwidth is from the text.
    """

    text: str
    row: Gpu
    size_gb: float | None = None
    assumed: bool = False
    rate_given: bool = False


def wanted_gpus(text: str) -> tuple[Wanted, ...]:
    """
    The GPUs of one text, in its order.

    Raises:
        UsageError: no GPU has such a name or such a memory, or the text has no number of GPUs that can be used.
    """
    stripped = text.strip()
    alone = _resolved(stripped) if stripped else None
    if alone is not None:
        return (alone,)
    parts = [part for part in re.split(_SEVERAL, stripped) if part]
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


def _of_one_kind(text: str) -> tuple[Wanted, ...]:
    for count, name in _counted(text):
        found = _resolved(name)
        if found is None:
            continue
        if count == 0:
            raise UsageError(message("error.no-gpu-in-text", text=text), hint=message("hint.gpu-spelling"))
        if count > MOST_GPUS:
            raise too_many_gpus(count)
        return (found,) * count
    if not any(sign.isalnum() for sign in text):
        raise UsageError(message("error.no-gpu-in-text", text=text), hint=message("hint.gpu-spelling"))
    raise _unknown(next((name for count, name in _counted(text) if count != 1), text))


def _counted(text: str) -> Iterator[tuple[int, str]]:
    """
    The ways to read a text as a number of GPUs and a name, the likeliest first.
    """
    yield 1, text
    before = re.fullmatch(_BEFORE, text)
    if before is not None:
        yield int(before[1]), before[2]
    behind = re.fullmatch(_BEHIND, text)
    if behind is not None:
        yield int(behind[2]), behind[1]


def _resolved(text: str) -> Wanted | None:
    """
    The GPU of a name, with its memory where the text has it; None for a name that is not known.

    Raises:
        UsageError: the name is known, and was never sold with that memory or those cores.
    """
    if ":" in text:
        return _described(text)
    only = _ONLY_SIZE.fullmatch(text)
    if only is not None:
        row = Gpu(name=f"GPU with {only[1]} GB", vendor="other", source="", confidence="")
        return _with_memory(text, row, _size_of(text, only[1]))
    whole = _rows_of(text)
    if whole:
        # A size in the name of a product is a part of it: a GH200 480GB has less on its GPU.
        return _chosen(whole, text, text, None)
    size = _SIZE.search(text)
    size_gb = _size_of(text, size[1]) if size is not None else None
    plain = " ".join(_SIZE.sub(" ", text).split())
    found = _rows_of(plain) if plain else ()
    return _chosen(found, text, plain, size_gb) if found else None


def _rows_of(name: str) -> tuple[Gpu, ...]:
    plain = re.sub(_CORES, " ", name)
    names = [f"{brand}{plain}" for brand in _BRANDS]
    maker = re.match(_MAKERS, plain)
    names += [plain[maker.end() :]] if maker is not None else []
    return next((found for each in names if (found := named(each))), ())


def _chosen(found: tuple[Gpu, ...], text: str, plain: str, size_gb: float | None) -> Wanted:
    first = found[0]
    if first.vendor == "apple":
        return Wanted(text=text, row=_by_cores(found, text), size_gb=size_gb)
    if first.unified:
        return Wanted(text=text, row=first, size_gb=size_gb)
    if size_gb is not None:
        fitting = [row for row in found if _fits(row, size_gb)]
        if not fitting:
            sizes = tuple(sorted({_gb(row) for row in found}))
            raise UsageError(
                message("error.gpu-memory", device=first.name, size_gb=size_gb),
                hint=message("hint.gpu-memory", sizes_gb=sizes, name=plain or text, size_gb=size_gb),
            )
        return Wanted(text=text, row=fitting[0], size_gb=size_gb)
    if len({row.memory_bytes for row in found}) == 1:
        return Wanted(text=text, row=first)
    if len({row.name for row in found}) > 1:
        names = tuple(row.name if _SIZE.search(row.name) else f"{row.name} {_gb(row)}GB" for row in found)
        raise UsageError(
            message("error.gpu-several", name=text), hint=message("hint.gpu-several", names=names)
        )
    usual = next((row for row in found if row.usual), first)
    return Wanted(text=text, row=usual, assumed=True)


def _by_cores(found: tuple[Gpu, ...], text: str) -> Gpu:
    cores = re.search(_CORES, text)
    count = int(cores[1]) if cores is not None else found[0].cores
    row = next((row for row in found if row.cores == count), None)
    if row is None:
        known = tuple(row.cores for row in found)
        raise UsageError(
            message("error.gpu-cores", device=found[0].name, cores=count),
            hint=message("hint.gpu-cores", cores=known),
        )
    return row


def _described(text: str) -> Wanted:
    """
    A card that the text describes itself: ``name:24GB`` or ``name:24GB:608GB/s``.

    Where the table has the name, its other figures hold.
    """
    name, *figures = (part.strip() for part in text.split(":"))
    size = _ONLY_SIZE.fullmatch(figures[0])
    rate = re.fullmatch(_RATE, figures[1]) if len(figures) > 1 else None
    if not name or size is None or len(figures) > 2 or (len(figures) > 1 and rate is None):
        raise UsageError(message("error.gpu-description", text=text), hint=message("hint.gpu-description"))
    known = _rows_of(name)
    row = (
        known[0]
        if known
        else Gpu(name=name, vendor=_vendor_of(name), source="", confidence="", memory_bytes=0)
    )
    if rate is not None:
        per_s = round(float(rate[1]) * (1e12 if rate[2].lower() == "tb" else 1e9))
        if not per_s:
            raise UsageError(
                message("error.gpu-description", text=text), hint=message("hint.gpu-description")
            )
        row = msgspec.structs.replace(row, bandwidth_bytes_per_s=per_s)
    wanted = _with_memory(text, row, _size_of(text, size[1]))
    return msgspec.structs.replace(wanted, rate_given=rate is not None)


def _with_memory(text: str, row: Gpu, size_gb: float) -> Wanted:
    if not row.unified:
        row = msgspec.structs.replace(row, memory_bytes=round(size_gb * GIB))
    return Wanted(text=text, row=row, size_gb=size_gb)


def _size_of(text: str, number: str) -> float:
    size_gb = float(number)
    if not 0 < size_gb <= _LARGEST_GB:
        raise UsageError(
            message("error.gpu-memory-range", text=text, size_gb=size_gb),
            hint=message("hint.gpu-memory-range", most_gb=_LARGEST_GB),
        )
    return size_gb


def _vendor_of(name: str) -> Literal["nvidia", "amd", "intel", "other"]:
    words = re.findall(r"[a-z]+", name.lower())
    return next((_VENDOR_WORDS[word] for word in words if word in _VENDOR_WORDS), "other")


def _unknown(name: str) -> UsageError:
    names = {simplified(row.name): row.name for row in rows()}
    close = difflib.get_close_matches(simplified(name), names, n=_NEAREST, cutoff=0.4)
    nearest = tuple(dict.fromkeys(names[each] for each in close))
    return UsageError(
        message("error.gpu-unknown", name=name),
        hint=message("hint.gpu-nearest", names=nearest, name=name)
        if nearest
        else message("hint.gpu-unlisted", name=name),
    )


def _fits(row: Gpu, size_gb: float) -> bool:
    return row.memory_bytes is not None and abs(row.memory_bytes / (size_gb * GIB) - 1) < _CLOSE


def _gb(row: Gpu) -> int:
    return round((row.memory_bytes or 0) / GIB)
