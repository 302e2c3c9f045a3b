"""
The command line: options in, documents out, exit codes. What is answered is decided elsewhere.

A command's module is imported when the command is used, and what it needs when it runs.
"""

from llmprobe.cli.main import main

__all__ = ["main"]
