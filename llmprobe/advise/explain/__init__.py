"""
Puts a choice into reasons, notes and what would change it.
"""
