"""
Step 3.5: a mixture of experts, a gate per head, more heads on the layers with a window.
"""

from llmprobe.errors import ModelError
from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.blocks import Decoder, Heads, decoder, feed_forward, heads, slides
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.gated import ROUTED, gate_heads
from llmprobe.model.archs._building.next_token import next_token_graph
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import CacheLayout, sliding_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import (
    expert_matrices,
    is_dense,
    next_token,
    query_key_norms,
    router,
    router_bias,
    shared_expert,
)
from llmprobe.model.archs._shared.sizes import Sizes
from llmprobe.model.archs._shared.windows import sliding_layers
from llmprobe.units import whole_number
from llmprobe.words.message import message

ARCHITECTURES = ("step35",)
HF_CLASSES: dict[str, str] = {
    "Step3p5ForCausalLM": "step35",
    "Step3p7ForConditionalGeneration": "step35",
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
        query_key_norms(inventory)
        inventory.qkv()
        inventory.attn_output()
        inventory.weight("attn_gate", sizes.n_embd, sizes.heads(layer))
        inventory.norm("ffn_norm")
        if is_dense(sizes, layer) or layer not in sizes.trunk:
            inventory.ffn()
        else:
            router(inventory)
            expert_matrices(inventory)
            router_bias(inventory)
            shared_expert(inventory, "gate up down")
        if layer not in sizes.trunk:
            next_token(inventory)
    inventory.output()
    inventory.rope_factors()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Two caches: the first of every four layers sees the whole context, the others a window.
    """
    return sliding_cache(hparams, sliding_layers(Sizes(hparams), PERIOD, first=True))


def graph(g: Builder) -> None:
    """
    Build Step 3.5; its clamped activations are built as plain ones, which take no less.
    """
    decoder(g, Decoder(layer=_layer, hidden_output=True))


def draft_graph(g: Builder) -> None:
    """
    Build the layer for a token more; its hidden state is that before the last norm.
    """
    next_token_graph(g, _layer, norm_first=False)


draft_caches = caches


def _layer(g: Builder, il: int, x: Node) -> Node:
    """
    Each head of the attention is multiplied by a gate.
    """
    residual = x
    x = normed = g.norm(x, "attn_norm", il)
    head_norms = "before" if g.weight(il, "attn_q_norm.weight") is not None else ""
    q, k, v = heads(g, il, x, Heads(norms=head_norms, factors=not slides(g, il)))
    x = g.attention(il, q, k, v, output="")
    if g.weight(il, "attn_gate.weight") is not None:
        x = gate_heads(g, il, x, ops.unary("sigmoid", g.mm(il, "attn_gate", normed)))
    x, residual = g.crop(il, g.mm(il, "attn_output", x), residual)
    between = ops.like("add", x, residual)
    x = feed_forward(g, il, g.norm(between, "ffn_norm", il), ROUTED)
    return ops.like("add", x, between)


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read the heads of each kind of layer, the window and the leading dense layers.
    """
    other = config.part("attention_other_setting")
    slides = config.slides
    if slides is None:
        raise ModelError(message("config.lacks", keys=("layer_types",)))
    groups = config.need("num_attention_groups")
    layers = str(config.get("moe_layers_enum") or "").split(",")
    numbers = (whole_number(layer.strip()) for layer in layers)
    first = min((number for number in numbers if number is not None), default=0)
    theta = config.get("rope_theta")
    return {
        "attention.head_count": [
            other.get("num_attention_heads", config.heads) if slide else config.heads for slide in slides
        ],
        "attention.head_count_kv": [
            other.get("num_attention_groups", groups) if slide else groups for slide in slides
        ],
        "attention.sliding_window": config.need("sliding_window"),
        "attention.sliding_window_pattern": slides,
        "expert_shared_count": 1,
        "expert_shared_feed_forward_length": config.need("share_expert_dim"),
        "leading_dense_block_count": first,
        "expert_gating_func": rules.SIGMOID,
        "rope.freq_base": theta[0] if isinstance(theta, list) and theta else common.get("rope.freq_base"),
    }
