"""
Laguna: a mixture of experts, a gate per head, more heads on the layers with a window.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.blocks import Decoder, Heads, decoder, feed_forward, heads
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.gated import ROUTED, gate_heads
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import CacheLayout
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import is_dense, mixture, query_key_norms
from llmprobe.model.archs._shared.windows import windowed_cache

ARCHITECTURES = ("laguna",)
HF_CLASSES: dict[str, str] = {
    "LagunaForCausalLM": "laguna",
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
        inventory.qkv()
        inventory.attn_output()
        query_key_norms(inventory)
        inventory.weight("attn_gate", sizes.n_embd, sizes.heads(layer))
        inventory.norm("ffn_norm")
        if is_dense(sizes, layer):
            inventory.ffn("gate up down")
        else:
            mixture(inventory, "gate up down", biased=True)
    inventory.output()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Two caches where there is a window: the first of every four layers sees the whole context.
    """
    return windowed_cache(hparams, PERIOD, first=True)


def graph(g: Builder) -> None:
    """
    Build Laguna.
    """
    decoder(g, Decoder(layer=_layer))


def _layer(g: Builder, il: int, x: Node) -> Node:
    """
    Each head of the attention, or each value, is multiplied by a gate.
    """
    residual = x
    x = g.norm(x, "attn_norm", il)
    q, k, v = heads(g, il, x, Heads(norms="before"))
    gate = g.mm(il, "attn_gate", x)
    x = g.attention(il, q, k, v, output="")
    gate = ops.unary("softplus", gate)
    per_head = gate.ne[0] == g.sizes.heads(il)
    x = gate_heads(g, il, x, gate) if per_head else ops.like("mul", x, gate)
    x, residual = g.crop(il, g.mm(il, "attn_output", x), residual)
    between = ops.like("add", x, residual)
    x = g.norm(between, "ffn_norm", il)
    return ops.like("add", feed_forward(g, il, x, ROUTED), between)


def from_config(config: Config, _common: Hparams) -> Hparams:
    """
    Read the heads of each layer, the window and the leading dense layers.
    """
    kinds = config.listed("mlp_layer_types") or []
    return {
        "attention.head_count": config.listed("num_attention_heads_per_layer") or config.heads,
        "attention.sliding_window": config.number("sliding_window") or None,
        "attention.sliding_window_pattern": config.slides,
        "leading_dense_block_count": kinds.index("sparse") if "sparse" in kinds else 0,
        "expert_shared_count": 1,
        "expert_gating_func": rules.SIGMOID,
    }
