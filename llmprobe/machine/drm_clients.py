"""
Which programs hold memory of a card, as its kernel driver counts it for each open device file of a process.

Unprivileged programs see their own user's processes only. One open file may be there several times, so that each client
counts once. https://docs.kernel.org/gpu/drm-usage-stats.html

Questions, in order:

    run:find /proc … -exec grep …                      the lines about memory of all open files
    read:/proc/<pid>/comm                              of each process that holds some
"""

import re
from collections.abc import Iterable

import msgspec

from llmprobe.facts.asking import question_name
from llmprobe.facts.machine import Holder
from llmprobe.machine.asking import Asker, as_int, fields_of

COMMAND = (
    "find",
    "/proc",
    "-maxdepth",
    "3",
    "-path",
    "/proc/[0-9]*/fdinfo/*",
    "-exec",
    "grep",
    "-sHE",
    "^drm-(pdev|client-id|memory-|resident-|total-)",
    "{}",
    "+",
)
QUESTION = question_name("run", COMMAND)
_LINE = r"/proc/(\d+)/fdinfo/(\d+):drm-([a-z]+)(?:-(\w+))?:\s*(\S+)(?: ([KMG]iB))?\s*"
_UNITS = {None: 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_OF_A_CARD = r"vram\d*|local\d+"
"""The regions of a card's own memory: of amdgpu and xe, of i915."""

_KINDS = ("resident", "memory", "total")
"""What of a region counts, the first that is there: what lies in it, its older name, and what was allocated."""


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """
    The memory in bytes that one client of a device holds for a process.
    """

    pid: int
    address: str
    client: str
    used_bytes: int


def ask_clients(ask: Asker) -> dict[str, tuple[Holder, ...]]:
    """
    The programs that hold memory, by the address of the card, the largest first.
    """
    output = fields_of(ask.run(*COMMAND)).get("stdout")
    sums: dict[str, dict[int, int]] = {}
    for each in parse_clients(output) if isinstance(output, str) else ():
        of_card = sums.setdefault(each.address, {})
        of_card[each.pid] = of_card.get(each.pid, 0) + each.used_bytes
    return {address: _holders(ask, of_card.items()) for address, of_card in sums.items()}


def parse_clients(text: str) -> tuple[Client, ...]:
    """
    The clients that hold memory of cards, each once, from lines of ``/proc/<pid>/fdinfo/<fd>:drm-<key>: <value>``.
    """
    files: dict[tuple[str, str], dict[str, str]] = {}
    sizes: dict[tuple[str, str], dict[tuple[str, str], int]] = {}
    for line in text.splitlines():
        match = re.fullmatch(_LINE, line)
        if match is None:
            continue
        pid, file, key, rest, value, unit = match.groups()
        number = as_int(value)
        if key in _KINDS and rest is not None and number is not None and re.fullmatch(_OF_A_CARD, rest):
            sizes.setdefault((pid, file), {})[key, rest] = number * _UNITS[unit]
        else:
            files.setdefault((pid, file), {})[key if rest is None else f"{key}-{rest}"] = value
    found: dict[tuple[str, str, str], Client] = {}
    for (pid, file), fields in files.items():
        address, client = fields.get("pdev"), fields.get("client-id")
        used = _held(sizes.get((pid, file), {}))
        if address is not None and client is not None and used:
            found[pid, address, client] = Client(
                pid=int(pid[:9]), address=address.lower(), client=client, used_bytes=used
            )
    return tuple(found.values())


def together(*lists: tuple[Holder, ...]) -> tuple[Holder, ...]:
    """
    The holders of several counts, each process once with the most that one of them has for it, the largest first.
    """
    most: dict[int | None, Holder] = {}
    for holder in (holder for holders in lists for holder in holders):
        known = most.get(holder.pid)
        if known is None or (holder.used_bytes or 0) > (known.used_bytes or 0):
            most[holder.pid] = holder
    return tuple(sorted(most.values(), key=lambda each: (-(each.used_bytes or 0), each.pid or 0)))


def _held(sizes: dict[tuple[str, str], int]) -> int:
    regions = {region for _, region in sizes}
    return sum(next(sizes[kind, region] for kind in _KINDS if (kind, region) in sizes) for region in regions)


def _holders(ask: Asker, sums: Iterable[tuple[int, int]]) -> tuple[Holder, ...]:
    ordered = sorted(sums, key=lambda each: (-each[1], each[0]))
    return tuple(
        Holder(pid=pid, name=(ask.text(f"/proc/{pid}/comm") or "").strip() or None, used_bytes=used)
        for pid, used in ordered
    )
