"""
Compute buffers: the graph of a model, scheduled and allocated as the engine does it.
"""
