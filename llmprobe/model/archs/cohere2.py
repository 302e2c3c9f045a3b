"""
Command R7B and Command A: attention and feed-forward part side by side, windows on three of four layers.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.blocks import Decoder, Heads, Parallel, decoder, is_full
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import CacheLayout
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.windows import windowed_cache

ARCHITECTURES = ("cohere2",)
HF_CLASSES: dict[str, str] = {
    "Cohere2ForCausalLM": "cohere2",
}

PERIOD = 4


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    for _ in inventory.layers():
        inventory.norm("attn_norm")
        inventory.qkv()
        inventory.attn_output()
        inventory.ffn()
    inventory.output(always_tied=True)
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Two caches: every fourth layer sees the whole context, the others a window.
    """
    return windowed_cache(hparams, PERIOD)


def graph(g: Builder) -> None:
    """
    Build Command R7B: layers that see everything know no positions.
    """
    decoder(
        g, Decoder(norm="norm", layer=Parallel(heads=Heads(factors=True), no_rope=is_full), scale_logits=None)
    )


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read the window; the output is tied.
    """
    return rules.tied(config, common) | {
        "attention.sliding_window": config.number("sliding_window", default=4096)
    }
