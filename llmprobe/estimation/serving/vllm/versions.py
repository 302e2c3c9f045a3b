"""
From which version of vLLM on a rule holds, and how a version is written.

Sources: the packages of 0.8.5 to 0.33 (config/cache.py, config/vllm.py, envs.py, v1/worker/gpu_worker.py,
v1/sample/ops/topk_topp_sampler.py), and what logs of these versions print (fixtures/truth/vllm.json).
"""

NEWEST = (0, 33, 0)
"""The version whose code was read; it counts where none is named."""

V1 = (0, 8)
"""The engine that cuts prompts in pieces by itself and looks at the device for its defaults."""
MASKED_SAMPLER = (0, 17)
"""Words beyond top-k and top-p are masked in place; before, the first runner sorted the logits of all requests."""
GRAPHS_TRIED = (0, 18)
"""A few graphs are captured before the pool is sized, and what these leave beside tensors counts."""
GRAPHS_COUNTED = (0, 20)
"""What graphs will take is estimated and taken off; before, they came on top of the budget."""
NEW_SHARE = (0, 20)
"""0.92 of a device instead of 0.9."""
CUT_ENCODERS = (0, 20)
"""Mistral's encoder of images is cut over the ranks; before, each rank had all of it."""
IN_FLIGHT = (0, 26)
"""Blocks behind a window are kept for every batch that is in flight, one more than the stages of a pipeline."""
WHOLE_PIECES = (0, 27)
"""What is left of the allocator's large pieces is not given to another matrix."""
WIDE_LATENT_STEP = (0, 27)
"""Pages of latent attention beside states are a multiple of 128 tokens; before, of 64."""
TRITON_EXPERTS = (0, 10, 2)
"""MXFP4's experts are multiplied by Triton on Hopper; before, by Marlin."""
CACHED_STATES = (0, 15)
"""States are kept for prefixes at all where that is asked for: 0.16 has it, 0.13 has not."""
ALIGNED_STATES = (0, 25)
"""Models with states have a cache of prefixes without being asked for it."""
WHOLE_SAMPLER = (0, 33)
"""The second runner measures the sampler with every option too."""

SECOND_RUNNER = (0, 29)
"""The second runner, which does not sort logits, runs every model; before, the ones below."""
_SECOND_DENSE = (0, 25)
"""It runs every model without experts and states."""
_SECOND_PLAIN: tuple[tuple[tuple[int, int], frozenset[str]], ...] = (
    ((0, 23), frozenset(("llama", "mistral3", "qwen3"))),
    ((0, 22), frozenset(("qwen3",))),
)
"""It runs these in 16 bits alone."""
_SECOND_NAMED: tuple[tuple[tuple[int, int], frozenset[str]], ...] = (
    ((0, 28), frozenset(("deepseek4", "kimi-k3", "qwen2moe", "granitemoe"))),
    ((0, 27), frozenset(("kimi-k3", "qwen2moe", "granitemoe"))),
    ((0, 25), frozenset(("qwen2moe", "granitemoe"))),
    ((0, 24), frozenset(("llama", "mistral3", "qwen3", "qwen2moe", "granitemoe"))),
)
"""It runs these in any format."""


def second_runner(
    version: tuple[int, ...], architecture: str, *, experts: bool, states: bool, quantized: bool
) -> bool:
    """
    Whether the second runner runs a model: from 0.22 on more and more of them.

    Source: vLLM 0.22 to 0.29, config/vllm.py: _is_default_v2_model_runner_model.

    >>> second_runner((0, 22, 0), "qwen3", experts=False, states=False, quantized=True)
    False
    >>> second_runner((0, 27, 1), "qwen2", experts=False, states=False, quantized=True)
    True
    """
    if version >= SECOND_RUNNER:
        return True
    if version >= _SECOND_DENSE and not experts and not states:
        return True
    for first, names in _SECOND_NAMED:
        if version >= first:
            return architecture in names
    plain = next((names for first, names in _SECOND_PLAIN if version >= first), frozenset())
    return architecture in plain and not quantized


def version_of(text: str | None) -> tuple[int, ...]:
    """
    A version as numbers, the newest known one where none is given: ``0.19.1rc1`` is (0, 19, 1).

    Raises:
        ValueError: it is none.
    """
    if text is None:
        return NEWEST
    numbers = []
    for part in text.lower().removeprefix("v").split(".")[:3]:
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits))
    if len(numbers) < 2:
        raise ValueError(text)
    return tuple(numbers)
