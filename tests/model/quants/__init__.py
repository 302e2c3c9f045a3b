"""
What a quantization does to a model: the tests.
"""
