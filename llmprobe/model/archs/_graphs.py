"""
The graph of each architecture whose family file does not build its own.
"""

from collections.abc import Callable
from functools import cache
from importlib import import_module

from llmprobe.model import archs
from llmprobe.model.archs._graph_builder import Builder

Build = Callable[[Builder], None]

_TABLES = ("plain", "mixtures", "latent", "gemma", "recurrent", "encoders")


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
