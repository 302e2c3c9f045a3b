"""
One file per family of architectures: its tensors, its cache, its graph.
"""
