"""
Compute buffers: what llama.cpp's graph allocator reserves per device for the worst batch.

A request says what the reservation depends on; the answer is one figure per device and one for the host.
"""

from typing import Literal

import msgspec

from llmprobe.facts.machine import Basis
from llmprobe.facts.model import Hparams, Tensor
from llmprobe.units import MIB


class ComputeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """
    What the reserved graph depends on, after every default and rounding.

    ``tensors`` carry their types. Pass the same tuple for the same model and quantization: what is derived from it is
    remembered by its identity. ``ctx_size`` is the padded total, ``ctx_per_seq`` the padded share of one sequence.
    ``outputs_max`` is rows of logits (0: the whole batch). ``layer_devices`` names, for every layer and then for the
    output layer, the device that holds its weights (``host``, ``gpu0``, …), without regard to ``n_cpu_moe``.
    ``devices`` are the GPUs in use, in order; none is a run on the CPU alone.
    ``overrides`` says that tensors are placed by hand (``-ot``, ``--n-cpu-moe``), which switches pipelining off.
    ``old_masks`` holds for builds of before June 2026, which kept the attention mask in f32 beside an f16 copy.
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
    old_masks: bool = False


class ComputeBytes(msgspec.Struct, frozen=True, kw_only=True):
    """
    What every device reserves (``host`` and the ids of the request), and how well that is known.

    ``flash_attn`` is what ``auto`` resolved to. ``low_bytes`` and ``high_bytes`` are given where ``basis`` is
    ``assumed``. ``nodes`` and ``splits`` are those of the prompt graph, None where no graph was built.
    """

    bytes: dict[str, int]
    basis: Basis
    how: str
    flash_attn: bool
    low_bytes: dict[str, int] | None = None
    high_bytes: dict[str, int] | None = None
    nodes: int | None = None
    splits: int | None = None


def compute_buffers(request: ComputeRequest) -> ComputeBytes:
    """
    Return the compute buffers of a configuration.
    """
    width = int(request.hparams["embedding_length"])
    rows = min(request.ubatch_size, request.batch_size, request.ctx_size)
    outputs = min(rows, request.outputs_max or request.batch_size)
    inner = request.hparams.get("feed_forward_length", 4 * width)
    widest = max(inner) if isinstance(inner, list) else int(inner)
    vocabulary = next((t.shape[1] for t in request.tensors if t.name == "token_embd.weight"), 0)
    inputs = 16 * width * rows + 2 * rows * request.ctx_size
    device = inputs + max(16 * rows * widest, 4 * vocabulary * outputs)
    sizes = {"host": inputs if request.devices else device}
    sizes.update(dict.fromkeys(request.devices, device))
    return ComputeBytes(
        bytes=sizes,
        basis="assumed",
        how="a bound from the widths of the model",
        flash_attn=request.flash_attn != "off",
        low_bytes={name: size // 2 for name, size in sizes.items()},
        high_bytes={name: 2 * size + 64 * MIB for name, size in sizes.items()},
    )
