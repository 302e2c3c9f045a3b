"""
GGUF files of adapters: a LoRA, or a control vector.

Source: llama.cpp b11549, src/llama-adapter.cpp, common/common.cpp (common_control_vector_load_one).
"""

import msgspec

from llmprobe.errors import ModelError
from llmprobe.facts.adapter import Adapter, AdapterKind
from llmprobe.model.formats.foreign_types import refuse_foreign
from llmprobe.model.formats.gguf import Header
from llmprobe.words.message import message

CONTROL_VECTOR = "controlvector"
_SUFFIXES = (".lora_a", ".lora_b")


def adapter(header: Header, name: str, path: str | None = None) -> Adapter:
    """
    The adapter that a file's header describes.

    Raises:
        ModelError: the file is no adapter, or a part of a pair is missing.
    """
    refuse_foreign(name, header.tensors)
    metadata = header.metadata
    architecture = metadata.get("general.architecture")
    tensors = tuple(msgspec.structs.replace(tensor, layer=_layer(tensor.name)) for tensor in header.tensors)
    kind: AdapterKind = "lora"
    if architecture == CONTROL_VECTOR:
        kind, architecture = "control-vector", metadata.get("controlvector.model_hint")
        tensors = tuple(tensor for tensor in tensors if tensor.name.startswith("direction."))
    else:
        names = {tensor.name for tensor in tensors}
        tensors = tuple(tensor for tensor in tensors if tensor.name.endswith(_SUFFIXES))
        for tensor in tensors:
            pair = tensor.name[:-1] + ("b" if tensor.name.endswith("a") else "a")
            if pair not in names:
                raise ModelError(
                    message("error.adapter-half", file=name, tensor=pair), hint=message("hint.download-again")
                )
    if not tensors:
        raise ModelError(message("error.no-adapter", file=name), hint=message("hint.no-adapter"))
    told = architecture if isinstance(architecture, str) and architecture else None
    return Adapter(name=name, kind=kind, architecture=told, tensors=tensors, path=path)


def _layer(name: str) -> int | None:
    """
    The layer of a tensor: the N of ``blk.N.`` and of ``direction.N``.
    """
    head, _, rest = name.partition(".")
    number = rest.partition(".")[0]
    return int(number) if head in ("blk", "direction") and number.isdecimal() and len(number) < 6 else None
