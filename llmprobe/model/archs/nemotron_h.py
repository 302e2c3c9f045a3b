"""
Nemotron H, Nano 2 and 3: each layer is Mamba 2, or attention, or a feed-forward part, dense or of experts.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import expert_matrices, router, shared_expert
from llmprobe.model.archs._shared.recurrent import attention_layers, hybrid_cache, mamba2, ssm_state
from llmprobe.model.archs._shared.sizes import Sizes

ARCHITECTURES = ("nemotron_h", "nemotron_h_moe")


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Return every tensor of the model; experts may work on a smaller vector than the layers (``moe_latent_size``).
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    for layer in inventory.layers():
        if layer not in sizes.trunk:
            _next_token(inventory)
            continue
        inventory.norm("attn_norm")
        if sizes.kv_heads(layer):
            inventory.qkv()
            inventory.attn_output()
        elif not sizes.ff(layer):
            mamba2(inventory)
        elif sizes.n_expert:
            _experts(inventory)
        else:
            inventory.ffn("down up")
    inventory.output()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Return the cache of the attention layers and the state of the Mamba layers.
    """
    sizes = Sizes(hparams)
    recurrent = (layer for layer in sizes.trunk if not sizes.kv_heads(layer) and not sizes.ff(layer))
    return hybrid_cache(hparams, attention_layers(sizes), ssm_state(sizes, recurrent))


def _experts(inventory: Inventory) -> None:
    n_embd, latent = inventory.sizes.n_embd, inventory.sizes.number("moe_latent_size", 0)
    router(inventory, biased=True)
    if latent:
        inventory.weight("ffn_latent_down", n_embd, latent)
        inventory.weight("ffn_latent_up", latent, n_embd)
    expert_matrices(inventory, "down up", n_embd=latent)
    shared_expert(inventory, "down up")


def _next_token(inventory: Inventory) -> None:
    n_embd = inventory.sizes.n_embd
    inventory.norm("nextn.enorm")
    inventory.norm("nextn.hnorm")
    inventory.weight("nextn.eh_proj", 2 * n_embd, n_embd)
    inventory.norm("nextn.shared_head_norm")
    inventory.norm("attn_norm")
    inventory.qkv()
    inventory.attn_output()
    inventory.norm("post_attention_norm")
    _experts(inventory)
