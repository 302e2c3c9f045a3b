"""
How many numbers the encoder of images or sound of a configuration has, where no file was seen.

The parts are those of nearly all encoders: attention of four square matrices, a feed-forward part of two matrices, or
of three where it is gated, the embedding of patches and positions, and what leads into the language model. Engines that
load the published weights hold it beside the model.
"""

from collections.abc import Mapping
from typing import Any

_PARTS = ("vision_config", "audio_config")
_GATED = frozenset(("silu", "swiglu", "silu_and_mul"))
_GATED_KINDS = ("pixtral", "qwen2_5_vl", "qwen2_5_omni")
_MOST, _MOST_LAYERS = 1 << 16, 512
"""No width and no number of layers is larger."""


def encoder_parameters(values: Mapping[str, Any], width: int) -> int | None:
    """
    The numbers of all encoders that a configuration describes, which lead into a model of this width; None without any
    that is understood.

    >>> encoder_parameters({"vision_config": {"hidden_size": 1152, "num_hidden_layers": 27, "intermediate_size": 4304,
    ...     "patch_size": 14, "image_size": 896}}, 2560) // 1_000_000
    419
    """
    found = [_one(part, values, width) for name in _PARTS if isinstance(part := values.get(name), dict)]
    known = [count for count in found if count]
    return sum(known) if known else None


def _one(part: Mapping[str, Any], values: Mapping[str, Any], width: int) -> int:
    hidden = _number(part, "hidden_size", "embed_dim", "width", "d_model")
    layers = _number(part, "num_hidden_layers", "depth", "layers", "encoder_layers")
    inner = _number(part, "intermediate_size", "encoder_ffn_dim")
    ratio = part.get("mlp_ratio")
    if not inner and isinstance(ratio, int | float) and 0 < ratio < 64:
        inner = int(hidden * ratio)
    if not (hidden and layers and inner) or layers > _MOST_LAYERS:
        return 0
    kind = str(part.get("model_type") or values.get("model_type") or "")
    if kind.startswith("glm4v"):
        return _glm(part, hidden, layers, inner, width)
    gated = str(part.get("hidden_act")) in _GATED or kind.startswith(_GATED_KINDS)
    each = 4 * hidden * (hidden + 1) + (3 if gated else 2) * hidden * inner + inner + 5 * hidden
    return layers * each + _patches(part, hidden) + _leading(part, values, hidden, width)


def _glm(part: Mapping[str, Any], hidden: int, layers: int, inner: int, width: int) -> int:
    """
    GLM's encoder: layers whose inner width is that of the language model, patches joined by a convolution, and one
    gated part of the inner width that is said. Source: vLLM 0.18, models/glm4_1v.py.
    """
    out = _number(part, "out_hidden_size") or width
    side = _number(part, "spatial_merge_size") or 2
    each = 4 * hidden * hidden + 3 * hidden * out + 2 * hidden
    joined = side * side * hidden * out + out * out + 3 * out * inner
    return layers * each + joined + _patches(part, hidden)


def _patches(part: Mapping[str, Any], hidden: int) -> int:
    """
    The embedding of patches and of positions.
    """
    patch = _number(part, "patch_size")
    colours = _number(part, "in_channels", "num_channels", "in_chans") or 3
    frames = _number(part, "temporal_patch_size") or 1
    positions = _number(part, "num_position_embeddings")
    size = _number(part, "image_size")
    if not positions and size and patch:
        positions = (size // patch) ** 2
    return (colours * frames * patch * patch + positions) * hidden


def _leading(part: Mapping[str, Any], values: Mapping[str, Any], hidden: int, width: int) -> int:
    """
    What leads into the language model: patches side by side through two matrices, once more for each layer of the model
    that gets some; else one matrix, or two.
    """
    side = _number(part, "spatial_merge_size") or _number(values, "spatial_merge_size")
    kernel = part.get("merge_kernel_size")
    if not side and isinstance(kernel, list) and kernel and isinstance(kernel[0], int):
        side = kernel[0] if 0 < kernel[0] < 64 else 0
    out = _number(part, "out_hidden_size", "lm_hidden_dim") or width
    if side > 1:
        together = hidden * side * side
        deep = part.get("deepstack_visual_indexes")
        times = 1 + (len(deep) if isinstance(deep, list) and len(deep) < 64 else 0)
        return times * together * (together + out)
    return hidden * width + (width * width if values.get("projector_hidden_act") else 0)


def _number(part: Mapping[str, Any], *names: str) -> int:
    for name in names:
        value = part.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value < _MOST:
            return value
    return 0
