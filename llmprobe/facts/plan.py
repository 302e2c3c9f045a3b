"""
How a model is run, what that takes, and what is recommended. Settings have llama.cpp's names.
"""

from typing import Literal

import msgspec

from llmprobe._version import __version__
from llmprobe.facts.finding import Finding
from llmprobe.facts.machine import Accelerator, Basis, MemoryPool
from llmprobe.facts.model import ModelSpec

Kind = Literal["weights", "cache", "compute", "output", "overhead"]


class Workload(msgspec.Struct, frozen=True, kw_only=True):
    """
    What is asked of the engine. The defaults are llama-server's with one slot.

    ``ctx_size`` is the total over all slots (``-c``); 0 means what the model was trained for.
    ``outputs_max`` is how many rows of logits are reserved: None is one per slot (llama-server since mid-2026),
    0 the whole micro-batch (llama-bench and others).
    """

    ctx_size: int = 0
    parallel: int = 1
    batch_size: int = 2048
    ubatch_size: int = 512
    cache_type_k: str = "f16"
    cache_type_v: str = "f16"
    flash_attn: Literal["auto", "on", "off"] = "auto"
    kv_unified: bool = False
    swa_full: bool = False
    outputs_max: int | None = None


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """
    A device that layers can be put on. ``id`` is ``gpu0``, ``gpu1``, … ; the host is not among them.

    ``free_bytes`` is only used to split layers where no ``tensor_split`` is given. ``link_bytes_per_s`` is how fast
    weights can be sent to it from RAM (PCIe, one way).
    """

    id: str
    backend: Literal["cuda", "rocm", "vulkan", "metal", "sycl"] = "cuda"
    name: str | None = None
    pool: str | None = None
    free_bytes: int | None = None
    compute_capability: str | None = None
    bandwidth_bytes_per_s: int | None = None
    link_bytes_per_s: int | None = None
    cores: int | None = None


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """
    Where the parts go. ``gpu_layers`` None is all of them (layers + output); 0 with devices still offloads operations.

    ``n_cpu_moe`` keeps the experts of the first N layers on the host, ``cpu_moe_layers`` those of further layers
    (``--override-tensor``). ``cpu`` is the kind of its processor, which decides what is repacked.
    """

    devices: tuple[Device, ...] = ()
    gpu_layers: int | None = None
    n_cpu_moe: int = 0
    cpu_moe_layers: tuple[int, ...] = ()
    split_mode: Literal["none", "layer"] = "layer"
    tensor_split: tuple[float, ...] = ()
    kv_offload: bool = True
    op_offload: bool = True
    repack: bool = True
    cpu: Literal["x86", "arm"] = "x86"
    mmap: bool = True


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """
    What an engine's program does when it is told nothing: data, not behaviour.

    ``outputs`` is how many rows of logits it reserves: one per slot, or the whole micro-batch.
    ``parallel`` and ``kv_unified`` are what the program itself would choose; ``llmprobe estimate`` asks for one slot.
    ``old_masks`` holds for builds of before June 2026, which kept the attention mask in f32 beside an f16 copy.
    """

    engine: str
    program: str
    ctx_size: int = 0
    parallel: int = 1
    batch_size: int = 2048
    ubatch_size: int = 512
    flash_attn: Literal["auto", "on", "off"] = "auto"
    kv_unified: bool = False
    outputs: Literal["slots", "ubatch"] = "slots"
    mmap: bool = True
    old_masks: bool = False
    notes: tuple[str, ...] = ()


class Occasion(msgspec.Struct, frozen=True, kw_only=True):
    """
    What an engine looks at before it fills in its own defaults: the model, what was asked for, and the devices.

    ``ctx_size`` is per slot, 0 where none was asked for. Unknown memory is None. ``settings`` are variables of the
    engine's environment.
    """

    model: ModelSpec
    file_bytes: int
    ctx_size: int = 0
    backend: str | None = None
    vram_total_bytes: int | None = None
    vram_free_bytes: int | None = None
    compute_capabilities: tuple[str, ...] = ()
    smallest_free_bytes: int | None = None
    settings: dict[str, str] = {}


