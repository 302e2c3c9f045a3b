"""
Graphs, by architecture.
"""

from collections.abc import Callable

from llmprobe.model.archs._graph_builder import Builder

GRAPHS: dict[str, Callable[[Builder], None]] = {}
"""Each architecture's function."""
