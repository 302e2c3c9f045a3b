"""
What encoders of BERT's kind share: norms after each part, types of tokens, no output matrix.
"""

from llmprobe.model.archs._shared.inventory import Inventory


def encoder_embedding(inventory: Inventory) -> None:
    """
    Append the token embedding and its norm.
    """
    inventory.embedding()
    inventory.norm("token_embd_norm", bias=True)


def token_types(inventory: Inventory) -> None:
    """
    Append the embedding of the types of tokens; a model of one type has a single row, DistilBERT has none.
    """
    count = inventory.sizes.number("tokenizer.ggml.token_type_count", 1)
    if count:
        inventory.weight("token_types", inventory.sizes.n_embd, count)


def classifier(inventory: Inventory) -> None:
    """
    Append the head of a classifier or a reranker, where the metadata name its classes.

    ``classifier_dense`` says whether there is a square matrix before it, as RoBERTa and its kin have.
    """
    labels, n_embd = inventory.sizes.hparams.get("classifier.output_labels"), inventory.sizes.n_embd
    if not isinstance(labels, list | tuple):
        return
    if inventory.sizes.hparams.get("classifier_dense"):
        inventory.weight("cls", n_embd, n_embd)
        inventory.bias("cls", n_embd)
    inventory.weight("cls.output", n_embd, len(labels))
    inventory.bias("cls.output", len(labels))
