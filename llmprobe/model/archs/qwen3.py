"""
Qwen 3, dense and mixture of experts: no biases, a norm over each head of queries and keys.

The vision models have the same layers; their tower is a file of its own.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.blocks import Decoder, FeedForward, Heads, Layer, decoder
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._building.run import Parts
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("qwen3", "qwen3moe", "qwen3vl", "qwen3vlmoe")
HF_CLASSES: dict[str, str] = {
    "Qwen3ForCausalLM": "qwen3",
    "Qwen3Model": "qwen3",
    "Qwen3MoeForCausalLM": "qwen3moe",
    "Qwen3VLForConditionalGeneration": "qwen3vl",
    "Qwen3VLMoeForConditionalGeneration": "qwen3vlmoe",
    "Qwen3OmniMoeForConditionalGeneration": "qwen3vlmoe",
    "StepVLForConditionalGeneration": "qwen3",
    "Qwen3ASRForConditionalGeneration": "qwen3vl",
}
VISION = ("qwen3vl", "qwen3vlmoe")


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model; with ``expert_count`` the feed-forward part is a mixture.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    for _ in inventory.layers():
        inventory.norm("attn_norm")
        inventory.qkv()
        inventory.attn_output()
        inventory.head_norms()
        inventory.norm("ffn_norm")
        if inventory.sizes.n_expert:
            inventory.experts()
        else:
            inventory.ffn()
    inventory.output()
    return inventory.done()


caches = attention_cache


def graph(g: Builder) -> None:
    """
    Build Qwen 3; with vision a token has four positions, and the first layers add image features.
    """
    sees = g.architecture in VISION
    layer = Layer(
        heads=Heads(norms="before", per_token=4 if sees else 1),
        ffn=FeedForward(mixture=None if g.architecture == "qwen3" else Mixture()),
    )
    deepstack = g.sizes.number("n_deepstack_layers", 0) if sees else 0
    decoder(g, Decoder(layer=layer, deepstack=deepstack))


def from_config(config: Config, _common: Hparams) -> Hparams:
    """
    Read how many layers add image features.
    """
    layers = config.part("vision_config").get("deepstack_visual_indexes")
    sees = config.architecture in VISION
    return {"n_deepstack_layers": len(layers) if sees and isinstance(layers, list) else None}


def layer_variant(parts: Parts, il: int) -> bool:
    """
    Say whether a layer adds image features.
    """
    return parts.architecture in VISION and il < parts.sizes.number("n_deepstack_layers", 0)
