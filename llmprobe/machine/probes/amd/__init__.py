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
    env:ROCR_VISIBLE_DEVICES
    env:HIP_VISIBLE_DEVICES
    psutil:virtual_memory                              and read:/proc/meminfo: what host_ram asks
    link:<pci>/driver
    read:<pci>/revision
    read:<pci>/power/runtime_status
    env:LLMPROBE_WAKE                                  where that is ``suspended``
    read:<pci>/product_name                            the rest where the driver is amdgpu and the device awake
    list:<pci>/drm
    run:test -w /dev/dri/<renderD…>                    where that lists one
    read:<pci>/mem_info_vram_total
    read:<pci>/mem_info_vram_used
    read:<pci>/mem_info_vis_vram_total
    read:<pci>/mem_info_gtt_total
    read:<pci>/mem_info_gtt_used
    read:<pci>/mem_info_vram_vendor
    list:/sys/class/kfd/kfd/proc                       of cards in the topology, and so the next two
    read:/sys/class/kfd/kfd/proc/<pid>/vram_<gpu_id>   of each process
    read:/proc/<pid>/comm                              of each that holds memory
    link:<pci>                                         of cards, and what pci_link asks
    list:<pci>/hwmon                                   of cards, and what hwmon asks
"""

from typing import TYPE_CHECKING

from llmprobe.facts.answer import Source
from llmprobe.facts.machine import Accelerator, MemoryPool, Probed, Sharing
from llmprobe.facts.vendors import Amd, Vendor
from llmprobe.machine.asking import Asker
from llmprobe.machine.pci_bus import display_devices

if TYPE_CHECKING:
    from llmprobe.machine.probes.amd.device import Device

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
    from llmprobe.machine.host_ram import host_ram
    from llmprobe.machine.probes.amd.access import ask_access
    from llmprobe.machine.probes.amd.device import ask_device
    from llmprobe.machine.probes.amd.memory import sharing_of
    from llmprobe.machine.probes.amd.topology import ask_topology

    nodes = ask_topology(ask)
    access = ask_access(ask)
    ram = host_ram(ask)
    accelerators: list[Accelerator] = []
    pools: list[MemoryPool] = []
    sharing: list[Sharing] = []
    seen: list[Device] = []
    for number, device in enumerate(devices):
        found = ask_device(ask, device, nodes.get(device.address), access, number)
        seen.append(found)
        accelerators.append(found.accelerator)
        if found.pool is not None:
            pools.append(found.pool)
        if found.accelerator.integrated and found.accelerator.usable:
            sharing.append(sharing_of(found.accelerator.id, found.memory, ram))
    return ask.probed(
        found=True,
        accelerators=tuple(accelerators),
        pools=tuple(pools),
        sharing=tuple(sharing),
        amd=Amd(
            kfd=access.kfd,
            hiding=access.hiding,
            carve_outs=tuple(each.carve_out for each in seen if each.carve_out is not None),
            without_rocm=tuple(each.without_rocm for each in seen if each.without_rocm is not None),
        ),
    )
