"""
Mamba: state-space layers and nothing else.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops, state
from llmprobe.model.archs._building.blocks import Decoder, decoder
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import CacheLayout
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.recurrent import mamba1, ssm_state
from llmprobe.model.archs._shared.sizes import Sizes

ARCHITECTURES = ("mamba",)
HF_CLASSES: dict[str, str] = {
    "MambaForCausalLM": "mamba",
    "MambaLMHeadModel": "mamba",
    "FalconMambaForCausalLM": "mamba",
}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    for _ in inventory.layers():
        inventory.norm("attn_norm")
        mamba1(inventory)
    inventory.output()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    The state of every layer; there is no cache that grows.
    """
    sizes = Sizes(hparams)
    return CacheLayout(state=ssm_state(sizes, sizes.trunk))


def graph(g: Builder) -> None:
    """
    Build Mamba.
    """
    decoder(g, Decoder(layer=_layer))


def _layer(g: Builder, il: int, x: Node) -> Node:
    """
    A mixer and nothing else.
    """
    mixed = state.mamba1(g, il, g.norm(x, "attn_norm", il))
    mixed, x = g.crop(il, mixed, x)
    return ops.like("add", mixed, x)


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Refuse: the vocabulary's padding is not said.
    """
    return rules.mamba(config, common)
