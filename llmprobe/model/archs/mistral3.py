"""
Mistral 3 and Ministral 3: Llama's layer, with queries scaled by their position.
"""

from typing import Any

from llmprobe.facts.model import Hparams
from llmprobe.model.archs._building.blocks import Decoder, FeedForward, Heads, Layer, decoder
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.rows import routed_llama_tensors

ARCHITECTURES = ("mistral3",)
HF_CLASSES: dict[str, str] = {
    "Mistral3ForConditionalGeneration": "mistral3",
    "Ministral3ForCausalLM": "mistral3",
}


tensors = routed_llama_tensors
caches = attention_cache


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
