"""
What is this machine?
"""
