"""
Which layers must be built so that the reserved buffers are those of the whole model.
"""

from llmprobe.model.archs._graph_run import Parts


def needed_layers(parts: Parts, places: tuple[int, ...], request: object) -> tuple[int, ...]:
    """
    Return the layers to build.
    """
    return tuple(parts.sizes.layers)
