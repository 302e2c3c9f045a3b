"""
What a machine is: its processor, its memory pools, its accelerators, and how we know.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from llmprobe._version import __version__
from llmprobe.facts.finding import Finding
from llmprobe.facts.host import ControlGroup, Disagreement, HostMemory, ModelDisk
from llmprobe.facts.measured import KeptHere, Measurement
from llmprobe.facts.nvidia import NvidiaSystem
from llmprobe.facts.vendors import Amd, Apple, OneApi
from llmprobe.facts.vulkan import Vulkan
from llmprobe.facts.windows import UncountedAdapter, Windows
from llmprobe.words.message import Message

Basis = Literal["measured", "declared", "derived", "assumed"]
"""
How a number is known: ``measured`` read from the machine or a log, ``declared`` from a table or a datasheet,
``derived`` computed from those by a rule that is exact, ``assumed`` by a rule that is not.
"""


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """
    One named reduction of a pool: ``total_bytes`` less the sum of all ``bytes`` is ``budget_bytes``.

    ``by`` is a word for tools: ``in-use``, ``driver-reserve``, ``processes``, ``display``, ``cgroup``,
    ``working-set``, ``os``, ``hidden``. ``detail`` says it to a person.
    """

    by: str
    bytes: int
    detail: Message | None = None
    basis: Basis = "measured"


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """
    A process that holds memory of a pool. ``used_bytes`` is unknown where the driver does not say (WDDM, WSL).
    """

    pid: int | None = None
    name: str | None = None
    used_bytes: int | None = None
    graphics: bool = False


class MemoryPool(msgspec.Struct, frozen=True, kw_only=True):
    """
    Memory that can be allocated from: all of it, what is free now, and what a model may take.

    The id is ``ram`` for the memory of the host (kind ``system``, or ``unified`` when an accelerator
    shares it) and ``vram0``, ``vram1``, … for the memory of accelerator ``gpu0``, ``gpu1``, ….

    ``free_bytes`` is what may be allocated now by anyone (MemAvailable for RAM, NVML's free for VRAM).
    ``budget_bytes`` is never more than that, nor more than any limit (cgroup, Apple's working set); of a
    unified pool it is what the accelerator may take, and all of host and accelerator must fit ``free_bytes``.
    ``host_budget_bytes`` is what the host alone may take of a unified pool: less than is free where a part of it
    is set aside for the accelerator or a container is limited. It is unknown (None) for every other pool.
    """

    id: str
    kind: Literal["vram", "unified", "system"]
    total_bytes: int | None
    free_bytes: int | None
    budget_bytes: int | None
    host_budget_bytes: int | None = None
    limits: tuple[Limit, ...] = ()
    held_by: tuple[Holder, ...] = ()
    basis: Basis = "measured"
    evidence: tuple[str, ...] = ()


class Partition(msgspec.Struct, frozen=True, kw_only=True):
    """
    The part of a divided accelerator that this record is: a MIG instance, a vGPU profile, or AMD's ``xcp``.
    """

    kind: Literal["mig", "vgpu", "xcp"]
    profile: str | None = None
    parent_name: str | None = None
    parent_uuid: str | None = None
    instance_id: int | None = None


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """
    The PCIe connection of a device: its lanes and generation now and at most (see ``llmprobe.machine.pcie``).

    ``max_generation`` is the most that device and slot support together, ``device_max_generation`` the most that
    the device supports in any slot. ``bytes_per_s`` is the rate in one direction under load: of the lanes that are
    connected, at ``max_generation``, because idle devices lower ``generation`` to save power.
    """

    generation: int | None = None
    max_generation: int | None = None
    device_max_generation: int | None = None
    width: int | None = None
    max_width: int | None = None
    bytes_per_s: int | None = None


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """
    The part of a device's own memory that the processor can address at a time (BAR).

    ``resizable`` is False where the device has a small window whatever the firmware allows. ``slows`` is the
    cost of a small window: ``sharing`` (Vulkan and transfers between devices), ``loading`` or ``computing``.
    """

    visible_bytes: int
    resizable: bool = True
    slows: Literal["sharing", "loading", "computing"] = "loading"


class Power(msgspec.Struct, frozen=True, kw_only=True):
    """
    The power limits of a device and its draw now, in watts: the limit in force, the vendor's, and the highest allowed.
    """

    limit_watts: float | None = None
    default_watts: float | None = None
    max_watts: float | None = None
    draw_watts: float | None = None


ThrottleReason = Literal["power-limit", "power-brake", "temperature", "temperature-hardware", "hardware"]


class Throttle(msgspec.Struct, frozen=True, kw_only=True):
    """
    The reasons why a device lowers its clocks now (none: an empty tuple; unknown: None), and its temperature.
    """

    reasons: tuple[ThrottleReason, ...] | None = None
    celsius: int | None = None


DeviceState = Literal["present", "asleep", "lost", "unreachable", "lent", "no-instance"]
"""
``asleep``: powered down and not woken. ``lost``: fallen off the bus. ``unreachable``: its driver lists it and does not
report on it. ``lent``: bound to a virtual machine. ``no-instance``: divided into partitions, of which none exists.
"""


class Accelerator(msgspec.Struct, frozen=True, kw_only=True):
    """
    A device that can hold a model, or one that is there and can't (``usable`` false, with ``why_not``).

    The id is ``gpu0``, ``gpu1``, … in the order in which engines number the usable devices.
    ``vendor`` is ``nvidia``, ``amd``, ``intel``, ``apple``, or ``other`` for one that has no probe.
    ``pci`` is ``0000:01:00.0`` in lower case. ``pools`` names the pools that it allocates from.
    ``index`` is the number that the vendor's library gives it. ``hidden_by`` is the variable of the environment
    that hides it from engines, ``numa_node`` the node that it is nearest to. ``ecc`` and ``driver_model`` are the mode
    of its memory and, on Windows, of its driver. ``cited`` holds the answers behind single fields, by field name.
    """

    id: str
    vendor: str
    name: str
    backend: Literal["cuda", "rocm", "vulkan", "metal", "sycl"] | None = None
    pools: tuple[str, ...] = ()
    usable: bool = True
    why_not: Message | None = None
    integrated: bool = False
    index: int | None = None
    uuid: str | None = None
    pci: str | None = None
    driver: str | None = None
    compute_capability: str | None = None
    architecture: str | None = None
    bandwidth_bytes_per_s: int | None = None
    bandwidth_basis: Basis | None = None
    bandwidth_how: Message | None = None
    cores: int | None = None
    partition: Partition | None = None
    compute_mode: str | None = None
    display_active: bool | None = None
    state: DeviceState = "present"
    hidden_by: str | None = None
    link: Link | None = None
    window: Window | None = None
    power: Power | None = None
    throttle: Throttle | None = None
    memory_bus_bits: int | None = None
    ecc: bool | None = None
    driver_model: Literal["wddm", "tcc", "mcdm"] | None = None
    numa_node: int | None = None
    cited: dict[str, tuple[str, ...]] = {}
    evidence: tuple[str, ...] = ()

    def evidence_of(self, *fields: str) -> tuple[str, ...]:
        """The answers behind these fields, or behind the whole record where none of them has its own."""
        own = (name for field in fields for name in self.cited.get(field, ()))
        return tuple(dict.fromkeys(own)) or self.evidence


class Cpu(msgspec.Struct, frozen=True, kw_only=True):
    """
    The processor: what it is, and how many threads a program may use here (affinity, quota).

    ``instruction_sets`` are in lower case as the system names them: ``avx2``, ``avx512f``, ``amx_int8``, ``asimddp``.
    ``usable_cores`` are the cores behind the usable threads, of a hybrid processor the performance cores among
    them: as many threads as that compute fastest, since two threads of a core share its arithmetic.
    """

    name: str | None = None
    vendor: str | None = None
    physical_cores: int | None = None
    logical_cores: int | None = None
    performance_cores: int | None = None
    efficiency_cores: int | None = None
    usable_threads: int | None = None
    usable_cores: int | None = None
    instruction_sets: tuple[str, ...] = ()
    limits: tuple[Message, ...] = ()
    evidence: tuple[str, ...] = ()


class SystemFacts(msgspec.Struct, frozen=True, kw_only=True):
    """
    What probes find out about the system around the devices; ``wsl_gpu`` is whether Windows lends WSL a GPU (/dev/dxg).

    A container in WSL is ``wsl``, with ``in_container`` true. ``container_of`` is its keeper, where one is known.
    """

    os: str | None = None
    environment: Literal["container", "wsl", "vm", "bare"] | None = None
    environment_evidence: tuple[str, ...] = ()
    in_container: bool | None = None
    container_of: Literal["kubernetes", "lxc"] | msgspec.UnsetType = msgspec.UNSET
    wsl_gpu: bool | None = None
    product: str | None = None
    ram_bandwidth_bytes_per_s: int | None = None
    ram_bandwidth_basis: Basis | None = None
    ram_bandwidth_how: Message | None = None
    memory: HostMemory = HostMemory()
    control_group: ControlGroup | None = None


class Host(SystemFacts, frozen=True, kw_only=True):
    """
    The system around the devices: what the interpreter knows of it, what probes found out, and the processor.

    ``measurement`` is the one that is kept of it. Where it counts, the bandwidth of the RAM is the measured one.
    """

    system: str
    machine: str
    release: str | None = None
    cpu: Cpu = Cpu()
    measurement: Measurement | None = None


class Sharing(msgspec.Struct, frozen=True, kw_only=True):
    """
    How an integrated accelerator shares the host's memory: what it adds to ``ram``, and the most that it may take.

    The firmware hides ``carve_out_bytes`` from the system, so that they come on top of what the system counts;
    ``carve_out_used_bytes`` of them are in use. ``cap`` is what ``accelerator`` (its id within the probe) may take of
    both now, where it is used. ``uncounted`` is true where no container's limit counts what it takes of RAM.
    """

    accelerator: str
    carve_out_bytes: int = 0
    carve_out_used_bytes: int = 0
    cap: Limit | None = None
    uncounted: bool = False


class SourceReport(msgspec.Struct, frozen=True, kw_only=True):
    """
    Whether a probe got its answers, and how long it took. A probe that raised is ``crashed``.

    ``absent``: this machine has no such facility. ``unsupported``: it may have it, and no probe knows how to ask.
    """

    name: str
    status: Literal[
        "ok", "absent", "partial", "denied", "failed", "timeout", "crashed", "not_recorded", "unsupported"
    ]
    duration_ms: float | None = None
    detail: Message | None = None


class Probed(msgspec.Struct, frozen=True, kw_only=True):
    """
    What one probe found: parts of a snapshot, to be merged with what the others found.

    ``host`` and ``cpu`` are partial: each probe gives what it knows. Ids of accelerators and of ``vram…`` pools count
    from 0 within one probe; the snapshot numbers them over all. ``limits`` are reductions of a pool by id, ``caps`` the
    most that may be taken of it now, of which the snapshot makes reductions. ``sharing`` holds where they are used.
    """

    status: Literal["ok", "absent", "partial", "denied", "failed", "timeout", "not_recorded"] = "ok"
    detail: Message | None = None
    host: SystemFacts = SystemFacts()
    cpu: Cpu = Cpu()
    pools: tuple[MemoryPool, ...] = ()
    limits: tuple[tuple[str, Limit], ...] = ()
    caps: tuple[tuple[str, Limit], ...] = ()
    accelerators: tuple[Accelerator, ...] = ()
    sharing: tuple[Sharing, ...] = ()
    nvidia: NvidiaSystem | None = None
    disks: tuple[ModelDisk, ...] = ()
    disagreements: tuple[Disagreement, ...] = ()
    apple: Apple | None = None
    amd: Amd | None = None
    windows: Windows | None = None
    vulkan: Vulkan | None = None
    oneapi: OneApi | msgspec.UnsetType = msgspec.UNSET
    uncounted: tuple[UncountedAdapter, ...] = ()
    kept: KeptHere | None = None


class ModelOnDisk(msgspec.Struct, frozen=True, kw_only=True):
    """
    A model that lies on this machine's disk, under the name that its keeper has for it.

    ``path`` is its GGUF file, or the first of a split set; None where there is none to be read. ``problem`` says
    why it can't be used: half downloaded, parts missing. ``quant`` is what the keeper or the file's name says.
    ``projector`` is the mmproj file that the keeper names for it.
    """

    name: str
    kept_by: Message
    path: str | None = None
    bytes: int | None = None
    quant: str | None = None
    repo: str | None = None
    projector: str | None = None
    problem: Message | None = None


class LoadedModel(msgspec.Struct, frozen=True, kw_only=True):
    """
    A model that an engine holds in memory now. ``until`` is when it lets go of it by itself (ISO 8601).
    """

    name: str
    size_bytes: int | None = None
    vram_bytes: int | None = None
    ctx_size: int | None = None
    parallel: int | None = None
    until: str | None = None


class EngineOnMachine(msgspec.Struct, frozen=True, kw_only=True):
    """
    An engine that is installed or runs here, or that keeps models here.

    ``installed`` False means that only its models were found. ``silent`` is true where its port is in use and does not
    answer as the engine does. ``settings`` are variables of its environment that change what a model takes.
    """

    name: str
    version: str | None = None
    running: bool | None = None
    installed: bool | None = None
    endpoint: str | None = None
    detail: Message | None = None
    models: tuple[ModelOnDisk, ...] = ()
    loaded: tuple[LoadedModel, ...] = ()
    silent: bool | None = None
    settings: dict[str, str] = {}
    evidence: tuple[str, ...] = ()


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """
    A machine at one moment. ``oneapi``: where a variable narrows what SYCL sees. ``uncounted``: of a chip under Linux.
    """

    schema: Literal["llmprobe.snapshot/1"] = "llmprobe.snapshot/1"
    llmprobe_version: str = __version__
    this_machine: bool
    origin: Literal["live", "recording", "hypothetical"] = "live"
    host: Host
    pools: tuple[MemoryPool, ...] = ()
    accelerators: tuple[Accelerator, ...] = ()
    engines: tuple[EngineOnMachine, ...] = ()
    disks: tuple[ModelDisk, ...] = ()
    disagreements: tuple[Disagreement, ...] = ()
    apple: Apple | None = None
    amd: Amd | None = None
    findings: tuple[Finding, ...] = ()
    sources: tuple[SourceReport, ...] = ()
    nvidia: NvidiaSystem | None = None
    windows: Windows | None = None
    vulkan: Vulkan | None = None
    oneapi: OneApi | msgspec.UnsetType = msgspec.UNSET
    uncounted: tuple[UncountedAdapter, ...] | msgspec.UnsetType = msgspec.UNSET

    def pool(self, pool_id: str) -> MemoryPool | None:
        return next((pool for pool in self.pools if pool.id == pool_id), None)
