"""
What would it take? The tests.
"""
