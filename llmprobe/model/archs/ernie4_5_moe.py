"""
ERNIE 4.5 with experts: leading dense layers, a bias on the choice of experts.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.blocks import Decoder, FeedForward, Layer, decoder
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import is_dense, mixture

ARCHITECTURES = ("ernie4_5-moe",)
HF_CLASSES: dict[str, str] = {
    "Ernie4_5_MoeForCausalLM": "ernie4_5-moe",
}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm")
        inventory.qkv()
        inventory.attn_output()
        inventory.norm("ffn_norm")
        if is_dense(inventory.sizes, layer):
            inventory.ffn()
        else:
            mixture(inventory, biased=True)
    inventory.output()
    return inventory.done()


caches = attention_cache


def graph(g: Builder) -> None:
    """
    Build ERNIE 4.5 with experts.
    """
    decoder(g, Decoder(layer=Layer(ffn=FeedForward(mixture=Mixture(), shared="plain"))))


def from_config(config: Config, _common: Hparams) -> Hparams:
    """
    Read which layers have experts, and the width of the shared ones.
    """
    count = config.number("moe_num_shared_experts")
    return {
        "interleave_moe_layer_step": config.number("moe_layer_interval", default=1),
        "leading_dense_block_count": config.number("moe_layer_start_index"),
        "expert_shared_feed_forward_length": config.number("moe_intermediate_size") * count or None,
    }
