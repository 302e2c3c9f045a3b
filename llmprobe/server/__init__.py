"""
The answers of this program over HTTP, for programs of this machine: the extra ``serve``.
"""
