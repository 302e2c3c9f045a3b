"""
A bound for the compute buffers of a model whose graph we do not know, from its tensors and widths alone.

It is the largest of a few phases, each as large as the measured families have it: feed-forward part or experts, logits,
attention, recurrent parts, and host weights that are copied to a device for a prompt. It errs on the safe side.
"""

from llmprobe.estimation.compute.run import ComputeRequest
from llmprobe.model.quants.types import ggml_type, tensor_bytes

_F32, _F16 = 4, 2
_PIPELINE_COPIES = 4
_KERNELS = (64, 80, 96, 112, 128, 256, 512)
"""Head sizes with a flash attention kernel on CUDA, where K and V have the same."""
_TOKENS = "token_embd.weight"
_LAYER_WIDTHS = 8
_FIXED_BYTES = 64 << 20

WIDER = frozenset({"deepseek2", "gemma4", "lfm2", "minicpm3", "minimax-01", "mistral4"})
"""Architectures of which some measured load needed more than ``at_most``."""
"""How many rows of the embedding's width live beside the widest part of a layer."""


def at_most(request: ComputeRequest) -> dict[str, int]:
    """
    More than any measured load needed per device, of architectures that are not ``WIDER``.

    Of 21,234 measured buffers 53 are larger, all of ``WIDER``.
    """
    return {name: 3 * size + _FIXED_BYTES for name, size in bound(request).items()}


def bound(request: ComputeRequest) -> dict[str, int]:
    """
    Bytes per device and for the host.
    """
    rows = min(request.settings.ubatch_size, request.settings.batch_size, request.settings.ctx_size)
    inputs = _inputs(request, rows)
    work = _work(request, rows)
    if not request.devices:
        return {"host": inputs + work}
    outside = (
        "host" in request.layer_devices
        or bool(request.host_experts or request.moved)
        or not request.settings.kv_offload
    )
    copies = _PIPELINE_COPIES if len(request.devices) > 1 and not outside else 1
    copied = _largest_weight(request) if outside and request.settings.op_offload else 0
    sizes = dict.fromkeys(request.devices, copies * inputs + work + copied)
    # What the devices do not run stays on the host; attention over a cache there does, whatever the batch.
    sizes["host"] = copies * inputs + (work if outside else 0)
    return sizes


def _inputs(request: ComputeRequest, rows: int) -> int:
    """
    The bytes of a batch's inputs: embeddings, and a mask over the cells for each kind of attention.
    """
    cells = request.settings.ctx_size if request.settings.kv_unified else request.settings.ctx_per_seq
    kinds = 2 if request.hparams.get("attention.sliding_window") else 1
    wide = _F16 if _fused(request) else _F32
    return 16 * _width(request) * rows + kinds * wide * rows * cells


def _work(request: ComputeRequest, rows: int) -> int:
    """
    The bytes of the widest phase of a layer, or of the logits.
    """
    beside = _LAYER_WIDTHS * _F32 * rows * _width(request)
    outputs = min(rows, request.settings.outputs_max or request.settings.batch_size)
    logits = _F32 * outputs * (_vocabulary(request) + 2 * _width(request))
    return max(
        logits, beside + max(_feed_forward(request, rows), _attention(request, rows), _state(request, rows))
    )


def _feed_forward(request: ComputeRequest, rows: int) -> int:
    used = int(request.hparams.get("expert_used_count") or 1)
    widest = 0
    for tensor in request.tensors:
        if "_exps." in tensor.name:
            widest = max(widest, 3 * used * max(tensor.shape[:2]))
        elif "ffn_" in tensor.name and len(tensor.shape) > 1:
            widest = max(widest, 3 * max(tensor.shape))
    return _F32 * rows * widest


def _attention(request: ComputeRequest, rows: int) -> int:
    """
    Queries, keys and values, and what lies over the whole cache: scores, or copies of quantized K and V.
    """
    heads = _largest(request.hparams.get("attention.head_count"))
    cells = request.settings.ctx_size if request.settings.kv_unified else request.settings.ctx_per_seq
    widths = [max(t.shape) for t in request.tensors if "attn_" in t.name and len(t.shape) > 1]
    own = 3 * _F32 * rows * max(widths, default=0)
    if not _fused(request):
        return own + _F32 * rows * cells * heads
    if (
        ggml_type(request.settings.cache_type_k).quantized
        or ggml_type(request.settings.cache_type_v).quantized
    ):
        return own + _F16 * request.settings.ctx_size * _cached_width(request)
    return own


def _fused(request: ComputeRequest) -> bool:
    """
    Whether flash attention is taken for on: asked for, or left to the engine with heads that have a kernel.
    """
    if request.settings.flash_attn != "auto":
        return request.settings.flash_attn == "on"
    key, value = _head(request)
    return key == value and key in _KERNELS


def _head(request: ComputeRequest) -> tuple[int, int]:
    """
    The values of one head of K and of V.
    """
    hparams = request.hparams
    head = _width(request) // max(_largest(hparams.get("attention.head_count")), 1)
    return int(hparams.get("attention.key_length", head)), int(hparams.get("attention.value_length", head))


def _cached_width(request: ComputeRequest) -> int:
    """
    The values that the largest layer keeps of K and V for one token.
    """
    hparams = request.hparams
    heads = _largest(hparams.get("attention.head_count_kv", hparams.get("attention.head_count")))
    return heads * sum(_head(request))


def _state(request: ComputeRequest, rows: int) -> int:
    """
    What recurrent parts take: several copies of the widest of their projections.
    """
    widths = [max(t.shape) for t in request.tensors if "ssm_" in t.name and len(t.shape) > 1]
    inner = int(request.hparams.get("ssm.inner_size") or 0)
    state = int(request.hparams.get("ssm.state_size") or 0)
    return _F32 * rows * (4 * max(widths, default=0) + 8 * inner) + _F32 * inner * state * 4


def _largest_weight(request: ComputeRequest) -> int:
    """
    The largest weight that a product can need; the embedding is one where it is the output matrix too.
    """
    tied = all(t.name != "output.weight" for t in request.tensors)
    return max(
        (
            tensor_bytes(t.shape, str(t.type))
            for t in request.tensors
            if len(t.shape) > 1
            and (t.layer is not None or t.name == "output.weight" or (tied and t.name == _TOKENS))
        ),
        default=0,
    )


def _width(request: ComputeRequest) -> int:
    return int(request.hparams["embedding_length"])


def _vocabulary(request: ComputeRequest) -> int:
    rows = {t.name: t.shape[1] for t in request.tensors if t.layer is None and len(t.shape) > 1}
    return rows.get("output.weight", rows.get(_TOKENS, 0))


def _largest(value: object) -> int:
    if isinstance(value, list | tuple):
        return max((int(one) for one in value), default=0)
    return int(value) if isinstance(value, int | float) else 0
