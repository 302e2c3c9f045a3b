"""
Tokens per second, from what each device reads and computes.
"""
