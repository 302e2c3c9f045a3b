"""
``llmprobe completion``: what makes a shell complete the words of this program.

The scripts are click's. A shell that runs one asks the program itself, see ``llmprobe.cli.shells_question``.
"""

import click
from click.shell_completion import ShellComplete, get_completion_class

from llmprobe.cli import say
from llmprobe.cli.command import Choice, Command, argument
from llmprobe.cli.shells_question import COMPLETE, PROGRAM
from llmprobe.errors import LlmprobeError
from llmprobe.words.message import message

SHELLS = Choice(("bash", "zsh", "fish", "powershell"))


@click.command(
    "completion",
    cls=Command,
    help="help.completion",
    short_help="help.short.completion",
    examples=(
        'eval "$(llmprobe completion bash)"      # in ~/.bashrc',
        'eval "$(llmprobe completion zsh)"       # in ~/.zshrc, behind compinit',
        "llmprobe completion fish >~/.config/fish/completions/llmprobe.fish",
        "llmprobe completion powershell | Out-String | Invoke-Expression    # in $PROFILE",
    ),
)
@argument("shell", type=SHELLS, metavar="SHELL")
@click.pass_context
def command(context: click.Context, /, shell: str) -> int:
    """
    Print the script of a shell.
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise LlmprobeError(
            message("error.no-completion", shell=shell),
            hint=message("hint.newer-click", package="click>=8.5"),
        )
    made = kind(context.find_root().command, {}, PROGRAM, COMPLETE)
    # click's own for bash starts bash first, to see how old it is.
    say.text(ShellComplete.source(made))
    return 0
