"""
Granite 3 and MiniCPM: Llama's layer, with embeddings, residuals and logits multiplied by constants.
"""

from llmprobe.facts.model import Hparams
from llmprobe.model.archs._building.blocks import Decoder, FeedForward, Heads, Layer, decoder
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.rows import routed_llama_tensors

ARCHITECTURES = (
    "granite",
    "granitemoe",
    "minicpm",
)
HF_CLASSES: dict[str, str] = {
    "GraniteForCausalLM": "granite",
    "GraniteMoeForCausalLM": "granitemoe",
    "GraniteMoeSharedForCausalLM": "granitemoe",
    "MiniCPMForCausalLM": "minicpm",
    "GraniteSpeechForConditionalGeneration": "granite",
    "GraniteSpeechPlusForConditionalGeneration": "granite",
}


tensors = routed_llama_tensors
caches = attention_cache


def graph(g: Builder) -> None:
    """
    Build Granite; MiniCPM scales even where the metadata names no factors.
    """
    get, scaled = g.hparams.get, g.architecture == "minicpm"
    layer = Layer(
        heads=Heads(rope=get("rope.scaling.finetuned") is not False, factors=True),
        scale_residual=True if scaled else None,
        ffn=FeedForward(mixture=Mixture(), shared="plain"),
    )
    decoder(g, Decoder(layer=layer, scale_input=scaled and not get("embedding_scale"), scale_logits=True))


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read the shared expert of a mixture; MiniCPM's output is tied.
    """
    if config.architecture == "minicpm":
        return rules.tied(config, common)
    if config.architecture == "granite":
        return {}
    return {"expert_shared_feed_forward_length": config.number("shared_intermediate_size") or None}
