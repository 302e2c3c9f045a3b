"""
Runs a command and turns every way it can end into an exit code and one sentence.

Exit codes: 0 answered, 1 could not answer, 2 usage, 3 answered "no".
"""

import errno
import os
import sys
from collections.abc import Sequence

import click

from llmprobe.cli.group import COMMANDS, GLOBAL_OPTIONS, cli
from llmprobe.errors import LlmprobeError

STDOUT_FAILED = (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EIO)


def run(arguments: Sequence[str] | None) -> int:
    """
    Run ``llmprobe`` with these arguments (those of the process by default) and return the exit code.

    An error that a user is meant to read is one sentence on stderr; a bug keeps its traceback.

    Raises:
        KeyboardInterrupt: the user interrupted it.
    """
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - for the rest of the process
    try:
        code = cli.main(args=arguments, prog_name="llmprobe", standalone_mode=False)
        sys.stdout.flush()
    except LlmprobeError as error:
        return _fail(error.message, error.hint, error.exit_code)
    except click.ClickException as error:
        return _fail(*_usage(error, arguments), 2)
    except click.Abort:
        raise KeyboardInterrupt from None
    except OSError as error:
        if error.errno not in STDOUT_FAILED:
            raise
        forget_stdout()
        if error.errno == errno.EPIPE:
            return 1
        return _fail(f"the answer could not be written: {(error.strerror or 'unknown why').lower()}", None, 1)
    return code if isinstance(code, int) else 0


def _fail(message: str, hint: str | None, code: int) -> int:
    click.echo(f"error: {message}", err=True)
    if hint:
        click.echo(f"hint: {hint}", err=True)
    return code


def _usage(error: click.ClickException, arguments: Sequence[str] | None) -> tuple[str, str]:
    """
    Return click's complaint as we write ours: a sentence without capital and full stop, and a hint.
    """
    context = getattr(error, "ctx", None)
    if context is not None:
        command = context.command_path
    else:
        given = sys.argv[1:] if arguments is None else arguments
        command = " ".join(["llmprobe", *[word for word in given if word in COMMANDS][:1]])
    if isinstance(error, click.NoSuchOption):
        return _misplaced_or_unknown(error, command)
    if isinstance(error, click.MissingParameter) and error.param is not None and error.param.name == "model":
        given = "--model llama3-70b" if isinstance(error.param, click.Option) else "llama3-70b"
        return "no model is named", f"such as {command} {given}; llmprobe models lists those that are known"
    message = error.format_message().rstrip(".")
    return message[:1].lower() + message[1:], f"see {command} --help"


def _misplaced_or_unknown(error: click.NoSuchOption, command: str) -> tuple[str, str]:
    name = error.option_name
    if name in GLOBAL_OPTIONS:
        return f"{name} goes before the command", f"llmprobe {name} ... COMMAND"
    if command == "llmprobe" and name in cli.options_of_commands():
        return f"{name} goes after the command", f"llmprobe COMMAND {name}"
    from difflib import get_close_matches

    near = get_close_matches(name, error.possibilities or (), n=1)
    return f"there is no option {name!r}", f"did you mean {near[0]}?" if near else f"see {command} --help"


def forget_stdout() -> None:
    """
    Point stdout at nothing, because Python flushes it once more on its way out.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
