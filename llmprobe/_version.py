"""
The program's version, which the package, its documents and its recordings carry.
"""

__version__ = "0.2.0"
