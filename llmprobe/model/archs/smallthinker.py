"""
SmallThinker: a mixture of experts, the first of every four layers sees the whole context.
"""

from typing import Any

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.blocks import Decoder, Heads, decoder, heads
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._building.run import Parts
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import CacheLayout, attention_cache, sliding_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.sizes import Sizes
from llmprobe.model.archs._shared.windows import sliding_layers

ARCHITECTURES = ("smallthinker",)
HF_CLASSES: dict[str, str] = {
    "SmallThinkerForCausalLM": "smallthinker",
}

PERIOD = 4
WINDOW = 4096


_MIXTURE = Mixture(gating=None, activation="reglu")


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    for _ in inventory.layers():
        inventory.norm("attn_norm")
        inventory.qkv()
        inventory.attn_output()
        inventory.norm("ffn_norm")
        inventory.experts()
    inventory.output()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Two caches where there is a window, whose size llama.cpp does not read.
    """
    if not hparams.get("attention.sliding_window"):
        return attention_cache(hparams)
    return sliding_cache(hparams, sliding_layers(Sizes(hparams), PERIOD, first=True), WINDOW)


def graph(g: Builder) -> None:
    """
    Build SmallThinker.
    """
    decoder(g, Decoder(layer=_layer))


def _layer(g: Builder, il: int, x: Node) -> Node:
    """
    Experts are chosen before the attention.
    """
    residual = x
    scores = g.mm(il, "ffn_gate_inp", x)
    q, k, v = heads(g, il, g.norm(x, "attn_norm", il), Heads(rope=layer_variant(g.parts, il)))
    x, residual, scores = g.crop(il, g.attention(il, q, k, v), residual, scores)
    between = ops.like("add", x, residual)
    x = g.moe(il, g.norm(between, "ffn_norm", il), _MIXTURE, scores)
    return ops.like("add", x, between)


def common_words(values: dict[str, Any]) -> dict[str, Any]:
    """
    Its configuration by common names: all its experts are what it calls primary ones.
    """
    names = {
        "moe_num_primary_experts": "num_experts",
        "moe_num_active_primary_experts": "num_experts_per_tok",
        "moe_ffn_hidden_size": "moe_intermediate_size",
    }
    return values | {common: values[own] for own, common in names.items() if own in values}


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read the experts, and whether some layers have a window.
    """
    layout = config.get("sliding_window_layout")
    slides = isinstance(layout, list) and any(layout)
    softmax = config.flag("moe_primary_router_apply_softmax")
    return {
        "feed_forward_length": common.get("expert_feed_forward_length"),
        "expert_gating_func": 1 if softmax else rules.SIGMOID,
        "attention.sliding_window": (config.number("sliding_window_size") or None) if slides else None,
    }


def layer_variant(parts: Parts, il: int) -> bool:
    """
    Say whether a layer has positions: where there is a window, the layers that see everything have none.
    """
    return not parts.hparams.get("attention.sliding_window") or il % PERIOD != 0
