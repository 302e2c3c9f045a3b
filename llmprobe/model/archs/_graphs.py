"""
The graph of each architecture whose family file does not build its own.
"""

from collections.abc import Callable, Hashable
from functools import cache
from importlib import import_module

from llmprobe.model import archs
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.run import Parts

Build = Callable[[Builder], None]
Variant = Callable[[Parts, int], Hashable]

_TABLES = ("plain", "mixtures", "latent", "gemma", "recurrent", "linear", "encoders", "rare")


@cache
def graph_of(architecture: str) -> Build | None:
    """
    Return the function that builds a graph: the family's own ``graph``, or one of the shared tables; else None.
    """
    module = archs.get(architecture)
    if module is None:
        return None
    own: Build | None = getattr(module, "graph", None)
    if own is not None:
        return own
    for name in _TABLES:
        found: Build | None = import_module(f"{__package__}._graphs_{name}").GRAPHS.get(architecture)
        if found is not None:
            return found
    return None


@cache
def variant_of(architecture: str) -> Variant | None:
    """
    Return what tells two layers apart that have the same tensors and caches, None where nothing does.
    """
    own: Variant | None = getattr(archs.get(architecture), "layer_variant", None)
    if own is not None:
        return own
    for name in _TABLES:
        table = getattr(import_module(f"{__package__}._graphs_{name}"), "VARIANTS", {})
        if architecture in table:
            found: Variant = table[architecture]
            return found
    return None
