"""
Files that describe a model: the tests.
"""
