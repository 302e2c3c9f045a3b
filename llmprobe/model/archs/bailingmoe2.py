"""
Ling and Ring 2.0: fused queries, keys and values, head norms, experts with a balancing bias.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.blocks import Decoder, Heads, Layer, decoder
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.gated import ROUTED
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import CacheLayout, attention_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import is_dense, mixture, next_token, query_key_norms

ARCHITECTURES = ("bailingmoe2",)
HF_CLASSES: dict[str, str] = {
    "BailingMoeV2ForCausalLM": "bailingmoe2",
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
        inventory.fused_qkv()
        inventory.attn_output()
        query_key_norms(inventory)
        inventory.norm("ffn_norm")
        if is_dense(sizes, layer):
            inventory.ffn()
        else:
            mixture(inventory, biased=True)
        if layer not in sizes.trunk:
            next_token(inventory)
            inventory.norm("layer_output_norm")
    inventory.output()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    One cache over the whole context.
    """
    return attention_cache(hparams)


def graph(g: Builder) -> None:
    """
    Build Ling 2.
    """
    decoder(g, Decoder(layer=Layer(heads=Heads(norms="before"), ffn=ROUTED)))


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read the width of the shared experts.
    """
    return rules.shared_width(config, common)
