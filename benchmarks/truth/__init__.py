"""
The measured tables in fixtures/truth, read for the comparisons and the tests.
"""
