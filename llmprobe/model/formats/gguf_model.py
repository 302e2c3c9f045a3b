"""
The headers of a GGUF file, or of all files of a split set, as one model.
"""

import re
from collections.abc import Sequence
from typing import Any

from llmprobe.errors import ModelError
from llmprobe.facts.model import Hparams, ModelSpec, Tensor
from llmprobe.model import archs
from llmprobe.model.formats import parts, plausible
from llmprobe.model.formats.foreign_types import refuse_foreign
from llmprobe.model.formats.gguf import Header
from llmprobe.model.quants.file_types import FILE_TYPE_NAMES
from llmprobe.model.quants.types import tensor_bytes
from llmprobe.words.message import Message, message

_THINKING = ("<think>", "</think>", "<|channel|>", "<|channel>thought")
"""Marks of reasoning in templates: of most models, of gpt-oss, of Gemma 4."""

_SHARD = re.compile(r"(.*)-(\d{5})-of-(\d{5})(\.gguf)", re.IGNORECASE | re.DOTALL)
_MOST_SHARDS = 1024
_MOST_LAYERS = 4096
_SIZES = (
    "embedding_length",
    "feed_forward_length",
    "context_length",
    "vocab_size",
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.value_length",
    "attention.sliding_window",
    "expert_count",
    "expert_used_count",
    "expert_feed_forward_length",
    "nextn_predict_layers",
    "rope.dimension_count",
)


def shard_names(name: str, count: int) -> list[str]:
    """
    The names of all files of a split set, given the name of any of them.

    Raises:
        ModelError: the name does not say which part it is, though the file says that it is one.
    """
    match = _SHARD.fullmatch(name)
    if match is None or int(match[3]) != count or count > _MOST_SHARDS:
        raise ModelError(
            message("error.part-name", file=name, parts=count),
            hint=message("hint.part-name", example=f"…-00001-of-{count:05}.gguf"),
        )
    return [f"{match[1]}-{number:05}-of-{match[3]}{match[4]}" for number in range(1, count + 1)]


def spec(headers: Sequence[Header], name: str, path: str | None = None) -> ModelSpec:
    """
    The model that a file's header, or the headers of a split set in order, describe.

    An architecture that we have no file for is no obstacle: the tensors are those of the file. A draft head is read as
    any other; who asks for a model refuses it.

    Raises:
        ModelError: there is no language model in it, or the parts do not belong together.
    """
    metadata = headers[0].metadata
    architecture = metadata.get("general.architecture")
    tensors = tuple(tensor for header in headers for tensor in header.tensors)
    parts.refuse(name, metadata, heads=True)
    refuse_foreign(name, tensors)
    _check(name, architecture, tensors, metadata.get("split.tensors.count", len(tensors)))
    try:
        hparams = _hparams(headers[0], str(architecture), tensors)
        family = archs.get(str(architecture))
        if family is not None:
            plausible.check_tensors(tensors, family.tensors(hparams))
        plausible.check_caches(archs.caches(str(architecture), hparams))
    except ModelError as error:
        raise ModelError(message("error.in-file", file=name, reason=error.message), hint=error.hint) from None
    file_parameters = sum(tensor.elements for tensor in tensors)
    match = _SHARD.fullmatch(name)
    stem = match[1] if match else re.sub(r"\.gguf$", "", name, flags=re.IGNORECASE)
    parameters = file_parameters - next_n_elements(tensors, hparams)
    context = hparams.get("context_length")
    return ModelSpec(
        id=stem,
        name=str(metadata.get("general.name") or stem),
        architecture=str(architecture),
        hparams=hparams,
        tensors=tensors,
        parameters=parameters,
        active_parameters=active_elements(tensors, hparams) if hparams.get("expert_count") else None,
        file_parameters=file_parameters,
        max_context=context if isinstance(context, int) else None,
        source="gguf",
        path=path,
        quant=_file_type(metadata.get("general.file_type"), tensors),
        imatrix=any(key.startswith("quantize.imatrix.") for key in metadata),
        thinking=_thinks(metadata.get("tokenizer.chat_template")),
        published_quant="MXFP4" if any("_exps" in t.name and t.type == "mxfp4" for t in tensors) else None,
        notes=_notes(headers, str(architecture)),
    )


def _thinks(template: Any) -> bool | None:
    """
    Whether a model writes its reasoning before an answer, by what its template of a conversation marks; None where it
    has no template, or marks nothing.
    """
    return True if isinstance(template, str) and any(mark in template for mark in _THINKING) else None


def next_n_elements(tensors: Sequence[Tensor], hparams: Hparams) -> int:
    """
    The elements of the layers that only predict further tokens (multi-token prediction).
    """
    first = int(hparams["block_count"]) - _number(hparams, "nextn_predict_layers")
    return sum(tensor.elements for tensor in tensors if tensor.layer is not None and tensor.layer >= first)


