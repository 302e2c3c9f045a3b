"""
Formats in which the weights of a model are published for engines that serve: what each is, and where it lies.

A name that people use (``FP8``, ``AWQ``, ``GPTQ-Int4``, ``NVFP4``) is a configuration as publishers usually write it;
a folder's own ``config.json`` says it exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmprobe.data import table
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.serving import Checkpoint
from llmprobe.model.formats.published.by_name import configuration_of

PLAIN = "BF16"
NAMES = (
    PLAIN,
    "FP8",
    "FP8-block",
    "W8A8",
    "GPTQ-Int8",
    "AWQ",
    "GPTQ-Int4",
    "W4A16",
    "NVFP4",
    "MXFP4-experts",
)
"""The names that are offered where one is not known."""

_PLAIN_NAMES = frozenset(("BF16", "FP16", "F16", "BFLOAT16", "FLOAT16"))
_BLOCK: Mapping[str, Any] = {"quant_method": "fp8", "weight_block_size": [128, 128]}
_BESIDE_EXPERTS = ("lm_head", "self_attn", "shared_experts", "re:.*mlp\\.(gate|up|gate_up|down)_proj.*")
_INT4 = {"num_bits": 4, "strategy": "group", "group_size": 32, "type": "int", "symmetric": True}
_EIGHT: Mapping[str, Any] = {
    "weights": {"num_bits": 8, "type": "float", "strategy": "channel"},
    "input_activations": {"num_bits": 8},
}
_OWN_NAMES: Mapping[str, Mapping[str, Any]] = {
    "AWQ-G32": {"quant_method": "awq", "bits": 4, "group_size": 32},
    "FP8-BLOCK": _BLOCK,
    "FP8-DYNAMIC": {
        "quant_method": "compressed-tensors",
        "format": "float-quantized",
        "config_groups": {"group_0": _EIGHT},
        "ignore": ["lm_head"],
    },
    "FP8-EXPERTS": {
        "quant_method": "compressed-tensors",
        "format": "float-quantized",
        "config_groups": {"group_0": _EIGHT},
        "ignore": list(_BESIDE_EXPERTS),
    },
    "MXFP4-EXPERTS": {"quant_method": "mxfp4"},
    "MXFP4": {"quant_method": "mxfp4"},
    "NVFP4": {
        "quant_method": "compressed-tensors",
        "format": "nvfp4-pack-quantized",
        "config_groups": {"group_0": {"weights": {"num_bits": 4, "type": "float", "group_size": 16}}},
        "ignore": ["lm_head"],
    },
    "W4A16-EXPERTS": {
        "quant_method": "compressed-tensors",
        "format": "pack-quantized",
        "config_groups": {"group_0": {"weights": _INT4}},
        "ignore": list(_BESIDE_EXPERTS),
    },
}


_COMPRESSED = frozenset(("FP8-DYNAMIC", "NVFP4"))
"""Formats by llm-compressor, whose recipes leave delta nets as they are. Source: public loads of Qwen3.5 and 3.6."""
_DELTA_NETS = frozenset(("qwen3next", "qwen35", "qwen35moe"))


def quantization_of(name: str, model: ModelSpec | None = None) -> tuple[bool, Mapping[str, Any] | None]:
    """
    Whether a format has that name, and what its configuration says, of a model where one is given; None of plain 16-bit
    floats.
    """
    wanted = name.upper().replace("_", "-").replace(" ", "-")
    if wanted in _PLAIN_NAMES:
        return True, None
    if wanted.startswith("FP8-BLOCK,"):
        return True, {**_BLOCK, "expert_dtype": "fp4"}
    found = _OWN_NAMES.get(wanted) or configuration_of(name)
    if (
        found is not None
        and wanted in _COMPRESSED
        and model is not None
        and model.architecture in _DELTA_NETS
    ):
        found = {**found, "ignore": [*found["ignore"], "re:.*linear_attn.*"]}
    return found is not None, found


def own(model: ModelSpec) -> Checkpoint:
    """
    The weights of a model's own repository; where that is not known, what its makers usually publish.
    """
    formats: dict[str, str] = table("checkpoints")["own"]
    kind = formats.get(model.repo or "", PLAIN)
    return Checkpoint(format=kind, repository=model.repo, certain=model.repo is not None)


def published(model: ModelSpec) -> tuple[Checkpoint, ...]:
    """
    All weights of a model that are known to be published, or that its publisher usually has: its own first.
    """
    mine, repo = own(model), model.repo
    if repo is None:
        return (mine,)
    tables = table("checkpoints")
    found = [mine]
    seen: dict[str, str] = tables["others"].get(repo, {})
    found += [Checkpoint(format=kind, repository=place, certain=True) for kind, place in seen.items()]
    habits: dict[str, str] = next(
        (formats for start, formats in tables["habits"] if repo.startswith(start)), {}
    )
    known = {one.format for one in found}
    for kind, form in habits.items():
        if kind not in known and mine.format == PLAIN:
            place = form.replace("{name:-BF16}", repo.removesuffix("-BF16")).replace("{name}", repo)
            found.append(Checkpoint(format=kind, repository=place.replace("{model}", repo.partition("/")[2])))
    return tuple(found)


def converted_for_mlx(model: ModelSpec) -> tuple[Checkpoint, ...]:
    """
    The conversions that mlx-community usually has of a model, in the bits that are usual; nobody looked.
    """
    if model.repo is None:
        return ()
    name = model.repo.rpartition("/")[2]
    return tuple(
        Checkpoint(format=f"MLX-{bits}bit", repository=f"mlx-community/{name}-{bits}bit")
        for bits in (8, 6, 4)
    )
