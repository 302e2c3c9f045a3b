"""
Baichuan: Llama's layer; the depth tells how positions are known.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.blocks import Decoder, Heads, Layer, decoder
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._shared.caches import CacheLayout, attention_cache
from llmprobe.model.archs._shared.rows import LLAMA, Output, RopeFactors, listed

ARCHITECTURES = ("baichuan",)
HF_CLASSES: dict[str, str] = {}

ROTARY_LAYERS, BIASED_LAYERS = 32, 40


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model: Llama's layer.
    """
    return listed(hparams, LLAMA, after=(Output(), RopeFactors()))


def caches(hparams: Hparams) -> CacheLayout:
    """
    One cache over the whole context.
    """
    return attention_cache(hparams)


def graph(g: Builder) -> None:
    """
    Build Baichuan: with 32 layers it has rotary positions, with 40 biases by distance.
    """
    count = len(g.parts.sizes.trunk)
    layer = Layer(heads=Heads(rope=count == ROTARY_LAYERS), alibi=count == BIASED_LAYERS)
    decoder(g, Decoder(layer=layer))


from_config = None
