"""
ARWKV 7: Qwen 2 with the attention of RWKV 7.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops, rwkv
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.config import Config, without_heads
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.rwkv import rwkv_cache, time_mix_7

ARCHITECTURES = ("arwkv7",)
HF_CLASSES: dict[str, str] = {
    "RwkvHybridForCausalLM": "arwkv7",
}


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


def from_config(config: Config, _common: Hparams) -> Hparams:
    """
    Read the state; the converter gives every model the same ranks.
    """
    return rules.NO_HEADS | {
        "context_length": rules.ANY_LENGTH,
        "wkv.head_size": config.need("head_size"),
        "attention.decay_lora_rank": 64,
        "attention.iclr_lora_rank": 64,
        "attention.value_residual_mix_lora_rank": 32,
        "attention.gate_lora_rank": 128 if config.flag("wkv_has_gate", default=True) else 0,
        "token_shift_count": 1,
    }


common_words = without_heads
