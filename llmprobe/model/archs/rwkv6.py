"""
RWKV 6: a state instead of a cache, each token mixed with the one before it in both parts of a layer.
"""

from functools import partial

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops, rwkv
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._building.run import Parts
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.config import Config, without_heads
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.rwkv import rwkv_cache, time_mix_6

ARCHITECTURES = ("rwkv6",)
HF_CLASSES: dict[str, str] = {
    "Rwkv6ForCausalLM": "rwkv6",
}


WIDE = 4096
"""The width from which on the converter takes larger ranks."""


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    inventory.norm("token_embd_norm", bias=True)
    for layer in inventory.layers():
        inventory.norm("attn_norm", bias=True)
        inventory.norm("attn_norm_2", bias=True)
        time_mix_6(inventory, sizes.n_embd)
        inventory.norm("time_mix_ln", bias=True)
        inventory.weight("time_mix_output", sizes.n_embd, sizes.n_embd)
        inventory.weight("channel_mix_lerp_k", sizes.n_embd)
        inventory.weight("channel_mix_lerp_r", sizes.n_embd)
        inventory.weight("channel_mix_key", sizes.n_embd, sizes.ff(layer))
        inventory.weight("channel_mix_value", sizes.ff(layer), sizes.n_embd)
        inventory.weight("channel_mix_receptance", sizes.n_embd, sizes.n_embd)
    inventory.norm("output_norm", bias=True)
    inventory.weight("output", sizes.n_embd, sizes.n_vocab)
    return inventory.done()


caches = rwkv_cache


def graph(g: Builder) -> None:
    """
    Build RWKV 6.
    """
    x = rwkv.first_norm(g, g.embed())
    for il in g.layers():
        x = _layer(g, il, x)
    g.finish(x, norm="norm")


def _layer(g: Builder, il: int, x: Node) -> Node:
    x = rwkv.layer(g, il, x, partial(rwkv.time_mix_6, g, il), partial(_channel_mix, g, il))
    return ops.like("scale", x) if layer_variant(g.parts, il) else x


def _channel_mix(g: Builder, il: int, x: Node, before: Node) -> Node:
    difference = ops.like("sub", before, x)
    key = ops.like("add", ops.like("mul", difference, g.need(il, "channel_mix_lerp_k.weight")), x)
    gate = ops.like("add", ops.like("mul", difference, g.need(il, "channel_mix_lerp_r.weight")), x)
    gate = ops.unary("sigmoid", g.mm(il, "channel_mix_receptance", gate))
    key = ops.like("sqr", ops.unary("relu", g.mm(il, "channel_mix_key", key)))
    return ops.like("mul", gate, g.mm(il, "channel_mix_value", key))


def layer_variant(parts: Parts, il: int) -> bool:
    """
    Say whether a layer halves its output, as one in ``rescale_every_n_layers`` does.
    """
    period = int(parts.hparams.get("rescale_every_n_layers") or 0)
    return bool(period) and (il + 1) % period == 0


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read the state; the ranks of what is mixed follow from the width.
    """
    wide = config.width == WIDE
    return rules.NO_HEADS | {
        "context_length": rules.ANY_LENGTH,
        "feed_forward_length": common.get("feed_forward_length") or int(config.width * 3.5) // 32 * 32,
        "wkv.head_size": config.need("head_size"),
        "rescale_every_n_layers": config.number("rescale_every"),
        "time_mix_extra_dim": 64 if wide else 32,
        "time_decay_extra_dim": 128 if wide else 64,
    }


common_words = without_heads
