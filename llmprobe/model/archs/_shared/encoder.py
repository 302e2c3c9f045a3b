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
    Append the embedding of the types of tokens; a model of one type has a single row.
    """
    count = inventory.sizes.number("tokenizer.ggml.token_type_count", 1)
    inventory.weight("token_types", inventory.sizes.n_embd, count)
