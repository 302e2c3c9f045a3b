"""
QRWKV 6: Qwen 2 with the attention of RWKV 6, whose keys and values several heads share.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops, rwkv
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.rwkv import rwkv_cache, time_mix_6

ARCHITECTURES = ("rwkv6qwen2",)
HF_CLASSES: dict[str, str] = {
    "RWKV6Qwen2ForCausalLM": "rwkv6qwen2",
}


WIDE = 4096
"""The width from which on the converter takes larger ranks where the configuration says none."""


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


def from_config(config: Config, _common: Hparams) -> Hparams:
    """
    Read the state, whose heads are those of Qwen, and the ranks of what is mixed.
    """
    wide = config.width >= WIDE
    return rules.NO_HEADS | {
        "context_length": rules.ANY_LENGTH,
        "attention.head_count_kv": config.need("num_key_value_heads"),
        "wkv.head_size": config.width // config.heads,
        "time_mix_extra_dim": config.number("lora_rank_tokenshift", default=64 if wide else 32),
        "time_decay_extra_dim": config.number("lora_rank_decay", default=128 if wide else 64),
        "token_shift_count": 1,
    }
