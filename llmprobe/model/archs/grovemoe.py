"""
GroveMoE: Qwen 3 with experts, and small ones beside them that neighbouring experts share.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.blocks import Decoder, Heads, decoder, heads
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.whole import whole

ARCHITECTURES = ("grovemoe",)
HF_CLASSES: dict[str, str] = {
    "GroveMoeForCausalLM": "grovemoe",
    "modeling_grove_moe.GroveMoeForCausalLM": "grovemoe",
}

GROUP = 2
"""Experts that share a small one, as the converter writes it of every model."""


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    width = sizes.number("expert_chunk_feed_forward_length", sizes.head_k())
    count = max(sizes.n_expert // _group(hparams), 1)
    inventory.embedding()
    for _ in inventory.layers():
        inventory.norm("attn_norm")
        inventory.qkv()
        inventory.attn_output()
        inventory.head_norms()
        inventory.norm("ffn_norm")
        inventory.experts()
        inventory.weight("ffn_gate_chexps", sizes.n_embd, width, count)
        inventory.weight("ffn_down_chexps", width, sizes.n_embd, count)
        inventory.weight("ffn_up_chexps", sizes.n_embd, width, count)
    inventory.output()
    return inventory.done()


caches = attention_cache


def graph(g: Builder) -> None:
    """
    Build GroveMoE.
    """
    decoder(g, Decoder(layer=_layer))


def _layer(g: Builder, il: int, x: Node) -> Node:
    """
    The small experts read what the others wrote, and are chosen by the same scores.
    """
    residual = x
    x = g.attention(il, *heads(g, il, g.norm(x, "attn_norm", il), Heads(norms="before")))
    x, residual = g.crop(il, x, residual)
    between = ops.like("add", x, residual)
    x = g.norm(between, "ffn_norm", il)
    scores = g.mm(il, "ffn_gate_inp", x)
    x = g.moe(il, x, Mixture(by_sigmoid=True), scores)
    small = Mixture(by_sigmoid=True, group=_group(g.hparams), suffix="chexps")
    x = ops.like("add", x, ops.like("scale", g.moe(il, x, small, scores)))
    return ops.like("add", x, between)


def _group(hparams: Hparams) -> int:
    return max(whole(hparams.get("experts_per_group") or GROUP), 1)


def from_config(config: Config, _common: Hparams) -> Hparams:
    """
    Read the small experts, of which the configuration says nothing but that they are as wide as a head.
    """
    return {
        "expert_chunk_feed_forward_length": config.number("head_dim", default=128),
        "experts_per_group": GROUP,
    }
