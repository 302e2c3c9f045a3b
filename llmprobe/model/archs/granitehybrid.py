"""
Granite 4 H: Mamba 2 layers with attention on a few, dense or mixture of experts with a shared one.
"""

from typing import Any

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops, state
from llmprobe.model.archs._building.blocks import Decoder, FeedForward, Heads, decoder, feed_forward, heads
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import CacheLayout
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import expert_matrices, router, shared_expert, shared_width
from llmprobe.model.archs._shared.recurrent import attention_layers, hybrid_cache, mamba2, ssm_state
from llmprobe.model.archs._shared.sizes import Sizes

ARCHITECTURES = ("granitehybrid",)
HF_CLASSES: dict[str, str] = {
    "GraniteMoeHybridForCausalLM": "granitehybrid",
    "BambaForCausalLM": "granitehybrid",
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
        if sizes.kv_heads(layer):
            inventory.qkv()
            inventory.attn_output()
        else:
            mamba2(inventory)
        inventory.norm("ffn_norm")
        if sizes.n_expert:
            router(inventory)
            expert_matrices(inventory)
            if shared_width(sizes):
                shared_expert(inventory, "gate up down")
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
    Build Granite 4.
    """
    decoder(g, Decoder(layer=_layer, scale_logits=None))


def _layer(g: Builder, il: int, x: Node) -> Node:
    """
    Mamba or attention, and a mixture or a dense part.
    """
    get = g.hparams.get
    residual = x
    x = g.norm(x, "attn_norm", il)
    if il in g.parts.state_of:
        x = state.mamba2(g, il, x)
    else:
        rope = get("rope.scaling.finetuned") is not False
        x = g.attention(il, *heads(g, il, x, Heads(rope=rope, factors=True)))
    x, residual = g.crop(il, x, residual)
    scaled = bool(get("residual_scale"))
    x = ops.like("scale", x) if scaled else x
    between = ops.like("add", x, residual)
    x = g.norm(between, "ffn_norm", il)
    x = feed_forward(g, il, x, FeedForward(mixture=Mixture(), shared="plain"))
    x = ops.like("scale", x) if scaled else x
    return ops.like("add", x, between)


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read which layers attend, the Mamba part and the shared expert.
    """
    heads = config.need("mamba_n_heads", "n_heads")
    head = config.number("mamba_d_head", default=64)
    shared = config.number("shared_intermediate_size")
    found: Hparams = {
        "attention.head_count_kv": [
            common["attention.head_count_kv"] if yes else 0 for yes in rules.attention_layers(config)
        ],
        "ssm.conv_kernel": config.number("mamba_d_conv", default=4),
        "ssm.inner_size": heads * head,
        "ssm.state_size": config.number("mamba_d_state", default=128),
        "ssm.time_step_rank": heads,
        "ssm.group_count": config.number("mamba_n_groups", default=1),
    }
    if common.get("expert_count"):
        return found | {"expert_shared_count": 1, "expert_shared_feed_forward_length": shared or None}
    return found | {"feed_forward_length": shared or common["feed_forward_length"]}


def settled(architecture: str, values: dict[str, Any]) -> str:
    """
    The architecture: without a Mamba layer the converter writes a plain Granite, with experts or without.
    """
    kinds = values.get("layer_types") or values.get("layers_block_type")
    if not isinstance(kinds, list) or "mamba" in kinds:
        return architecture
    return "granitemoe" if values.get("num_local_experts") else "granite"
