"""
The usual multiplication beside the exact figure, and why the two differ.
"""

from collections.abc import Sequence

from llmprobe.facts.estimate import DeviceEstimate, RuleOfThumb
from llmprobe.facts.model import ModelSpec
from llmprobe.words.message import Message, message


def rule_of_thumb(
    model: ModelSpec, quant: str, tensor_bytes: int, devices: Sequence[DeviceEstimate], ctx_size: int
) -> RuleOfThumb:
    """
    Parameters x 2 bytes, that + 20 to 50%, and x 0.6 for 4 bits, beside what the devices hold in all.
    """
    f16 = model.parameters * 2
    return RuleOfThumb(
        f16_bytes=f16,
        with_overhead_low_bytes=f16 * 12 // 10,
        with_overhead_high_bytes=f16 * 15 // 10,
        four_bit_bytes=model.parameters * 6 // 10,
        exact_bytes=sum(device.total_bytes for device in devices),
        why=_why(model, quant, tensor_bytes, devices, ctx_size),
    )


def _why(
    model: ModelSpec, quant: str, tensor_bytes: int, devices: Sequence[DeviceEstimate], ctx_size: int
) -> tuple[Message, ...]:
    bits = 8 * tensor_bytes / model.file_parameters
    cache = sum(device.cache_bytes for device in devices)
    compute = sum(device.compute_bytes + device.output_bytes for device in devices)
    overhead = sum(device.overhead_bytes for device in devices)
    twice = sum(device.weights_bytes for device in devices) - tensor_bytes
    reasons = [
        message("thumb.mixture", quant=quant, bits=bits),
        message("thumb.context", ctx_size=ctx_size, bytes=cache),
        message("thumb.compute", bytes=compute),
        message("thumb.overhead", bytes=overhead),
    ]
    if twice > 0.01 * tensor_bytes:
        reasons.append(message("thumb.stored-twice", bytes=twice))
    used, experts = model.hparams.get("expert_used_count"), model.hparams.get("expert_count")
    if experts:
        reasons.append(
            message("thumb.experts", experts=int(experts), used=None if used is None else int(used))
        )
    return tuple(reasons)
