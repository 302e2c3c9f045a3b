"""
The Llama family and what is built like it: Llama 1 to 3, Mistral, Mixtral, Yi, TinyLlama, SmolLM 2, Falcon 3.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.blocks import Decoder, FeedForward, Heads, Layer, decoder
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("llama",)
HF_CLASSES: dict[str, str] = {
    "LLaMAForCausalLM": "llama",
    "LlamaForCausalLM": "llama",
    "MistralForCausalLM": "llama",
    "MixtralForCausalLM": "llama",
    "VLlama3ForCausalLM": "llama",
    "LlavaForConditionalGeneration": "llama",
    "VoxtralForConditionalGeneration": "llama",
    "LlamaModel": "llama",
    "InternLM3ForCausalLM": "llama",
    "IQuestCoderForCausalLM": "llama",
    "JanusForConditionalGeneration": "llama",
    "Sarashina2VisionForCausalLM": "llama",
}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model; with ``expert_count`` the feed-forward part is a mixture (Mixtral).

    With ``attention_bias`` and ``mlp_bias`` the matrices carry biases (Granite Code).
    """
    inventory = Inventory(hparams)
    biased = bool(hparams.get("attention_bias"))
    inventory.embedding()
    for _ in inventory.layers():
        inventory.norm("attn_norm")
        inventory.qkv(bias=biased)
        inventory.attn_output(bias=biased)
        inventory.norm("ffn_norm")
        if inventory.sizes.n_expert:
            inventory.experts()
        else:
            inventory.ffn(bias=bool(hparams.get("mlp_bias")))
    inventory.output()
    inventory.rope_factors()
    return inventory.done()


caches = attention_cache
"""One cache over the whole context: llama.cpp ignores Mistral's sliding window here."""


def graph(g: Builder) -> None:
    """
    Build Llama.
    """
    decoder(g, Decoder(layer=Layer(heads=Heads(factors=True), ffn=FeedForward(mixture=Mixture(scale=False)))))


def from_config(config: Config, _common: Hparams) -> Hparams:
    """
    Read whether queries, keys and values have biases; every value of a head is turned.
    """
    flags = {"attention_bias": True} if config.flag("qkv_bias", "bias") else {}
    return flags | {"expert_feed_forward_length": None, "rope.dimension_count": config.head}
