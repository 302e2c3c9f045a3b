"""
What shells complete: the scripts, and the words that this program gives them.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete, get_completion_class

from docs.manual import man
from llmprobe.cli import language
from llmprobe.cli.ending import run
from llmprobe.cli.group import COMMANDS, cli
from llmprobe.cli.shells_question import COMPLETE
from llmprobe.engines import all_engines
from llmprobe.model.known import known
from llmprobe.model.quants import FILE_TYPES
from llmprobe.words.render import words

SHELLS = ("bash", "zsh", "fish", "powershell")


def offered(*given: str) -> dict[str, str | None]:
    """
    What is offered for the last of these words, with what stands beside it.
    """
    *before, last = given
    found = ShellComplete(cli, {}, "llmprobe", COMPLETE).get_completions(before, last)
    return {item.value: item.help for item in found}


def kinds(*given: str) -> list[str]:
    *before, last = given
    return [item.type for item in ShellComplete(cli, {}, "llmprobe", COMPLETE).get_completions(before, last)]


def test_commands_have_their_sentence() -> None:
    """
    Every command, in the order of the help, and those alone that begin so.
    """
    everything = offered("")

    assert tuple(everything) == COMMANDS
    assert everything["fit"] == "List the models that run best here"
    assert set(offered("rec")) == {"recommend", "record"}


def test_commands_are_offered_without_importing_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A shell waits for the words.
    """
    monkeypatch.delitem(sys.modules, "llmprobe.cli.fit", raising=False)
    offered("fi")

    assert "llmprobe.cli.fit" not in sys.modules


def test_options_have_the_sentence_of_the_help_and_no_id() -> None:
    """
    In the language of the run, cut to a line.
    """
    found = offered("recommend", "--")

    assert {"--model", "--quant", "--explain", "--json", "--help"} <= set(found)
    assert [text for text in found.values() if text is None or text.startswith("help.")] == []
    assert max(len(text or "") for text in found.values()) <= 60
    assert found["--json"] == "Print one JSON document"
    before = offered("--")
    assert before["--replay"]
    assert not any(text.startswith("help.") for text in before.values() if text)


def test_models_are_those_of_the_catalog() -> None:
    """
    By their ids; where none begins so, by their aliases.
    """
    ids = {name for name in known().entries if name.startswith("qwen3-30b")}

    assert set(offered("recommend", "qwen3-30b")) == set(offered("recommend", "-m", "QWEN3-30b")) == ids
    assert offered("estimate", "qwen3-8b")["qwen3-8b"] == "Qwen3 8B"
    assert "llama3-70b" in offered("plan", "llama3-70")
    assert offered("recommend", "nothing-like-it") == {}


@pytest.mark.parametrize("path", ["./mod", "/models/x", "~/m", "folder/x"])
def test_a_path_is_completed_by_the_shell(path: str) -> None:
    """
    A model can be a file.
    """
    assert kinds("recommend", path) == ["file"]


def test_quantizations_are_llama_cpps() -> None:
    """
    In capitals, however they are typed.
    """
    assert set(offered("recommend", "--quant", "q4_k")) == {"Q4_K_M", "Q4_K_S"}
    assert set(offered("estimate", "--quant", "")) >= set(FILE_TYPES)


def test_other_words_of_the_help_are_completed_too() -> None:
    """
    Engines, programs, languages, choices, files and folders.
    """
    assert set(offered("recommend", "--engine", "")) == set(all_engines()) >= {"llama.cpp", "vllm"}
    assert "llama-server" in offered("estimate", "--engine", "llama-s")
    assert set(offered("--lang", "")) == {"en", "ja"}
    assert set(offered("recommend", "--priority", "s")) == {"speed"}
    assert kinds("--replay", "x") == ["file"]
    assert kinds("recommend", "--write", "x") == ["dir"]
    assert offered("recommend", "-c", "") == {}


def test_help_is_in_the_language_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    As everything else.
    """
    monkeypatch.setenv("LC_ALL", "ja_JP.UTF-8")
    monkeypatch.setattr(language, "shown", lambda asked: asked)

    assert offered("fi")["fit"] == words("ja").sentence("help.short.fit").removesuffix(".")


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_asks_this_program(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """
    By the variable that is answered, and for the name under which it is installed.
    """
    if get_completion_class(shell) is None:
        assert run(["completion", shell]) == 1
        assert f"no completion for {shell}" in capsys.readouterr().err
        return
    assert run(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert COMPLETE in script
    assert f"{shell}_complete" in script
    assert "llmprobe" in script
    assert "%(" not in script


def test_the_script_of_powershell_reads_what_is_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Three lines for each word (kind, word, text), as the script steps through them. PowerShell itself is not run.
    """
    if get_completion_class("powershell") is None:
        pytest.skip("this click is older than its script for PowerShell")
    run(["completion", "powershell"])
    script = capsys.readouterr().out
    assert "Register-ArgumentCompleter -Native -CommandName llmprobe" in script
    assert "$i += 3" in script
    monkeypatch.setenv("COMP_WORDS", "llmprobe recommend qwen3-8b")
    monkeypatch.setenv("COMP_CWORD", "2")
    monkeypatch.setenv(COMPLETE, "powershell_complete")

    assert run(None) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["plain", "qwen3-8b", "Qwen3 8B"]
    assert len(lines) % 3 == 0


def test_a_question_that_no_shell_asks_is_not_answered(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    With click's exit code.
    """
    monkeypatch.setenv(COMPLETE, "tcsh_complete")

    assert run(None) == 1
    assert capsys.readouterr().out == ""


def test_a_program_that_calls_this_one_is_not_taken_for_a_shell(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Arguments that a program gives are answered, whatever its environment has.
    """
    monkeypatch.setenv(COMPLETE, "bash_complete")

    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("llmprobe ")


def test_every_word_that_takes_a_model_is_completed() -> None:
    """
    No command has an argument of its own kind.
    """
    for one, context in man.commands(click.Context(cli)):
        for param in one.params:
            if isinstance(param, click.Argument) and param.metavar == "MODEL":
                assert "qwen3-8b" in {item.value for item in param.shell_complete(context, "qwen3-8")}


def test_commands_below_a_command_are_offered() -> None:
    """
    With their sentences.
    """
    found = offered("fleet", "")

    assert {"check", "recommend"} <= set(found)
    assert all(text and not text.startswith("help.") for text in found.values())


@pytest.mark.live
@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not here")
def test_bash_completes(tmp_path: Path) -> None:
    """
    The function of the script, in a real bash, with the program behind it.
    """
    program = tmp_path / "llmprobe"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m llmprobe "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    script = (
        'eval "$(llmprobe completion bash)"; COMP_WORDS=(llmprobe recommend --quant q5_k); COMP_CWORD=3; '
        '_llmprobe_completion llmprobe; echo "${COMPREPLY[@]}"'
    )
    root = str(Path(__file__).parents[2])
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "PYTHONPATH": root,
        "LC_ALL": "C",
    }
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=True, env=environment, cwd=tmp_path
    )

    assert done.stdout.split() == ["Q5_K_M", "Q5_K_S"]
