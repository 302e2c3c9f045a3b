"""
Answers for people. Imported only when a person reads, because it imports rich.
"""
