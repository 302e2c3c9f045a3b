"""
Which AMD GPUs the environment leaves to a program that computes with ROCm, by the rules of its libraries.

ROCR_VISIBLE_DEVICES narrows what the runtime lists (ROCR-Runtime, core/runtime/amd_filter_device.cpp). HIP counts what
that leaves, and narrows it by HIP_VISIBLE_DEVICES, or by CUDA_VISIBLE_DEVICES where that is not set or empty (clr,
rocclr/device/rocm/rocdevice.cpp, ``Device::init``). GPU_DEVICE_ORDINAL is read for OpenCL only, whatever guides say.
Both number GPUs in the order of KFD's topology, without those that the program may not open.

Questions, in order:

    env:ROCR_VISIBLE_DEVICES
    env:HIP_VISIBLE_DEVICES
    env:CUDA_VISIBLE_DEVICES                           where that is not set, or empty
"""

import re
from collections.abc import Sequence

import msgspec

from llmprobe.facts.vendors import HidingVariable
from llmprobe.machine.asking import Asker, as_text

ROCR, HIP, CUDA = "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES"
_UUID = "GPU-"
_UUID_SIZES = range(5, 21)
_C_NUMBER = r"\s*([+-]?)(?:0x([0-9a-f]{1,8})|0([0-7]{0,9})|([1-9][0-9]{0,8}))"


class Visible(msgspec.Struct, frozen=True, kw_only=True):
    """
    The places of the GPUs that are left, in the order in which HIP numbers them, and what hides each of the others.
    """

    order: tuple[int, ...]
    hidden: dict[int, HidingVariable]


def ask_visible(ask: Asker, uuids: Sequence[str | None]) -> Visible:
    """
    The GPUs that are left of those with these UUIDs, which are in KFD's order; an unknown UUID is None.
    """
    order = tuple(range(len(uuids)))
    hidden: dict[int, HidingVariable] = {}
    text = as_text(ask.env(ROCR))
    if text is not None:
        order = rocr_visible(text, uuids)
        hiding = HidingVariable(variable=ROCR, value=text, evidence=(f"env:{ROCR}",))
        hidden |= {place: hiding for place in range(len(uuids)) if place not in order}
    name, text = HIP, as_text(ask.env(HIP))
    if not text:
        name, text = CUDA, as_text(ask.env(CUDA))
    if text:
        left = tuple(order[place] for place in hip_visible(text, [uuids[place] for place in order]))
        hiding = HidingVariable(variable=name, value=text, evidence=(f"env:{name}",))
        hidden |= {place: hiding for place in order if place not in left}
        order = left
    return Visible(order=order, hidden=hidden)


def rocr_visible(text: str, uuids: Sequence[str | None]) -> tuple[int, ...]:
    """
    The places that ROCR_VISIBLE_DEVICES leaves, in its order; none for an empty text.

    Entries are numbers as C reads them, or the beginning of one GPU's UUID. The first that names no GPU, or one that
    was named, ends the list.
    """
    places: list[int] = []
    for entry in text.split(",")[: len(uuids)]:
        token = entry.strip().lower()
        place = _by_beginning(token, uuids) if token.startswith("g") else _c_number(token)
        if place is None or not 0 <= place < len(uuids) or place in places:
            break
        places.append(place)
    return tuple(places)


def hip_visible(text: str, uuids: Sequence[str | None]) -> tuple[int, ...]:
    """
    The places that HIP_VISIBLE_DEVICES leaves, in its order; all for an empty text.

    Entries are numbers without blanks, signs and leading zeros, or a part of a UUID. The first that names no GPU ends
    the list; one that was named is passed over.
    """
    if not text:
        return tuple(range(len(uuids)))
    places: list[int] = []
    for entry in text.removesuffix(",").split(","):
        place = _by_part(entry, uuids) if _UUID in entry else _plain_number(entry)
        if place is None or place >= len(uuids):
            break
        if place not in places:
            places.append(place)
    return tuple(places)


def _by_beginning(token: str, uuids: Sequence[str | None]) -> int | None:
    if len(token) not in _UUID_SIZES:
        return None
    found = [place for place, uuid in enumerate(uuids) if uuid is not None and uuid.lower().startswith(token)]
    return found[0] if len(found) == 1 else None


def _by_part(token: str, uuids: Sequence[str | None]) -> int | None:
    return next((place for place, uuid in enumerate(uuids) if uuid is not None and token in uuid), None)


def _c_number(token: str) -> int | None:
    match = re.fullmatch(_C_NUMBER, token)
    if match is None:
        return None
    sign, hexadecimal, octal, decimal = match.groups()
    number = int(hexadecimal, 16) if hexadecimal else int(decimal) if decimal else int(octal or "0", 8)
    return -number if sign == "-" else number


def _plain_number(token: str) -> int | None:
    return int(token) if re.fullmatch("0|[1-9][0-9]{0,8}", token) else None
