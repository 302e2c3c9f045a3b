"""
The weights of one rank as they were published: which part of each matrix it holds, and in how many bytes.

Sources: vLLM 0.33 and SGLang 0.5.23 (layers/linear.py: QKVParallelLinear, ReplicatedLinear;
vocab_parallel_embedding.py; fused_moe/oracle/mxfp4.py). Both cut alike.
"""

from __future__ import annotations

import msgspec

from llmprobe.estimation.serving.allocator import Matrix, held_over
from llmprobe.estimation.serving.case import Case, RankWeights
from llmprobe.facts.model import Tensor
from llmprobe.facts.serving import ServingSettings
from llmprobe.model.formats.published.packing import MXFP4
from llmprobe.model.formats.published.scope import EMBEDDING, OUTPUT, base_of

_FILMS = 4
"""How many times as many positions there are for films as for tokens."""
WIDE = 2
"""Bytes of a number that is not quantized: BF16 or FP16."""
VOCABULARY_PAD = 64
"""Rows of the vocabulary are padded to a multiple of this before they are cut."""

_VOCABULARY = frozenset((EMBEDDING, OUTPUT, "per_layer_token_embd"))
_KV = frozenset(("attn_k", "attn_v"))
_CUT = frozenset(
    (
        "attn_q",
        "attn_q_b",
        "attn_kv_b",
        "attn_k_b",
        "attn_v_b",
        "attn_gate",
        "attn_qkv",
        "attn_output",
        "attn_output_a",
        "attn_output_b",
        "ffn_gate",
        "ffn_up",
        "ffn_down",
        "ffn_gate_shexp",
        "ffn_up_shexp",
        "ffn_down_shexp",
        "ssm_in",
        "ssm_out",
        "ssm_x",
        "ssm_dt",
        "ssm_alpha",
        "ssm_beta",
        "ssm_ba",
        "ssm_f_b",
        "ssm_g_b",
        "ssm_conv1d",
        "ssm_conv1d_q",
        "ssm_conv1d_k",
        "ssm_conv1d_v",
        "shortconv.in_proj",
        "shortconv.out_proj",
        "shortconv.conv",
    )
)
"""Matrices of which each rank of tensor parallelism holds its part; all others but experts are whole on each."""


_TOGETHER = {
    "attn_q": "qkv",
    "attn_k": "qkv",
    "attn_v": "qkv",
    "ffn_gate": "gate_up",
    "ffn_up": "gate_up",
    "ffn_gate_shexp": "gate_up_shexp",
    "ffn_up_shexp": "gate_up_shexp",
    "ffn_gate_exps": "gate_up_exps",
    "ffn_up_exps": "gate_up_exps",
}
"""Matrices that are loaded as one."""
_LARGE, _BUFFER, _PIECE, _SMALL = 10 << 20, 20 << 20, 2 << 20, 1 << 20
"""
The allocator's large pieces: from this size on, the buffer of those below, the steps, and what is too small to be split
off.
"""
_ORDER = (
    "qkv",
    "attn_q",
    "attn_output",
    "gate_up",
    "ffn_down",
    "gate_up_exps",
    "ffn_gate_up_exps",
    "ffn_down_exps",
)
_BY_ROWS = frozenset(("attn_output", "ffn_down", "ffn_down_exps", "ffn_down_shexp"))
"""The order of a layer's matrices, and those that are cut across their rows."""
_PROCESS = 150 << 20
"""What a process holds of an AMD card besides, by logs of MI300X."""


class Loading(msgspec.Struct, frozen=True, kw_only=True):
    """
    What an engine does with weights by its version.

    ``whole_encoder``: each rank has all of Mistral's encoder. ``marlin``: MXFP4's experts are multiplied by Marlin on
    Hopper too. ``whole_pieces``: what is over of the allocator's large pieces is given to no other matrix.
    ``by_device``: all counts that the device holds, copies of matrices with longer rows among it.
    """

    whole_encoder: bool = False
    marlin: bool = False
    whole_pieces: bool = False
    by_device: bool = False


USUAL = Loading()


def rank_weights(case: Case, settings: ServingSettings, stage: int, loading: Loading = USUAL) -> RankWeights:
    """
    The weights of a rank in one stage of the pipeline. All ranks of a stage hold as much.

    A case keeps what was counted: settings that are tried one after the other differ in other things.
    """
    key = (
        stage,
        settings.pipeline_parallel_size,
        settings.tensor_parallel_size,
        settings.enable_expert_parallel,
        settings.max_model_len,
        *msgspec.structs.astuple(loading),
    )
    found = case.counted.get(key)
    if found is None:
        found = case.counted[key] = _counted(case, settings, stage, loading)
    return found


