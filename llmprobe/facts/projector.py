"""
What a projector is: the encoder of images or sound beside a language model, as an mmproj file holds it.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from llmprobe.facts.tensor import Tensor

Modality = Literal["vision", "audio"]


class Projector(msgspec.Struct, frozen=True, kw_only=True):
    """
    A projector's metadata and tensors; ``metadata`` are the keys ``clip.…`` without that prefix.

    ``name`` is the file's, or that of the model that a described one belongs to. ``path`` is where an engine finds
    the file, None where none is known. ``assumed`` is one whose shapes are those of a published configuration.
    """

    name: str
    metadata: dict[str, Any]
    tensors: tuple[Tensor, ...]
    path: str | None = None
    assumed: bool = False

    def has(self, modality: Modality) -> bool:
        """Whether there is an encoder of a kind."""
        return bool(self.metadata.get(f"has_{modality}_encoder"))

    def kind(self, modality: Modality) -> str:
        """The type of the projector for a kind of input, as llama.cpp names it; empty where it says none."""
        return str(
            self.metadata.get("projector_type") or self.metadata.get(f"{modality}.projector_type") or ""
        )
