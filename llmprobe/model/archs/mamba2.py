"""
Mamba 2: state-space layers with heads and nothing else.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import state
from llmprobe.model.archs._building.blocks import Decoder, decoder, mixer_only
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.config import Config, without_heads
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


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read the state-space layers.
    """
    inner = config.number("mamba_d_ssm", "intermediate_size", "d_inner")
    inner = inner or config.width * config.number("mamba_expand", "expand", default=2)
    head = config.number("mamba_d_head", "head_dim", default=64)
    return rules.mamba(config, common, padding=16, state=128) | {
        "ssm.inner_size": inner,
        "ssm.time_step_rank": inner // head,
        "ssm.group_count": config.number("n_groups", default=1),
    }


common_words = without_heads
