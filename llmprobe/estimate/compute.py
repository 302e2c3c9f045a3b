"""
Compute buffers: what llama.cpp's graph allocator reserves per device for the worst batch.

The graph of the model is built, its nodes are given to devices, and their lifetimes are played through as the
allocator does. The answer is one figure per device and one for the host.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Literal

import msgspec

from llmprobe.estimate import compute_bound
from llmprobe.estimate.compute_cuda import CudaRules
from llmprobe.estimate.compute_layers import needed_layers
from llmprobe.estimate.compute_sched import Reserved, reserve, reserve_places
from llmprobe.facts.machine import Basis
from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model import archs
from llmprobe.model.archs._graph_builder import Builder
from llmprobe.model.archs._graph_run import Parts, Run
from llmprobe.model.archs._graphs import graph_of, variant_of
from llmprobe.model.quants.types import ggml_type

_PIPELINE_COPIES = 4
_SMALL_BATCH = 32
_REMEMBERED = 4096


class ComputeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """
    What the reserved graph depends on, after every default and rounding.

    ``tensors`` carry their types. Pass the same tuple for the same model and quantization: what is derived from
    it is remembered by its identity. ``ctx_size`` is the padded total, ``ctx_per_seq`` the padded share of one
    sequence. ``outputs_max`` is rows of logits (0: the whole batch). ``layer_devices`` names, for every layer and
    then for the output layer, the device that holds its weights (``host``, ``gpu0``, …), without regard to
    ``n_cpu_moe``, which keeps the experts of the first layers on the host.
    ``devices`` are the GPUs in use, in order; none is a run on the CPU alone.
    ``embeddings`` asks for pooled embeddings, as ``--embeddings`` does. ``old_masks`` holds for builds of before June 2026, which kept the attention mask in f32 beside an f16 copy.
    """

    architecture: str
    hparams: Hparams
    tensors: tuple[Tensor, ...]
    layer_devices: tuple[str, ...]
    devices: tuple[str, ...] = ()
    backend: str = "cuda"
    ctx_size: int
    ctx_per_seq: int
    parallel: int = 1
    batch_size: int = 2048
    ubatch_size: int = 512
    outputs_max: int = 1
    cache_type_k: str = "f16"
    cache_type_v: str = "f16"
    flash_attn: Literal["auto", "on", "off"] = "auto"
    kv_unified: bool = False
    swa_full: bool = False
    n_cpu_moe: int = 0
    kv_offload: bool = True
    op_offload: bool = True
    repack: bool = True
    split_mode: Literal["none", "layer"] = "layer"
    embeddings: bool = False
    old_masks: bool = False


class ComputeBytes(msgspec.Struct, frozen=True, kw_only=True):
    """
    What every device reserves (``host`` and the ids of the request), and how well that is known.

    ``flash_attn`` is what ``auto`` resolved to. ``low_bytes`` and ``high_bytes`` are given where ``basis`` is
    ``assumed``. ``nodes`` and ``splits`` are those of the prompt graph, None where it was not built in full.
    """

    bytes: dict[str, int]
    basis: Basis
    how: str
    flash_attn: bool
    low_bytes: dict[str, int] | None = None
    high_bytes: dict[str, int] | None = None
    nodes: int | None = None
    splits: int | None = None


_parts: OrderedDict[int, Parts] = OrderedDict()
_answers: OrderedDict[tuple[Any, ...], ComputeBytes] = OrderedDict()


def compute_buffers(request: ComputeRequest) -> ComputeBytes:
    """
    Return the compute buffers of a configuration: exact where the architecture's graph is known for the backend.
    """
    return _answer(request, whole=False)


def compute_buffers_in_full(request: ComputeRequest) -> ComputeBytes:
    """
    Return the same with every layer built: slower, with the counts of nodes and splits that llama.cpp logs.
    """
    return _answer(request, whole=True)


def _answer(request: ComputeRequest, *, whole: bool) -> ComputeBytes:
    build = graph_of(request.architecture)
    if build is None:
        return _bound(request)
    parts = _parts_of(request)
    key = (id(parts), whole, *_settings(request))
    known = _answers.get(key)
    if known is not None:
        return known
    answer = _reserved(request, parts, build, whole=whole)
    _answers[key] = answer
    if len(_answers) > _REMEMBERED:
        _answers.popitem(last=False)
    return answer


def _settings(request: ComputeRequest) -> tuple[Any, ...]:
    return tuple(getattr(request, name) for name in request.__struct_fields__[3:])


def _parts_of(request: ComputeRequest) -> Parts:
    parts = _parts.get(id(request.tensors))
    if parts is None or parts.tensors is not request.tensors:
        module = archs.get(request.architecture)
        assert module is not None
        parts = Parts(
            request.architecture,
            request.hparams,
            request.tensors,
            module.caches(request.hparams),
            variant_of(request.architecture),
        )
        _parts[id(request.tensors)] = parts
        if len(_parts) > 64:
            _, old = _parts.popitem(last=False)
            for key in [key for key in _answers if key[0] == id(old)]:
                del _answers[key]
    return parts


def _bound(request: ComputeRequest) -> ComputeBytes:
    sizes = compute_bound.bound(request)
    return ComputeBytes(
        bytes=sizes,
        basis="assumed",
        how="a bound from the widths of the model: its graph is not known",
        flash_attn=request.flash_attn != "off",
        low_bytes={name: size // 2 for name, size in sizes.items()},
        high_bytes={name: 2 * size + (64 << 20) for name, size in sizes.items()},
    )


def _reserved(
    request: ComputeRequest, parts: Parts, build: Callable[[Builder], None], *, whole: bool
) -> ComputeBytes:
    flash = request.flash_attn == "on"
    if request.flash_attn == "auto":
        # A quantized V needs flash attention, so that auto means on.
        quantized = ggml_type(request.cache_type_v).quantized and bool(parts.layout.kv)
        flash = quantized or _attention_is_fused(request, parts, build)
    run = _run(request, parts, flash=flash, whole=whole)
    host = run.host
    builder = Builder(parts, run)
    build(builder)
    copies = _PIPELINE_COPIES if _pipelined(request) else 1
    reserved = reserve(builder.graph, host, CudaRules(host), op_offload=request.op_offload, copies=copies)
    names = (*request.devices, "host")
    exact = request.backend in ("cuda", "cpu") or not request.devices
    return ComputeBytes(
        bytes=dict(zip(names, reserved.sizes, strict=True)),
        basis="derived" if exact else "assumed",
        how=_how(reserved, exact=exact),
        flash_attn=flash,
        nodes=len(builder.graph.nodes) if whole else None,
        splits=reserved.splits if whole else None,
    )


def _how(reserved: Reserved, *, exact: bool) -> str:
    rules = "as llama.cpp's allocator does" if exact else "by the rules of the CUDA backend"
    return f"the model's graph allocated {rules}"


def _pipelined(request: ComputeRequest) -> bool:
    return (
        len(request.devices) > 1
        and "host" not in request.layer_devices
        and request.split_mode == "layer"
        and request.kv_offload
        and not request.n_cpu_moe
    )


def _run(
    request: ComputeRequest, parts: Parts, *, flash: bool, whole: bool, held: bool = False, tokens: int = 0
) -> Run:
    sequences = request.parallel
    causal = request.hparams.get("attention.causal") is not False
    batch = min(request.ctx_size, request.batch_size) if causal else request.batch_size
    rows = min(request.ctx_size, batch, request.ubatch_size)
    outputs = tokens or min(rows, request.outputs_max or batch)
    asked = tokens or rows
    tokens = -(-asked // sequences) * sequences
    host = len(request.devices)
    numbers = {name: number for number, name in enumerate((*request.devices, "host"))}
    places = tuple(numbers[name] for name in request.layer_devices)
    built = tuple(parts.sizes.trunk)
    if not whole:
        built = needed_layers(
            parts,
            places,
            host=host,
            host_experts=request.n_cpu_moe,
            copies_weights=request.op_offload and host > 0,
            cache_on_device=request.kv_offload,
        )
    return Run(
        tokens=tokens,
        sequences=sequences,
        outputs=outputs,
        streams=1 if request.kv_unified else sequences,
        cells=_cells(request, parts, rows),
        kind_k=ggml_type(request.cache_type_k),
        kind_v=ggml_type(request.cache_type_v),
        flash=flash,
        transposed=request.flash_attn == "off",
        places=places,
        host=host,
        built=built,
        ctx_per_seq=request.ctx_per_seq,
        host_experts=request.n_cpu_moe,
        cache_on_device=request.kv_offload,
        held=held,
        pinned=held and (host not in places or asked < _SMALL_BATCH),
        embeddings=request.embeddings,
        old_masks=request.old_masks,
    )


def _cells(request: ComputeRequest, parts: Parts, rows: int) -> tuple[int, ...]:
    full = request.ctx_size if request.kv_unified else request.ctx_per_seq
    cells = []
    for cache in parts.layout.kv:
        if cache.window is None or request.swa_full:
            cells.append(full)
        else:
            looked = cache.window * (request.parallel if request.kv_unified else 1)
            cells.append(-(-min(full, looked + rows) // 256) * 256)
    return tuple(cells)


def _attention_is_fused(request: ComputeRequest, parts: Parts, build: Callable[[Builder], None]) -> bool:
    """
    Say what ``auto`` resolves to: on, if a batch of one token has each attention on the device of its layer.
    """
    if not request.devices:
        return True
    run = _run(request, parts, flash=True, whole=False, held=True, tokens=request.parallel)
    builder = Builder(parts, run)
    build(builder)
    rules = CudaRules(run.host)
    reserve_places(builder.graph, run.host, rules, op_offload=request.op_offload)
    return all(node.backend == home for node, home in builder.fused)
