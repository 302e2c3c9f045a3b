"""
BERT and its descendants, XLM-RoBERTa among them: learned positions, biases everywhere.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.encoders import Bert, bert
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import no_cache
from llmprobe.model.archs._shared.encoder import encoder_embedding, token_types
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("bert",)
HF_CLASSES: dict[str, str] = {
    "BertModel": "bert",
    "BertForMaskedLM": "bert",
    "CamembertModel": "bert",
    "XLMRobertaModel": "bert",
    "RobertaModel": "bert",
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
        inventory.ffn("up down", bias=True)
        inventory.norm("layer_output_norm", bias=True)
    token_types(inventory)
    inventory.weight("position_embd", inventory.sizes.n_embd, inventory.sizes.number("context_length", 0))
    return inventory.done()


caches = no_cache


def graph(g: Builder) -> None:
    """
    Build BERT.
    """
    bert(g, Bert())


from_config = rules.bert
