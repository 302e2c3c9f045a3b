"""
The AMD GPUs and parts of GPUs in the order in which ROCm numbers them, and what this user may do with each.

ROCm passes over a GPU whose file in /dev/dri it may not open, such as one that a container was not given
(ROCR-Runtime, libhsakmt/src/topology.c): that GPU has no number.
"""

from collections.abc import Sequence

import msgspec

from llmprobe.machine.asking import Asker, items_of
from llmprobe.machine.probes.amd.access import Access, may_write
from llmprobe.machine.probes.amd.device import Use, Whole
from llmprobe.machine.probes.amd.parts import Parts
from llmprobe.machine.probes.amd.topology import Node
from llmprobe.machine.probes.amd.visible import ask_visible


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """
    A device or a part of one, with its place in KFD's topology where it is in that, before it is known who may use it.
    """

    whole: Whole
    parts: Parts
    node: Node | None = None
    place: int | None = None
    writable: bool | None = None


def ask_writable(ask: Asker, whole: Whole, node: Node | None, parts: Parts) -> bool | None:
    """
    Whether this user may write to the file of a device or part in /dev/dri; None where that is unknown.

    The bus lists the file of a whole device, the topology those of parts.
    """
    if whole.driver != "amdgpu":
        return None
    listed = items_of(ask.list(f"{whole.device.path}/drm")) if whole.awake and parts.count == 1 else []
    names = [str(name) for name in listed if str(name).startswith("renderD")]
    if not names and node is not None and node.render is not None:
        names = [f"renderD{node.render}"]
    return may_write(ask, f"/dev/dri/{names[0]}") if names else None


def in_order(
    ask: Asker, candidates: Sequence[Candidate], access: Access
) -> tuple[tuple[Candidate, Use], ...]:
    """
    The devices in ROCm's order where it can be used, else in that of the bus, each with what may be done with it.

    Those that the environment hides come after those that it leaves.
    """
    if not access.computes:
        return tuple(
            (each, Use(access=access, release=ask.platform.release, writable=each.writable))
            for each in candidates
        )
    placed = sorted((each for each in candidates if each.place is not None), key=lambda each: each.place or 0)
    counted = [each for each in placed if each.writable is not False]
    visible = ask_visible(ask, [each.node.uuid if each.node is not None else None for each in counted])
    hidden = {id(each): visible.hidden.get(place) for place, each in enumerate(counted)}
    left = [counted[place] for place in visible.order]
    others = [each for each in placed if each not in left]
    rest = [each for each in candidates if each.place is None]
    return tuple(
        (
            each,
            Use(
                access=access,
                release=ask.platform.release,
                writable=each.writable,
                hiding=hidden.get(id(each)),
            ),
        )
        for each in (*left, *others, *rest)
    )
