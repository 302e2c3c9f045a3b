"""
What the usual multiplication says about a model, beside the exact figure.
"""

from llmprobe.facts.model import ModelSpec
from llmprobe.facts.plan import RuleOfThumb


def rule_of_thumb(model: ModelSpec, exact_bytes: int) -> RuleOfThumb:
    """
    Return parameters x 2 bytes, that + 20 to 50%, and x 0.6 for 4 bits, and why the exact figure differs.
    """
    f16 = model.parameters * 2
    return RuleOfThumb(
        f16_bytes=f16,
        with_overhead_low_bytes=f16 * 12 // 10,
        with_overhead_high_bytes=f16 * 15 // 10,
        four_bit_bytes=model.parameters * 6 // 10,
        exact_bytes=exact_bytes,
        why=(
            "the rule knows nothing of the context: the cache grows with it, and its size per token differs "
            "between models by more than ten times",
            "a quantization is a mixture: some tensors are kept in more bits than its name says",
            "compute buffers follow the batch and the widths of the model, not its parameters",
        ),
    )
