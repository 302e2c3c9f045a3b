"""
What may be taken of a memory pool: its total, less every reduction by name.

``total_bytes`` less the sum of ``limits`` is ``budget_bytes``, and 0 <= budget <= free <= total, wherever
these are known. What does not add up is never mended silently: the difference becomes a limit of its own.
"""

import msgspec

from llmprobe.facts.machine import Limit, MemoryPool, Sharing
from llmprobe.words.message import message

GIVEN_BACK = frozenset({"in-use", "processes", "display"})
"""Reductions of a pool that are programs, which can end."""


def given_back(pool: MemoryPool) -> int:
    """
    What programs that could end hold of a pool.
    """
    return sum(limit.bytes for limit in pool.limits if limit.by in GIVEN_BACK)


def less_limited(pool: MemoryPool, by: str, more_bytes: int) -> MemoryPool:
    """
    The pool with a budget that is so much larger, as less is taken away under this name.
    """
    left, limits = more_bytes, []
    for one in pool.limits:
        less = min(left, one.bytes) if one.by == by else 0
        left -= less
        limits.append(msgspec.structs.replace(one, bytes=one.bytes - less))
    budget = None if pool.budget_bytes is None else pool.budget_bytes + more_bytes
    return msgspec.structs.replace(pool, budget_bytes=budget, limits=tuple(limits))


def settle(pool: MemoryPool, limits: tuple[Limit, ...] = (), caps: tuple[Limit, ...] = ()) -> MemoryPool:
    """
    The pool with further limits and caps, and with the budget that they leave.

    A limit takes its bytes away. A cap is the most that may be taken: it becomes the limit that lowers to it
    what the others leave, and stays as a limit of 0 bytes where they leave less.
    """
    named = (*pool.limits, *limits)
    total = pool.total_bytes
    if total is None:
        most = [cap.bytes for cap in caps]
        budget = None if pool.budget_bytes is None else max(0, min([pool.budget_bytes, *most]))
        return msgspec.structs.replace(pool, budget_bytes=budget, limits=named)
    free, kept = _plausible_free(pool.free_bytes, total)
    left = total
    for limit in named:
        kept.append(_at_most(limit, left))
        left -= kept[-1].bytes
    ceilings = [each for each in (free, pool.budget_bytes) if each is not None]
    if ceilings and left > max(0, min(ceilings)):
        more = left - max(0, min(ceilings))
        detail = message("limit.in-use-unnamed")
        kept.append(Limit(by="in-use", bytes=more, detail=detail, basis="derived"))
        left -= more
    for cap in caps:
        taken = max(0, left - max(0, cap.bytes))
        left -= taken
        kept.append(msgspec.structs.replace(cap, bytes=taken))
    return msgspec.structs.replace(
        pool, free_bytes=free, limits=tuple(kept), budget_bytes=left if ceilings else None
    )


def with_carve_out(pool: MemoryPool, sharing: Sharing) -> MemoryPool:
    """
    The host's memory with the carve-out that the firmware reserves for integrated graphics added to it.

    Physical memory is what the system counts and the carve-out: neither is a part of the other.
    """
    size, used = sharing.carve_out_bytes, sharing.carve_out_used_bytes
    if not size or pool.total_bytes is None:
        return pool
    left = size - used
    detail = message("limit.carve-out-in-use")
    return msgspec.structs.replace(
        pool,
        total_bytes=pool.total_bytes + size,
        free_bytes=None if pool.free_bytes is None else pool.free_bytes + left,
        budget_bytes=None if pool.budget_bytes is None else pool.budget_bytes + left,
        limits=(*pool.limits, *((Limit(by="display", bytes=used, detail=detail),) if used else ())),
    )


def _plausible_free(free: int | None, total: int) -> tuple[int | None, list[Limit]]:
    if free is None or 0 <= free <= total:
        return free, []
    detail = message("limit.free-not-plausible", free_bytes=free, total_bytes=total)
    return min(max(free, 0), total), [Limit(by="in-use", bytes=0, detail=detail, basis="assumed")]


def _at_most(limit: Limit, left: int) -> Limit:
    if 0 <= limit.bytes <= left:
        return limit
    detail = message("limit.cut-to-rest", limit=limit.detail or limit.by, left_bytes=left)
    return msgspec.structs.replace(limit, bytes=min(max(limit.bytes, 0), left), detail=detail)
