"""
What would it take? Pure arithmetic, in named terms.
"""
