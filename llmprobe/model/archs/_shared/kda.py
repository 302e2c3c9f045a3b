"""
Delta attention with a decay for each channel: its tensors, and what it keeps per sequence.

Source: llama.cpp b11549, src/models/kimi-linear.cpp, src/llama-hparams.cpp (n_embd_r, n_embd_s).
"""

from collections.abc import Iterable

from llmprobe.facts.model import Hparams
from llmprobe.model.archs._shared.caches import CacheLayout, State
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.latent import latent_cache
from llmprobe.model.archs._shared.recurrent import uniform_state
from llmprobe.model.archs._shared.sizes import Sizes


def kda_state(sizes: Sizes, layers: Iterable[int]) -> State:
    """
    The state of layers that keep the last inputs of three convolutions and a matrix per head.
    """
    inner = sizes.heads() * sizes.number("kda.head_dim", 0)
    rolling = 3 * (sizes.number("ssm.conv_kernel", 4) - 1) * inner
    return uniform_state(layers, rolling, inner * sizes.number("kda.head_dim", 0))


def kda_hybrid_cache(hparams: Hparams) -> CacheLayout:
    """
    The cache of the latent of the layers that attend to everything, those for further tokens among them, and the state
    of the others.
    """
    sizes = Sizes(hparams)
    latent = latent_cache(hparams, (layer for layer in sizes.layers if sizes.kv_heads(layer)))
    state = kda_state(sizes, (layer for layer in sizes.trunk if not sizes.kv_heads(layer)))
    return CacheLayout(kv=latent.kv, state=state, latent=latent.latent)


def kda_tensors(inventory: Inventory, decay: str, output: str, *, flat: bool = False) -> None:
    """
    Append the attention of one layer. ``decay`` and ``output`` name the matrices of both gates: of two the first goes
    down to one head; ``flat`` leaves out the first extent of the decay rates, which is 1.
    """
    sizes = inventory.sizes
    n_embd, heads = sizes.n_embd, sizes.heads(inventory.layer or 0)
    head, kernel = sizes.number("kda.head_dim", 0), sizes.number("ssm.conv_kernel", 4)
    inner = heads * head
    for part in "qkv":
        inventory.weight(f"ssm_conv1d_{part}", kernel, 1, inner)
    for part in "qkv":
        inventory.weight(f"attn_{part}", n_embd, inner)
    _gate(inventory, decay.split(), head, inner)
    inventory.weight("ssm_beta", n_embd, heads)
    inventory.add("ssm_a", *((heads,) if flat else (1, heads)))
    inventory.bias("ssm_dt", inner)
    _gate(inventory, output.split(), head, inner)
    inventory.norm("ssm_norm", head)
    inventory.weight("attn_output", inner, n_embd)


def _gate(inventory: Inventory, names: list[str], head: int, inner: int) -> None:
    n_embd = inventory.sizes.n_embd
    if len(names) == 1:
        inventory.weight(names[0], n_embd, inner)
        return
    inventory.weight(names[0], n_embd, head)
    inventory.weight(names[1], head, inner)
