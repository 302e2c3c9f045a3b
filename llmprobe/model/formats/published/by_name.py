"""
The size of a folder in a format of another engine, by the name of the format: AWQ, GPTQ-Int8, FP8, 4.0bpw, mlx-4bit.

A name leaves open how many numbers share a scale and what stays in 16 bits, so the size is a range between
configurations that publishers use; the folder's own config.json is exact.
"""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from llmprobe.facts.model import ModelSpec
from llmprobe.model.formats.published import counted_bytes
from llmprobe.model.formats.published.schemes import scheme_of
from llmprobe.model.quants.types import tensor_bytes

Configuration = dict[str, Any]

_BITS = 16
_ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj", "qkv_proj", "linear_attn", "mamba")
_BESIDE = 0.01
"""What files have beside their matrices (names, gaps, a number per tensor), as a share of the whole."""


class NamedSize(msgspec.Struct, frozen=True, gc=False):
    """
    What a folder takes: likely, at the least and at the most; ``format`` is the configuration that is likely.
    """

    format: str
    likely_bytes: int
    low_bytes: int
    high_bytes: int


def size_by_name(model: ModelSpec, name: str) -> NamedSize | None:
    """
    The size of a model's folder in a format of another engine, None where the name does not say how wide it is.

    The projector, where one is described, is in the folder in 16 bits.
    """
    found = _configurations(name)
    return None if found is None else _between(model, found)


def configuration_of(name: str) -> Configuration | None:
    """
    The configuration that a format's name most likely means (``FP8``, ``AWQ``, ``W4A16``), None of an unknown name.
    """
    found = _configurations(name)
    return None if found is None else found[0]


def _configurations(name: str) -> tuple[Configuration, ...] | None:
    """
    The configurations that a format's name may mean, the likely one first.
    """
    typed = re.sub(r"[-. _]+", "_", name.lower())
    for pattern, configurations in _NAMES:
        match = re.fullmatch(pattern, typed)
        if match is not None:
            width = next((float(group.replace("_", ".")) for group in match.groups() if group), 0.0)
            return configurations(width)
    return None


def _between(model: ModelSpec, configurations: tuple[Configuration, ...]) -> NamedSize | None:
    beside = 0
    if model.projector is not None:
        beside = sum(tensor_bytes(tensor.shape, str(tensor.type)) for tensor in model.projector.tensors)
    sizes, formats = [], []
    for configuration in configurations:
        scheme = scheme_of({"quantization_config": configuration})
        size = None if scheme is None else counted_bytes(scheme, model.tensors, _BITS)
        if scheme is None or size is None:
            return None
        sizes.append(size + beside)
        formats.append(scheme.format)
    low, high = min(sizes), max(sizes)
    return NamedSize(formats[0], sizes[0], round(low * (1 - _BESIDE)), round(high * (1 + _BESIDE)))


# Of each: what most publishers do first, then what takes least and most.


def _awq(bits: float) -> tuple[Configuration, ...]:
    usual: Configuration = {"quant_method": "awq", "bits": bits or 4, "group_size": 128}
    return usual, _packed(bits or 4, 128), usual | {"group_size": 32}


def _gptq(bits: float) -> tuple[Configuration, ...]:
    usual: Configuration = {"quant_method": "gptq", "bits": bits or 4, "group_size": 128}
    return usual, usual | {"group_size": -1}, usual | {"group_size": 32}


def _round(bits: float) -> tuple[Configuration, ...]:
    usual: Configuration = {"quant_method": "auto-round", "bits": bits or 4, "group_size": 128}
    return usual, _packed(bits or 4, 128), usual | {"group_size": 32}


def _weights_only(bits: float) -> tuple[Configuration, ...]:
    bits = bits or 4
    return _packed(bits, 128 if bits < 8 else 0), _packed(bits, 0), _packed(bits, 32 if bits < 8 else 128)


def _fp8(_bits: float) -> tuple[Configuration, ...]:
    return {"quant_method": "fp8"}, *_eight_bits(8)[1:]


def _eight_bits(_bits: float) -> tuple[Configuration, ...]:
    usual = _packed(8, 0, inputs=8)
    return usual, usual | {"ignore": []}, usual | {"ignore": ["lm_head", *_ATTENTION]}