class Abilities(msgspec.Struct, frozen=True, kw_only=True):
    """
    What an engine can be told about a placement. What it can't be told is not searched.

    ``experts_on_host`` is keeping experts apart from their layers, ``partial`` leaving layers on the host,
    ``tensor_split`` sharing layers between devices in stated proportions, ``cache_types`` the types of its cache
    (empty is all of llama.cpp's), ``same_cache_types`` that K and V have one type, ``kv_on_host`` keeping the cache
    apart from its layers, ``ubatch_sizes`` the micro-batches (empty is any). ``backends`` empty is all.
    ``notes`` say it to a person, ``notes_on_experts`` only where the model has experts.
    """

    experts_on_host: bool = True
    partial: bool = True
    tensor_split: bool = True
    cache_types: tuple[str, ...] = ()
    same_cache_types: bool = False
    kv_on_host: bool = True
    ubatch_sizes: tuple[int, ...] = ()
    backends: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    notes_on_experts: tuple[str, ...] = ()


class Term(msgspec.Struct, frozen=True, kw_only=True):
    """
    One named part of what a device holds, and how its figure came about. A range is given where there is one.
    """

    name: str
    kind: Kind
    bytes: int
    how: str
    basis: Basis
    low_bytes: int | None = None
    high_bytes: int | None = None


class DeviceEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """
    What one device (``host``, ``gpu0``, …) will hold.

    ``weights_bytes``, ``cache_bytes`` and ``compute_bytes`` are llama.cpp's model, context and compute buffers;
    on the host they are the sums over its host buffer types.
    """

    id: str
    weights_bytes: int
    cache_bytes: int
    compute_bytes: int
    output_bytes: int
    overhead_bytes: int
    total_bytes: int
    budget_bytes: int | None = None
    name: str | None = None
    terms: tuple[Term, ...] = ()


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """
    Every setting in force after defaults and rounding.
    """

    engine: str
    ctx_size: int
    ctx_per_seq: int
    parallel: int
    batch_size: int
    ubatch_size: int
    cache_type_k: str
    cache_type_v: str
    flash_attn: str
    kv_unified: bool
    swa_full: bool
    outputs_max: int
    gpu_layers: int
    n_cpu_moe: int
    split_mode: str
    tensor_split: tuple[float, ...]
    kv_offload: bool
    op_offload: bool
    repack: bool
    mmap: bool
    devices: tuple[str, ...] = ()
    cpu_moe_layers: tuple[int, ...] = ()


class Layers(msgspec.Struct, frozen=True, kw_only=True):
    """
    Layers as llama.cpp counts them: the repeating ones and the output.
    """

    offloaded: int
    total: int


class Range(msgspec.Struct, frozen=True, kw_only=True):
    """
    A figure that is not exact, with its bounds.
    """

    low: float
    likely: float
    high: float


class Speed(msgspec.Struct, frozen=True, kw_only=True):
    """
    Tokens per second. Unknown is None; ``reason`` says on what the figures stand or why there are none.

    Generation is that at a short context; at a full one the whole cache is read for every token.
    """

    generation_tokens_per_s: Range | None
    prompt_tokens_per_s: Range | None
    reason: str
    generation_at_full_context_tokens_per_s: Range | None = None


class ModelInEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """
    The model and its quantization. ``tensor_bytes`` is the sum of all tensors of the file.
    """

    id: str
    name: str
    architecture: str
    quant: str
    parameters: int
    file_parameters: int
    tensor_bytes: int
    max_context: int | None = None


