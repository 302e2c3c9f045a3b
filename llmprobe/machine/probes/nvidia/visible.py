"""
The devices that CUDA_VISIBLE_DEVICES leaves visible, by CUDA's own rules.

https://docs.nvidia.com/cuda/cuda-c-programming-guide/#cuda-environment-variables: the list is read from the
left and ends at the first entry that names no device; a device named twice leaves none; numbers and UUIDs
are not mixed.
"""

import re
from collections.abc import Sequence

import msgspec

_LEADING = r"([+-]?[0-9]{1,9})"


class Visible(msgspec.Struct, frozen=True, kw_only=True):
    """
    The positions that stay visible, in the order in which CUDA numbers them, and the entry that ended the
    list.
    """

    order: tuple[int, ...]
    invalid: str | None = None


def parse_cuda_visible_devices(text: str, names: Sequence[tuple[str, ...]], *, numbered: int) -> Visible:
    """
    The devices that CUDA would show, by position; ``names`` are the UUIDs of each.

    Empty text means none. Only the first ``numbered`` positions have a number, which is read from leading digits.
    A UUID may be shortened to any beginning that only one device has.
    """
    chosen: list[int] = []
    by_number: bool | None = None
    for entry in text.split(","):
        token = entry.strip()
        number = re.match(_LEADING, token)
        if by_number is None:
            by_number = number is not None
        position = _by_number(number, numbered) if by_number else _by_uuid(token, names)
        if position is None:
            return Visible(order=tuple(chosen), invalid=token if token not in ("", "-1") else None)
        if position in chosen:
            return Visible(order=(), invalid=token)
        chosen.append(position)
    return Visible(order=tuple(chosen))


def _by_number(number: re.Match[str] | None, count: int) -> int | None:
    if number is None:
        return None
    position = int(number.group(1))
    return position if 0 <= position < count else None


def _by_uuid(token: str, names: Sequence[tuple[str, ...]]) -> int | None:
    if not token.startswith(("GPU-", "MIG-")):
        return None
    legacy = "/" in token
    matches = [
        place
        for place, known in enumerate(names)
        if any(name == token if legacy else "/" not in name and name.startswith(token) for name in known)
    ]
    return matches[0] if len(matches) == 1 else None
