"""
Trinity: a mixture of experts, gated attention, norms before and after each part, windows on three of four layers.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.blocks import Decoder, decoder
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.gated import gated_layer
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import CacheLayout
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import is_dense, mixture, query_key_norms
from llmprobe.model.archs._shared.windows import windowed_cache

ARCHITECTURES = ("afmoe",)
HF_CLASSES: dict[str, str] = {
    "AfmoeForCausalLM": "afmoe",
}

PERIOD = 4


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm")
        inventory.norm("post_attention_norm")
        inventory.qkv()
        inventory.attn_output()
        query_key_norms(inventory)
        inventory.weight("attn_gate", sizes.n_embd, sizes.heads(layer) * sizes.head_k())
        inventory.norm("ffn_norm")
        inventory.norm("post_ffw_norm")
        if is_dense(sizes, layer):
            inventory.ffn()
        else:
            mixture(inventory, biased=True)
    inventory.output()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Two caches: every fourth layer sees the whole context, the others a window.
    """
    return windowed_cache(hparams, PERIOD)


def graph(g: Builder) -> None:
    """
    Build Trinity.
    """
    decoder(g, Decoder(layer=gated_layer, scale_input=True))


def from_config(config: Config, _common: Hparams) -> Hparams:
    """
    Read the window and the shared experts.
    """
    return {
        "attention.sliding_window": config.number("sliding_window") or None,
        "expert_shared_feed_forward_length": config.number("moe_intermediate_size")
        * config.number("num_shared_experts"),
        "expert_gating_func": rules.SIGMOID,
    }
