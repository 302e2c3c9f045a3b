"""
What the compute driver of AMD GPUs (KFD) knows of them: instruction set, compute units, memory, its width and clock.

https://docs.kernel.org/gpu/amdgpu/ and https://rocm.docs.amd.com: every node of the topology is a processor
or a GPU, or a part of one that is divided; reading them wakes nothing. ROCm numbers GPUs in the order of the nodes,
which is not that of the bus (ROCR-Runtime, libhsakmt/src/topology.c).
"""

import msgspec

from llmprobe.machine.asking import Asker, as_int, items_of

NODES = "/sys/class/kfd/kfd/topology/nodes"
_FACTORS = {
    "gfx906": 2,
    "gfx908": 2,
    "gfx90a": 2,
    "gfx942": 4,
    "gfx950": 4,
}
_GDDR6 = ("gfx10", "gfx11", "gfx12")
_GDDR6_FACTOR = 16
_WITHIN_DOMAIN = 0xFFFF
"""Bus, device and function: above them the location of a part has its number (Linux, kfd_topology.c)."""


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """
    One GPU of the topology, or one part. ``gfx`` is its instruction set as compilers call it (``gfx1100``).

    ``address`` is that on the bus, for a part as the driver makes it up. ``gpu_id`` is the number that names it among
    what processes hold, ``uuid`` its name for ROCm (``GPU-`` and 16 digits), ``render`` the number of its device file
    in /dev/dri. ``heap_bytes`` is the memory that ROCm may allocate there. ``width_bits`` and ``clock_mhz`` are those
    of its memory.
    """

    number: str = ""
    address: str = ""
    gfx: str | None = None
    compute_units: int | None = None
    heap_bytes: int | None = None
    width_bits: int | None = None
    clock_mhz: int | None = None
    with_processor: bool = False
    gpu_id: int | None = None
    uuid: str | None = None
    render: int | None = None
    evidence: tuple[str, ...] = ()


def ask_topology(ask: Asker) -> tuple[Node, ...]:
    """
    The GPUs of the topology in the order of its nodes, which is ROCm's.
    """
    found = []
    names = [str(name) for name in items_of(ask.list(NODES))]
    for name in sorted(names, key=_in_order):
        path = f"{NODES}/{name}"
        properties = parse_properties(ask.text(f"{path}/properties") or "")
        address = pci_address(properties)
        if not properties.get("simd_count") or address is None:
            continue
        bank = parse_properties(ask.text(f"{path}/mem_banks/0/properties") or "")
        per_unit = properties.get("simd_per_cu")
        node = Node(
            number=name,
            address=address,
            gfx=gfx_name(properties.get("gfx_target_version")),
            compute_units=properties["simd_count"] // per_unit if per_unit else None,
            heap_bytes=bank.get("size_in_bytes") or None,
            width_bits=bank.get("width") or None,
            clock_mhz=bank.get("mem_clk_max") or None,
            gpu_id=as_int(ask.text(f"{path}/gpu_id")),
            with_processor=bool(properties.get("cpu_cores_count")),
            uuid=uuid_of(properties.get("unique_id")),
            render=properties.get("drm_render_minor") or None,
            evidence=(f"read:{path}/properties", f"read:{path}/mem_banks/0/properties"),
        )
        found.append(node)
    return tuple(found)


def nodes_by_device(nodes: tuple[Node, ...], addresses: tuple[str, ...]) -> dict[str, tuple[Node, ...]]:
    """
    The nodes of each device on the bus, of a divided one its parts.

    The first part of a device has its address. The others have one that no device has: another function of it.
    """
    found: dict[str, tuple[Node, ...]] = {}
    for node in nodes:
        whole = f"{node.address[:-1]}0"
        device = node.address if node.address in addresses else whole
        found[device] = (*found.get(device, ()), node)
    return found


def parse_properties(text: str) -> dict[str, int]:
    """
    The numbers of a topology file by name: lines of ``name number``.
    """
    fields = {}
    for line in text.splitlines():
        name, _, value = line.strip().partition(" ")
        number = as_int(value)
        if number is not None:
            fields[name] = number
    return fields


def pci_address(properties: dict[str, int]) -> str | None:
    """
    The address that ``domain`` and ``location_id`` (bus, device and function) encode.
    """
    location = properties.get("location_id", 0) & _WITHIN_DOMAIN
    if not location:
        return None
    domain = properties.get("domain", 0)
    return f"{domain:04x}:{location >> 8:02x}:{location >> 3 & 0x1F:02x}.{location & 7}"


def gfx_name(version: int | None) -> str | None:
    """
    The compiler's name of an instruction set: 110501 is gfx1151 and 90010 is gfx90a.
    """
    if not version:
        return None
    return f"gfx{version // 10000}{version // 100 % 100:x}{version % 100:x}"


def uuid_of(unique_id: int | None) -> str | None:
    """
    The name that ROCm gives a GPU by its number; None for one without.
    """
    return f"GPU-{unique_id:016x}" if unique_id else None


def bandwidth(node: Node) -> int | None:
    """
    The peak bandwidth of a card's memory in bytes/s, where the kind of memory is known by the GPU.

    The driver's clock is that of commands: GDDR6 moves 16 bits a line for each, HBM2 2 and HBM3 4. So 256 bits at
    1218 MHz are 624 GB/s (RX 7800 XT), and 8192 at 1300 are 5.3 TB/s (MI300X), as their makers say.
    """
    if node.gfx is None or node.width_bits is None or node.clock_mhz is None:
        return None
    factor = _FACTORS.get(node.gfx, _GDDR6_FACTOR if node.gfx.startswith(_GDDR6) else None)
    return None if factor is None else node.width_bits * node.clock_mhz * factor * 1_000_000 // 8


def _in_order(name: str) -> tuple[int, str]:
    number = as_int(name)
    return (len(name), name) if number is None else (number, name)