def _four_bit_floats(_bits: float) -> tuple[Configuration, ...]:
    usual = _packed(4, 16) | {"format": "nvfp4-pack-quantized"}
    return usual, usual | {"ignore": []}, usual | {"ignore": ["lm_head", *_ATTENTION]}


def _exl2(bits: float) -> tuple[Configuration, ...]:
    return _exl("exl2", bits)


def _exl3(bits: float) -> tuple[Configuration, ...]:
    return _exl("exl3", bits)


def _exl(method: str, bits: float) -> tuple[Configuration, ...]:
    usual: Configuration = {"quant_method": method, "bits": bits, "head_bits": 6}
    # The width that is reached is a little off the one that was asked for.
    return usual, usual | {"bits": bits * 0.98}, usual | {"bits": bits * 1.02, "head_bits": 8}


def _bnb(bits: float) -> tuple[Configuration, ...]:
    if bits == 8:
        eight: Configuration = {"quant_method": "bitsandbytes", "load_in_8bit": True}
        return eight, eight, eight | {"llm_int8_skip_modules": list(_ATTENTION)}
    usual: Configuration = {"quant_method": "bitsandbytes", "bnb_4bit_use_double_quant": True}
    return usual, usual, {"quant_method": "bitsandbytes"}


def _hqq(bits: float) -> tuple[Configuration, ...]:
    usual: Configuration = {"quant_method": "hqq", "nbits": bits or 4, "group_size": 64}
    return usual, usual | {"group_size": 128}, usual | {"group_size": 32}


def _aqlm(_bits: float) -> tuple[Configuration, ...]:
    usual: Configuration = {
        "quant_method": "aqlm",
        "num_codebooks": 1,
        "nbits_per_codebook": 16,
        "in_group_size": 8,
    }
    return usual, usual, usual | {"num_codebooks": 2}


def _mlx(bits: float) -> tuple[Configuration, ...]:
    usual: Configuration = {"quant_method": "mlx", "bits": bits or 4, "group_size": 64}
    return usual, usual | {"group_size": 128}, usual | {"group_size": 32}


def _packed(bits: float, group: int, inputs: float = 16) -> Configuration:
    """
    Integers as compressed-tensors keeps them, in groups of a row (0: a row); the output stays as it is.
    """
    weights = {"num_bits": bits, "strategy": "group" if group else "channel", "group_size": group or None}
    part = {"weights": weights, "input_activations": {"num_bits": inputs}}
    return {
        "quant_method": "compressed-tensors",
        "format": "pack-quantized",
        "config_groups": {"group_0": part},
        "ignore": ["lm_head"],
    }


_WIDTH = r"(?:_?(?:int)?(\d)(?:_?bits?)?)?"
_BPW = r"(\d(?:_\d+)?)_?(?:bpw)?(?:_?h\d)?"
_NAMES: tuple[tuple[str, Callable[[float], tuple[Configuration, ...]]], ...] = (
    (rf"(?:auto)?awq{_WIDTH}", _awq),
    (rf"gptq(?:_?v2|_marlin)?{_WIDTH}", _gptq),
    (rf"auto_?round{_WIDTH}", _round),
    (r"w(\d)a16(?:_g\d+)?", _weights_only),
    (r"fp8(?:_(?:dynamic|static|block|kv))*", _fp8),
    (r"w8a8(?:_(?:int8|fp8))?", _eight_bits),
    (r"w4a4|fp4", _four_bit_floats),
    (rf"exl3_{_BPW}|{_BPW}_exl3", _exl3),
    (r"(?:exl2_)?(\d(?:_\d+)?)_?bpw(?:_?h\d)?(?:_exl2)?|exl2_(\d(?:_\d+)?)", _exl2),
    (rf"(?:bnb|bitsandbytes){_WIDTH}|nf4", _bnb),
    (rf"hqq{_WIDTH}", _hqq),
    (r"aqlm", _aqlm),
    (rf"mlx{_WIDTH}(?:_(?:dwq|gs\d+))*", _mlx),
)
