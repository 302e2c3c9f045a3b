"""
Llama 4: experts on every layer or every second, one shared; attention in chunks on three of four layers.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.blocks import (
    Decoder,
    FeedForward,
    Heads,
    decoder,
    feed_forward,
    heads,
    is_full,
)
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._building.ops import F32, Node
from llmprobe.model.archs._shared.caches import CacheLayout, attention_cache, sliding_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import (
    expert_matrices,
    expert_width,
    router,
    shared_expert,
    shared_width,
)
from llmprobe.model.archs._shared.sizes import Sizes
from llmprobe.model.archs._shared.windows import sliding_layers

ARCHITECTURES = ("llama4",)
HF_CLASSES: dict[str, str] = {
    "Llama4ForCausalLM": "llama4",
    "Llama4ForConditionalGeneration": "llama4",
}

PERIOD = 4
CHUNK = 8192


_ROUTED = FeedForward(mixture=Mixture(gating="sigmoid", norm=False, weigh_first=True), shared="plain")


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    step = sizes.number("interleave_moe_layer_step", 1)
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm")
        inventory.qkv()
        inventory.attn_output()
        inventory.norm("ffn_norm")
        if sizes.n_expert and step and (layer + 1) % step == 0:
            router(inventory)
            expert_matrices(inventory)
            shared_expert(inventory, width=shared_width(sizes) or expert_width(sizes))
        else:
            inventory.ffn()
    inventory.output()
    inventory.rope_factors()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Two caches: a chunk counts as a window, of one size whatever the metadata says; 0 there means no chunks.
    """
    if hparams.get("attention.sliding_window") == 0:
        return attention_cache(hparams)
    return sliding_cache(hparams, sliding_layers(Sizes(hparams), PERIOD), CHUNK)


def graph(g: Builder) -> None:
    """
    Build Llama 4.
    """
    decoder(g, Decoder(layer=_layer))


def _layer(g: Builder, il: int, x: Node) -> Node:
    """
    Chunked layers have positions, the others a temperature.
    """
    residual = x
    x = g.norm(x, "attn_norm", il)
    full = is_full(g, il)
    q, k, v = heads(g, il, x, Heads(rope=not full, factors=True))
    if full:
        q = ops.like("mul", q, g.input("temperature", F32, 1, 1, g.tokens))
    elif g.sizes.n_expert != 128:
        q, k = ops.like("rms_norm", q), ops.like("rms_norm", k)
    x, residual = g.crop(il, g.attention(il, q, k, v), residual)
    between = ops.like("add", x, residual)
    x = g.norm(between, "ffn_norm", il)
    return ops.like("add", feed_forward(g, il, x, _ROUTED), between)


def from_config(config: Config, _common: Hparams) -> Hparams:
    """
    Read the chunks and the two widths of feed-forward parts.
    """
    width = config.need("intermediate_size")
    full = config.listed("layer_types")
    window = (
        0
        if full is not None and "chunked_attention" not in full
        else config.number("attention_chunk_size", default=8192)
    )
    return {
        "feed_forward_length": config.need("intermediate_size_mlp"),
        "expert_feed_forward_length": width,
        "expert_shared_feed_forward_length": width,
        "expert_shared_count": 1,
        "interleave_moe_layer_step": config.number("interleave_moe_layer_step", default=1),
        "attention.sliding_window": window,
    }
