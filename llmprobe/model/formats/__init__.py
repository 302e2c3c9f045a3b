"""
Files that describe a model, parsed from bytes that somebody else read.
"""
