"""
From which version of vLLM on a rule holds, and how a version is written.

Sources: what logs of these versions print (benchmarks/truth/vllm.json), the code of 0.33, and vLLM's own notes.
"""

NEWEST = (0, 33, 0)
"""The version whose code was read; it counts where none is named."""

V1 = (0, 8)
"""The engine that cuts prompts in pieces by itself and looks at the device for its defaults."""
ASYNC = (0, 14)
"""Steps are scheduled while the one before is computed: two batches are in flight."""
GRAPHS_COUNTED = (0, 21)
"""What graphs will take is estimated and taken off; before, they came on top of the budget."""
ALIGNED_STATES = (0, 25)
"""Models with states have a cache of prefixes without being asked for it."""
LEAN_SAMPLER = (0, 25)
"""The second runner: it does not sort the logits of all requests at once."""
WHOLE_SAMPLER = (0, 33)
"""The second runner measures the sampler with every option too."""
NEW_SHARE = (0, 27)
"""0.92 of a device instead of 0.9; what a process takes beside its tensors is measured after loading."""


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
