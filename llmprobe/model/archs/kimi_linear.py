"""
Kimi Linear: delta attention, with latent attention on every fourth layer, experts beside a shared one.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.latent import latent_attention, latent_cache
from llmprobe.model.archs._shared.parts import expert_matrices, is_dense, router, router_bias, shared_expert
from llmprobe.model.archs._shared.recurrent import attention_layers, uniform_state
from llmprobe.model.archs._shared.sizes import Sizes

ARCHITECTURES = ("kimi-linear",)


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Return every tensor of the model.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm")
        if sizes.kv_heads(layer):
            latent_attention(inventory)
        else:
            _delta_attention(inventory)
        inventory.norm("ffn_norm")
        if is_dense(sizes, layer):
            inventory.ffn()
        else:
            router(inventory)
            expert_matrices(inventory)
            shared_expert(inventory)
            router_bias(inventory)
    inventory.output()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Return the cache of the latent of the attention layers, and the state of the others.
    """
    sizes = Sizes(hparams)
    latent = latent_cache(hparams, attention_layers(sizes))
    inner = sizes.heads() * sizes.number("kda.head_dim", 0)
    state = uniform_state(
        (layer for layer in sizes.trunk if not sizes.kv_heads(layer)),
        3 * (sizes.number("ssm.conv_kernel", 4) - 1) * inner,
        inner * sizes.number("kda.head_dim", 0),
    )
    return CacheLayout(kv=latent.kv, state=state, latent=latent.latent)


def _delta_attention(inventory: Inventory) -> None:
    sizes = inventory.sizes
    n_embd, heads = sizes.n_embd, sizes.heads(inventory.layer or 0)
    head, kernel = sizes.number("kda.head_dim", 0), sizes.number("ssm.conv_kernel", 4)
    inner = heads * head
    for part in "qkv":
        inventory.weight(f"ssm_conv1d_{part}", kernel, 1, inner)
    for part in "qkv":
        inventory.weight(f"attn_{part}", n_embd, inner)
    inventory.weight("ssm_f_a", n_embd, head)
    inventory.weight("ssm_f_b", head, inner)
    inventory.weight("ssm_beta", n_embd, heads)
    inventory.add("ssm_a", 1, heads)
    inventory.bias("ssm_dt", inner)
    inventory.weight("ssm_g_a", n_embd, head)
    inventory.weight("ssm_g_b", head, inner)
    inventory.norm("ssm_norm", head)
    inventory.weight("attn_output", inner, n_embd)
