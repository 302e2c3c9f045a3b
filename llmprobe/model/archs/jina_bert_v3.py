"""
Jina embeddings 3: BERT with rotary positions and fused queries, keys and values.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.encoders import Bert, bert
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import no_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.encoder import encoder_embedding, token_types
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("jina-bert-v3",)
HF_CLASSES: dict[str, str] = {}
ENCODER = True


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.
    """
    inventory = Inventory(hparams)
    encoder_embedding(inventory)
    for _ in inventory.layers():
        inventory.fused_qkv(bias=True)
        inventory.attn_output(bias=True)
        inventory.norm("attn_output_norm", bias=True)
        inventory.ffn("up down", bias=True)
        inventory.norm("layer_output_norm", bias=True)
    token_types(inventory)
    return inventory.done()


caches = no_cache


def graph(g: Builder) -> None:
    """
    Build the encoder.
    """
    bert(g, Bert(rope=True, positions=False))


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read an encoder; rotary positions need no two rows beyond those that are used.
    """
    return rules.bert(config, common) | {"context_length": common.get("context_length")}
