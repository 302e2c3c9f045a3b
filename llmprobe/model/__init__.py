"""
What is this model?
"""
