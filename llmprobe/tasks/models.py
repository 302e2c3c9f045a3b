"""
Models by name, file or URL, and what the catalog has.
"""

from llmprobe.facts.machine import Snapshot
from llmprobe.facts.model import CatalogEntry, ModelSpec
from llmprobe.model.loading import entries, load
from llmprobe.model.quants import file_type


def load_model(name: str, quant: str | None = None, *, snapshot: Snapshot | None = None) -> ModelSpec:
    """
    A model, described by ``api.load_model``.

    Raises:
        ModelError: nothing has that name, or the file is not what it should be.
        UsageError: the quantization does not exist.
    """
    wanted = None if quant is None else quant_name(quant)
    if snapshot is not None:
        from llmprobe.model.installed import load_installed

        kept = load_installed(name, snapshot, quant=wanted)
        if kept is not None:
            return kept
    return load(name, quant=wanted)


def models(text: str | None = None) -> tuple[CatalogEntry, ...]:
    """
    The models of the catalog, or those that a text may mean.
    """
    return entries(text or "")


def quant_name(name: str) -> str:
    """
    A quantization as llama.cpp writes it.

    Raises:
        UsageError: it does not exist.
    """
    return file_type(name).name
