"""
Ollama's library: the name by which it has a model in a type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmprobe.data import table

if TYPE_CHECKING:
    from llmprobe.facts.model import ModelSpec


def library_name(model: ModelSpec, quant: str) -> str | None:
    """
    The name by which Ollama's library has a model in this type (``qwen3:8b-q4_K_M``), None where it is not known to.
    """
    if model.published is None or model.published.ollama is None:
        return None
    if quant == model.published_quant:
        return model.published.ollama
    for stem, types in table("ollama_tags")["tags"].get(model.id, {}).items():
        wanted = "fp16" if quant == "F16" else quant.lower()
        for offered in types.split():
            if offered.lower() == wanted:
                return f"{stem}-{offered}"
    return None
