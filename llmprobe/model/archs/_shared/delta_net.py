"""
Gated delta nets with gated attention between them, as Qwen builds them from 3 Next on.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import (
    expert_matrices,
    gated_query,
    next_token,
    query_key_norms,
    router,
    shared_expert,
)
from llmprobe.model.archs._shared.recurrent import Ssm, hybrid_cache, recurrent_layers, ssm_state
from llmprobe.model.archs._shared.sizes import Sizes

INTERVAL = 4


def delta_net_tensors(hparams: Hparams, *, apart: bool) -> tuple[Tensor, ...]:
    """
    Every tensor of the model; with ``expert_count`` the feed-forward part is a mixture.

    With ``apart`` beta and alpha of the delta net are a matrix each.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    recurrent = frozenset(recurrent_layers(sizes, INTERVAL))
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm")
        inventory.norm("post_attention_norm")
        if layer in recurrent:
            delta_net(inventory, apart=apart)
        else:
            gated_query(inventory)
            inventory.attn_output()
            query_key_norms(inventory)
        if sizes.n_expert:
            _mixture(inventory)
        else:
            inventory.ffn()
        if layer not in sizes.trunk:
            next_token(inventory)
    inventory.output()
    return inventory.done()


def delta_net_cache(hparams: Hparams) -> CacheLayout:
    """
    The cache of the attention layers and the state of the others.
    """
    sizes = Sizes(hparams)
    recurrent = recurrent_layers(sizes, INTERVAL)
    attention = (layer for layer in sizes.trunk if layer not in recurrent)
    return hybrid_cache(hparams, attention, ssm_state(sizes, recurrent))


def delta_net(inventory: Inventory, *, apart: bool) -> None:
    """
    Append the gated delta net of one layer. With ``apart`` its beta and alpha are a matrix each.
    """
    n_embd, ssm = inventory.sizes.n_embd, Ssm(inventory.sizes)
    value = ssm.state * ssm.rank
    width = 2 * ssm.state * ssm.groups + value
    inventory.weight("attn_qkv", n_embd, width)
    inventory.weight("attn_gate", n_embd, value)
    inventory.weight("ssm_conv1d", ssm.kernel, width)
    inventory.bias("ssm_dt", ssm.rank)
    inventory.add("ssm_a", ssm.rank)
    if apart:
        inventory.weight("ssm_beta", n_embd, ssm.rank)
        inventory.weight("ssm_alpha", n_embd, ssm.rank)
    else:
        inventory.weight("ssm_ba", n_embd, 2 * ssm.rank)
    inventory.norm("ssm_norm", ssm.state)
    inventory.weight("ssm_out", value, n_embd)


def _mixture(inventory: Inventory) -> None:
    router(inventory)
    expert_matrices(inventory, "down")
    inventory.weight("ffn_gate_inp_shexp", inventory.sizes.n_embd)
    shared_expert(inventory, "gate up down")
    expert_matrices(inventory, "gate up")
