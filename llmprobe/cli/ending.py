"""
Runs a command and turns every way it can end into an exit code and one sentence.

Exit codes: 0 answered, 1 could not answer, 2 usage, 3 answered "no".
"""

import errno
import os
import sys
from collections.abc import Sequence

import click

from llmprobe.cli.group import GLOBAL_OPTIONS, cli
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
        return _fail(*_usage(error), 2)
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


def _usage(error: click.ClickException) -> tuple[str, str]:
    """
    Return click's complaint as we write ours: a sentence without capital and full stop, and a hint.
    """
    if isinstance(error, click.NoSuchOption) and error.option_name in GLOBAL_OPTIONS:
        name = error.option_name
        return f"{name} goes before the command", f"llmprobe {name} ... COMMAND"
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "llmprobe"
    message = error.format_message().rstrip(".")
    return message[:1].lower() + message[1:], f"see {command} --help"


def forget_stdout() -> None:
    """
    Point stdout at nothing, because Python flushes it once more on its way out.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
