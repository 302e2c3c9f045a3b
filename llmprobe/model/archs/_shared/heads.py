"""
Draft heads: what they borrow from the model that they draft for.
"""

import msgspec

from llmprobe.facts.model import Tensor

TARGET_EMBEDDING = "target.token_embd.weight"
TARGET_OUTPUT = "target.output.weight"
"""The names of the model's matrices among those of the head."""

BORROWED = frozenset({TARGET_EMBEDDING, TARGET_OUTPUT})


def borrowed(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """
    The model's embedding and output matrix under the names that a head knows them by; a tied output is the embedding.
    """
    found = {tensor.name: tensor for tensor in tensors if tensor.layer is None}
    embedding = found.get("token_embd.weight")
    output = found.get("output.weight", embedding)
    return tuple(
        msgspec.structs.replace(tensor, name=name)
        for name, tensor in ((TARGET_EMBEDDING, embedding), (TARGET_OUTPUT, output))
        if tensor is not None
    )
