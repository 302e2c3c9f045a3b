"""
Which splits over several devices llama.cpp refuses, and why.

Source: llama.cpp b11549, src/llama.cpp (``llama_prepare_model_devices``), src/llama-model.cpp
(``make_gpu_buft_list``), ggml/src/ggml-sycl/ggml-sycl.cpp, ggml/src/ggml-backend.cpp, src/llama-arch.cpp
(``llm_arch_supports_sm_tensor``), src/llama-context.cpp (``llama_init_from_model``).
"""

from llmprobe.errors import RefusedError
from llmprobe.facts.backends import BACKENDS, label
from llmprobe.facts.devices import Hardware
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.settings import ResolvedSettings, Settings
from llmprobe.model.archs import Sizes
from llmprobe.model.quants import ggml_type
from llmprobe.words.message import message

NOT_SPLIT = frozenset(
    {
        "bailingmoe3",
        "bitnet",
        "deepseek2",
        "deepseek32",
        "dots3note",
        "falcon-h1",
        "gemma3n",
        "glm-dsa",
        "glm5-next",
        "granitehybrid",
        "grok",
        "hy_v4",
        "jamba",
        "kimi-k3",
        "kimi-linear",
        "mamba",
        "mamba2",
        "minicpm3",
        "minimax-01",
        "minimax-m2",
        "minimax-m3",
        "mistral4",
        "mpt",
        "nemotron_h",
        "nemotron_h_moe",
        "olmo2",
        "olmoe",
        "plamo2",
        "qwen3tts",
        "t5",
    }
)
"""Architectures that llama.cpp refuses to split by tensors."""
_ROTATED = 64
"""Heads of a multiple of this are rotated before they are put into a quantized cache; V in pieces of this size."""


def can_be_sliced(architecture: str) -> bool:
    """
    Whether llama.cpp splits the tensors of an architecture.
    """
    return architecture not in NOT_SPLIT


def refuse_split(settings: Settings, hardware: Hardware, architecture: str) -> None:
    """
    Refuse a split by rows or tensors that llama.cpp refuses, or ends with.

    SYCL alone has buffers that are split by rows. Its devices do not accept them (``supports_buft``), so that the
    scheduler ends at the first weight in one; docs/backend/SYCL.md of b11549 says that such a split is not supported.

    Raises:
        RefusedError: the architecture, the backend or another setting rules it out.
    """
    by_layers = message("hint.split-by-layers")
    if settings.split_mode == "row" and hardware.devices:
        other = next((one for one in hardware.devices if not BACKENDS[one.backend].rows), None)
        if other is not None:
            raise RefusedError(
                message("error.no-split-buffers", device=other.id, backend=label(other.backend)),
                hint=message("hint.split-by-tensors-or-layers"),
            )
        raise RefusedError(message("error.rows-not-estimated"), hint=by_layers)
    if settings.split_mode != "tensor":
        return
    if not can_be_sliced(architecture):
        raise RefusedError(
            message("error.tensor-split-refused", architecture=architecture),
            hint=by_layers,
        )
    if not hardware.devices:
        raise RefusedError(message("error.tensor-split-without-devices"), hint=by_layers)
    if settings.flash_attn == "off":
        raise RefusedError(
            message("error.tensor-split-needs-flash-attention"),
            hint=message("hint.flash-attention-on-or-layers"),
        )


def refuse_rotation(run: ResolvedSettings, model: ModelSpec) -> None:
    """
    Refuse a quantized cache that llama.cpp's split by tensors cannot rotate, at which it ends with an assertion.

    A head is rotated by a matrix of the largest 64 x 2^n that divides it, V by one of 64. Heads are shared out; for a
    matrix as wide as the only KV head its keys keep no dimension of heads, and count as split within a row. Narrower
    matrices make several rows of it, which are split as a whole. It is the same where queries, keys and values are one
    matrix.
    Seen with Gemma 3 270M over rpc-servers of b11549; both kinds of weights with ggml's own code of b11549 on two
    devices, heads of 64, 128 and 256 (rotated by 64 too, and 8 KV heads), one token and 64.
    Source: ggml/src/ggml-backend-meta.cpp (handle_reshape, handle_mul_mat), src/llama-kv-cache.cpp
    (build_input_k_rot, build_input_v_rot).

    Raises:
        RefusedError: the cache would be rotated so.
    """
    if run.split_mode != "tensor" or not run.gpu_layers:
        return
    sizes = Sizes(model.hparams)
    names = {tensor.name for tensor in model.tensors}
    single = any(
        sizes.kv_heads(il) == 1
        and not names.isdisjoint((f"blk.{il}.attn_k.weight", f"blk.{il}.attn_qkv.weight"))
        for il in sizes.trunk
    )
    for kind, given, head, matrix in (
        ("K", run.cache_type_k, sizes.head_k(), _widest(sizes.head_k())),
        ("V", run.cache_type_v, sizes.head_v(), _ROTATED),
    ):
        if single and head == matrix and ggml_type(given).block > 1:
            raise RefusedError(
                message("error.tensor-split-rotates", kind=kind, given=given),
                hint=message("hint.plain-cache-or-layers", kind=kind.lower()),
            )


def _widest(head: int) -> int:
    """
    The width of the matrix that rotates a head of K.

    >>> _widest(64), _widest(128), _widest(192), _widest(256)
    (64, 128, 64, 256)
    """
    size = _ROTATED
    while head % (2 * size) == 0:
        size *= 2
    return size
