"""
The layers that predict one token more (MTP), as a model of their own: what a context that drafts with them runs.
"""

import msgspec

from llmprobe.facts.model import Hparams, ModelSpec, Tensor
from llmprobe.model.archs._shared.sizes import Sizes

NEXT_TOKEN = "+mtp"  # noqa: S105 - a suffix of architectures
"""What stands behind an architecture's name for the graph of these layers."""


def next_token_model(model: ModelSpec, tensors: tuple[Tensor, ...], quant: str) -> ModelSpec:
    """
    The layers that predict a token more, numbered from 0, with what lies outside the layers; ``tensors`` are the
    model's in one quantization.
    """
    sizes = Sizes(model.hparams)
    trunk = len(sizes.trunk)
    kept = tuple(_moved(tensor, trunk) for tensor in tensors if tensor.layer is None or tensor.layer >= trunk)
    return msgspec.structs.replace(
        model,
        architecture=f"{model.architecture}{NEXT_TOKEN}",
        hparams=_hparams(model.hparams, trunk, len(sizes.layers)),
        tensors=kept,
        quant=quant,
        source="gguf",
    )


def _moved(tensor: Tensor, trunk: int) -> Tensor:
    if tensor.layer is None:
        return tensor
    layer = tensor.layer - trunk
    return msgspec.structs.replace(
        tensor, name=tensor.name.replace(f"blk.{tensor.layer}.", f"blk.{layer}.", 1), layer=layer
    )


def _hparams(hparams: Hparams, trunk: int, count: int) -> Hparams:
    """
    The sizes of these layers: a list with an entry for each layer keeps its last ones.
    """
    found = {
        key: value[trunk:] if isinstance(value, list | tuple) and len(value) == count else value
        for key, value in hparams.items()
        if key not in ("nextn_predict_layers", "leading_dense_block_count")
    }
    return found | {"block_count": count - trunk}
