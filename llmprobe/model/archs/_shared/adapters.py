"""
How the tensors of adapters stand among those of their model: behind the weight that they change, with a number each.
"""

import msgspec

from llmprobe.errors import RefusedError
from llmprobe.facts.adapter import Adapter
from llmprobe.facts.model import ModelSpec, Tensor
from llmprobe.words.message import message

DIRECTION = "control_vector"
"""The name of a layer's part of a control vector."""


def number_of(name: str) -> int | None:
    """
    The number of the LoRA adapter that a tensor is of, None of a tensor of the model itself.

    A model may have adapters of its own (Granite Switch), which have no number.
    """
    if ".lora_" not in name:
        return None
    number = name.rpartition(".")[2]
    return int(number) if number.isdecimal() else None


def adapter_tensors(model: ModelSpec, adapters: tuple[Adapter, ...], layers: int) -> tuple[Tensor, ...]:
    """
    The tensors of all adapters under the names that graphs know them by.

    A control vector has a part for each of the ``layers`` but the first, whichever its file moves.

    Raises:
        RefusedError: an adapter was made for another model.
    """
    known = {tensor.name: tensor for tensor in model.tensors}
    found: list[Tensor] = []
    for number, adapter in enumerate(adapters):
        _check(model, adapter)
        if adapter.kind == "control-vector":
            continue
        for tensor in adapter.tensors:
            weight, _, part = tensor.name.rpartition(".")
            _check_shape(model, adapter, tensor, known.get(weight))
            found.append(msgspec.structs.replace(tensor, name=f"{weight}.{part}.{number}"))
    if any(adapter.kind == "control-vector" for adapter in adapters):
        width = int(model.hparams["embedding_length"])
        found += [Tensor(f"blk.{layer}.{DIRECTION}", (width,), layer, "f32") for layer in range(1, layers)]
    return tuple(found)


def _check(model: ModelSpec, adapter: Adapter) -> None:
    if adapter.architecture not in (None, model.architecture):
        raise RefusedError(
            message(
                "error.adapter-architecture",
                adapter=adapter.name,
                expected=adapter.architecture,
                architecture=model.architecture,
            ),
            hint=message("hint.adapter-of-other-model"),
        )
    width = int(model.hparams["embedding_length"])
    for tensor in adapter.tensors:
        if adapter.kind == "control-vector" and tensor.shape[0] != width:
            _refuse(model, adapter, tensor)


def _check_shape(model: ModelSpec, adapter: Adapter, tensor: Tensor, weight: Tensor | None) -> None:
    """
    Refuse what llama.cpp refuses: a weight that is not there, or of another shape. Those of an embedding are turned.
    """
    if weight is None or len(tensor.shape) < 2 or len(weight.shape) < 2:
        _refuse(model, adapter, tensor)
        return
    if weight.name == "token_embd.weight":
        return
    # What reads the input is as wide as it, what writes the result has as many rows.
    fits = (
        tensor.shape[0] == weight.shape[0]
        if tensor.name.endswith(".lora_a")
        else tensor.shape[1] == weight.shape[1]
    )
    if not fits:
        _refuse(model, adapter, tensor)


def _refuse(model: ModelSpec, adapter: Adapter, tensor: Tensor) -> None:
    raise RefusedError(
        message("error.adapter-tensor", adapter=adapter.name, tensor=tensor.name, model=model.name),
        hint=message("hint.adapter-of-other-model"),
    )
