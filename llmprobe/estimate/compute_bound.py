"""
A bound for the compute buffers of a model whose graph we do not know, from its widths alone.
"""

from typing import Protocol

from llmprobe.facts.model import Hparams, Tensor


class Asked(Protocol):
    """
    The part of a request that the bound uses.
    """

    @property
    def hparams(self) -> Hparams: ...
    @property
    def tensors(self) -> tuple[Tensor, ...]: ...
    @property
    def devices(self) -> tuple[str, ...]: ...
    @property
    def ctx_size(self) -> int: ...
    @property
    def batch_size(self) -> int: ...
    @property
    def ubatch_size(self) -> int: ...
    @property
    def outputs_max(self) -> int: ...


def bound(request: Asked) -> dict[str, int]:
    """
    Return bytes per device and for the host: inputs and masks, and the widest part of a layer or the logits.
    """
    width = int(request.hparams["embedding_length"])
    rows = min(request.ubatch_size, request.batch_size, request.ctx_size)
    outputs = min(rows, request.outputs_max or request.batch_size)
    inner = request.hparams.get("feed_forward_length", 4 * width)
    widest = max(inner) if isinstance(inner, list) else int(inner)
    vocabulary = next((t.shape[1] for t in request.tensors if t.name == "token_embd.weight"), 0)
    inputs = 16 * width * rows + 2 * rows * request.ctx_size
    device = inputs + max(16 * rows * widest, 4 * vocabulary * outputs)
    sizes = {"host": inputs if request.devices else device}
    sizes.update(dict.fromkeys(request.devices, device))
    return sizes
