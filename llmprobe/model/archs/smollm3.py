"""
SmolLM 3: Llama's layer, without positions on one in four.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.blocks import Decoder, Layer, decoder
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.run import Parts
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import CacheLayout, attention_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.rows import LLAMA, Output, RopeFactors, listed

ARCHITECTURES = ("smollm3",)
HF_CLASSES: dict[str, str] = {
    "SmolLM3ForCausalLM": "smollm3",
}

PERIOD = 4


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
    Build SmolLM 3: every fourth layer knows no positions.
    """
    decoder(g, Decoder(layer=Layer(no_rope=lambda g, il: layer_variant(g.parts, il))))


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Tie the output to the embedding unless the configuration says otherwise.
    """
    return rules.tied(config, common)


def layer_variant(_parts: Parts, il: int) -> bool:
    """
    Say whether a layer has no positions.
    """
    return (il + 1) % PERIOD == 0
