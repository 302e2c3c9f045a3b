"""
BERT and its descendants, XLM-RoBERTa among them: learned positions, biases everywhere.
"""

from typing import Any

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.encoders import Bert, bert
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import no_cache
from llmprobe.model.archs._shared.encoder import classifier, encoder_embedding, token_types
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("bert",)
HF_CLASSES: dict[str, str] = {
    "BertModel": "bert",
    "BertForMaskedLM": "bert",
    "CamembertModel": "bert",
    "XLMRobertaModel": "bert",
    "RobertaModel": "bert",
    "BertForSequenceClassification": "bert",
    "DistilBertModel": "bert",
    "DistilBertForMaskedLM": "bert",
    "DistilBertForSequenceClassification": "bert",
    "RobertaForSequenceClassification": "bert",
    "XLMRobertaForSequenceClassification": "bert",
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
    classifier(inventory)
    return inventory.done()


caches = no_cache


def graph(g: Builder) -> None:
    """
    Build BERT.
    """
    bert(g, Bert())


from_config = rules.bert


def settled(architecture: str, values: dict[str, Any]) -> str:
    """
    The architecture: Jina embeddings 3 have XLM-RoBERTa's class, and adapters for their tasks.
    """
    return "jina-bert-v3" if values.get("lora_adaptations") else architecture


def common_words(values: dict[str, Any]) -> dict[str, Any]:
    """
    The configuration of DistilBERT by the names that BERT has.
    """
    if values.get("model_type") != "distilbert":
        return values
    names = {"dim": "hidden_size", "hidden_dim": "intermediate_size"}
    return values | {common: values.get(own) for own, common in names.items()} | {"type_vocab_size": 0}
