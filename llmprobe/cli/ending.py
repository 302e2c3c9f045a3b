"""
Runs a command and turns every way it can end into an exit code and one sentence.

Exit codes: 0 answered, 1 could not answer, 2 usage, 3 answered "no"; 130 interrupted. An answer that cannot be written
(stdout is closed, the disk is full) is none: 1. A reader that closes the pipe has what it wanted: 0, and nothing on
stderr. With ``--json`` an error is a document on stdout as well.
"""

import errno
import os
import sys
from collections.abc import Sequence

import click

from llmprobe.cli import language, say, shells_question
from llmprobe.cli.group import COMMANDS, GLOBAL_OPTIONS, cli
from llmprobe.errors import LlmprobeError, UsageError
from llmprobe.words.message import message

STDOUT_FAILED = (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
OF_ANOTHER_MACHINE = ("--replay", "--gpu", "--ram")


def run(arguments: Sequence[str] | None) -> int:
    """
    Run ``llmprobe`` with these arguments (those of the process by default), to its exit code.

    An error that a user is meant to read is one sentence on stderr; a bug keeps its traceback.

    Raises:
        KeyboardInterrupt: the user interrupted it.
    """
    asked_by_shell = os.environ.get(shells_question.COMPLETE)
    if asked_by_shell and arguments is None:
        return shells_question.answer(cli, asked_by_shell)
    given = tuple(sys.argv[1:] if arguments is None else arguments)
    if sys.stdout is None:
        # Not before anything opens a file, which would get the number of stdout.
        return _fail(LlmprobeError(message("error.stdout-closed")), given, document=False)
    try:
        return _answered(given)
    except MemoryError:
        return _fail(
            LlmprobeError(message("error.no-memory"), hint=message("hint.no-memory")),
            given,
            document="--json" in given,
        )
    except OSError as error:
        if error.errno not in STDOUT_FAILED:
            raise
        forget_stdout()
        if error.errno == errno.EPIPE:
            return 0
        why = (error.strerror or type(error).__name__).lower()
        return _fail(LlmprobeError(message("error.stdout-failed", why=why)), given, document=False)


def _answered(given: tuple[str, ...]) -> int:
    # Without click's main, which would end the process by itself when a reader closes the pipe.
    try:
        with cli.make_context("llmprobe", list(given)) as context:
            code: int = cli.invoke(context)
    except click.exceptions.Exit as ended:
        code = ended.exit_code
    except LlmprobeError as error:
        code = _fail(error, given, document="--json" in given)
    except click.ClickException as error:
        code = _fail(_usage(error, given), given, document="--json" in given)
    sys.stdout.flush()
    return code


def _fail(error: LlmprobeError, given: tuple[str, ...], *, document: bool) -> int:
    asked = language.chosen(given)
    words = language.shown(asked)
    say.line("error", error.message, words)
    if error.hint is not None:
        say.line("hint", error.hint, words)
    if document:
        from llmprobe.facts.error import ErrorDocument
        from llmprobe.output.documents import to_json

        record = ErrorDocument(
            this_machine=not any(word.partition("=")[0] in OF_ANOTHER_MACHINE for word in given),
            code=error.exit_code,
            message=error.message,
            hint=error.hint,
        )
        # In one line, so that it can also end the stream of watch.
        say.text(to_json(record, asked, in_one_line=True))
    return error.exit_code


def _usage(error: click.ClickException, given: tuple[str, ...]) -> UsageError:
    """
    What click refuses, as a message of ours.
    """
    context = getattr(error, "ctx", None)
    names = ["llmprobe", *[word for word in given if word in COMMANDS][:1]]
    command = " ".join(names) if context is None else context.command_path
    see = message("hint.help", command=command)
    if isinstance(error, click.NoSuchOption):
        return _misplaced_or_unknown(error, command)
    if isinstance(error, click.MissingParameter) and error.param is not None:
        return UsageError(message("error.parameter-missing", name=error.param.human_readable_name), hint=see)
    if isinstance(error, click.BadOptionUsage):
        # The parser knows no context where an option is given a value that it does not take.
        asked = (cli, cli.get_command(click.Context(cli), names[-1]) or cli)
        params = {name: param for one in asked for param in one.params for name in param.opts}
        param = params.get(error.option_name)
        if isinstance(param, click.Option) and param.is_flag:
            return UsageError(message("error.option-takes-no-value", option=error.option_name), hint=see)
        return UsageError(message("error.option-needs-value", option=error.option_name), hint=see)
    return UsageError(message("error.usage", text=error.format_message()), hint=see)


def _misplaced_or_unknown(error: click.NoSuchOption, command: str) -> UsageError:
    name = error.option_name
    if name in GLOBAL_OPTIONS:
        return UsageError(
            message("error.option-after-command", option=name),
            hint=message("hint.before-command", option=name),
        )
    if command == "llmprobe" and name in cli.options_of_commands():
        return UsageError(
            message("error.option-before-command", option=name),
            hint=message("hint.after-command", option=name),
        )
    from difflib import get_close_matches

    near = get_close_matches(name, error.possibilities or (), n=1)
    return UsageError(
        message("error.option-unknown", option=name),
        hint=message("hint.did-you-mean", names=(near[0],))
        if near
        else message("hint.help", command=command),
    )


def forget_stdout() -> None:
    """
    Point stdout at nothing, because Python flushes it once more on its way out.
    """
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        # No file of the system is behind it, so nothing is flushed into one.
        return
