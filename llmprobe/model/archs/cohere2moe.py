"""
Command A with experts: both parts side by side behind one norm, windows on three of four layers.
"""

from functools import partial

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.blocks import Decoder, Heads, decoder, feed_forward, heads, slides
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.gated import ROUTED
from llmprobe.model.archs._building.next_token import next_token_graph
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._building.run import Parts
from llmprobe.model.archs._shared.caches import CacheLayout
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import is_dense, mixture, next_token
from llmprobe.model.archs._shared.windows import windowed_cache

ARCHITECTURES = ("cohere2moe",)
HF_CLASSES: dict[str, str] = {
    "Cohere2MoeForCausalLM": "cohere2moe",
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
        if is_dense(sizes, layer) and layer in sizes.trunk:
            inventory.ffn()
        else:
            mixture(inventory)
        if layer not in sizes.trunk:
            next_token(inventory)
    inventory.output()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Two caches: the first of every four layers sees the whole context.
    """
    return windowed_cache(hparams, PERIOD, first=True)


def graph(g: Builder) -> None:
    """
    Build Command A with experts.
    """
    decoder(g, Decoder(norm=_norm(g), layer=_layer, scale_logits=None))


def draft_graph(g: Builder) -> None:
    """
    Build the layer for a token more, which has positions in any case.
    """
    next_token_graph(g, partial(_layer, turned=True), norm=_norm(g))


draft_caches = caches


def from_config(config: Config, _common: Hparams) -> Hparams:
    """
    Read the windows, the dense layers at the beginning, and experts as wide as the configuration's inner width.
    """
    kinds, width = config.listed("mlp_layer_types"), config.need("intermediate_size")
    dense = config.number("first_k_dense_replace")
    if kinds is not None:
        dense = next((layer for layer, kind in enumerate(kinds) if kind != "dense"), len(kinds))
    further, shared = config.number("num_nextn_predict_layers"), config.number("num_shared_experts")
    slides = config.slides
    return {
        "block_count": config.layers + further,
        "nextn_predict_layers": further or None,
        "leading_dense_block_count": dense,
        "expert_feed_forward_length": width,
        "expert_shared_feed_forward_length": width * shared or None,
        "attention.sliding_window": config.need("sliding_window"),
        # A layer that predicts a token more looks at everything.
        "attention.sliding_window_pattern": None if slides is None else slides + [False] * further,
    }


def layer_variant(parts: Parts, il: int) -> bool:
    """
    Say whether a layer is one of the leading dense ones, which have positions in any case.
    """
    return il < parts.sizes.number("leading_dense_block_count", 0)


def _layer(g: Builder, il: int, x: Node, *, turned: bool = False) -> Node:
    """
    Both parts read the same norm, the shared expert is averaged in. ``turned`` layers have positions in any case.
    """
    residual = x
    x = normed = g.norm(x, "attn_norm", il, kind=_norm(g))
    dense = layer_variant(g.parts, il)
    q, k, v = heads(g, il, x, Heads(factors=True, rope=turned or dense or slides(g, il)))
    x, residual, normed = g.crop(il, g.attention(il, q, k, v), residual, normed)
    inner = feed_forward(g, il, normed, ROUTED)
    if g.weight(il, "ffn_up_shexp.weight") is not None:
        inner = ops.like("scale", inner)
    return ops.like("add", ops.like("add", inner, residual), x)


def _norm(g: Builder) -> str:
    return "rms_norm" if g.hparams.get("attention.layer_norm_rms_epsilon") else "norm"
