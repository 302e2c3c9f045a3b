"""
Mistral 3 and Ministral 3: Llama's layer, with queries scaled by their position.
"""

from typing import Any

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.blocks import Decoder, FeedForward, Heads, Layer, decoder
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._shared.caches import CacheLayout, attention_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.rows import ROUTED_LLAMA, Output, RopeFactors, listed

ARCHITECTURES = ("mistral3",)
HF_CLASSES: dict[str, str] = {
    "Mistral3ForConditionalGeneration": "mistral3",
    "Ministral3ForCausalLM": "mistral3",
}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model: Llama's layer, with experts or without.
    """
    return listed(hparams, ROUTED_LLAMA, after=(Output(), RopeFactors()))


def caches(hparams: Hparams) -> CacheLayout:
    """
    One cache over the whole context.
    """
    return attention_cache(hparams)


def graph(g: Builder) -> None:
    """
    Build Mistral 3: queries are scaled with the position where the metadata says so.
    """
    decoder(
        g,
        Decoder(layer=Layer(heads=Heads(factors=True, temperature=None), ffn=FeedForward(mixture=Mixture()))),
    )


def from_config(config: Config, _common: Hparams) -> Hparams:
    """
    Read how queries are scaled with the position.
    """
    return {"attention.temperature_scale": config.rope.get("llama_4_scaling_beta")}


def settled(architecture: str, values: dict[str, Any]) -> str:
    """
    The architecture: the class of the vision model is also that of Mistral 4, which has other layers.
    """
    return "mistral4" if values.get("model_type") == "mistral4" else architecture
