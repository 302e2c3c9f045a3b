"""
The answers to walk through in a terminal: the extra ``tui``. It shows the documents of the tasks and computes nothing.
"""
