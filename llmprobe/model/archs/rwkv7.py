"""
RWKV 7: a state instead of a cache, values of the first layer mixed into those of all others.
"""

from functools import partial

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
    x, values = rwkv.first_norm(g, g.embed()), _Values(g)
    for il in g.layers():
        x = rwkv.layer(g, il, x, partial(values.mixed, il), partial(_channel_mix, g, il))
    g.finish(x, norm="norm")


class _Values:
    """
    The values of the first layer, which every other mixes into its own.
    """

    def __init__(self, g: Builder) -> None:
        self._g = g
        self._first: Node | None = None

    def mixed(self, il: int, x: Node, before: Node) -> Node:
        """The tokens of a layer, mixed."""
        x, self._first = rwkv.time_mix_7(self._g, il, x, before, self._first)
        return x


def _channel_mix(g: Builder, il: int, x: Node, before: Node) -> Node:
    difference = ops.like("sub", before, x)
    key = ops.like("add", ops.like("mul", difference, g.need(il, "channel_mix_lerp_k.weight")), x)
    key = ops.like("sqr", ops.unary("relu", g.mm(il, "channel_mix_key", key)))
    return g.mm(il, "channel_mix_value", key)


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
