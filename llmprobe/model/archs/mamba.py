"""
Mamba: state-space layers and nothing else.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import state
from llmprobe.model.archs._building.blocks import Decoder, decoder, mixer_only
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.config import Config, without_heads
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


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read the state-space layers.
    """
    rank = -(config.width // -16)
    if not isinstance(config.get("time_step_rank", "dt_rank"), str):  # The first Mambas say "auto".
        rank = config.number("time_step_rank", "dt_rank") or rank
    return rules.mamba(config, common, padding=8, state=16) | {
        "ssm.inner_size": config.number("intermediate_size", "d_inner") or 2 * config.width,
        "ssm.time_step_rank": rank,
        "ssm.dt_b_c_rms": config.get("model_type") == "falcon_mamba",
    }


common_words = without_heads
