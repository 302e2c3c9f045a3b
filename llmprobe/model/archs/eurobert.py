"""
EuroBERT: Llama's layer in an encoder.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.encoders import encoder
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import no_cache
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("eurobert",)
HF_CLASSES: dict[str, str] = {
    "EuroBertModel": "eurobert",
    "JinaEmbeddingsV5Model": "eurobert",
}
ENCODER = True


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    for _ in inventory.layers():
        inventory.norm("attn_norm")
        inventory.qkv()
        inventory.attn_output()
        inventory.norm("ffn_norm")
        inventory.ffn("gate up down")
    inventory.output(always_tied=True)
    return inventory.done()


caches = no_cache


def graph(g: Builder) -> None:
    """
    Build EuroBERT.
    """
    encoder(g)


from_config = rules.encoder
