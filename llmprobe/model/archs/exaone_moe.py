"""
K-EXAONE: a mixture of experts, a norm over each head, windows on three of four layers.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.blocks import Decoder, Heads, Layer, decoder, is_full
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.gated import ROUTED
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import CacheLayout
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import is_dense, mixture, next_token, query_key_norms
from llmprobe.model.archs._shared.windows import windowed_cache

ARCHITECTURES = ("exaone-moe",)
HF_CLASSES: dict[str, str] = {
    "ExaoneMoEForCausalLM": "exaone-moe",
    "ExaoneMoeForCausalLM": "exaone-moe",
}

PERIOD = 4


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    for layer in inventory.layers():
        inventory.qkv()
        inventory.attn_output()
        inventory.norm("attn_norm")
        query_key_norms(inventory)
        inventory.norm("ffn_norm")
        if is_dense(sizes, layer) or layer not in sizes.trunk:
            inventory.ffn()
        else:
            mixture(inventory, biased=True)
        if layer not in sizes.trunk:
            next_token(inventory)
    inventory.output()
    inventory.rope_factors()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Two caches: every fourth layer sees the whole context, the others a window.
    """
    return windowed_cache(hparams, PERIOD)


def graph(g: Builder) -> None:
    """
    Build EXAONE with experts: layers that see everything know no positions.
    """
    decoder(g, Decoder(layer=Layer(heads=Heads(factors=True, norms="before"), ffn=ROUTED, no_rope=is_full)))


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read the window, the shared experts and the leading dense layers.
    """
    dense = config.number("first_k_dense_replace", "first_last_k_dense_replace")
    return (
        rules.window(config, common)
        | rules.shared_width(config, common)
        | {"leading_dense_block_count": dense}
    )
