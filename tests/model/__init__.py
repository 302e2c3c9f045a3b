"""
What is this model? The tests.
"""
