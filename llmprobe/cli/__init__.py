"""
The command line: options in, documents out, exit codes. What is answered is decided elsewhere.

A command's module is imported when the command is used, and what it needs when it runs.
"""

from collections.abc import Sequence

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run ``llmprobe`` with these arguments (those of the process by default) and return the exit code.

    Ctrl-C ends it quietly at any moment, also while modules are still being imported.
    """
    try:
        from llmprobe.cli.ending import run

        return run(arguments)
    except KeyboardInterrupt:
        return INTERRUPTED
