"""
Files that hold a part of a model, or a model that writes no text: what each is, and what runs it.

Sources: llama.cpp b11549, src/llama-arch.cpp, common/arg.cpp, tools/tts/README.md, tools/server/README.md.
"""

from collections.abc import Mapping
from typing import Any

from llmprobe.errors import ModelError
from llmprobe.words.message import Message, message

DRAFTS = frozenset({"gemma4-assistant", "eagle3", "dflash"})
"""They guess tokens for a model whose cache or hidden states they read: without it llama.cpp refuses them."""
HEADS = frozenset({"eagle3", "dflash"})
"""Those of them whose graph is known."""
SPEECH = frozenset({"qwen3tts", "pockettts"})
SOUND = frozenset({"wavtokenizer-dec"})
DECISIONS = frozenset({"clef"})
PROJECTORS = frozenset({"clip"})
NO_TEXT_MODELS = DRAFTS | SPEECH | SOUND | DECISIONS | PROJECTORS
"""Architectures of files that are no text models."""

_BASE = "general.base_model.0.name"
_DRAFTED = {"gemma4-assistant": "a Gemma 4"}
"""The models that a draft belongs to, where its architecture says it."""


def refuse(file: str, metadata: Mapping[str, Any], *, heads: bool = False) -> None:
    """
    Refuse a file that is no text model; with ``heads`` those are let through that can be estimated beside their model.

    Raises:
        ModelError: says what the file is, what it belongs to, and what to do with it.
    """
    if heads and str(metadata.get("general.architecture")) in HEADS:
        return
    architecture, kind = metadata.get("general.architecture"), metadata.get("general.type", "model")
    found = _found(file, str(architecture), str(kind), metadata.get(_BASE))
    if found is not None:
        raise ModelError(found[0], hint=found[1])


def _found(file: str, architecture: str, kind: str, base: Any) -> tuple[Message, Message] | None:
    base = base if isinstance(base, str) else None
    if architecture in PROJECTORS or kind == "mmproj":
        return message("error.gguf-projector", file=file, base=base), message("hint.projector")
    if kind != "model":
        return message("error.gguf-part-of-model", file=file, kind=kind), message("hint.own-model-file")
    if architecture in DRAFTS:
        drafted = base or _DRAFTED.get(architecture)
        told = message("error.gguf-draft", file=file, architecture=architecture, base=drafted)
        return told, message("hint.draft")
    if architecture in SPEECH:
        return message("error.gguf-speech", file=file, architecture=architecture), message("hint.speech")
    if architecture in SOUND:
        return message("error.gguf-sound", file=file, architecture=architecture), message("hint.sound")
    if architecture in DECISIONS:
        told = message("error.gguf-decisions", file=file, architecture=architecture)
        return told, message("hint.decisions")
    return None
