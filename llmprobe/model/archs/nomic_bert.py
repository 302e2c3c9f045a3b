"""
Nomic Embed: BERT with rotary positions; version 1 has a gate and no biases, version 2 experts on every other layer.
"""

from typing import Any

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.encoders import Bert, bert
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import no_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.encoder import encoder_embedding, token_types
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import expert_matrices, router

ARCHITECTURES = ("nomic-bert", "nomic-bert-moe")
HF_CLASSES: dict[str, str] = {
    "NomicBertModel": "nomic-bert",
}
ENCODER = True


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model; ``moe_every_n_layers`` says which layers have experts.
    """
    inventory = Inventory(hparams)
    period = inventory.sizes.number("moe_every_n_layers", 0)
    biased = bool(inventory.sizes.n_expert)
    encoder_embedding(inventory)
    for layer in inventory.layers():
        inventory.fused_qkv()
        inventory.attn_output(bias=biased)
        inventory.norm("attn_output_norm", bias=True)
        if period and layer % period == 1:
            expert_matrices(inventory, "up down")
            router(inventory)
        elif biased:
            inventory.ffn("up down", bias=True)
        else:
            inventory.ffn("up down gate")
        inventory.norm("layer_output_norm", bias=True)
        if biased:
            inventory.bias("attn_qkv", 3 * inventory.sizes.n_embd)
    token_types(inventory)
    return inventory.done()


caches = no_cache


def graph(g: Builder) -> None:
    """
    Build the encoder.
    """
    activation = "gelu" if g.architecture == "nomic-bert-moe" else "swiglu"
    bert(g, Bert(rope=True, positions=False, activation=activation))


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read an encoder, and which of its layers have experts.
    """
    found = rules.bert(config, common) | {"feed_forward_length": config.need("n_inner", "intermediate_size")}
    period = config.number("moe_every_n_layers")
    if period:
        found |= {"moe_every_n_layers": period, "expert_feed_forward_length": config.need("n_inner")}
    return found | {"context_length": 512 if period else 2048}


def settled(architecture: str, values: dict[str, Any]) -> str:
    """
    The architecture: version 2 has experts and the same class.
    """
    return "nomic-bert-moe" if values.get("moe_every_n_layers") else architecture
