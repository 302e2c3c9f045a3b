"""
AMD GPUs on Linux, from sysfs alone: cards with their own memory, and graphics in a processor that share RAM.

Reading the memory of a card that sleeps wakes it, so that its state is looked at first. Which device is
integrated is decided by evidence, never by its name: the vendor of its memory, its PCI number, its instruction
set, its sizes. https://docs.kernel.org/gpu/amdgpu/driver-misc.html

Questions, in order (``<pci>`` is /sys/bus/pci/devices/<address> of each AMD device):

    list:/sys/bus/pci/devices                          and what pci_bus asks
    list:/sys/class/kfd/kfd/topology/nodes             the following only where there is an AMD device
    read:/sys/class/kfd/kfd/topology/nodes/<n>/properties              of each node
    read:/sys/class/kfd/kfd/topology/nodes/<n>/mem_banks/0/properties  of each GPU
    read:/sys/class/kfd/kfd/topology/nodes/<n>/gpu_id                  of each GPU
    list:/dev                                          for kfd
    run:test -w /dev/kfd                               where that is there
    env:HSA_OVERRIDE_GFX_VERSION
    read:/proc/self/mountinfo                          and in a container with lxcfs what its nodes have in meminfo
    psutil:virtual_memory                              and read:/proc/meminfo: what host_ram asks, elsewhere
    what apart asks                                    of several MI300A
    link:<pci>/driver
    read:<pci>/revision
    read:<pci>/power/runtime_status
    env:LLMPROBE_WAKE                                  where that is ``suspended``
    read:<pci>/product_name                            where the driver is amdgpu and the device awake, and so the next
    read:<pci>/mem_info_vram_total
    read:<pci>/mem_info_vram_used
    read:<pci>/mem_info_vis_vram_total
    read:<pci>/mem_info_gtt_total
    read:<pci>/mem_info_gtt_used
    read:<pci>/mem_info_vram_vendor
    read:/sys/module/ttm/parameters/pages_limit        where it is integrated
    list:/sys/class/kfd/kfd/proc                       of cards in the topology, and so the next two
    read:/sys/class/kfd/kfd/proc/<pid>/vram_<gpu_id>   of each process
    read:/proc/<pid>/comm                              of each that holds memory
    run:find /proc …                                   and what drm_clients asks, of cards that are whole and awake
    list:<pci>/drm                                     of each that is awake and not divided
    run:test -w /dev/dri/<renderD…>                    of each device or part that has one
    env:ROCR_VISIBLE_DEVICES                           and what visible asks
    read:<pci>/current_compute_partition               of a divided card, and what parts asks
    link:<pci>                                         of cards that are awake, and what pci_link asks
    list:<pci>/hwmon                                   of the same, and what hwmon asks
    run:od -An -v -tx1 <pci>/gpu_metrics               of the same
    what device_groups asks                            where a card that is whole has memory of its own
"""

from typing import TYPE_CHECKING

import msgspec

from llmprobe.facts.answer import Source
from llmprobe.facts.machine import Holder, Probed
from llmprobe.facts.vendors import Amd, Vendor
from llmprobe.machine.asking import Asker
from llmprobe.machine.pci_bus import display_devices

if TYPE_CHECKING:
    from llmprobe.machine.probes.amd.numbering import Candidate

NAME = "amd"
PLATFORMS = frozenset({"linux"})
VENDORS = (Vendor(name="amd", rank=1, in_processors=True, lists_programs=("rocm-smi --showpids",)),)

VENDOR = "0x1002"


