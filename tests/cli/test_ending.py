"""
How a run ends: what of the process is touched, what becomes of a stdout that fails, and how click's errors are read.
"""

import errno
import gc
import io
import json
import os
import signal
import sys
from typing import Any

import click
import pytest

from llmprobe import api
from llmprobe import cli as package
from llmprobe.cli import ending, main
from llmprobe.cli.group import COMMANDS
from llmprobe.errors import LlmprobeError
from llmprobe.words.message import message
from tests.output import samples


class Failing(io.StringIO):
    """
    A stdout on which writing fails.
    """

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error

    def write(self, _text: str) -> int:
        raise self.error


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "probe", lambda *_args, **_options: samples.rtx4090())


@pytest.fixture
def forgotten(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """
    Keep this process's own stdout; return how often it was given up.
    """
    times: list[bool] = []
    monkeypatch.setattr(ending, "forget_stdout", lambda: times.append(True))
    return times


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """
    Run without arguments as a process of its own does, and see what it does to the process.
    """
    seen: dict[str, Any] = {"signals": [], "thresholds": [], "frozen": 0}

    def froze() -> None:
        seen["frozen"] += 1

    monkeypatch.setattr(sys, "argv", ["llmprobe", "--version"])
    monkeypatch.setattr(signal, "signal", lambda number, handler: seen["signals"].append((number, handler)))
    monkeypatch.setattr(gc, "set_threshold", lambda *given: seen["thresholds"].append(given))
    monkeypatch.setattr(gc, "freeze", froze)
    return seen


def test_a_process_of_ours_heeds_ctrl_c_and_collects_rarely(
    process: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Until it ends, when the signal has its own way again and no memory is searched.
    """
    monkeypatch.setattr(signal, "getsignal", lambda _number: signal.default_int_handler)

    assert main() == 0
    assert capsys.readouterr().out.startswith("llmprobe ")
    numbers = [number for number, _ in process["signals"]]
    assert numbers == [signal.SIGINT, signal.SIGINT]
    assert process["signals"][-1][1] == signal.SIG_DFL
    assert process["thresholds"] == [(package.YOUNG_OBJECTS,)]
    assert process["frozen"] == 1


def test_a_background_job_goes_on_ignoring_ctrl_c(
    process: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    It is a process of ours all the same.
    """
    monkeypatch.setattr(signal, "getsignal", lambda _number: signal.SIG_IGN)
    main()

    assert (process["signals"], process["frozen"]) == ([], 1)
    assert process["thresholds"] == [(package.YOUNG_OBJECTS,)]


@pytest.mark.parametrize("arguments", [None, ["--version"]])
def test_another_programs_process_is_left_alone(
    arguments: list[str] | None, process: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    One that handles the signal itself, or that calls with arguments of its own.
    """
    handler = (lambda _number, _frame: None) if arguments is None else signal.default_int_handler
    monkeypatch.setattr(signal, "getsignal", lambda _number: handler)
    main(arguments)

    assert process == {"signals": [], "thresholds": [], "frozen": 0}


@pytest.mark.parametrize(("interrupted", "ended"), [(True, True), (False, False)])
def test_an_interrupt_that_became_another_error_is_one(
    process: dict[str, Any], monkeypatch: pytest.MonkeyPatch, *, interrupted: bool, ended: bool
) -> None:
    """
    An import may turn it into an error of its own; an error without an interrupt is a bug.
    """

    def run(_arguments: object) -> int:
        if interrupted:
            _, handler = process["signals"][0]
            with pytest.raises(KeyboardInterrupt):
                handler(signal.SIGINT, None)
        raise ImportError("half a module")

    monkeypatch.setattr(signal, "getsignal", lambda _number: signal.default_int_handler)
    monkeypatch.setattr(ending, "run", run)
    if ended:
        assert main() == 130
        return
    with pytest.raises(ImportError):
        main()
    assert process["signals"][-1][1] == signal.SIG_DFL


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO])
def test_an_answer_that_is_not_written_is_none(
    number: int, forgotten: list[bool], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Exit code 1, the system's reason in one sentence, and stdout is given up.
    """
    monkeypatch.setattr(sys, "stdout", Failing(OSError(number, os.strerror(number))))
    code = main(["check", "--json"])
    reason = os.strerror(number).lower()

    assert (code, forgotten) == (1, [True])
    assert capsys.readouterr().err == f"error: {message('error.stdout-failed', why=reason)}\n"


def test_a_reason_without_words_is_named(
    forgotten: list[bool], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    By the kind of the error.
    """
    error = OSError()
    error.errno = errno.ENOSPC
    monkeypatch.setattr(sys, "stdout", Failing(error))

    assert main(["check", "--json"]) == 1
    assert f"{message('error.stdout-failed', why='oserror')}" in capsys.readouterr().err
    assert forgotten == [True]


def test_a_failure_of_another_kind_is_a_bug(forgotten: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A file that is not there has nothing to do with stdout.
    """

    def broken(*_args: object, **_options: object) -> None:
        raise FileNotFoundError(errno.ENOENT, "no such file")

    monkeypatch.setattr(api, "probe", broken)

    with pytest.raises(FileNotFoundError):
        main(["check"])
    assert forgotten == []


def test_without_a_stdout_nothing_is_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Where it was closed before the start, an answer has no place; --json gets no document either.
    """
    asked: list[bool] = []
    monkeypatch.setattr(api, "probe", lambda *_args, **_options: asked.append(True))
    monkeypatch.setattr(sys, "stdout", None)

    assert main(["check", "--json"]) == 1
    assert asked == []
    monkeypatch.undo()
    assert capsys.readouterr().err == f"error: {message('error.stdout-closed')}\n"


@pytest.mark.parametrize(
    ("arguments", "this_machine"),
    [
        (["check", "--explain", "zzz"], True),
        (["--replay", "x", "--ram", "64G", "check"], False),
        (["--replay=x", "--ram=64G", "check"], False),
        (["--gpu", "x", "--ram", "1", "check"], False),
        (["--ram", "1", "check"], False),
    ],
)
def test_an_error_is_a_document_in_one_line(
    arguments: list[str], this_machine: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    With the code that the process ends with, the sentence, the hint, and which machine was asked about.
    """
    code = main([*arguments, "--json"])
    (line,) = capsys.readouterr().out.splitlines()
    document = json.loads(line)

    assert (document["schema"], document["code"], code) == ("llmprobe.error/1", 2, 2)
    assert document["this_machine"] is this_machine
    assert document["message"]["text"]
    assert document["hint"]["text"]


def remembered(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> LlmprobeError:
    """
    Return the error that a run ends with.
    """
    seen: list[LlmprobeError] = []

    def fail(error: LlmprobeError, *_args: object, **_options: object) -> int:
        seen.append(error)
        return 2

    monkeypatch.setattr(ending, "_fail", fail)
    main(arguments)
    (found,) = seen
    return found


@pytest.mark.parametrize(
    ("arguments", "expected", "hint"),
    [
        (
            ("recommend",),
            message("error.model-missing"),
            message("hint.model", command="llmprobe recommend", example="--model llama3-70b"),
        ),
        (
            ("estimate",),
            message("error.model-missing"),
            message("hint.model", command="llmprobe estimate", example="llama3-70b"),
        ),
        (
            ("check", "--explain"),
            message("error.option-needs-value", option="--explain"),
            message("hint.help", command="llmprobe check"),
        ),
        (
            ("--ram",),
            message("error.option-needs-value", option="--ram"),
            message("hint.help", command="llmprobe"),
        ),
        (
            ("check", "--wake=3"),
            message("error.option-takes-no-value", option="--wake"),
            message("hint.help", command="llmprobe check"),
        ),
        (
            ("--verbose=3", "check"),
            message("error.option-takes-no-value", option="--verbose"),
            message("hint.help", command="llmprobe check"),
        ),
        (
            ("check", "--replay", "x"),
            message("error.option-after-command", option="--replay"),
            message("hint.before-command", option="--replay"),
        ),
        (
            ("--json", "check"),
            message("error.option-before-command", option="--json"),
            message("hint.after-command", option="--json"),
        ),
        (
            ("check", "--explian", "x"),
            message("error.option-unknown", option="--explian"),
            message("hint.did-you-mean", names=("--explain",)),
        ),
        (
            ("check", "--zzz"),
            message("error.option-unknown", option="--zzz"),
            message("hint.help", command="llmprobe check"),
        ),
        (
            ("chekc",),
            message("error.command-unknown", given="chekc"),
            message("hint.did-you-mean", names=("check",)),
        ),
        (
            ("zzz",),
            message("error.command-unknown", given="zzz"),
            message("hint.commands", known=COMMANDS),
        ),
        (
            ("check", "a", "b"),
            message("error.extra-arguments", given=("a", "b")),
            message("hint.help", command="llmprobe check"),
        ),
    ],
    ids=repr,
)
def test_a_mistake_is_named_with_its_place(
    arguments: tuple[str, ...], expected: Any, hint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The option, the command that it was given to, and what was meant.
    """
    found = remembered(monkeypatch, *arguments)

    assert (found.message, found.hint) == (expected, hint)


def test_what_else_click_refuses_is_said_in_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    With the help of the command that was asked.
    """
    from llmprobe.cli.check import command

    def refuse(*_args: object) -> None:
        raise click.UsageError("no luck", click.Context(command, info_name="check"))

    monkeypatch.setattr(command, "parse_args", refuse)
    found = remembered(monkeypatch, "check")

    assert found.message == message("error.usage", text="no luck")
    assert found.hint == message("hint.help", command="check")


def test_a_missing_value_of_another_name_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The model alone has a hint of its own.
    """
    from llmprobe.cli.check import command

    def refuse(*_args: object) -> None:
        raise click.MissingParameter(
            ctx=click.Context(command, info_name="check"), param=click.Argument(["box"])
        )

    monkeypatch.setattr(command, "parse_args", refuse)
    found = remembered(monkeypatch, "check")

    assert found.message == message("error.parameter-missing", name="BOX")


def test_a_stdout_without_a_file_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Nothing of the system is behind one in memory.
    """
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    ending.forget_stdout()

    assert sys.stdout is stream


def test_a_stdout_that_is_given_up_leads_nowhere(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What is still to be written into its file is dropped.
    """
    with (tmp_path / "out").open("w") as file:
        monkeypatch.setattr(sys, "stdout", file)
        file.write("half an answer")
        ending.forget_stdout()
        file.flush()

    assert (tmp_path / "out").read_text() == ""


def test_too_little_memory_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    As under ``ulimit -v``: no bug, so no traceback; with ``--json`` a document.
    """

    def probe(*_args: object, **_options: object) -> None:
        raise MemoryError

    monkeypatch.setattr(api, "probe", probe)

    assert main(["check", "--json"]) == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out)["message"]["id"] == "error.no-memory"
    assert "ulimit -v" in printed.err
    assert "Traceback" not in printed.err
