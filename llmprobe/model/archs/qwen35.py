"""
Qwen 3.5 and 3.6, dense and mixture of experts: gated delta nets, with gated attention on every fourth layer.

Source: llama.cpp b11549, src/models/qwen35.cpp, src/models/qwen35moe.cpp.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout
from llmprobe.model.archs._shared.delta_net import delta_net_cache, delta_net_tensors

ARCHITECTURES = ("qwen35", "qwen35moe")


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Return every tensor of the model; beta and alpha of the delta net are a matrix each.
    """
    return delta_net_tensors(hparams, apart=True)


def caches(hparams: Hparams) -> CacheLayout:
    """
    Return the cache of the attention layers and the state of the others.
    """
    return delta_net_cache(hparams)