def _counted(case: Case, settings: ServingSettings, stage: int, loading: Loading) -> RankWeights:
    count, tp = settings.pipeline_parallel_size, settings.tensor_parallel_size
    mine = case.stages(count)[stage]
    parts = dict.fromkeys(("embedding", "layers", "experts", "output", "copies", "padded_bytes"), 0)
    tied = not any(tensor.name == "output.weight" for tensor in case.tensors)
    first, last = stage == 0, stage == count - 1
    blocks: dict[tuple[int, str], int] = {}
    rows: dict[tuple[int, str], Tensor] = {}
    for tensor in case.tensors:
        base = base_of(tensor)
        if tensor.layer is None:
            size = _outside(case, tensor, base, tp)
            if base in _VOCABULARY and base != OUTPUT:
                if first:
                    parts["embedding"] += size
                if last and not first and tied and base == EMBEDDING:
                    parts["output"] += size
            elif last:
                parts["output"] += size
            continue
        if tensor.layer not in mine:
            continue
        if base.endswith("_exps"):
            size, padded = _experts(case, tensor, settings, loading)
            parts["experts"] += size
            parts["padded_bytes"] += padded
        else:
            size = _inside(case, tensor, base, tp)
            parts["layers"] += size
            if case.layout.latent and base in ("attn_k_b", "attn_v_b", "attn_kv_b"):
                parts["copies"] += tensor.elements * WIDE // tp
        if not tensor.name.endswith(".bias"):
            block = (tensor.layer, _TOGETHER.get(base, base))
            blocks[block] = blocks.get(block, 0) + _numbers(case, tensor, size)
            rows[block] = tensor
    return RankWeights(
        **parts,
        rounding=(
            _held_over(case, settings, blocks, rows)
            if loading.by_device
            else sum(rounding(size, whole=loading.whole_pieces) for size in blocks.values())
        ),
        tables=_tables(case, settings),
        encoder=_encoder(case, tp, loading) if first else 0,
    )


def _held_over(
    case: Case,
    settings: ServingSettings,
    blocks: dict[tuple[int, str], int],
    rows: dict[tuple[int, str], Tensor],
) -> int:
    """
    What the device holds beyond the matrices, in the order in which they are loaded: those of 8 bits are looked through
    for a number that AMD's do not have, and rows become longer of experts in 16 bits and of others in 8.
    """
    matrices: dict[int, list[Matrix]] = {}
    for (layer, name), size in sorted(blocks.items(), key=lambda one: (one[0][0], _place(one[0][1]))):
        if size < _LARGE:
            continue
        tensor = rows[layer, name]
        packing = case.packing(tensor)
        wide = WIDE if packing is None else 1
        experts = name.endswith("_exps")
        eight = packing is not None and packing.bits == 8
        by_rows = case.scheme is not None and case.scheme.method == "fp8"
        cut = settings.tensor_parallel_size if base_of(tensor) in _BY_ROWS else 1
        if experts and settings.enable_expert_parallel:
            cut = 1
        matrices.setdefault(layer, []).append(
            Matrix(
                bytes=size,
                row=tensor.shape[0] * wide // cut,
                padded=packing is None if experts else eight and by_rows,
                masked=eight,
            )
        )
    return held_over(matrices.values()) + _PROCESS


def _place(name: str) -> int:
    return _ORDER.index(name) if name in _ORDER else len(_ORDER)


def rounding(size: int, *, whole: bool = False) -> int:
    """
    What the allocator adds to a matrix of its own: large ones are pieces of 2 MiB, of which less than 1 MiB is not
    given to another; later nothing is of those that do not fit a buffer of 20 MiB (``whole``, by logs of these
    versions).

    Source: PyTorch, c10/cuda/CUDACachingAllocator.cpp (round_size, get_allocation_size, should_split).

    >>> rounding(63 << 19), rounding(49 << 19), rounding(49 << 19, whole=True), rounding(5 << 20)
    (524288, 0, 1572864, 0)
    """
    over = -size % _PIECE
    return over if size >= _LARGE and (over <= _SMALL or (whole and size >= _BUFFER)) else 0


