"""
Adapters that are applied to a model while it runs: LoRA, and control vectors.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from llmprobe.facts.model import Tensor

AdapterKind = Literal["lora", "control-vector"]


class Adapter(msgspec.Struct, frozen=True, kw_only=True):
    """
    An adapter as its GGUF file lists it. ``architecture`` is that of its model, None where the file does not say.

    The tensors of a LoRA end in ``.lora_a`` and ``.lora_b`` behind the name of the weight that they change; those of a
    control vector are ``direction.N``, one for each layer that it moves.
    """

    name: str
    kind: AdapterKind
    architecture: str | None
    tensors: tuple[Tensor, ...]
    path: str | None = None

    @property
    def rank(self) -> int:
        """The largest rank of a LoRA, 0 of a control vector."""
        return max((one.shape[-1] for one in self.tensors if one.name.endswith(".lora_a")), default=0)


class AdapterInEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """
    An adapter as an estimate names it.
    """

    name: str
    kind: AdapterKind
    rank: int = 0
