"""
QRWKV 6: Qwen 2 with the attention of RWKV 6, whose keys and values several heads share.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops, rwkv
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.rwkv import rwkv_cache, time_mix_6

ARCHITECTURES = ("rwkv6qwen2",)
HF_CLASSES: dict[str, str] = {}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    n_embd = sizes.n_embd
    inventory.embedding()
    for layer in inventory.layers():
        key = (sizes.kv_heads(layer) or n_embd // sizes.positive("wkv.head_size")) * sizes.positive(
            "wkv.head_size"
        )
        inventory.norm("attn_norm")
        time_mix_6(inventory, key, first=False)
        inventory.bias("time_mix_key", key)
        inventory.bias("time_mix_value", key)
        inventory.bias("time_mix_receptance", n_embd)
        inventory.weight("time_mix_output", n_embd, n_embd)
        inventory.norm("ffn_norm")
        inventory.ffn()
    inventory.norm("output_norm")
    inventory.weight("output", n_embd, sizes.n_vocab)
    return inventory.done()


caches = rwkv_cache


def graph(g: Builder) -> None:
    """
    Build QRWKV 6.
    """
    x = g.embed()
    for il in g.layers():
        x = _layer(g, il, x)
    g.finish(x)


def _layer(g: Builder, il: int, x: Node) -> Node:
    x = rwkv.per_sequence(g, x)
    shift, rolling = rwkv.last_tokens(g, il)
    normed = g.norm(x, "attn_norm", il)
    mixed = rwkv.time_mix_6(g, il, normed, rwkv.shifted(shift, normed))
    rwkv.remember(g, rolling, rwkv.final(normed))
    between = rwkv.flat(g, ops.like("add", mixed, x))
    (between,) = g.crop(il, between)
    x = g.ffn(il, g.norm(between, "ffn_norm", il))
    return ops.like("add", x, between)


from_config = None
