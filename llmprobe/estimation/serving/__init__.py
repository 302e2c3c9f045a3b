"""
The memory of engines that serve from a pool of cache: weights of each rank as published, then a package per engine.

An engine's record names its memory model (``engines._record.Engine.memory``); ``memory_model`` finds it here, so that
an engine brings its estimate as it brings its commands. llama.cpp's is the rest of ``estimation``.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from llmprobe.estimation.serving.case import Case, Result
    from llmprobe.facts.serving import ServingOptions, ServingSettings

__all__ = ["MemoryModel", "memory_model"]


class MemoryModel(Protocol):
    """
    What each package here offers: defaults for a case, and what a case takes.

    ``levers`` are the settings that leave more for the pool, with the options that they are on the command line.
    """

    levers: Mapping[str, str]

    def version(self, text: str | None) -> tuple[int, ...]:
        """A version by its numbers, None the newest known; raises ValueError where it is none."""
        ...

    def settled(self, case: Case, given: ServingOptions) -> ServingSettings:
        """The settings in force; raises UsageError where one is out of range."""
        ...

    def estimate(self, case: Case, settings: ServingSettings) -> Result:
        """What these settings take of each device, and the pool that is left."""
        ...

    def cache_read(self, case: Case, settings: ServingSettings, ctx_size: int) -> int:
        """The bytes of cache that a rank reads for one token of a request with so long a context."""
        ...


def memory_model(name: str) -> MemoryModel:
    """
    The memory model that an engine's record names.
    """
    model: MemoryModel = import_module(f"{__name__}.{name}").MODEL
    return model
