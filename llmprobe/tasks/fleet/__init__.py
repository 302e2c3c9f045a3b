"""
Several machines: who they are, which of them runs a model best alone, and what several do together.
"""
