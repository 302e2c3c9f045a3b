"""
Hunyuan 3: a mixture of experts beside a shared one, a norm over each head, next-token layers.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.blocks import Decoder, Heads, Layer, decoder, decoder_layer
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.gated import ROUTED
from llmprobe.model.archs._building.next_token import next_token_graph
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import (
    expert_matrices,
    is_dense,
    next_token,
    query_key_norms,
    router,
    shared_expert,
)

ARCHITECTURES = ("hy_v3",)
HF_CLASSES: dict[str, str] = {
    "HYV3ForCausalLM": "hy_v3",
}

_LAYER = Layer(heads=Heads(factors=True, norms="before"), ffn=ROUTED)


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
        query_key_norms(inventory)
        inventory.norm("ffn_norm")
        if is_dense(sizes, layer):
            inventory.ffn()
        else:
            router(inventory)
            inventory.add("exp_probs_b", sizes.n_expert)
            expert_matrices(inventory, "down gate up")
            shared_expert(inventory, "gate up down")
        if layer not in sizes.trunk:
            next_token(inventory)
    inventory.output()
    return inventory.done()


caches = attention_cache


def graph(g: Builder) -> None:
    """
    Build Hy 3.
    """
    decoder(g, Decoder(layer=_LAYER))


def draft_graph(g: Builder) -> None:
    """
    Build the layer for a token more.
    """
    next_token_graph(g, lambda g, il, x: decoder_layer(g, il, x, _LAYER))


def from_config(config: Config, _common: Hparams) -> Hparams:
    """
    Read the experts, and the layers that predict further tokens, which the file has behind the others.
    """
    further = config.number("num_nextn_predict_layers")
    shared = config.number("num_shared_experts", default=1)
    return {
        "block_count": config.layers + further,
        "nextn_predict_layers": further or None,
        "expert_gating_func": rules.SIGMOID,
        "expert_shared_feed_forward_length": shared * config.need("moe_intermediate_size"),
        "expert_weights_scale": config.real("router_scaling_factor"),
        "expert_weights_norm": config.flag("route_norm", default=True),
    }
