"""
Which GGUF file llama.cpp's converter makes from quantized weights: from which of them, and how.

Source: llama.cpp b11549, conversion/base.py (prepare_tensors, dequant_model), gpt_oss.py, deepseek.py, kimi_k3.py.
"""

from collections.abc import Mapping
from typing import Any

from llmprobe.facts.model import Gguf
from llmprobe.model.formats.published.schemes import Scheme

_BY_BLOCK = ("float-quantized", "int-quantized", "naive-quantized")
_OWN_MXFP4 = {"gpt-oss": "mxfp4", "deepseek4": "fp8", "kimi-k3": "compressed-tensors"}
"""Architectures whose converter keeps experts in MXFP4, and the method that they are published in."""
_REFUSED_BITS = 3


def gguf_of(scheme: Scheme, said: Mapping[str, Any], architecture: str) -> tuple[Gguf, str | None]:
    """
    What the converter does with the weights, and the type that it keeps where it does.
    """
    if _OWN_MXFP4.get(architecture) == scheme.method and _has_mxfp4(scheme):
        return "kept", "MXFP4"
    if scheme.format.startswith("NVFP4") and scheme.method in ("modelopt", "compressed-tensors"):
        return "kept", "NVFP4"
    if scheme.method == "modelopt":
        return _modelopt(scheme, str(said.get("quant_algo")).upper())
    if scheme.method == "compressed-tensors":
        return ("dequantized" if _compressed(said) else "refused"), None
    if scheme.method == "gptq":
        return ("refused" if said.get("bits") == _REFUSED_BITS else "dequantized"), None
    return ("dequantized" if scheme.method in ("fp8", "bitnet") else "refused"), None


def _has_mxfp4(scheme: Scheme) -> bool:
    return "MXFP4" in scheme.format


def _modelopt(scheme: Scheme, algorithm: str) -> tuple[Gguf, str | None]:
    if algorithm == "MIXED_PRECISION" and "NVFP4" in scheme.format:
        return "kept", "NVFP4"
    one_scale = algorithm in ("FP8", "FP8_PER_CHANNEL_PER_TOKEN") or scheme.format.startswith("FP8 (")
    return ("dequantized" if one_scale else "refused"), None


def _compressed(said: Mapping[str, Any]) -> bool:
    """
    Whether the converter dequantizes it: one group of matrices, in whole rows or blocks or in groups of whole numbers.
    """
    groups = said.get("config_groups")
    parts = [part for part in groups.values() if isinstance(part, dict)] if isinstance(groups, dict) else []
    weights = parts[0].get("weights") if len(parts) == 1 else None
    if not isinstance(weights, dict):
        return False
    if said.get("format") in _BY_BLOCK:
        return weights.get("strategy") in ("channel", "block")
    whole = weights.get("strategy") == "group" and weights.get("type", "int") == "int"
    return said.get("format") == "pack-quantized" and whole
