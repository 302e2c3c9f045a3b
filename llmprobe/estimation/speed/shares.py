"""
What one token reads and starts, device by device: the ground of every speed figure.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from llmprobe.data import rows_with
from llmprobe.estimation.cache_kernels import converted_times, of_backend
from llmprobe.estimation.memory.kv_cache import CachePart, Operations
from llmprobe.estimation.memory.moving import after_moves
from llmprobe.estimation.memory.weights import Sums, WeightTable
from llmprobe.estimation.placement import HOST, Span
from llmprobe.estimation.setup import Setup
from llmprobe.estimation.speed.arithmetic import Arithmetic
from llmprobe.estimation.speed.parts import CPU, Share
from llmprobe.estimation.speed.together import Kind
from llmprobe.facts.backends import BACKENDS
from llmprobe.facts.devices import Device
from llmprobe.facts.processor import Processor
from llmprobe.facts.settings import ResolvedSettings
from llmprobe.model.quants import ggml_type

NO_COOPERATIVE_MATRICES = ("Xe-HPG",)
"""Architectures whose matrix units llama.cpp does not use by Vulkan: cards of Intel before Xe2."""

WITHOUT_KERNEL = 0.32
"""
What is left of the speed where a build leaves attention to the processor: 12 of 37 tokens/s were reported of two
types of K and V (noonghunna/club-3090, Gemma 4 31B on an RTX 3090).
"""

SAME_BANDWIDTH = 0.03
"""Two bandwidths this near, as a part of one, are those of one product."""


def active_shares(
    weights: WeightTable,
    setup: Setup,
    caches: Mapping[str, tuple[tuple[CachePart, int], ...]],
    *,
    kernels: Sums,
    attention: Operations,
    used_experts: float,
    arithmetic: Arithmetic,
    ram_bandwidth: int | None,
    together: Kind | None = None,
) -> tuple[Share, ...]:
    """
    The bytes that each device reads for one token and the layers it runs: the host's first.

    ``used_experts`` is the share of the experts that a token uses. Of an embedding one row is read. ``kernels``
    are the tensors of the layers, ``attention`` the operations over their full caches. The ``arithmetic`` of a token
    is where the bytes are. ``together`` says that all devices compute each layer at once.
    """
    run = setup.settings
    by_id = {device.id: device for device in setup.devices}
    backends = dict(setup.backends)
    placed = weights.place(setup.spans, backends, host_experts=setup.host_experts, repack=False)
    placed = after_moves(placed, weights, setup.moved, setup.spans, backends, setup.host_experts)
    layers = {name: own.layers + int(own.experts * used_experts) for name, own in placed.items()}
    all_dense = max(sum(own.layers for own in placed.values()), 1)
    all_experts = max(sum(own.experts for own in placed.values()), 1)
    read = {name: int(layers[name] * weights.passes) + own.output for name, own in placed.items()}
    spans = {part.device: part for part in setup.spans}
    away = _away(setup, weights.n_layer, experts=placed[HOST].experts > 0)
    on_host = sum(size // cached.streams for cached, size in caches[HOST] if not cached.recurrent)
    result = []
    for name, own in placed.items():
        dense, experts = own.layers / all_dense, own.experts / all_experts
        part, device = spans.get(name), by_id.get(name)
        start, stop = (part.start, min(part.stop, weights.n_layer)) if part is not None else (0, 0)
        # Over a cache that the host keeps for all layers it attends for all of them.
        attended = (start, stop) if run.kv_offload else (0, weights.n_layer if device is None else 0)
        operations = attention.every.of(*attended)
        vector = attention.vector.of(*attended)
        attends = AttentionKernels() if device is None else attention_kernels(run, device.backend)
        result.append(
            Share(
                device=name,
                backend=CPU if device is None else device.computed_by,
                name=None if device is None else device.name,
                compute_capability=None if device is None else device.compute_capability,
                bandwidth_bytes_per_s=ram_bandwidth if device is None else device.bandwidth_bytes_per_s,
                active_bytes=read[name] + (_embedding(weights, part) if device is None else 0),
                layers=stop - start,
                kernels=kernels.of(start, stop),
                cache_bytes=round(
                    sum(size // cached.streams for cached, size in caches[name] if not cached.recurrent)
                    * attends.moved(operations, vector)
                ),
                state_bytes=sum(
                    2 * size // cached.streams for cached, size in caches[name] if cached.recurrent
                ),
                recurrent=any(cached.recurrent for cached, _ in caches[name]),
                switches=sum(away.values()) if device is None else 0,
                attention_operations=operations,
                wide_operations=attention.wide.of(*attended),
                single_operations=attends.one_by_one(operations, vector),
                cells=run.ctx_per_seq,
                latent_heads=attention.latent_heads,
                attends=device is None and not run.kv_offload,
                parameters=round(arithmetic.dense * dense + arithmetic.experts * experts),
                expert_parameters=round(arithmetic.experts * experts),
                widths=round(arithmetic.widths * dense + arithmetic.expert_widths * experts),
                expert_count=arithmetic.expert_count,
                expert_used_count=arithmetic.expert_used_count,
                expert_bytes=own.experts,
                resident_bytes=own.multiplied,
                flops=None if device is None else flops_of(device),
                link_bytes_per_s=None if device is None else device.link_bytes_per_s,
                bandwidth_low=1.0 if device is None else device.bandwidth_low,
                bandwidth_high=1.0 if device is None else device.bandwidth_high,
                together=None if device is None else together,
                network=None if device is None else device.network,
                round_trips=1 + 2 * away.get(name, 0),
                sent_cache_bytes=0 if run.kv_offload else on_host * (stop - start) // max(weights.n_layer, 1),
                processor=_processor(device),
                width=arithmetic.width,
                windows=device is not None and device.windows,
                cache_low=1.0 if device is None else _cache_low(run, device),
                mapped=run.mmap,
                beside=device is None and bool(by_id),
            )
        )
    return tuple(result)


class AttentionKernels(msgspec.Struct, frozen=True):
    """
    How a device computes attention of one token: how many times the bytes of a cache are moved where it is converted,
    whether heads that a vector kernel takes unpack it instead, and whether all compute one by one.
    """

    converted: float = 1.0
    unpacking: bool = False
    single: bool = False

    def moved(self, operations: int, vector: int) -> float:
        """How many times a cache is moved, of whose operations so many are a vector kernel's."""
        unpacked = self.unpacking * vector / max(operations, 1)
        return 1 + (self.converted - 1) * (1 - unpacked)

    def one_by_one(self, operations: int, vector: int) -> int:
        """Those of the operations that every head does for itself."""
        return operations if self.single else round(vector * self.unpacking)


