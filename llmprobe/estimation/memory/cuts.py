"""
A split of tensors (``-sm tensor``): which tensors are cut, along which axis, and whose blocks a cut keeps whole.

Source: llama.cpp b11549, src/llama-model.cpp (``llama_meta_device_get_split_state``).
"""

import re
from functools import cache

import msgspec

from llmprobe.facts.model import Tensor

WHOLE_MODELS = frozenset({"hrm_text"})
"""Architectures of which every tensor lies whole on every device."""

LATENT = frozenset({"deepseek4"})
"""Architectures with rules of their own for latent attention."""

ATTENTION_OUT = ("attn_output.weight",)
_MIXER_OUT = ("attn_output.weight", "ssm_out.weight")
STATE_OUT = ("ssm_out.weight",)
_FFN_OUT = ("ffn_down.weight", "ffn_down_exps.weight")
_ITSELF: tuple[str, ...] = ()
_SHARED_OUT = ("ffn_down_shexp.weight",)


class Cut(msgspec.Struct, frozen=True, gc=False):
    """
    Along which axis a tensor is cut, and which tensor's blocks the cut keeps whole: the first of these that exists.
    """

    axis: int
    blocks_of: tuple[str, ...]


_CUTS: tuple[tuple[str, Cut], ...] = tuple(
    (pattern, Cut(axis, blocks_of))
    for pattern, axis, blocks_of in (
        (r"attn_(q|k|v|qkv)\.weight", 1, _MIXER_OUT),
        (r"attn_(q|k|v|qkv)\.bias", 0, _MIXER_OUT),
        (r"attn_v_exps\.weight", 1, ATTENTION_OUT),
        (r"attn_(q|k)_norm\.weight", 1, ATTENTION_OUT),
        (r"attn_sinks\.weight", 0, ATTENTION_OUT),
        (r"attn_output\.weight", 0, _ITSELF),
        (r"attn_gate\.weight", 1, _MIXER_OUT),
        (r"ssm_(dt\.bias|a)", 0, STATE_OUT),
        (r"ssm_(alpha|beta|ba|conv1d)\.weight", 1, STATE_OUT),
        (r"ssm_out\.weight", 0, _ITSELF),
        (r"ffn_(up|gate|gate_up)(_exps)?\.weight", 1, _FFN_OUT),
        (r"ffn_(up|gate)(_exps)?\.bias", 0, _FFN_OUT),
        (r"ffn_down(_exps)?\.weight", 0, _FFN_OUT),
    )
)
_CUTS_OF_LATENT: tuple[tuple[str, Cut], ...] = tuple(
    (pattern, Cut(axis, blocks_of))
    for pattern, axis, blocks_of in (
        (r"attn_sinks\.weight", 0, ("attn_output_a.weight",)),
        (r"attn_q_b\.weight", 1, ("attn_output_a.weight",)),
        (r"attn_output_a\.weight", 2, _ITSELF),
        (r"attn_output_b\.weight", 0, _ITSELF),
        (r"ffn_(up|gate)_shexp\.weight", 1, _SHARED_OUT),
        (r"ffn_down_shexp\.weight", 0, _SHARED_OUT),
    )
)


def cut_of(tensor: Tensor, architecture: str) -> Cut | None:
    """
    How a tensor is cut, None where it lies whole on every device.
    """
    if architecture in WHOLE_MODELS:
        return None
    if tensor.layer is None:
        if architecture in LATENT:
            return None
        return {"output.weight": Cut(1, _ITSELF), "output.bias": Cut(0, _ITSELF)}.get(tensor.name)
    if not tensor.name.startswith("blk."):
        return None
    return _cut_in_layer(in_layer(tensor), len(tensor.shape), architecture in LATENT)


@cache
def _cut_in_layer(name: str, axes: int, latent: bool) -> Cut | None:
    for pattern, cut in (*_CUTS_OF_LATENT, *_CUTS) if latent else _CUTS:
        if re.fullmatch(pattern, name):
            # One norm serves all heads, unless each has its own.
            return None if name in ("attn_q_norm.weight", "attn_k_norm.weight") and axes < 2 else cut
    return None


def in_layer(tensor: Tensor) -> str:
    """
    A tensor's name without its layer: ``attn_q.weight``.
    """
    return tensor.name.split(".", 2)[2] if tensor.layer is not None else tensor.name