class RuleOfThumb(msgspec.Struct, frozen=True, kw_only=True):
    """
    What the usual multiplication says, beside the exact figure, and why they differ.
    """

    f16_bytes: int
    with_overhead_low_bytes: int
    with_overhead_high_bytes: int
    four_bit_bytes: int
    exact_bytes: int
    why: tuple[str, ...]


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """
    The document of ``llmprobe estimate``: one configuration, device by device and term by term.
    """

    schema: Literal["llmprobe.estimate/1"] = "llmprobe.estimate/1"
    llmprobe_version: str = __version__
    this_machine: bool
    model: ModelInEstimate
    fits: bool | None
    settings: Settings
    layers: Layers
    devices: tuple[DeviceEstimate, ...]
    speed: Speed
    missing_bytes: int | None = None
    rule_of_thumb: RuleOfThumb | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def device(self, device_id: str) -> DeviceEstimate | None:
        return next((device for device in self.devices if device.id == device_id), None)

    @property
    def total_bytes(self) -> int:
        return sum(device.total_bytes for device in self.devices)


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """
    What a quantization loses. ``value`` is in units of ``metric``; ``basis`` says where it was measured.
    """

    value: float | None
    metric: str
    basis: str
    words: str


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """
    What the user wants. ``ctx_size`` None takes a default that is said; it is never changed silently.
    """

    ctx_size: int | None = None
    max_ctx: bool = False
    parallel: int = 1
    quants: tuple[str, ...] = ()
    cache_type_k: str | None = None
    cache_type_v: str | None = None
    priority: Literal["balanced", "quality", "speed", "context"] = "balanced"
    engine: str = "llama.cpp"
    reserve_bytes: int | None = None
    assume_idle: bool = False
    min_speed: float | None = None
    min_quality: str | None = None
    top: int = 4


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """
    One way to run the model here. ``tensor_split`` is empty where one device or none is used.

    ``use_devices`` names the devices to use where an engine would use others too; ``device_numbers`` are those that
    their backend gives to the devices in use, and ``environment`` is what the engine's environment must hold so that
    it sees them alone or in this order. ``on_disk`` is the file that is this choice already.
    """

    label: str
    quant: str
    ctx_size: int
    parallel: int
    cache_type_k: str
    cache_type_v: str
    flash_attn: str
    gpu_layers: int
    total_layers: int
    n_cpu_moe: int
    tensor_split: tuple[float, ...]
    devices: tuple[DeviceEstimate, ...]
    fits: bool
    speed: Speed
    quality: Quality
    reasons: tuple[str, ...]
    commands: dict[str, str]
    batch_size: int = 2048
    ubatch_size: int = 512
    cpu_moe_layers: tuple[int, ...] = ()
    kv_offload: bool = True
    use_devices: tuple[str, ...] | None = None
    device_numbers: tuple[int, ...] = ()
    environment: dict[str, str] = {}
    download_bytes: int | None = None
    on_disk: str | None = None


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """
    What was not chosen: why, and by how much it misses where it misses memory.
    """

    what: str
    why: str
    missing_bytes: int | None = None


class MachineInShort(msgspec.Struct, frozen=True, kw_only=True):
    """
    The machine a recommendation was made for.
    """

    origin: str
    cpu: str | None
    pools: tuple[MemoryPool, ...]
    accelerators: tuple[Accelerator, ...]


class Recommendation(msgspec.Struct, frozen=True, kw_only=True):
    """
    The document of ``llmprobe recommend``. No choices is the answer "no"; ``nearest`` then says what would fit.
    ``balance`` says how choices were weighed; ``changes``, where asked for, what would change the first.
    """

    schema: Literal["llmprobe.recommendation/1"] = "llmprobe.recommendation/1"
    llmprobe_version: str = __version__
    this_machine: bool
    model: ModelInEstimate
    machine: MachineInShort
    wishes: Wishes
    choices: tuple[Choice, ...]
    rejected: tuple[Rejected, ...] = ()
    nearest: tuple[str, ...] = ()
    balance: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
