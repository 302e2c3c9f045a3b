"""
StarCoder 2: biases everywhere, no gate in the feed-forward part.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.blocks import Decoder, FeedForward, Layer, decoder
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("starcoder2",)
HF_CLASSES: dict[str, str] = {
    "Starcoder2ForCausalLM": "starcoder2",
}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm", bias=True)
        inventory.qkv(bias=True)
        inventory.attn_output(bias=True)
        inventory.norm("ffn_norm", bias=True)
        inventory.ffn("down up")
        inventory.bias("ffn_down", inventory.sizes.n_embd)
        inventory.bias("ffn_up", inventory.sizes.ff(layer))
    inventory.output(bias=True)
    return inventory.done()


caches = attention_cache


def graph(g: Builder) -> None:
    """
    Build StarCoder 2.
    """
    decoder(g, Decoder(norm="norm", layer=Layer(ffn=FeedForward(activation="gelu"))))


from_config = rules.tied