def attention_kernels(run: ResolvedSettings, backend: str) -> AttentionKernels:
    """
    By the types of K and V and by flash attention.
    """
    types, flash = (run.cache_type_k, run.cache_type_v), BACKENDS[backend].flash
    if run.flash_attn == "off":
        return AttentionKernels(single=flash.by_heads)
    kernels = of_backend(backend, *types)
    unpacking = flash.by_heads and kernels == "as it is" and any(ggml_type(kind).quantized for kind in types)
    converted = converted_times(*types) if unpacking or kernels == "converted" else 1.0
    return AttentionKernels(converted, unpacking)


def _cache_low(run: ResolvedSettings, device: Device) -> float:
    """
    How much slower all is at the worst where the cache has to be converted: builds differ in the kernels they have.
    """
    if run.flash_attn == "off":
        return 1.0
    kernels = of_backend(device.backend, run.cache_type_k, run.cache_type_v)
    return WITHOUT_KERNEL if kernels == "converted" else 1.0


def _embedding(weights: WeightTable, part: Span | None) -> int:
    """
    What the host reads of the embedding: a row, and all of it where it is the output matrix there.
    """
    is_output = part is not None and part.stop > weights.n_layer and weights.tied
    return weights.row_bytes + (weights.input_bytes if is_output else 0)


def _processor(device: Device | None) -> Processor | None:
    """
    What is known of a processor of another machine, None of other devices.
    """
    return None if device is None or device.computed_by != CPU else device.processor or Processor()


def _away(setup: Setup, n_layer: int, *, experts: bool) -> dict[str, int]:
    """
    How often the work goes over from each device to the host and back: for experts, and for a cache, kept there.
    """
    on_devices = [part for part in setup.spans if part.device != HOST]
    kept = set(setup.host_experts if experts else ())
    kept |= {int(name.split(".", 2)[1]) for name, target in setup.moved if target == HOST and "blk." in name}
    return {
        part.device: sum(part.start <= layer < part.stop for layer in kept)
        + (0 if setup.settings.kv_offload else min(part.stop, n_layer) - part.start)
        for part in on_devices
    }


def flops_of(device: Device) -> int | None:
    """
    The FP16 operations per second of a device as its backend uses it, or None where no table says them.
    """
    return fp16_flops(
        device.name,
        device.bandwidth_bytes_per_s,
        device.cores,
        vulkan=BACKENDS[device.backend].by_loader,
    )


@cache
def fp16_flops(
    name: str | None, bandwidth_bytes_per_s: int | None, cores: int | None = None, *, vulkan: bool = False
) -> int | None:
    """
    The FP16 operations per second of a device by its name, or None where no table says them.

    Products of one name are told apart by their bandwidth; chips with fewer ``cores`` than the table's are slower.
    AMD's cards without matrix units do them in their vector units, and so do by ``vulkan`` those of Intel whose matrix
    units llama.cpp leaves alone there (b11549, ggml/src/ggml-vulkan/ggml-vulkan.cpp,
    ``ggml_vk_khr_cooperative_matrix_support``).
    """
    product = (name or "").removesuffix(" GPU")
    lines = dict.fromkeys(line for one in (name or "", product) if one for line in rows_with("gpus", one))
    rows = [msgspec.json.decode(line) for line in lines]
    found = {
        rate: row
        for row in rows
        if (rate := _rate(row, vulkan)) is not None
        and any(one in (row["name"], *row.get("aliases", ())) for one in (name, product))
    }
    if len(found) > 1 and bandwidth_bytes_per_s is not None:
        found = {
            flops: row
            for flops, row in found.items()
            if abs((row.get("bandwidth_bytes_per_s") or 0) / bandwidth_bytes_per_s - 1) < SAME_BANDWIDTH
        }
    if len(found) != 1:
        return None
    ((flops, row),) = found.items()
    part = cores / row["cores"] if cores is not None and row.get("cores") else 1.0
    return int(flops * part)


def _rate(row: dict[str, Any], vulkan: bool) -> int | None:
    rate: int | None = row.get("fp16_flops")
    if vulkan and row.get("architecture") in NO_COOPERATIVE_MATRICES:
        rate = row.get("fp16_vector_flops", rate)
    return row.get("fp16_vector_flops") if rate is None and row["vendor"] == "amd" else rate
