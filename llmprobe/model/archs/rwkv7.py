"""
RWKV 7: a state instead of a cache, values of the first layer mixed into those of all others.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops, rwkv
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.rwkv import rwkv_cache, time_mix_7

ARCHITECTURES = ("rwkv7",)
HF_CLASSES: dict[str, str] = {}


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
        time_mix_7(inventory, normed=True)
        inventory.weight("channel_mix_lerp_k", sizes.n_embd)
        inventory.weight("channel_mix_key", sizes.n_embd, sizes.ff(layer))
        inventory.weight("channel_mix_value", sizes.ff(layer), sizes.n_embd)
    inventory.norm("output_norm", bias=True)
    inventory.weight("output", sizes.n_embd, sizes.n_vocab)
    return inventory.done()


caches = rwkv_cache


def graph(g: Builder) -> None:
    """
    Build RWKV 7.
    """
    x, first_value = rwkv.first_norm(g, g.embed()), None
    for il in g.layers():
        x, first_value = _layer(g, il, x, first_value)
    g.finish(x, norm="norm")


def _layer(g: Builder, il: int, x: Node, first_value: Node | None) -> tuple[Node, Node]:
    x = rwkv.per_sequence(g, x)
    shift, rolling = rwkv.last_tokens(g, il)
    before_mix, before_channel = rwkv.one_of(g, shift), rwkv.one_of(g, shift)
    normed = g.norm(x, "attn_norm", il, kind="norm")
    before = rwkv.shifted(before_mix, normed)
    mixed, first_value = rwkv.time_mix_7(g, il, normed, before, first_value)
    between = ops.like("add", mixed, x)
    inner = g.norm(between, "attn_norm_2", il, kind="norm")
    before = rwkv.shifted(before_channel, inner)
    rwkv.remember(g, rolling, ops.concat(rwkv.final(normed), rwkv.final(inner), 1))
    between, inner, before = (rwkv.flat(g, part) for part in (between, inner, before))
    between, inner, before = g.crop(il, between, inner, before)
    difference = ops.like("sub", before, inner)
    key = ops.like("add", ops.like("mul", difference, g.need(il, "channel_mix_lerp_k.weight")), inner)
    key = ops.like("sqr", ops.unary("relu", g.mm(il, "channel_mix_key", key)))
    return ops.like("add", g.mm(il, "channel_mix_value", key), between), first_value


from_config = None