def _packed(case: Case, tensor: Tensor) -> int:
    """
    The bytes of a whole tensor as it was published.
    """
    packing = case.packing(tensor)
    if packing is None:
        return tensor.elements * WIDE
    entering, leaving = tensor.shape[:2]
    return packing.bytes_of(entering, leaving, tensor.elements // (entering * leaving))


def _numbers(case: Case, tensor: Tensor, size: int) -> int:
    """
    The bytes of a matrix's numbers, of ``size`` with their scales, which are matrices of their own.
    """
    packing = case.packing(tensor)
    if packing is None:
        return size
    return int(size * tensor.elements * packing.bits / 8 / max(1, _packed(case, tensor)))


def _outside(case: Case, tensor: Tensor, base: str, tp: int) -> int:
    """
    The bytes of a tensor of no layer: the vocabulary is padded and cut, all else is whole.
    """
    size = _packed(case, tensor)
    if base not in _VOCABULARY or len(tensor.shape) < 2:
        return size
    rows = tensor.shape[1]
    padded = -(-rows // VOCABULARY_PAD) * VOCABULARY_PAD
    return size * padded // rows // tp


def _inside(case: Case, tensor: Tensor, base: str, tp: int) -> int:
    """
    The bytes that each rank holds of a tensor of a layer. Heads of K and V that are fewer than ranks are repeated.
    """
    size = _packed(case, tensor)
    if tensor.name.endswith(".bias"):
        base = base_of_bias(tensor)
        if base in ("attn_output", "ffn_down"):
            return size
    heads = case.sizes.kv_heads(tensor.layer or 0) or 1
    if base in _KV:
        return size // min(tp, heads)
    if base == "attn_qkv" and f"blk.{tensor.layer}.ssm_out.weight" not in case.names:
        # One matrix of queries, keys and values; of a delta net all of it is cut by heads.
        return _queries(case, tensor, size, tp, heads)
    return size // tp if base in _CUT else size


def base_of_bias(tensor: Tensor) -> str:
    """
    The matrix that a bias of a layer belongs to, by its name in GGUF.
    """
    return tensor.name.removeprefix(f"blk.{tensor.layer}.").removesuffix(".bias")


def _queries(case: Case, tensor: Tensor, size: int, tp: int, heads: int) -> int:
    rows = tensor.shape[-1]
    kept = min(rows, heads * (case.sizes.head_k() + case.sizes.head_v()))
    of_kv = size * kept // rows
    return (size - of_kv) // tp + of_kv // min(tp, heads)


def _experts(case: Case, tensor: Tensor, settings: ServingSettings, loading: Loading) -> tuple[int, int]:
    """
    The bytes of a rank's part of all experts of a layer, and how many of them are rounding.

    Experts are dealt out whole with expert parallelism, else each is cut. MXFP4's kernels want whole tiles.
    """
    packing = case.packing(tensor)
    tp = settings.tensor_parallel_size
    if packing is None:
        return tensor.elements * WIDE // tp, 0
    count = tensor.shape[2] if len(tensor.shape) > 2 else 1
    entering, leaving = tensor.shape[0], tensor.shape[1]
    whole = packing.bytes_of(entering, leaving, count)
    if packing is not MXFP4:
        return whole // tp, 0
    down = tensor.name.endswith("ffn_down_exps.weight")
    twice = 2 if tensor.name.endswith("ffn_gate_up_exps.weight") else 1
    hidden, inner = (leaving, entering) if down else (entering, leaving // twice)
    cut = 1 if settings.enable_expert_parallel else tp
    tile, inner_tile = _tiles(case, loading)
    hidden_padded = _up(hidden, tile)
    inner_padded = _up(-(-inner // cut), inner_tile) * twice
    width = (inner_padded, hidden_padded) if down else (hidden_padded, inner_padded)
    size = packing.bytes_of(*width, -(-count // (tp if cut == 1 else 1)))
    return size, max(0, size - whole // tp)


def _tiles(case: Case, loading: Loading) -> tuple[int, int]:
    """
    What the width of the model and that of an expert are rounded up to (mxfp4_round_up_hidden_size_and_…).

    Marlin (before Hopper) and TensorRT-LLM (Blackwell) take 256 by 128, Triton on Hopper 256 by 64, ROCm, whose cards
    have no capability of CUDA, 256 by 256.
    """
    capability = case.cards[0].capability
    if capability is None:
        return 256, 256
    return (256, 64) if capability[0] == 9 and not loading.marlin else (256, 128)


def _up(value: int, step: int) -> int:
    return -(-value // step) * step


def _tables(case: Case, settings: ServingSettings) -> int:
    """
    Sines and cosines of every position that the model was trained for, or that is asked for, in 16 bits: one table,
    two where layers with a window have a base of their own. Where positions are divided by a factor, the table of these
    is as much longer than it need be; where they have parts for the time and place in films, it is four times as long.

    Source: vLLM 0.33, layers/rotary_embedding/linear_scaling_rope.py, for which Gemma 3 loads 0.44 GiB more, and
    mrope.py (cache_max_position_num), 0.09 GiB of Qwen3.5.
    """
    hparams = case.model.hparams
    rotated = case.sizes.number("rope.dimension_count", 0)
    if not rotated:
        return 0
    positions = max(settings.max_model_len, case.model.max_context or 0)
    own = hparams.get("rope.freq_base_swa") not in (None, hparams.get("rope.freq_base"))
    windowed = own or case.model.architecture.startswith("gemma3")
    linear = hparams.get("rope.scaling.type") == "linear"
    factor = max(1.0, float(hparams.get("rope.scaling.factor") or 1)) if linear else 1.0
    if "rope.dimension_sections" in hparams:
        factor *= _FILMS
    return int(positions * rotated * WIDE * (factor + (1 if windowed else 0)))


def _encoder(case: Case, tp: int, loading: Loading) -> int:
    size = case.encoder_parameters * WIDE
    # Weights that others have quantized are in the form of transformers, whose encoder is cut.
    makers = case.scheme is None or case.scheme.method == "fp8"
    projector = case.model.projector
    pixtral = projector is not None and projector.metadata.get("projector_type") == "pixtral"
    return size if loading.whole_encoder and makers and pixtral else size // tp
