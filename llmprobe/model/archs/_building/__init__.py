"""
How graphs are built: ggml's operations, and the blocks that the families' graphs are made of.
"""
