"""
What RWKV keeps per sequence, and the tensors that its versions share.

Source: llama.cpp b11549, src/llama-hparams.cpp (n_embd_r, n_embd_s).
"""

from llmprobe.errors import ModelError
from llmprobe.facts.model import Hparams
from llmprobe.model.archs._shared.caches import CacheLayout
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.recurrent import uniform_state
from llmprobe.model.archs._shared.sizes import Sizes
from llmprobe.words.message import message

TOKEN_SHIFTS = 2
"""Parts of a layer that remember a token where the metadata does not say how many do (``token_shift_count``)."""


def rwkv_cache(hparams: Hparams) -> CacheLayout:
    """
    The state of every layer, and the last token for each of its parts that looks at the one before.

    Raises:
        ModelError: the width is not a number of heads.
    """
    sizes = Sizes(hparams)
    shifts = sizes.number("token_shift_count", TOKEN_SHIFTS)
    head = sizes.positive("wkv.head_size")
    if sizes.n_embd % head:
        raise ModelError(message("hparam.heads-divide", width=sizes.n_embd, head=head))
    return CacheLayout(state=uniform_state(sizes.trunk, shifts * sizes.n_embd, sizes.n_embd * head))


def time_mix_6(inventory: Inventory, key: int, *, first: bool = True) -> None:
    """
    Append what mixes RWKV 6's tokens as far as its matrices, keys and values ``key`` wide; ``first`` is the share of
    the token itself.
    """
    sizes = inventory.sizes
    n_embd, extra = sizes.n_embd, sizes.positive("time_mix_extra_dim")
    decay = sizes.positive("time_decay_extra_dim")
    inventory.weight("time_mix_w1", n_embd, 5 * extra)
    inventory.weight("time_mix_w2", extra, n_embd, 5)
    inventory.weight("time_mix_lerp_x", n_embd)
    inventory.weight("time_mix_lerp_fused", n_embd, 1, 1, 5)
    if first:
        head = sizes.positive("wkv.head_size")
        inventory.weight("time_mix_first", head, n_embd // head)
    inventory.weight("time_mix_decay", n_embd)
    inventory.weight("time_mix_decay_w1", n_embd, decay)
    inventory.weight("time_mix_decay_w2", decay, n_embd)
    inventory.weight("time_mix_key", n_embd, key)
    inventory.weight("time_mix_value", n_embd, key)
    inventory.weight("time_mix_receptance", n_embd, n_embd)
    inventory.weight("time_mix_gate", n_embd, n_embd)


def time_mix_7(inventory: Inventory, *, normed: bool) -> None:
    """
    Append what mixes RWKV 7's tokens; without a rank for it there is no gate. ``normed`` is a norm of its output.
    """
    sizes = inventory.sizes
    n_embd = sizes.n_embd
    decay, rate = (sizes.positive(f"attention.{name}_lora_rank") for name in ("decay", "iclr"))
    gate = sizes.number("attention.gate_lora_rank", 0)
    value = sizes.positive("attention.value_residual_mix_lora_rank") if inventory.layer else rate
    for name, rank in (("w", decay), ("a", rate), ("v", value)):
        inventory.weight(f"time_mix_{name}0", n_embd)
        inventory.weight(f"time_mix_{name}1", n_embd, rank)
        inventory.weight(f"time_mix_{name}2", rank, n_embd)
    if gate:
        inventory.weight("time_mix_g1", n_embd, gate)
        inventory.weight("time_mix_g2", gate, n_embd)
    inventory.weight("time_mix_lerp_fused", n_embd, 1, 1, 6 if gate else 5)
    for name in ("k_k", "k_a", "r_k"):
        inventory.weight(f"time_mix_{name}", n_embd)
    for name in ("key", "value", "receptance"):
        inventory.weight(f"time_mix_{name}", n_embd, n_embd)
    if normed:
        inventory.norm("time_mix_ln", bias=True)
    inventory.weight("time_mix_output", n_embd, n_embd)
