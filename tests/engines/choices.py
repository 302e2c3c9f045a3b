"""
A choice to print, of which a test changes what it is about.
"""

from typing import Any

from llmprobe.facts.estimate import DeviceEstimate, Speed
from llmprobe.facts.recommendation import Choice, Quality
from llmprobe.units import GIB
from llmprobe.words.message import message


def gpu(name: str = "gpu0", size: int = 6 * GIB) -> DeviceEstimate:
    return DeviceEstimate(
        id=name,
        weights_bytes=size,
        cache_bytes=0,
        compute_bytes=0,
        output_bytes=0,
        overhead_bytes=0,
        total_bytes=size,
    )


def choice(**changes: Any) -> Choice:
    """
    Return Q4_K_M of a model with 33 layers, all on one GPU, with 8192 tokens in one slot.
    """
    fields: dict[str, Any] = {
        "label": "recommended",
        "quant": "Q4_K_M",
        "ctx_size": 8192,
        "parallel": 1,
        "cache_type_k": "f16",
        "cache_type_v": "f16",
        "flash_attn": "on",
        "gpu_layers": 33,
        "total_layers": 33,
        "n_cpu_moe": 0,
        "tensor_split": (),
        "devices": (gpu("host"), gpu()),
        "fits": True,
        "speed": Speed(
            generation_tokens_per_s=None, prompt_tokens_per_s=None, reason=message("speed.unknown")
        ),
        "quality": Quality(
            value=None, metric="", basis=message("quality.unknown"), words=message("quality.unknown")
        ),
        "reasons": (),
        "commands": {},
    }
    return Choice(**(fields | changes))
