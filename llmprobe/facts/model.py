"""
What a model is: its hyper-parameters in GGUF's own words, and every tensor it consists of.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from llmprobe._version import __version__
from llmprobe.facts.projector import Projector
from llmprobe.facts.tensor import Tensor as Tensor
from llmprobe.words.message import Message

Hparams = dict[str, Any]
"""
GGUF metadata of the architecture with the architecture's prefix taken off: ``block_count``,
``attention.head_count_kv`` (a number, or a list with one per layer), ``expert_count``, ….
Keys of other namespaces keep their whole name (``tokenizer.ggml.token_type_count``).
"""


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """
    Where files of a model are published, by the catalog: repositories on Hugging Face, the usual one first, and its
    name in Ollama's library.

    ``asked`` is the repository with GGUF files that the model was asked for by, ``stem`` the name of a fine-tune whose
    shape is assumed to be this model's: none of the other places has its files. ``embeds`` says that it turns text
    into vectors, ``projector`` that a projector is or may be there. ``next_token`` are the repositories whose files
    have the layers for multi-token prediction.
    """

    repositories: tuple[str, ...] = ()
    ollama: str | None = None
    asked: str | None = None
    stem: str | None = None
    embeds: bool = False
    projector: bool = False
    next_token: tuple[str, ...] = ()


Gguf = Literal["made", "dequantized", "kept", "refused"]
"""What llama.cpp's converter makes from published weights: a GGUF file from floats, from unpacked or kept numbers."""


class Folder(msgspec.Struct, frozen=True, kw_only=True):
    """
    The weights as they are published. ``format`` is what people call it, ``bytes`` the size of the whole folder.

    ``basis`` is ``exact`` where the files were seen, ``derived`` where the size follows from the format, and
    ``assumed`` where a list of exceptions was not understood, or where nothing is known of the width (``bytes`` is
    None). ``engines`` load the weights as they are. ``gguf_type`` is the type that a GGUF file keeps, ``left_out`` are
    the parts that are not quantized, in ``left_out_type``; ``understood`` is False where the configuration names some
    in a way that was not.
    """

    format: str
    bytes: int | None
    basis: Literal["exact", "derived", "assumed"]
    engines: tuple[str, ...]
    gguf: Gguf
    gguf_type: str | None = None
    left_out: tuple[str, ...] = ()
    left_out_type: str | None = None
    understood: bool = True


class ModelSpec(msgspec.Struct, frozen=True, kw_only=True):
    """
    A model, wherever it came from: catalog, GGUF file, configuration.

    ``parameters`` leaves out next-n (multi-token prediction) layers, ``file_parameters`` counts all in the file.
    ``quant`` is the file type of a real file, whose ``tensors`` then carry their types; None for a catalog entry.
    ``imatrix`` says whether a real file was made with an importance matrix, None of anything else.
    ``thinking`` says whether it writes its reasoning before an answer, ``thinking_tokens`` how many tokens that usually
    takes, from and to; None is not known.
    ``published_quant`` names the type that the model is published in when it is no float (``MXFP4`` for gpt-oss).
    ``kept_as`` is the name under which an engine on this machine keeps the file. ``published`` is where the catalog
    has files of it, None of a model that is not the catalog's; ``folder`` are the weights beside a configuration.
    ``quantization`` is what a configuration says of it, as it stands there (``quantization_config``).
    ``projector`` reads images or sound for it: a file beside it, or one as it was published. ``encoder_parameters`` are
    the numbers of what does so in a folder of weights.
    ``notes`` are sentences about what was assumed or chosen (an ambiguous name, an unknown architecture).
    """

    id: str
    name: str
    family: str | None = None
    architecture: str
    hparams: Hparams
    tensors: tuple[Tensor, ...]
    parameters: int
    active_parameters: int | None = None
    file_parameters: int
    max_context: int | None = None
    source: Literal["catalog", "gguf", "config", "installed"] = "catalog"
    path: str | None = None
    repo: str | None = None
    quant: str | None = None
    imatrix: bool | None = None
    thinking: bool | None = None
    thinking_tokens: tuple[int, int] | None = None
    published_quant: str | None = None
    kept_as: str | None = None
    published: Published | None = None
    folder: Folder | None = None
    quantization: dict[str, Any] | None = None
    projector: Projector | None = None
    encoder_parameters: int | None = None
    notes: tuple[Message, ...] = ()


class CatalogEntry(msgspec.Struct, frozen=True, kw_only=True):
    """
    One model as ``llmprobe models`` lists it.

    ``modality`` is what it reads beside text (``text+vision``), or ``embedding`` of one that makes vectors.
    ``thinking`` says whether it writes its reasoning before an answer, ``thinking_switch`` that this can be switched
    off, ``thinking_tokens`` how many tokens that usually takes, from and to. ``projector`` says that a projector of it
    is published, ``next_token_layers`` how many layers for multi-token prediction its published weights have,
    ``ollama`` is its name in Ollama's library, ``gguf`` are repositories with GGUF files of it, the usual one first.
    ``own_file`` is where the user wrote this entry. None is stated nowhere.

    ``note`` says what can't be done with it, or what is odd about it.
    """

    id: str
    name: str
    family: str
    architecture: str
    parameters: int
    active_parameters: int | None = None
    aliases: tuple[str, ...] = ()
    max_context: int | None = None
    repo: str | None = None
    released: str | None = None
    license: str | None = None
    modality: str | None = None
    thinking: bool | None = None
    thinking_switch: bool | None = None
    thinking_tokens: tuple[int, int] | None = None
    next_token_layers: int | None = None
    projector: bool | None = None
    ollama: str | None = None
    gguf: tuple[str, ...] = ()
    own_file: str | None = None
    source: str | None = None
    note: Message | None = None


class ModelList(msgspec.Struct, frozen=True, kw_only=True):
    """
    The document of ``llmprobe models``. ``meant`` is the model that the other commands take the query for.

    ``catalog_date`` is the month of the catalog's newest facts, ``own_folder`` where entries of the user's own are
    looked for, and ``problems`` what is wrong with those that were left out.
    """

    schema: Literal["llmprobe.models/1"] = "llmprobe.models/1"
    llmprobe_version: str = __version__
    this_machine: bool = True
    query: str | None = None
    meant: str | None = None
    catalog_date: str | None = None
    own_folder: str | None = None
    problems: tuple[Message, ...] = ()
    models: tuple[CatalogEntry, ...] = ()
