"""
Mamba 2: state-space layers with heads and nothing else.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import state
from llmprobe.model.archs._building.blocks import Decoder, decoder, mixer_only
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.recurrent import mamba2, state_cache

ARCHITECTURES = ("mamba2",)
HF_CLASSES: dict[str, str] = {
    "Mamba2ForCausalLM": "mamba2",
}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    for _ in inventory.layers():
        inventory.norm("attn_norm")
        mamba2(inventory)
    inventory.output()
    return inventory.done()


caches = state_cache


def graph(g: Builder) -> None:
    """
    Build Mamba 2.
    """
    decoder(g, Decoder(layer=mixer_only(state.mamba2)))


from_config = rules.mamba
"""Refuse: the vocabulary's padding is not said."""
