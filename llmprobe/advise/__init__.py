"""
What is best?
"""
