"""
The weights as they are published: in which format, how many bytes, what loads them, which GGUF is made from them.
"""

from collections.abc import Mapping
from typing import Any, Literal

from llmprobe.facts.model import Folder, Tensor
from llmprobe.model.formats.published.converter import gguf_of
from llmprobe.model.formats.published.packing import Packing
from llmprobe.model.formats.published.schemes import MXFP4_EXPERTS, Said, Scheme, said_of, scheme_of
from llmprobe.model.formats.published.scope import (
    EMBEDDING,
    OUTPUT,
    ROUTERS,
    base_of,
    is_multiplied,
    modules_of,
)
from llmprobe.model.formats.safetensors import Weights
from llmprobe.words.message import Message, message

__all__ = ["MXFP4_EXPERTS", "counted_bytes", "folder", "notes", "packing_of", "quantization"]

_BITS = {"float32": 32, "float16": 16, "bfloat16": 16, "float8_e4m3fn": 8}
_FLOATS = ("float32", "float16", "bfloat16")

_LOADED_BY: dict[str, tuple[str, ...]] = {
    "awq": ("vLLM", "SGLang", "Transformers"),
    "gptq": ("vLLM", "SGLang", "Transformers", "ExLlamaV2"),
    "autoround": ("vLLM", "SGLang", "Transformers"),
    "fp8": ("vLLM", "SGLang", "Transformers"),
    "fbgemm_fp8": ("vLLM", "Transformers"),
    "mxfp4": ("vLLM", "SGLang", "Transformers"),
    "compressed-tensors": ("vLLM", "SGLang", "Transformers"),
    "modelopt": ("vLLM", "SGLang", "TensorRT-LLM"),
    "bitsandbytes": ("Transformers",),
    "hqq": ("Transformers",),
    "aqlm": ("Transformers",),
    "exl2": ("ExLlamaV2",),
    "exl3": ("ExLlamaV3",),
    "mlx": ("MLX", "LM Studio"),
    "torchao": ("vLLM", "SGLang", "Transformers"),
    "quark": ("vLLM", "SGLang"),
    "bitnet": ("Transformers",),
    "eetq": ("Transformers",),
}
"""What loads a format as it is. Sources: the engines' own lists of methods (vLLM 0.33, SGLang 0.5.23)."""
Basis = Literal["exact", "derived", "assumed"]
_PLAIN_ENGINES = ("vLLM", "SGLang", "Transformers")


def folder(
    values: Mapping[str, Any],
    tensors: tuple[Tensor, ...],
    architecture: str,
    *,
    weights: Weights | None = None,
    beside: Said | None = None,
) -> Folder | None:
    """
    The weights of a configuration, None where it says neither a type nor a quantization.

    ``beside`` is what ``hf_quant_config.json`` says. The size is that of the files where they are known, else follows
    from the format and counts what the GGUF file has: no projector, no layers for further tokens.
    """
    kind = str(values.get("torch_dtype") or values.get("dtype") or "").removeprefix("torch.")
    scheme = scheme_of(values, beside)
    exact = None if weights is None else weights.stored_bytes
    if scheme is None:
        if kind not in _FLOATS:
            return None
        plain = (
            sum(tensor.elements for tensor in tensors if not tensor.name.startswith("rope_"))
            * _BITS[kind]
            // 8
        )
        return Folder(
            format=kind,
            bytes=plain if exact is None else exact,
            basis="derived" if exact is None else "exact",
            engines=_PLAIN_ENGINES,
            gguf="made",
        )
    gguf, kept = gguf_of(scheme, said_of(values, beside) or {}, architecture)
    counted = counted_bytes(scheme, tensors, _BITS.get(kind, 16))
    size = counted if exact is None else exact
    derived = counted is not None and scheme.left_out.understood
    basis: Basis = "exact" if exact is not None else "derived" if derived else "assumed"
    return Folder(
        format=scheme.format or scheme.method,
        bytes=size,
        basis=basis,
        understood=scheme.left_out.understood,
        engines=_LOADED_BY.get(scheme.method, ()),
        gguf=gguf,
        gguf_type=kept,
        left_out=_left_out(scheme, tensors),
        left_out_type=kind if kind in _FLOATS else None,
    )


