"""
Jina embeddings 2: BERT with a gate in the feed-forward part and positions as a bias on the attention.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.encoders import Bert, bert
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import no_cache
from llmprobe.model.archs._shared.encoder import encoder_embedding, token_types
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("jina-bert-v2",)
HF_CLASSES: dict[str, str] = {
    "JinaBertModel": "jina-bert-v2",
    "JinaBertForMaskedLM": "jina-bert-v2",
}
ENCODER = True


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.
    """
    inventory = Inventory(hparams)
    encoder_embedding(inventory)
    for _ in inventory.layers():
        inventory.qkv(bias=True)
        inventory.attn_output(bias=True)
        inventory.norm("attn_output_norm", bias=True)
        inventory.ffn("gate up down")
        inventory.bias("ffn_down", inventory.sizes.n_embd)
        inventory.norm("layer_output_norm", bias=True)
    token_types(inventory)
    return inventory.done()


caches = no_cache


def graph(g: Builder) -> None:
    """
    Build the encoder.
    """
    bert(g, Bert(positions=False, activation="geglu"))


from_config = rules.bert
