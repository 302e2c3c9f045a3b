"""
What several families share: sizes, tensors, caches, and what a configuration says of them.
"""
