"""
What the usual multiplication says about a model, beside the exact figure, and why the two differ.
"""

from collections.abc import Sequence

from llmprobe.facts.estimate import DeviceEstimate, RuleOfThumb
from llmprobe.facts.model import ModelSpec
from llmprobe.units import format_bytes


def rule_of_thumb(
    model: ModelSpec, quant: str, tensor_bytes: int, devices: Sequence[DeviceEstimate], ctx_size: int
) -> RuleOfThumb:
    """
    Return parameters x 2 bytes, that + 20 to 50%, and x 0.6 for 4 bits, beside what the devices hold in all.
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
) -> tuple[str, ...]:
    bits = 8 * tensor_bytes / model.file_parameters
    cache = sum(device.cache_bytes for device in devices)
    compute = sum(device.compute_bytes + device.output_bytes for device in devices)
    overhead = sum(device.overhead_bytes for device in devices)
    twice = sum(device.weights_bytes for device in devices) - tensor_bytes
    reasons = [
        f"{quant} is a mixture of types: {bits:.2f} bits per weight in this model",
        f"the rule knows no context: the cache for {ctx_size} tokens takes {format_bytes(cache)}",
        f"compute buffers follow batch and widths, not parameters: {format_bytes(compute)}",
        f"driver and engine take {format_bytes(overhead)} whatever the model",
    ]
    if twice > 0.01 * tensor_bytes:
        reasons.append(f"weights that are stored twice or padded add {format_bytes(twice)}")
    used, experts = model.hparams.get("expert_used_count"), model.hparams.get("expert_count")
    if experts:
        reasons.append(f"all {experts} experts are in memory, though a token uses {used}")
    return tuple(reasons)
