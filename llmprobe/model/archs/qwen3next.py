"""
Qwen 3 Next: a mixture of experts on gated delta nets, with gated attention on every fourth layer.

Source: llama.cpp b11549, src/models/qwen3next.cpp.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.blocks import Decoder, decoder
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.delta_net import delta_net_layer
from llmprobe.model.archs._building.next_token import next_token_graph
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.delta_net import delta_net_cache, delta_net_tensors

ARCHITECTURES = ("qwen3next",)
PUBLISHED_NEXT_TOKEN = 1
HF_CLASSES: dict[str, str] = {
    "Qwen3NextForCausalLM": "qwen3next",
}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model; one matrix (``ssm_ba``) holds beta and alpha of the delta net.
    """
    return delta_net_tensors(hparams, apart=False)


caches = delta_net_cache


def graph(g: Builder) -> None:
    """
    Build Qwen 3 Next.
    """
    decoder(g, Decoder(layer=delta_net_layer))


def draft_graph(g: Builder) -> None:
    """
    Build the layer for a token more, which keeps the rows of the output as early as the last layer does.
    """
    next_token_graph(g, delta_net_layer, crop_first=True)


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read the delta nets and the shared expert.
    """
    return rules.delta_net(config, common) | rules.shared_expert(config, common)