def quantization(values: Mapping[str, Any], beside: Said | None = None) -> dict[str, Any] | None:
    """
    What a configuration says of its quantization, in one place, None where it has none.
    """
    said = said_of(values, beside)
    return None if said is None else dict(said)


def notes(found: Folder) -> list[Message]:
    """
    The sentences about it: what the folder holds, what loads it, and the GGUF files that can be made.
    """
    told = [
        message(
            "model.published",
            format=found.format,
            size_bytes=found.bytes,
            understood=True if found.understood else None,
            left_out=found.left_out,
            type=found.left_out_type,
        )
    ]
    if found.gguf == "made":
        return told
    if found.engines:
        told.append(message("model.published-loaded-by", engines=found.engines))
    name = found.format.partition(",")[0]
    if found.gguf == "kept":
        told.append(message("model.gguf-keeps", type=found.gguf_type or ""))
    elif found.gguf == "dequantized":
        told.append(message("model.gguf-dequantizes", format=name))
    else:
        told.append(message("model.gguf-refuses", format=name))
    return told


def packing_of(scheme: Scheme, tensor: Tensor) -> Packing | None:
    """
    How a tensor is packed, None where it is left as it is.
    """
    base = base_of(tensor)
    if not is_multiplied(base) or len(tensor.shape) < 2:
        return None
    modules = modules_of(tensor)
    if scheme.left_out.has(modules):
        return None
    for module in modules:
        if module in scheme.own:
            return scheme.own[module]
    if base == OUTPUT:
        return scheme.output
    if base == EMBEDDING:
        return scheme.embedding
    experts = base.endswith("_exps")
    if base in ROUTERS or (scheme.only_experts and not experts):
        return None
    return scheme.experts if experts and scheme.experts is not None else scheme.packing


def counted_bytes(scheme: Scheme, tensors: tuple[Tensor, ...], bits: int) -> int | None:
    """
    The bytes of all tensors in a format, ``bits`` each number where it is not quantized; None of an unknown width.
    """
    if scheme.packing is None and not scheme.own:
        return None
    total = 0
    for tensor in tensors:
        packing = packing_of(scheme, tensor)
        if tensor.name.startswith("rope_"):
            continue
        if packing is None:
            total += tensor.elements * bits // 8
        else:
            entering, leaving = tensor.shape[:2]
            total += packing.bytes_of(entering, leaving, tensor.elements // (entering * leaving))
    return total


def _left_out(scheme: Scheme, tensors: tuple[Tensor, ...]) -> tuple[str, ...]:
    """
    The parts that stay as they are, by what people call them, the usual first.
    """
    parts: dict[str, set[bool]] = {}
    for tensor in tensors:
        base = base_of(tensor)
        part = _part_of(base)
        if part is not None and is_multiplied(base) and len(tensor.shape) > 1:
            parts.setdefault(part, set()).add(packing_of(scheme, tensor) is not None)
    if scheme.packing is None and not scheme.own:
        return ()
    return tuple(part for part in _PARTS if False in parts.get(part, set()))


_PARTS = ("embedding", "output", "attention", "shared-experts", "experts", "feed-forward", "routers", "state")


def _part_of(base: str) -> str | None:
    if base in (EMBEDDING, OUTPUT):
        return "embedding" if base == EMBEDDING else "output"
    if base in ROUTERS:
        return "routers"
    if base.startswith(("attn_", "indexer.")):
        return "attention"
    if base.startswith("ssm_"):
        return "state"
    if base.startswith("ffn_"):
        return (
            "experts"
            if base.endswith("_exps")
            else "shared-experts"
            if base.endswith("_shexp")
            else "feed-forward"
        )
    return None
