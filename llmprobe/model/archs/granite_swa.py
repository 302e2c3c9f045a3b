"""
Granite with windows: attention sinks, gate and up of the experts in one tensor.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.blocks import Decoder, FeedForward, Heads, Layer, decoder
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._building.run import Parts
from llmprobe.model.archs._shared.caches import CacheLayout, sliding_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import expert_matrices, expert_width, router, shared_width
from llmprobe.model.archs._shared.sizes import Sizes
from llmprobe.model.archs._shared.windows import sliding_layers

ARCHITECTURES = ("granite_swa",)
HF_CLASSES: dict[str, str] = {
    "GraniteSWAForCausalLM": "granite_swa",
    "GraniteMoeSWAForCausalLM": "granite_swa",
}

PERIOD = 4


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model; with ``expert_count`` the feed-forward part is a mixture.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm")
        inventory.qkv()
        inventory.attn_output()
        inventory.weight("attn_sinks", inventory.sizes.heads(layer))
        inventory.norm("ffn_norm")
        if inventory.sizes.n_expert:
            _experts(inventory)
        else:
            inventory.ffn()
    inventory.output()
    inventory.rope_factors()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Two caches: the layers that see the whole context, and those with a window.
    """
    return sliding_cache(hparams, sliding_layers(Sizes(hparams), PERIOD))


def _experts(inventory: Inventory) -> None:
    sizes, shared = inventory.sizes, shared_width(inventory.sizes)
    router(inventory)
    expert_matrices(inventory, "down")
    inventory.weight("ffn_gate_up_exps", sizes.n_embd, 2 * expert_width(sizes), sizes.n_expert)
    if shared:
        inventory.weight("ffn_up_shexp", sizes.n_embd, 2 * shared)
        inventory.weight("ffn_down_shexp", shared, sizes.n_embd)


def graph(g: Builder) -> None:
    """
    Build Granite with windows: sinks, merged matrices, positions on the layers that have them.
    """
    layer = Layer(
        heads=Heads(factors=True),
        sinks=True,
        no_rope=lambda g, il: not layer_variant(g.parts, il),
        scale_residual=None,
        ffn=FeedForward(mixture=Mixture(), shared="plain", shared_activation="swiglu*"),
    )
    decoder(g, Decoder(layer=layer, scale_logits=True))


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read the windows, the layers without positions, and the shared expert of a mixture.
    """
    slides, told = config.slides, config.listed("no_rope_layers")
    if slides is None:
        slides = [layer % PERIOD != 0 for layer in range(config.layers)]
    shared = config.number("shared_intermediate_size") if common.get("expert_count") else 0
    return {
        "attention.key_length": None,
        "attention.value_length": None,
        "rope.dimension_count": config.width // config.heads,
        "attention.sliding_window": config.number("sliding_window", default=128),
        "attention.sliding_window_pattern": slides,
        "rope.pattern": None if told is None else [bool(kept) for kept in told],
        "expert_shared_feed_forward_length": shared or None,
    }


def layer_variant(parts: Parts, il: int) -> bool:
    """
    Say whether a layer has positions.
    """
    pattern = parts.hparams.get("rope.pattern")
    return bool(pattern[il]) if isinstance(pattern, list | tuple) else True
