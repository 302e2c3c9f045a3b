"""
Qwen 3.5 and 3.6, dense and mixture of experts: gated delta nets, with gated attention on every fourth layer.

Source: llama.cpp b11549, src/models/qwen35.cpp, src/models/qwen35moe.cpp.
"""

from functools import partial

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.blocks import Decoder, decoder
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.delta_net import delta_net_layer
from llmprobe.model.archs._building.next_token import next_token_graph
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.delta_net import delta_net_cache, delta_net_tensors

ARCHITECTURES = ("qwen35", "qwen35moe")
SNAPSHOTS = ARCHITECTURES
PUBLISHED_NEXT_TOKEN = 1
HF_CLASSES: dict[str, str] = {
    "Qwen3_5ForConditionalGeneration": "qwen35",
    "Qwen3_5ForCausalLM": "qwen35",
    "Qwen3_5MoeForConditionalGeneration": "qwen35moe",
    "Qwen3_5MoeForCausalLM": "qwen35moe",
    "MiniCPMV4_6ForConditionalGeneration": "qwen35",
}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model; beta and alpha of the delta net are a matrix each.
    """
    return delta_net_tensors(hparams, apart=True)


caches = delta_net_cache


def graph(g: Builder) -> None:
    """
    Build Qwen 3.5: a token has four positions.
    """
    decoder(g, Decoder(layer=partial(delta_net_layer, per_token=4)))


def draft_graph(g: Builder) -> None:
    """
    Build the layer for a token more, which attends.
    """
    next_token_graph(g, partial(delta_net_layer, per_token=4))


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read the delta nets, and the shared expert of a mixture.
    """
    found = rules.delta_net(config, common)
    return found | rules.shared_expert(config, common) if config.architecture == "qwen35moe" else found
