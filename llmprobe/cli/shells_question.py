"""
What a shell asks for: the words that can stand where the cursor is.

The script of ``llmprobe completion`` asks by running the program with the variable ``_LLMPROBE_COMPLETE``
(https://click.palletsprojects.com/en/stable/shell-completion/), which ``llmprobe.cli.ending`` hands on.
"""

import click

PROGRAM = "llmprobe"
COMPLETE = "_LLMPROBE_COMPLETE"


def answer(program: click.Command, instruction: str) -> int:
    """
    Print the words that a shell asks for. The exit code is click's.
    """
    from click.shell_completion import shell_complete

    return shell_complete(program, {}, PROGRAM, COMPLETE, instruction)
