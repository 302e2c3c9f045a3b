"""
RWKV 7: a state instead of a cache, values of the first layer mixed into those of all others.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops, rwkv
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.config import Config, without_heads
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.rwkv import rwkv_cache, time_mix_7

ARCHITECTURES = ("rwkv7",)
HF_CLASSES: dict[str, str] = {
    "Rwkv7ForCausalLM": "rwkv7",
    "RWKV7ForCausalLM": "rwkv7",
}


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


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read the state, and the ranks of what is mixed, which follow from the width where they are not said.
    """
    width = config.width
    return rules.NO_HEADS | {
        "context_length": rules.ANY_LENGTH,
        "feed_forward_length": common.get("feed_forward_length") or 4 * width,
        "wkv.head_size": config.need("head_size", "head_dim"),
        "attention.decay_lora_rank": config.number("lora_rank_decay", "decay_low_rank_dim")
        or _rank(width, 0.5, 1.8),
        "attention.iclr_lora_rank": config.number("lora_rank_iclr", "a_low_rank_dim")
        or _rank(width, 0.5, 1.8),
        "attention.value_residual_mix_lora_rank": config.number(
            "lora_rank_value_residual_mix", "v_low_rank_dim"
        )
        or _rank(width, 0.5, 1.3),
        "attention.gate_lora_rank": config.number("lora_rank_gate", "gate_low_rank_dim")
        or _rank(width, 0.8, 0.6),
    }


def _rank(width: int, exponent: float, factor: float) -> int:
    return int(max(1, round(width**exponent * factor / 32)) * 32)


common_words = without_heads
