"""
Jamba: Mamba layers, attention on one in eight, experts on every second.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops, state
from llmprobe.model.archs._building.blocks import Decoder, FeedForward, Heads, decoder, feed_forward, heads
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import CacheLayout
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import mixture
from llmprobe.model.archs._shared.recurrent import attention_layers, hybrid_cache, mamba1, ssm_state
from llmprobe.model.archs._shared.sizes import Sizes

ARCHITECTURES = ("jamba",)
HF_CLASSES: dict[str, str] = {
    "JambaForCausalLM": "jamba",
}

PERIOD = 2
OFFSET = 1


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model; where experts are has no key, all released models have them on odd layers.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm")
        if sizes.kv_heads(layer):
            inventory.qkv()
            inventory.attn_output()
        else:
            mamba1(inventory, normed=True)
        inventory.norm("ffn_norm")
        if sizes.n_expert and layer % PERIOD == OFFSET:
            mixture(inventory)
        else:
            inventory.ffn()
    inventory.output()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    The cache of the attention layers and the state of the others.
    """
    sizes = Sizes(hparams)
    recurrent = (layer for layer in sizes.trunk if not sizes.kv_heads(layer))
    return hybrid_cache(hparams, attention_layers(sizes), ssm_state(sizes, recurrent))


def graph(g: Builder) -> None:
    """
    Build Jamba.
    """
    decoder(g, Decoder(layer=_layer))


def _layer(g: Builder, il: int, x: Node) -> Node:
    """
    Mamba or attention without positions.
    """
    residual = x
    x = g.norm(x, "attn_norm", il)
    x = (
        state.mamba1(g, il, x)
        if il in g.parts.state_of
        else g.attention(il, *heads(g, il, x, Heads(rope=False)))
    )
    x, residual = g.crop(il, x, residual)
    between = ops.like("add", residual, x)
    x = g.norm(between, "ffn_norm", il)
    x = feed_forward(g, il, x, FeedForward(mixture=Mixture(norm=False)))
    return ops.like("add", between, x)


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read which layers attend, and the Mamba part.
    """
    kv = common["attention.head_count_kv"]
    return {
        "attention.head_count_kv": [kv if yes else 0 for yes in rules.attention_layers(config)],
        "ssm.conv_kernel": config.number("mamba_d_conv", default=4),
        "ssm.inner_size": config.need("mamba_expand") * config.width,
        "ssm.state_size": config.number("mamba_d_state", default=16),
        "ssm.time_step_rank": config.number("mamba_dt_rank", default=-(-config.width // 16)),
    }
