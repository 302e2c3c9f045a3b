"""
What the quantizer sees in a tensor's name: its role, whether it is quantized, the type it starts from.

Source: llama.cpp b11549, src/llama-quant.cpp (roles, exceptions), conversion/base.py (types before that).
"""

from typing import Literal

Role = Literal[
    "output", "token_embd", "attn_qkv", "attn_kv_b", "attn_v", "attn_k", "attn_q", "attn_output", "up",
    "gate", "down", "other",
]  # fmt: skip

_ROLE_BY_PART: tuple[tuple[str, Role], ...] = (
    ("attn_qkv.weight", "attn_qkv"),
    ("attn_kv_b.weight", "attn_kv_b"),
    ("attn_v.weight", "attn_v"),
    ("attn_k.weight", "attn_k"),
    ("attn_q.weight", "attn_q"),
    ("attn_output.weight", "attn_output"),
    ("ffn_up", "up"),
    ("ffn_gate", "gate"),
    ("ffn_down", "down"),
)

VALUE_ROLES: frozenset[Role] = frozenset(("attn_v", "attn_qkv", "attn_kv_b"))
"""The roles that are counted together as values, the most sensitive part of attention."""

_LEFT_ALONE = (
    "_norm.weight", "ffn_gate_inp.weight", "ffn_gate_tid2eid.weight", "altup", "laurel",
    "per_layer_model_proj", "ssm_conv1d", "shortconv.conv.weight", "indexer.k_proj.weight",
    "indexer.q_proj.weight", "time_mix_first.weight", "time_mix_w0.weight", "time_mix_w1.weight",
    "time_mix_w2.weight", "time_mix_v0.weight", "time_mix_v1.weight", "time_mix_v2.weight",
    "time_mix_a0.weight", "time_mix_a1.weight", "time_mix_a2.weight", "time_mix_g1.weight",
    "time_mix_g2.weight", "time_mix_decay_w1.weight", "time_mix_decay_w2.weight",
    "time_mix_lerp_fused.weight", "attn_rel_b.weight", ".position_embd", "sam.pos_embd", "sam.neck.",
    "sam.net_", ".rel_pos", ".patch_embd", ".patch_merger", "a.rvq.codebook", "mm.a.code_embd",
)  # fmt: skip

_LEFT_ALONE_GLM5_NEXT = (
    "hc_", "indexer.attn_q_b", "indexer.attn_k", "indexer.proj", "indexer_compressor_gate",
    "indexer_compressor_ape", "ssm_f_a.weight", "ssm_f_b.weight", "ssm_g_a.weight", "ssm_g_b.weight",
    "ssm_beta.weight", "attn_kv_a_mqa.weight", "attn_k_b.weight", "attn_v_b.weight",
)  # fmt: skip

_STORED_AS_F32 = (
    "ffn_gate_inp.weight", "ffn_gate_inp_shexp.weight", "position_embd.weight", "token_types.weight",
    "ssm_conv1d.weight", "ssm_conv1d_q.weight", "ssm_conv1d_k.weight", "ssm_conv1d_v.weight",
    "shortconv.conv.weight", "time_mix_first.weight", "time_mix_w1.weight", "time_mix_w2.weight",
    "time_mix_decay_w1.weight", "time_mix_decay_w2.weight", "time_mix_lerp_fused.weight",
    "altup_correct_coef.weight", "altup_predict_coef.weight", "altup_router.weight",
    "indexer.proj.weight", "hc_attn_fn.weight", "hc_ffn_fn.weight", "output_hc_fn.weight",
    "attn_compressor_ape.weight", "indexer_compressor_ape.weight", "indexer_compressor_gate.weight",
)  # fmt: skip

_STORED_AS_F32_MINIMAX_M3 = ("indexer.q_proj.weight", "indexer.k_proj.weight")


def role_of(name: str) -> Role:
    """
    What a tensor is for, as far as the quantizer distinguishes it.
    """
    if name == "output.weight":
        return "output"
    if name in ("token_embd.weight", "per_layer_token_embd.weight"):
        return "token_embd"
    for part, role in _ROLE_BY_PART:
        if part in name:
            return role
    return "other"


def dimensions(shape: tuple[int, ...]) -> int:
    """
    Ggml's count of dimensions, which leaves out trailing ones of extent 1.
    """
    count = len(shape)
    while count > 1 and shape[count - 1] == 1:
        count -= 1
    return count


def is_quantized(name: str, shape: tuple[int, ...], architecture: str) -> bool:
    """
    Whether the quantizer changes a tensor at all.
    """
    if (
        dimensions(shape) < 2
        or not name.endswith("weight")
        or name in ("position_embd.weight", "token_types.weight")
    ):
        return False
    if any(part in name for part in _LEFT_ALONE):
        return False
    return architecture != "glm5-next" or not any(part in name for part in _LEFT_ALONE_GLM5_NEXT)


def stored_type(name: str, shape: tuple[int, ...], architecture: str) -> str:
    """
    The type that a tensor has in the 16-bit file that a model is quantized from.
    """
    if "ffn_gate_tid2eid" in name:
        return "i32"
    if name.endswith((".lora_a", ".lora_b")):
        return "f16"
    if len(shape) <= 1 or not name.endswith(".weight") or name.endswith(("_norm.weight", *_STORED_AS_F32)):
        return "f32"
    if architecture == "minimax-m3" and name.endswith(_STORED_AS_F32_MINIMAX_M3):
        return "f32"
    return "f16"
