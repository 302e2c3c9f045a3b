"""
Weighs the candidates of a search against each other.
"""
