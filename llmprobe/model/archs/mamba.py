"""
Mamba: state-space layers and nothing else.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import state
from llmprobe.model.archs._building.blocks import Decoder, decoder, mixer_only
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.recurrent import mamba1, state_cache

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


caches = state_cache


def graph(g: Builder) -> None:
    """
    Build Mamba.
    """
    decoder(g, Decoder(layer=mixer_only(state.mamba1)))


from_config = rules.mamba
"""Refuse: the vocabulary's padding is not said."""
