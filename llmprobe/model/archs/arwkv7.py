"""
ARWKV 7: Qwen 2 with the attention of RWKV 7.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops, rwkv
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.rwkv import rwkv_cache, time_mix_7

ARCHITECTURES = ("arwkv7",)
HF_CLASSES: dict[str, str] = {}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    for _ in inventory.layers():
        inventory.norm("attn_norm")
        time_mix_7(inventory, normed=False)
        inventory.norm("ffn_norm")
        inventory.ffn()
    inventory.norm("output_norm")
    inventory.weight("output", sizes.n_embd, sizes.n_vocab)
    return inventory.done()


caches = rwkv_cache


def graph(g: Builder) -> None:
    """
    Build ARWKV 7.
    """
    x, first_value = g.embed(), None
    for il in g.layers():
        x, first_value = _layer(g, il, x, first_value)
    g.finish(x)


def _layer(g: Builder, il: int, x: Node, first_value: Node | None) -> tuple[Node, Node]:
    x = rwkv.per_sequence(g, x)
    shift, rolling = rwkv.last_tokens(g, il)
    normed = g.norm(x, "attn_norm", il)
    mixed, first_value = rwkv.time_mix_7(g, il, normed, rwkv.shifted(shift, normed), first_value)
    rwkv.remember(g, rolling, rwkv.final(normed))
    between = rwkv.flat(g, ops.like("add", mixed, x))
    (between,) = g.crop(il, between)
    x = g.ffn(il, g.norm(between, "ffn_norm", il))
    return ops.like("add", x, between), first_value


from_config = None
