"""
What a configuration says of its quantization, in one form for all formats: how matrices are packed, and which.

Sources: transformers (utils/quantization_config.py), compressed-tensors, ModelOpt, Quark, mlx-lm (utils.py), exllamav2.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from llmprobe.model.formats.published.packing import (
    BYTE,
    HALF,
    MXFP4,
    MXFP8,
    NVFP4,
    WORD,
    Packing,
    by_block,
    by_tensor,
    grouped,
)
from llmprobe.model.formats.published.scope import Exceptions

MXFP4_EXPERTS = "MXFP4 experts"
_MOST_BITS, _LARGEST_GROUP = 16, 1 << 20


class Scheme(msgspec.Struct, frozen=True, kw_only=True):
    """
    A quantization. ``format`` is what people call it, ``method`` what the configuration does.

    ``packing`` is None where the width is not known. ``experts`` are packed in another way where they are, ``output``
    and ``embedding`` where these are quantized at all; ``only_experts`` leaves everything else as it is.
    ``own`` are modules with a packing of their own, None for those that are left as they are.
    """

    method: str
    format: str
    packing: Packing | None
    left_out: Exceptions
    output: Packing | None = None
    embedding: Packing | None = None
    experts: Packing | None = None
    only_experts: bool = False
    own: Mapping[str, Packing | None] = {}


Said = Mapping[str, Any]


def scheme_of(values: Said, beside: Said | None = None) -> Scheme | None:
    """
    The quantization of a configuration, None where it has none; ``beside`` is what ``hf_quant_config.json`` says.

    A method that is not known has a name and no packing.
    """
    said = said_of(values, beside)
    if said is None:
        return None
    method = str(said.get("quant_method") or said.get("format") or "")[:40].lower()
    read = _READERS.get(method.replace("_", "-"))
    if read is None:
        return _named(method, method, None, said)
    return read(said, values)


def said_of(values: Said, beside: Said | None) -> Said | None:
    """
    What is said of the quantization, in one place; the file beside the configuration is more particular.
    """
    found: Said = next(
        (
            values[name]
            for name in ("quantization_config", "compression_config", "quantization")
            if isinstance(values.get(name), dict) and values[name]
        ),
        {},
    )
    if not found.get("quant_method") and "bits" in found and "group_size" in found:
        found = {**found, "quant_method": "mlx"}
    own = (beside or {}).get("quantization")
    if isinstance(own, dict) and own:
        producer = (beside or {}).get("producer")
        name = producer.get("name") if isinstance(producer, dict) else None
        named = {"quant_method": name if isinstance(name, str) and name else "modelopt"}
        return {**named, **found, **own}
    if found.get("quant_algo") and not found.get("quant_method"):
        return {**found, "quant_method": "modelopt"}
    return found if found.get("quant_method") or found.get("format") else None


def _named(method: str, name: str, packing: Packing | None, said: Said, **more: Any) -> Scheme:
    return Scheme(method=method, format=name, packing=packing, left_out=Exceptions(_left_out(said)), **more)


def _left_out(said: Said) -> list[object]:
    keys = (
        "modules_to_not_convert",
        "ignore",
        "ignored_layers",
        "exclude_modules",
        "exclude",
        "skip_modules",
    )
    more = ("llm_int8_skip_modules", "modules_to_skip")
    return [entry for key in (*keys, *more) if isinstance(said.get(key), list) for entry in said[key]]


def _number(said: Said, *names: str, default: float = 0) -> float:
    for name in names:
        value = said.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= _LARGEST_GROUP:
            return value
    return default


def _bits(said: Said, *names: str, default: float = 0) -> float | None:
    value = _number(said, *names, default=default)
    return value if 0 < value <= _MOST_BITS else None


def _group(said: Said, *names: str, default: int = 0) -> int:
    """
    The numbers of a group, 0 for a whole row.
    """
    if any(said.get(name) == -1 for name in names):
        return 0
    return int(_number(said, *names, default=default))


def _label(name: str, bits: float | None, group: int = 0) -> str:
    wide = "" if bits is None else f" {bits:g}-bit"
    return f"{name}{wide}, groups of {group}" if group else f"{name}{wide}"


def _awq(said: Said, _values: Said) -> Scheme:
    bits, group = (
        _bits(said, "bits", "w_bit", default=4),
        _group(said, "group_size", "q_group_size", default=128),
    )
    zero = bits or 0
    packing = None if bits is None else grouped(bits, group, HALF + zero)
    return _named("awq", _label("AWQ", bits, group), packing, said)


def _gptq(said: Said, _values: Said) -> Scheme:
    bits, group = _bits(said, "bits", default=4), _group(said, "group_size", default=128)
    packing = None if bits is None else grouped(bits, group, HALF + bits, per_column=WORD)
    output = packing if said.get("lm_head") is True else None
    name = "AutoRound" if "round" in str(said.get("quant_method")) else "GPTQ"
    return _named(name.lower(), _label(name, bits, group), packing, said, output=output)


def _fp8(said: Said, values: Said) -> Scheme:
    block = said.get("weight_block_size")
    scale = BYTE if said.get("scale_fmt") == "ue8m0" else WORD
    packing = by_tensor(8)
    name = "FP8"
    if (
        isinstance(block, list)
        and len(block) == 2
        and all(type(side) is int and 0 < side < 1 << 20 for side in block)
    ):
        packing, name = by_block(8, block[0], block[1], scale), f"FP8, blocks of {block[0]} x {block[1]}"
    if str(values.get("expert_dtype")).lower() in ("fp4", "mxfp4"):
        return _named("fp8", f"{name}, experts in MXFP4", packing, said, experts=MXFP4)
    return _named("fp8", name, packing, said)


def _fbgemm(said: Said, _values: Said) -> Scheme:
    return _named("fbgemm_fp8", "FBGEMM FP8", grouped(8, 0, WORD), said)


def _mxfp4(said: Said, _values: Said) -> Scheme:
    return _named("mxfp4", MXFP4_EXPERTS, MXFP4, said, only_experts=True)


def _bitsandbytes(said: Said, _values: Said) -> Scheme:
    if said.get("load_in_8bit") or said.get("_load_in_8bit"):
        return _named("bitsandbytes", "bitsandbytes 8-bit", grouped(8, 0, WORD), said)
    double = bool(said.get("bnb_4bit_use_double_quant"))
    kind = str(said.get("bnb_4bit_quant_type") or "nf4").upper()[:4]
    beside = BYTE + WORD / 256 if double else WORD
    return _named("bitsandbytes", f"bitsandbytes {kind}", grouped(4, 64, beside), said)


def _hqq(said: Said, _values: Said) -> Scheme:
    part = said.get("quant_config")
    inner = part.get("weight_quant_params") if isinstance(part, dict) else None
    told = inner if isinstance(inner, dict) else said
    bits, group = _bits(told, "nbits", "bits", default=4), _group(told, "group_size", default=64)
    packing = None if bits is None else grouped(bits, group, 2 * HALF)
    return _named("hqq", _label("HQQ", bits, group), packing, said)


def _aqlm(said: Said, _values: Said) -> Scheme:
    books, width = _number(said, "num_codebooks", default=1), _bits(said, "nbits_per_codebook", default=16)
    group = _number(said, "in_group_size", default=8)
    bits = None if width is None else books * width / group
    return _named("aqlm", _label("AQLM", bits), None if bits is None else grouped(bits, 0, HALF), said)


def _exl(said: Said, _values: Said) -> Scheme:
    method = str(said.get("quant_method")).lower()
    bits = _bits(said, "bits")
    head = _bits(said, "head_bits", default=6)
    name = f"{method.upper()} {bits:g} bpw" if bits else method.upper()
    # The width is the average over all matrices, scales and all.
    output = None if head is None else Packing(head)
    return _named(method, name, None if bits is None else Packing(bits), said, output=output)


def _mlx(said: Said, _values: Said) -> Scheme:
    packing = _mlx_packing(said)
    bits, group = _bits(said, "bits", default=4), _group(said, "group_size", default=64)
    own = {
        name: _mlx_packing({**said, **part}) if isinstance(part, dict) else None
        for name, part in said.items()
        if isinstance(part, dict) or part is False
    }
    mode = said.get("mode")
    name = (
        f"MLX {mode}"
        if isinstance(mode, str) and mode.startswith(("mx", "nv"))
        else _label("MLX", bits, group)
    )
    return _named("mlx", name[:60], packing, said, output=packing, embedding=packing, own=own)


def _mlx_packing(said: Said) -> Packing | None:
    known = {"mxfp4": MXFP4, "nvfp4": NVFP4, "mxfp8": MXFP8}.get(str(said.get("mode")))
    bits = _bits(said, "bits", default=4)
    if known is not None or bits is None:
        return known
    return grouped(bits, _group(said, "group_size", default=64), 2 * HALF)


def _compressed(said: Said, _values: Said) -> Scheme:
    kind = str(said.get("format"))
    groups = said.get("config_groups")
    parts = [part for part in groups.values() if isinstance(part, dict)] if isinstance(groups, dict) else []
    packings = [_weights(part.get("weights"), str(part.get("format") or kind)) for part in parts]
    packing = packings[0] if packings else None
    bits = None if packing is None else packing.bits
    name = {"nvfp4-pack-quantized": "NVFP4", "mxfp4-pack-quantized": "MXFP4"}.get(
        str(parts[0].get("format") or kind) if parts else kind
    )
    if name is None:
        weights = parts[0].get("weights") if parts else None
        floats = isinstance(weights, dict) and weights.get("type") == "float"
        acts = parts[0].get("input_activations") if parts else None
        width = _bits(acts, "num_bits") if isinstance(acts, dict) else None
        name = (
            f"FP{bits:g}"
            if floats and bits
            else f"W{bits:g}A{width or 16:g}"
            if bits
            else "compressed-tensors"
        )
    # Every linear module is quantized that is not left out, the output among them.
    return _named("compressed-tensors", f"{name} (compressed-tensors)", packing, said, output=packing)


def _weights(told: object, kind: str) -> Packing | None:
    if not isinstance(told, dict):
        return None
    bits = _bits(told, "num_bits")
    if bits is None:
        return None
    if kind.startswith(("nvfp4", "mxfp4")):
        return NVFP4 if kind.startswith("nvfp4") else MXFP4
    strategy, zero = told.get("strategy"), 0 if told.get("symmetric", True) else bits
    block = told.get("block_structure")
    if strategy in ("group", "tensor_group"):
        return grouped(bits, _group(told, "group_size", default=128), HALF + zero)
    if strategy == "block" and isinstance(block, list) and len(block) == 2:
        rows, columns = (int(side) if type(side) is int and 0 < side < 1 << 20 else 128 for side in block)
        return by_block(bits, rows, columns)
    return grouped(bits, 0, HALF + zero) if strategy == "channel" else by_tensor(bits)


_ALGORITHMS: dict[str, tuple[str, Packing]] = {
    "FP8": ("FP8", by_tensor(8)),
    "FP8_PER_CHANNEL_PER_TOKEN": ("FP8", grouped(8, 0, WORD)),
    "FP8_PB_WO": ("FP8, blocks of 128 x 128", by_block(8, 128, 128)),
    "FP8_PB_REAL": ("FP8, blocks of 128 x 128", by_block(8, 128, 128)),
    "MXFP8": ("MXFP8", MXFP8),
    "NVFP4": ("NVFP4", NVFP4),
    "NVFP4_AWQ": ("NVFP4", NVFP4),
    "W4A16_NVFP4": ("NVFP4", NVFP4),
    "W4A8_NVFP4_FP8": ("NVFP4", NVFP4),
    "W4A8_MXFP4_FP8": ("MXFP4", MXFP4),
    "W4A16_AWQ": ("W4A16 AWQ", grouped(4, 128, HALF)),
    "W4A8_AWQ": ("W4A8 AWQ", grouped(4, 128, HALF)),
    "INT8": ("INT8", grouped(8, 0, WORD)),
    "W8A8_SQ_PER_CHANNEL": ("W8A8", grouped(8, 0, WORD)),
    "W8A16": ("W8A16", grouped(8, 0, HALF)),
}


def _modelopt(said: Said, _values: Said) -> Scheme:
    algorithm = str(said.get("quant_algo") or "")[:40].upper()
    layers = said.get("quantized_layers")
    if algorithm == "MIXED_PRECISION" and isinstance(layers, dict):
        own = {
            name: _ALGORITHMS[str(part.get("quant_algo")).upper()][1]
            for name, part in layers.items()
            if isinstance(part, dict) and str(part.get("quant_algo")).upper() in _ALGORITHMS
        }
        kinds = sorted(
            {str(part.get("quant_algo"))[:20] for part in layers.values() if isinstance(part, dict)}
        )
        return _named("modelopt", f"{' and '.join(kinds[:3])} (ModelOpt)", None, said, own=own)
    name, packing = _ALGORITHMS.get(algorithm, (algorithm or "ModelOpt", None))
    return _named("modelopt", f"{name} (ModelOpt)", packing, said)


def _torchao(said: Said, _values: Said) -> Scheme:
    told = said.get("quant_type")
    inner = told.get("default") if isinstance(told, dict) else told
    kind = str(inner.get("_type") if isinstance(inner, dict) else inner).lower()
    data = inner.get("_data") if isinstance(inner, dict) else said.get("quant_type_kwargs")
    group = _group(data, "group_size", default=128) if isinstance(data, dict) else 128
    if "int4" in kind:
        return _named("torchao", _label("TorchAO", 4, group), grouped(4, group, 2 * HALF), said)
    if "int8" in kind or "float8" in kind:
        return _named(
            "torchao", "TorchAO " + ("FP8" if "float8" in kind else "INT8"), grouped(8, 0, WORD), said
        )
    return _named("torchao", "TorchAO", None, said)


def _quark(said: Said, _values: Said) -> Scheme:
    part = said.get("global_quant_config")
    weight = part.get("weight") if isinstance(part, dict) else None
    told = weight[0] if isinstance(weight, list) and weight else weight
    if not isinstance(told, dict):
        return _named("quark", "Quark", None, said)
    kind, scheme = str(told.get("dtype")).lower(), str(told.get("qscheme"))
    width = kind.lstrip("abcdefghijklmnopqrstuvwxyz")[:1]
    bits = int(width) if width in ("4", "6", "8") else None
    if kind.startswith("fp4"):
        return _named("quark", "MXFP4 (Quark)", MXFP4, said, output=MXFP4)
    if bits is None:
        return _named("quark", "Quark", None, said)
    packing = by_tensor(bits) if scheme == "per_tensor" else grouped(bits, 0, WORD)
    if scheme == "per_group":
        packing = grouped(bits, _group(told, "group_size", default=128), HALF)
    name = "FP8" if kind.startswith("fp8") else f"INT{bits}"
    return _named("quark", f"{name} (Quark)", packing, said, output=packing)


def _bitnet(said: Said, _values: Said) -> Scheme:
    return _named("bitnet", "BitNet 2-bit", by_tensor(2), said)


def _bytes(name: str) -> Callable[[Said, Said], Scheme]:
    return lambda said, _values: _named(name, name.upper(), grouped(8, 0, HALF), said)


_READERS: dict[str, Callable[[Said, Said], Scheme]] = {
    "awq": _awq,
    "gptq": _gptq,
    "gptq-v2": _gptq,
    "auto-round": _gptq,
    "autoround": _gptq,
    "intel/auto-round": _gptq,
    "fp8": _fp8,
    "fbgemm-fp8": _fbgemm,
    "mxfp4": _mxfp4,
    "bitsandbytes": _bitsandbytes,
    "bnb": _bitsandbytes,
    "hqq": _hqq,
    "aqlm": _aqlm,
    "exl2": _exl,
    "exl3": _exl,
    "mlx": _mlx,
    "compressed-tensors": _compressed,
    "pack-quantized": _compressed,
    "modelopt": _modelopt,
    "modelopt-fp4": _modelopt,
    "torchao": _torchao,
    "quark": _quark,
    "bitnet": _bitnet,
    "eetq": _bytes("eetq"),
}
