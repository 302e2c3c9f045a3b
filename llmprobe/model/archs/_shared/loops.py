"""
Models that go through the same layers several times: which block of the file each layer that runs has its weights from.

llama.cpp gives each pass layers of its own, with a cache each, and counts them for ``-ngl``; their weights lie with the
first of them. Sources: llama.cpp b11549, src/models/nanbeige.cpp, hrm-text.cpp (load_arch_tensors).
"""

from llmprobe.errors import ModelError
from llmprobe.facts.model import Hparams
from llmprobe.model.archs._shared.whole import layer_count, whole
from llmprobe.words.message import message


def blocks_of(hparams: Hparams, count: int) -> tuple[int, ...]:
    """
    For each layer that runs the block of the file that it is, where the metadata count ``count`` blocks.

    Raises:
        ModelError: a number is none, or makes more layers than any model has, or the stacks of an HRM do not make as
            many as the metadata say.
    """
    if hparams.get("hrm.layers_per_stack"):
        return _stacks(hparams, count)
    loops = max(whole(hparams.get("num_loops") or 1), 1)
    layer_count(count * loops)
    return tuple(range(count)) * loops


def routers(hparams: Hparams) -> int:
    """
    The layers behind all others that have a cache and no weights: one that chooses between adapters, or none.

    Source: llama.cpp b11549, src/models/granite-switch.cpp.
    """
    return 1 if hparams.get("adapters.count") else 0


def homes(blocks: tuple[int, ...]) -> dict[int, int]:
    """
    For each block of the file the first layer that runs it, where its weights lie.
    """
    return {block: blocks.index(block) for block in sorted(set(blocks))}


def _stacks(hparams: Hparams, count: int) -> tuple[int, ...]:
    """
    In each high cycle the low stack some times and then the high one; the file has the low one first, each once.
    """
    size, high, low = (
        whole(hparams.get(f"hrm.{name}") or 0) for name in ("layers_per_stack", "h_cycles", "l_cycles")
    )
    if size * high * (low + 1) != count:
        raise ModelError(message("hparam.loops", layers=count, made=size * high * (low + 1)))
    return tuple(
        block
        for _ in range(high)
        for stack in range(low + 1)
        for block in range(size * (stack == low), size * (1 + (stack == low)))
    )
