"""
The architectures. The tests.
"""
