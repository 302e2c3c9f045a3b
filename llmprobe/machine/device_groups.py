"""
What control groups let this process have of the memory of GPUs: the controller ``dmem`` of Linux 6.14 and later.

A line of ``dmem.max`` is a region and its limit in bytes, or ``max``: ``drm/0000:03:00.0/vram0 1073741824``. amdgpu
calls its region ``vram`` (amdgpu_vram_mgr.c), xe ``vram0`` and ``vram1``, one of each tile (xe_ttm_vram_mgr.c); other
drivers have none. A limit of any ancestor holds, and what a group uses counts against it.
https://docs.kernel.org/admin-guide/cgroup-v2.html#dmem

Questions, in order (``<group>`` is that of this process below the mount, then each of its parents):

    read:/proc/self/cgroup
    read:/proc/self/mountinfo
    read:<mount>/<group>/dmem.max
    read:<mount>/<group>/dmem.current                  where that limits one of the devices
"""

import re
from collections.abc import Mapping

from llmprobe.facts.machine import Limit
from llmprobe.machine.asking import Asker, as_int
from llmprobe.machine.control_groups import ancestors, mount_of, parse_mountinfo, parse_self_cgroup
from llmprobe.words.message import message

_REGION = r"drm/([0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])/vram\d{0,2}"


def ask_caps(ask: Asker, pools: Mapping[str, str]) -> tuple[tuple[str, Limit], ...]:
    """
    The tightest limit of each pool that has one, as a cap on what is left below it; ``pools`` has the pool of each
    device by its address on the bus.
    """
    if not pools:
        return ()
    place = mount_of(
        "dmem",
        parse_self_cgroup(ask.text("/proc/self/cgroup") or ""),
        parse_mountinfo(ask.text("/proc/self/mountinfo") or ""),
    )
    if place is None or place[0].version != 2:
        return ()
    caps: dict[str, Limit] = {}
    for directory in ancestors(*place):
        most = parse_regions(ask.text(f"{directory}/dmem.max") or "")
        limited = [address for address in pools if most.get(address) is not None]
        used = parse_regions(ask.text(f"{directory}/dmem.current") or "") if limited else {}
        for address in limited:
            cap = _cap(most[address] or 0, used.get(address))
            if pools[address] not in caps or cap.bytes < caps[pools[address]].bytes:
                caps[pools[address]] = cap
    return tuple(caps.items())


def parse_regions(text: str) -> dict[str, int | None]:
    """
    The bytes of the memory of each device, of all its regions together; None where one of them has no limit.
    """
    found: dict[str, int | None] = {}
    for line in text.splitlines():
        region, _, value = line.strip().rpartition(" ")
        match = re.fullmatch(_REGION, region)
        number = as_int(value)
        if match is None or (number is None and value != "max"):
            continue
        address = match[1]
        before = found.get(address, 0)
        found[address] = None if before is None or number is None else before + number
    return found


def _cap(limit: int, used: int | None) -> Limit:
    return Limit(
        by="cgroup",
        bytes=max(0, limit - (used or 0)),
        detail=message("limit.cgroup", limit_bytes=limit, used_bytes=used),
    )
