"""
MPT: GPT-2's layer without biases, positions as a bias on the attention.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.blocks import Decoder, FeedForward, Heads, Layer, decoder
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.classic import classic_layer
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("mpt",)
HF_CLASSES: dict[str, str] = {
    "MPTForCausalLM": "mpt",
}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    for _ in inventory.layers():
        classic_layer(inventory, bias=False)
    inventory.output()
    return inventory.done()


caches = attention_cache


def graph(g: Builder) -> None:
    """
    Build MPT: biases by distance where the metadata says so, learned positions where the model has them.
    """
    layer = Layer(
        heads=Heads(rope=False),
        ffn=FeedForward(activation="gelu"),
        alibi=bool(g.hparams.get("attention.max_alibi_bias")),
    )
    learned = g.weight(-1, "position_embd.weight") is not None
    decoder(g, Decoder(norm="norm", layer=layer, learned_positions=learned))


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read the inner width; the output is tied.
    """
    return rules.four_times(config, common) | rules.tied(config, common)
