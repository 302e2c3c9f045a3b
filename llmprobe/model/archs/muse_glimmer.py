"""
Muse Glimmer: gated attention, norms before and after each part, windows on three of four layers.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.gated import gated_layer
from llmprobe.model.archs._shared.caches import CacheLayout
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import query_key_norms
from llmprobe.model.archs._shared.windows import windowed_cache

ARCHITECTURES = ("muse-glimmer",)
HF_CLASSES: dict[str, str] = {
    "MuseGlimmerForConditionalGeneration": "muse-glimmer",
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
        inventory.norm("attn_norm")
        inventory.norm("post_attention_norm")
        inventory.qkv()
        inventory.attn_output()
        query_key_norms(inventory)
        inventory.weight("attn_gate", sizes.n_embd, sizes.heads(layer) * sizes.head_k())
        inventory.norm("ffn_norm")
        inventory.norm("post_ffw_norm")
        inventory.ffn()
    inventory.output()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Two caches: every fourth layer sees the whole context, the others a window.
    """
    return windowed_cache(hparams, PERIOD)


def graph(g: Builder) -> None:
    """
    Build Muse Glimmer: embeddings are normed, attention is multiplied by a gate.
    """
    x = ops.like("rms_norm", g.embed())
    for il in g.layers():
        x = gated_layer(g, il, x)
    g.finish(x, scale=True, cap=bool(g.hparams.get("final_logit_softcapping")))


def from_config(config: Config, _common: Hparams) -> Hparams:
    """
    Read the windows, and the scale and the cap of the output.
    """
    slides = config.slides
    return {
        "attention.sliding_window": config.need("sliding_window"),
        "attention.sliding_window_pattern": PERIOD if slides is None else slides,
        "logit_scale": config.real("output_multiplier"),
        "final_logit_softcapping": config.real("final_logit_softcapping"),
    }
