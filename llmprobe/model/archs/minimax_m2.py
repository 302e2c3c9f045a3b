"""
MiniMax M2: a mixture of experts, norms over all heads of queries and of keys together.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.blocks import Decoder, FeedForward, Heads, Layer, decoder
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import mixture, query_key_norms

ARCHITECTURES = ("minimax-m2",)
HF_CLASSES: dict[str, str] = {
    "MiniMaxM2ForCausalLM": "minimax-m2",
}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm")
        inventory.qkv()
        inventory.attn_output()
        query_key_norms(
            inventory, sizes.heads(layer) * sizes.head_k(), sizes.kv_heads(layer) * sizes.head_k()
        )
        inventory.norm("ffn_norm")
        mixture(inventory, biased=True)
    inventory.output()
    return inventory.done()


caches = attention_cache


def graph(g: Builder) -> None:
    """
    Build MiniMax M2.
    """
    decoder(
        g, Decoder(layer=Layer(heads=Heads(norms="whole"), ffn=FeedForward(mixture=Mixture(gating=None))))
    )


def from_config(config: Config, _common: Hparams) -> Hparams:
    """
    Read the experts, and how much of a head is turned.
    """
    return {
        "expert_feed_forward_length": config.need("intermediate_size"),
        "rope.dimension_count": config.number("rotary_dim") or None,
        "expert_gating_func": rules.SIGMOID,
        "expert_shared_feed_forward_length": config.number("shared_intermediate_size") or None,
    }