def probe(source: Source) -> Probed:
    """
    The AMD GPUs; integrated ones name the pool ``ram`` and how they share it.
    """
    ask = Asker(source)
    devices = [device for device in display_devices(ask) if device.vendor == VENDOR]
    if not devices:
        return ask.probed(found=False)
    # A machine without AMD devices loads nothing that is about them.
    from llmprobe.machine.device_groups import ask_caps
    from llmprobe.machine.drm_clients import ask_clients
    from llmprobe.machine.host_ram import host_ram, outside_of_container
    from llmprobe.machine.probes.amd.access import ask_access
    from llmprobe.machine.probes.amd.apart import counted_there, sockets
    from llmprobe.machine.probes.amd.device import ask_device, ask_whole
    from llmprobe.machine.probes.amd.memory import ask_holders, sharing_of
    from llmprobe.machine.probes.amd.numbering import Candidate, ask_writable, in_order
    from llmprobe.machine.probes.amd.parts import Parts, parts_of
    from llmprobe.machine.probes.amd.topology import ask_topology, nodes_by_device

    nodes = ask_topology(ask)
    by_device = nodes_by_device(nodes, tuple(device.address for device in devices))
    access = ask_access(ask)
    outside = outside_of_container(ask)
    ram = outside or host_ram(ask)
    places = {node.number: place for place, node in enumerate(nodes)}
    apart = sockets(ask, devices, by_device)
    candidates = []
    clients: dict[str, tuple[Holder, ...]] | None = None
    for device in devices:
        own = by_device.get(device.address, ())
        whole = ask_whole(ask, device, own[0] if own else None, apart.get(device.address))
        cards = own if whole.awake and not whole.integrated else ()
        holders = {node.number: ask_holders(ask, node.gpu_id, whole.memory.vram_total) for node in cards}
        drawing: tuple[Holder, ...] = ()
        if whole.awake and not whole.integrated and len(own) <= 1:
            clients = ask_clients(ask) if clients is None else clients
            drawing = clients.get(device.address, ())
        parts = parts_of(whole.memory, own, holders, drawing) if cards or drawing else Parts()
        candidates += [
            Candidate(
                whole=whole,
                parts=parts,
                node=node,
                place=places[node.number] if node is not None else None,
                writable=ask_writable(ask, whole, node, parts),
            )
            for node in own or (None,)
        ]
    ordered = in_order(ask, _with_sleepers(candidates), access)
    seen = [
        ask_device(ask, each.whole, each.node, use, ram, parts=each.parts, number=number)
        for number, (each, use) in enumerate(ordered)
    ]
    return ask.probed(
        found=True,
        accelerators=tuple(each.accelerator for each in seen),
        pools=tuple(each.pool for each in seen if each.pool is not None),
        # A divided device has one region for all of its parts.
        caps=ask_caps(
            ask,
            {
                each.accelerator.pci: each.pool.id
                for each in seen
                if each.pool is not None and each.accelerator.pci and each.accelerator.partition is None
            },
        ),
        limits=counted_there([each.pool for each in seen if each.pool and each.accelerator.pci in apart]),
        sharing=tuple(
            sharing_of(
                each.accelerator.id,
                each.memory,
                ram,
                each.heaps.cap() if each.heaps is not None else None,
                beside=outside is not None,
            )
            for each in seen
            if each.accelerator.integrated and each.accelerator.usable
        ),
        amd=Amd(
            kfd=access.kfd if access.rocm else None,
            hiding=tuple(dict.fromkeys(use.hiding for _, use in ordered if use.hiding is not None)),
            carve_outs=tuple(each.carve_out for each in seen if each.carve_out is not None),
            without_rocm=tuple(each.without_rocm for each in seen if each.without_rocm is not None),
            heaps=tuple(heaps for each in seen if (heaps := each.shared_heaps()) is not None),
        ),
    )


def _with_sleepers(candidates: "list[Candidate]") -> "list[Candidate]":
    """
    The devices, of which cards that sleep are used where none is awake: engines wake what they list.
    """
    if any(each.whole.awake and not each.whole.integrated for each in candidates):
        return candidates
    return [
        msgspec.structs.replace(each, whole=msgspec.structs.replace(each.whole, alone=True))
        if each.whole.asleep and not each.whole.integrated
        else each
        for each in candidates
    ]