def active_elements(tensors: Sequence[Tensor], hparams: Hparams) -> int:
    """
    The elements that take part in one token: of the experts only those that are used.
    """
    first = int(hparams["block_count"]) - _number(hparams, "nextn_predict_layers")
    trunk = [tensor for tensor in tensors if tensor.layer is None or tensor.layer < first]
    return sum(tensor.elements // _experts(tensor) * _used(tensor, hparams) for tensor in trunk)


def _experts(tensor: Tensor) -> int:
    return tensor.shape[-1] if "exps." in tensor.name else 1


def _used(tensor: Tensor, hparams: Hparams) -> int:
    """
    How many of the experts in a tensor take part in one token; values may have a router of their own.
    """
    key = "attention.value_expert_used_count" if "attn_v_exps." in tensor.name else "expert_used_count"
    return min(_experts(tensor), _number(hparams, key)) if "exps." in tensor.name else 1


def _check(name: str, architecture: Any, tensors: Sequence[Tensor], promised: Any) -> None:
    if not isinstance(architecture, str) or not architecture:
        raise ModelError(message("error.gguf-no-architecture", file=name))
    if len({tensor.name for tensor in tensors}) != len(tensors):
        raise ModelError(message("error.parts-repeat-tensor", file=name), hint=message("hint.download-again"))
    if promised != len(tensors):
        raise ModelError(
            message("error.parts-tensor-count", file=name, tensors=len(tensors), promised=str(promised)),
            hint=message("hint.download-again"),
        )
    # A draft head may borrow the embedding of its model.
    if architecture not in parts.HEADS and all(tensor.name != "token_embd.weight" for tensor in tensors):
        raise ModelError(
            message("error.tensor-missing", tensor="token_embd.weight", architecture=architecture),
            hint=message("hint.tensor-missing"),
        )
    if not any(tensor.layer is not None for tensor in tensors):
        raise ModelError(message("error.gguf-no-layers", file=name), hint=message("hint.own-model-file"))


def _hparams(header: Header, architecture: str, tensors: Sequence[Tensor]) -> Hparams:
    prefix = f"{architecture}."
    plausible.check(
        {key.removeprefix(prefix): value for key, value in header.metadata.items() if key.startswith(prefix)}
    )
    hparams = {key.removeprefix(prefix): value for key, value in header.metadata.items()}
    embedding = next((tensor for tensor in tensors if tensor.name == "token_embd.weight"), None)
    if not isinstance(hparams.get("vocab_size"), int):
        rows = embedding.shape[1] if embedding is not None and len(embedding.shape) > 1 else 0
        hparams["vocab_size"] = header.lengths.get("tokenizer.ggml.tokens") or rows
    layers = 1 + max(tensor.layer for tensor in tensors if tensor.layer is not None)
    count = hparams.get("block_count")
    if not isinstance(count, int) or not layers <= count <= _MOST_LAYERS:
        raise ModelError(
            message("error.gguf-layer-count", layers=layers, block_count=str(count)),
            hint=message("hint.damaged-download-again"),
        )
    for key in _SIZES:
        if not _is_size(hparams.get(key, 0), count):
            raise ModelError(
                message("error.gguf-size", key=key, value=str(hparams[key])),
                hint=message("hint.damaged-download-again"),
            )
    hparams["tie_word_embeddings"] = all(tensor.name != "output.weight" for tensor in tensors)
    return hparams


def _is_size(value: Any, layers: int) -> bool:
    if isinstance(value, list):
        return len(value) >= layers and all(_is_size(part, 0) for part in value)
    return isinstance(value, int) and 0 <= value < 1 << 31


def _number(hparams: Hparams, key: str) -> int:
    value = hparams.get(key)
    return value if isinstance(value, int) else 0


def _file_type(number: Any, tensors: Sequence[Tensor]) -> str:
    """
    The name of the file type, or the type of most bytes where the file does not say one that we know.
    """
    known = FILE_TYPE_NAMES.get(number) if isinstance(number, int) else None
    if known is not None:
        return known
    sizes: dict[str, int] = {}
    for tensor in tensors:
        kind = str(tensor.type)
        sizes[kind] = sizes.get(kind, 0) + tensor_bytes(tensor.shape, kind)
    return max(sizes, key=lambda kind: sizes[kind]).upper()


def _notes(headers: Sequence[Header], architecture: str) -> tuple[Message, ...]:
    notes = []
    if architecture == "t5":
        notes.append(message("model.encoder-decoder"))
    elif architecture == "t5encoder":
        notes.append(message("model.text-encoder"))
    if not all(header.complete for header in headers):
        notes.append(message("model.header-only"))
    return tuple(notes)
