"""
The devices that a CUDA program would see, their order, and the ids that follow from it.

A device that cannot be used keeps its place, so that the trouble of one does not rename the others. Devices
that CUDA_VISIBLE_DEVICES hides come last.
"""

import msgspec

from llmprobe.facts.machine import Accelerator, MemoryPool, Sharing
from llmprobe.facts.nvidia import VisibleDevices
from llmprobe.facts.seen import Seen
from llmprobe.machine.asking import Asker, as_text
from llmprobe.machine.budget import settle
from llmprobe.machine.probes.nvidia.device import Found, hide
from llmprobe.machine.probes.nvidia.mps import ask_limits
from llmprobe.machine.probes.nvidia.visible import Visible, parse_cuda_visible_devices
from llmprobe.words.message import Message, message

_VARIABLE = "CUDA_VISIBLE_DEVICES"
_ORDER = "CUDA_DEVICE_ORDER"


class Numbered(msgspec.Struct, frozen=True, kw_only=True):
    """
    The devices with their ids, their pools and how they share RAM, the variable that chose them, and the names whose
    order is uncertain.
    """

    accelerators: tuple[Accelerator, ...] = ()
    pools: tuple[MemoryPool, ...] = ()
    sharing: tuple[Sharing, ...] = ()
    visible: Seen[VisibleDevices] | None = None
    uncertain_order: Seen[tuple[str, ...]] | None = None


def number(ask: Asker, found: list[Found]) -> Numbered:
    """
    The devices, numbered as CUDA would number them.
    """
    if not found:
        return Numbered()
    text = as_text(ask.env(_VARIABLE))
    chosen = None
    if text is None:
        ordered = _one_instance(found)
    else:
        ordered, visible = _by_variable(found, text)
        value = VisibleDevices(value=text, invalid=visible.invalid)
        chosen = Seen(value=value, evidence=(f"env:{_VARIABLE}",))
    accelerators, pools, sharing = [], [], []
    caps = ask_limits(ask)
    for place, each in enumerate(ordered):
        pool_id = f"vram{place}"
        own = tuple(pool_id if pool == "vram" else pool for pool in each.accelerator.pools)
        accelerator = msgspec.structs.replace(each.accelerator, id=f"gpu{place}", pools=own)
        accelerators.append(accelerator)
        if each.pool is not None:
            pool = msgspec.structs.replace(each.pool, id=pool_id)
            if place in caps:
                pool = settle(pool, caps=(caps[place],))
            pools.append(pool if accelerator.usable else hide(pool, accelerator.why_not))
        if each.sharing is not None:
            sharing.append(msgspec.structs.replace(each.sharing, accelerator=accelerator.id))
    return Numbered(
        accelerators=tuple(accelerators),
        pools=tuple(pools),
        sharing=tuple(sharing),
        visible=chosen,
        uncertain_order=_uncertain_order(ask, found, text),
    )


def _one_instance(found: list[Found]) -> list[Found]:
    """
    The devices, usable where CUDA shows them when nothing is chosen: undivided ones, or else the first MIG instance.
    """
    whole = any(each.accelerator.usable and each.accelerator.partition is None for each in found)
    taken = whole
    left = []
    for each in found:
        partition = each.accelerator.partition
        if partition is None or partition.kind != "mig" or not each.accelerator.usable:
            left.append(each)
        elif taken:
            why_not = message("unusable.nvidia-instance-not-chosen", uuid=each.accelerator.uuid)
            left.append(_unusable(each, why_not))
        else:
            taken = True
            left.append(each)
    return left


def _by_variable(found: list[Found], text: str) -> tuple[list[Found], Visible]:
    slots: list[list[Found]] = []
    for each in found:
        if not each.reachable:
            continue
        if slots and slots[-1][0].slot == each.slot:
            slots[-1].append(each)
        else:
            slots.append([each])
    instances = [each for each in found if _is_instance(each)]
    names = [_names(slot[0].slot_uuid) for slot in slots] + [_instance_names(each) for each in instances]
    visible = parse_cuda_visible_devices(text, names, numbered=len(slots))
    chosen = [
        slots[place][0] if place < len(slots) else instances[place - len(slots)] for place in visible.order
    ]
    first_instance = next((each for each in chosen if _is_instance(each)), None)
    if first_instance is not None:
        chosen = [first_instance]
    rest = [each for each in found if not any(each is one for one in chosen)]
    why_not = message("unusable.nvidia-hidden", variable=_VARIABLE)
    hidden = [_unusable(each, why_not, _VARIABLE) if each.accelerator.usable else each for each in rest]
    return [*chosen, *hidden], visible


def _names(uuid: str | None) -> tuple[str, ...]:
    return () if uuid is None else (uuid,)


def _instance_names(each: Found) -> tuple[str, ...]:
    """
    Both names of a MIG instance: its UUID, and its place in the parent as drivers before 470 had it.
    """
    if each.instance is None or each.slot_uuid is None:
        return _names(each.accelerator.uuid)
    legacy = f"MIG-{each.slot_uuid}/{each.instance[0]}/{each.instance[1]}"
    return (*_names(each.accelerator.uuid), legacy)


def _uncertain_order(ask: Asker, found: list[Found], text: str | None) -> Seen[tuple[str, ...]] | None:
    """
    The names of the devices where CUDA's own order (the fastest first) may differ from the bus, which NVML follows.
    """
    names = {each.accelerator.name for each in found if each.reachable and not _is_instance(each)}
    by_uuid = text is not None and text.strip().startswith(("GPU-", "MIG-"))
    if len(names) < 2 or as_text(ask.env(_ORDER)) == "PCI_BUS_ID" or by_uuid:
        return None
    return Seen(value=tuple(sorted(names)), evidence=(f"env:{_ORDER}",))


def _is_instance(found: Found) -> bool:
    partition = found.accelerator.partition
    return partition is not None and partition.kind == "mig"


def _unusable(found: Found, why_not: Message, hidden_by: str | None = None) -> Found:
    accelerator = msgspec.structs.replace(
        found.accelerator, usable=False, why_not=why_not, hidden_by=hidden_by
    )
    return msgspec.structs.replace(found, accelerator=accelerator)
