"""
Settings as programs and command lines give them: each checked here, and nowhere else before the engine's own rules.
"""

import re
from collections.abc import Mapping, Sequence
from math import inf
from typing import Any, cast, get_args

from llmprobe.errors import UsageError
from llmprobe.facts.given import count, one_of, shown, switch, text, texts
from llmprobe.facts.settings import Pooling, Settings, SettingsOptions, SpecType
from llmprobe.model.quants import ggml_type
from llmprobe.words.message import message

MOST_SLOTS = 256
"""As llama.cpp b11549 has it (src/llama-cparams.h, LLAMA_MAX_SEQ)."""

_LARGEST = 2**31 - 1
"""llama.cpp counts in 32 bits."""
_COUNTS = {
    "ctx_size": (0, _LARGEST),
    "parallel": (1, MOST_SLOTS),
    "batch_size": (1, _LARGEST),
    "ubatch_size": (1, _LARGEST),
    "outputs_max": (0, _LARGEST),
    "gpu_layers": (0, _LARGEST),
    "n_cpu_moe": (0, _LARGEST),
    "image_min_tokens": (0, _LARGEST),
    "image_max_tokens": (0, _LARGEST),
    "n_cpu_ffn": (0, _LARGEST),
    "moe_cache_mib": (0, _LARGEST),
    "spec_draft_n_max": (0, _LARGEST),
    "spec_draft_ngl": (0, _LARGEST),
}
_SWITCHES = frozenset(
    {
        "kv_unified",
        "swa_full",
        "kv_offload",
        "op_offload",
        "repack",
        "mmap",
        "cpu_moe",
        "mmproj_offload",
        "embeddings",
    }
)
_ONE_OF = {
    "flash_attn": ("auto", "on", "off"),
    "split_mode": ("none", "layer", "row", "tensor"),
    "pooling": get_args(Pooling),
}
_CACHE_TYPES = ("cache_type_k", "cache_type_v", "spec_draft_type_k", "spec_draft_type_v")
_LEFT_OPEN = frozenset(
    {
        "parallel",
        "batch_size",
        "ubatch_size",
        "flash_attn",
        "kv_unified",
        "outputs_max",
        "gpu_layers",
        "spec_draft_ngl",
        "pooling",
    }
)
"""What may be None: the engine's own."""


def checked(given: Mapping[str, Any]) -> SettingsOptions:
    """
    The settings that were given, each in range and of its kind; what is left to the engine is left out.

    Raises:
        UsageError: a setting does not exist, or its value is of another kind or out of range.
    """
    found: dict[str, Any] = {}
    for name, value in given.items():
        if name not in SettingsOptions.__annotations__:
            raise UsageError(
                message("error.setting-unknown", setting=name),
                hint=message("hint.one-of", names=tuple(sorted(SettingsOptions.__annotations__))),
            )
        if value is None and name in _LEFT_OPEN:
            continue
        found[name] = _checked(name, value)
    return cast("SettingsOptions", found)


def check_counts(settings: Settings) -> None:
    """
    Check the sizes of settings that were not given by name.

    Raises:
        UsageError: one is out of range.
    """
    for name, (least, most) in _COUNTS.items():
        value = getattr(settings, name)
        if value is not None and not least <= value <= most:
            _refuse_count(name, value)


def _checked(name: str, value: Any) -> Any:
    if name in ("gpu_layers", "spec_draft_ngl") and value == "all":
        return None
    if name in _COUNTS:
        least, most = _COUNTS[name]
        return count(name, value, least=least, most=most)
    if name in _SWITCHES:
        return switch(name, value)
    if name in _ONE_OF:
        one_of(name, value, _ONE_OF[name])
        return value
    if name in _CACHE_TYPES:
        return ggml_type(value).name if isinstance(value, str) else one_of(name, value, ("f16", "q8_0"))
    if name == "tensor_split":
        return _split(value)
    if name == "mmproj":
        return text(name, value) or "none"
    if name == "spec_type":
        return _spec_types(value)
    if name == "spec_draft_device":
        return tuple([device_id(one) for one in texts(name, value)])
    return texts(name, value)


def _spec_types(value: Any) -> tuple[str, ...]:
    """
    Ways of drafting, ``none`` for none; several are separated by commas.
    """
    listed = [
        word for one in texts("spec_type", value) for word in one.split(",") if word not in ("", "none")
    ]
    for word in listed:
        one_of("spec_type", word, ("none", *get_args(SpecType)))
    return tuple(dict.fromkeys(listed))


def device_id(name: str) -> str:
    """
    A device by our id (``gpu0``) or as llama.cpp lists it (``CUDA0``, ``ROCm0``); ``none`` is no device.

    Raises:
        UsageError: the name has no number.
    """
    found = re.fullmatch(r"[A-Za-z]+?([0-9]{1,3})", name)
    if found is not None:
        return f"gpu{int(found[1])}"
    if name.lower() != "none":
        raise UsageError(message("error.device-name", given=name), hint=message("hint.device-name"))
    return "none"


def _split(value: Any) -> tuple[float, ...]:
    listed = isinstance(value, Sequence) and not isinstance(value, str)
    if not listed or not all(isinstance(share, int | float) and 0 <= share < inf for share in value):
        raise UsageError(
            message("error.tensor-split-not-numbers", given=shown(value)),
            hint=message("hint.tensor-split"),
        )
    return tuple(float(share) for share in value)


def _refuse_count(name: str, value: int) -> None:
    least, most = _COUNTS[name]
    count(name, value, least=least, most=most)
