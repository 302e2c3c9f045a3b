"""
One language on every page, in help, errors and documents: proven with one whose every sentence stands in brackets.
"""

import json
import re
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import click
import pytest

from llmprobe import api
from llmprobe.cli import language, main
from llmprobe.cli.command import Helped
from llmprobe.cli.group import COMMANDS, cli
from llmprobe.words import en
from llmprobe.words.render import words
from tests.cli.test_main import WRONG
from tests.machine_fixtures import FOLDER
from tests.output import samples

WORD = re.compile(r"[^\W\d_]{2,}")


@pytest.fixture(autouse=True)
def brackets(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """
    A language ``xx``: the first line of every English sentence in brackets, what follows (commands) as it is.
    """
    module = ModuleType("llmprobe.words.xx")
    sentences = {}
    for name, sentence in en.SENTENCES.items():
        first, *commands = sentence.split("\n")
        sentences[name] = sentence if name.startswith("list.") else "\n".join((f"⟦{first}⟧", *commands))
    module.SENTENCES = sentences  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "llmprobe.words.xx", module)
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    words.cache_clear()
    yield
    words.cache_clear()


OWN_COMMAND = rf"\bllmprobe (?:--\S+ \S+ )*(?:{'|'.join(COMMANDS)})\b(?: +(?:--?[a-z-]+|\S+))*"
"""``llmprobe --gpu … check --explain ID`` up to the end of its line."""


def outside(text: str) -> str:
    """
    What of a text is in no brackets.
    """
    depth, kept = 0, []
    for sign in text:
        depth += (sign == "⟦") - (sign == "⟧")
        assert depth >= 0, f"a bracket is closed that was not opened: {text}"
        kept.append(sign if depth == 0 and sign != "⟧" else " ")
    assert depth == 0, f"a bracket stays open: {text}"
    return "".join(kept)


def texts(value: Any) -> Iterator[str]:
    """
    Every text of a document but the sentences of its messages: names, codes and commands.
    """
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, one in value.items():
            yield name
            if not (name == "text" and "id" in value and "values" in value):
                yield from texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from texts(one)


def bypassing(page: str, document: Any) -> list[str]:
    """
    Words on a page that are neither in brackets nor any name, code or command of the document.
    """
    known = " ".join(texts(document))
    # A command of several lines is a text of its document with its line ends as escapes. The program's own command
    # with the options of a machine is written by the page, and is the same in every language.
    unknown = re.sub(OWN_COMMAND, " ", outside(page).replace("\\n", " "))
    return [word for word in WORD.findall(unknown) if word not in known]


def ran(capsys: pytest.CaptureFixture[str], *words_: str) -> tuple[str, str]:
    main(list(words_))
    return capsys.readouterr()


RECOMMEND = ("recommend", "-m", "llama3-8b", "-c", "4096")
ASKED = (
    ("linux-4090-64g", ("check",)),
    ("linux-container-8g", ("check",)),
    ("linux-nvidia-driver-mismatch", ("check",)),
    ("linux-h100-mig", ("check",)),
    ("macos-m3max-64g", ("check",)),
    ("windows-4070-12g-wddm", ("check",)),
    ("linux-laptop-nogpu-16g", ("check",)),
    ("windows-4070-12g-wddm", ("watch",)),
    ("linux-4060laptop-8g-32g", (*RECOMMEND, "--explain")),
    ("macos-m3max-64g", RECOMMEND),
    ("linux-laptop-nogpu-16g", (*RECOMMEND, "--quant", "F16", "--min-speed", "300")),
    ("linux-4060laptop-8g-32g", ("recommend", "-m", "qwen3-30b-a3b", "-c", "8192", "--top", "2")),
    ("linux-2x3090-64g", ("estimate", "llama3-8b", "-c", "4096", "-ctk", "q8_0", "--explain")),
    ("linux-laptop-nogpu-16g", ("estimate", "llama3-70b", "--quant", "Q8_0")),
)


@pytest.mark.parametrize(
    ("machine", "asked"), ASKED, ids=lambda value: " ".join(value) if isinstance(value, tuple) else value
)
def test_nothing_on_a_page_bypasses_the_catalogue(
    machine: str, asked: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Every word of a page is in a sentence of the language, or a name, a code or a command of the document."""
    replay = ("--replay", str(FOLDER / machine / "recording.json"))
    out, err = ran(capsys, "--lang", "xx", *replay, *asked)
    document = json.loads(ran(capsys, *replay, *asked, "--json")[0])

    assert bypassing(out, document) == []
    assert "⟦" in out
    assert [line for line in err.splitlines() if not (line.startswith("⟦") and line.endswith("⟧"))] == []


@pytest.mark.parametrize("terminal", [True, False])
def test_nothing_on_a_rich_page_bypasses_the_catalogue(
    terminal: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for records with everything in them: many models, holders, slots, notes and findings."""
    from llmprobe.output.documents import to_json
    from llmprobe.output.text import check, estimate, findings, models, recommend
    from llmprobe.output.text.page import Page
    from tests.output.pages import printed

    def shown(page: Page) -> None:
        for snapshot in (samples.rtx4090(), samples.m3max(), samples.container(), samples.eight_gpus()):
            check.show(page, snapshot)
            findings.show(page, snapshot.findings, in_full=True)
        recommend.show(page, samples.recommendation(), explain=True)
        recommend.show(page, samples.refusal(), explain=True)
        for fits in (True, False, None):
            estimate.show(page, samples.estimate(fits=fits), origin="assumed", explain=True)
        models.show(page, samples.models())

    records = (
        samples.rtx4090(),
        samples.m3max(),
        samples.container(),
        samples.eight_gpus(),
        samples.recommendation(),
        samples.refusal(),
        samples.estimate(),
        samples.models(),
    )
    text = printed(monkeypatch, shown, width=120, terminal=terminal, env={"NO_COLOR": "1"}, words=words("xx"))

    assert bypassing(text, [json.loads(to_json(record)) for record in records]) == []


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_is_in_the_language_of_the_run(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One process shows help in one language, then in another; every sentence of it is the catalogue's."""
    english = ran(capsys, *command.split(), "--help")[0]
    other = ran(capsys, "--lang", "xx", *command.split(), "--help")[0]
    again = ran(capsys, *command.split(), "--help")[0]
    context = click.Context(cli)
    shown: click.Command = cli.get_command(context, command) if command else cli  # type: ignore[assignment]
    assert isinstance(shown, Helped)
    known = [*shown.examples, "llmprobe", "OPTIONS", "COMMAND", "ARGS", *COMMANDS]
    for param in shown.get_params(click.Context(shown)):
        known += [*param.opts, *param.secondary_opts, str(param.make_metavar(click.Context(shown)))]

    assert again == english
    assert "⟦" not in english
    assert bypassing(other, known) == []
    assert "⟦Usage:⟧ llmprobe" in other


@pytest.mark.parametrize(
    ("arguments", "_error", "_hint"), [case for case in WRONG if case[0][-2:] != ("--lang", "en")]
)
def test_errors_and_hints_are_in_the_language_of_the_run(
    arguments: tuple[str, ...],
    _error: str,
    _hint: str | None,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every line on stderr is one sentence of the catalogue, whoever found the mistake."""
    monkeypatch.setattr(api, "probe", lambda *_args, **_options: samples.rtx4090())
    monkeypatch.setattr(api, "load_model", lambda *_args, **_options: None)
    asked = arguments if "--lang" in arguments else ("--lang", "xx", *arguments)
    monkeypatch.setenv("LC_ALL", "xx_XX.UTF-8")
    _, err = ran(capsys, *asked)

    assert [line for line in err.splitlines() if not (line.startswith("⟦") and line.endswith("⟧"))] == []
    assert err


@pytest.mark.parametrize(
    ("environment", "options", "speaks"),
    [
        ({}, (), False),
        ({"LANG": "xx_XX.UTF-8"}, (), True),
        ({"LC_MESSAGES": "xx", "LANG": "en_GB"}, (), True),
        ({"LC_ALL": "C", "LANG": "xx"}, (), False),
        ({"LANG": "xx"}, ("--lang", "en"), False),
        ({"LANG": "en"}, ("--lang=xx",), True),
    ],
)
def test_the_option_comes_before_the_environment(
    environment: dict[str, str],
    options: tuple[str, ...],
    speaks: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """--lang wherever it is given, then LC_ALL, LC_MESSAGES and LANG, the first of them that has a value."""
    monkeypatch.setattr(api, "probe", lambda *_args, **_options: samples.container())
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    page = ran(capsys, *options, "check")[0]
    document = json.loads(ran(capsys, *options, "check", "--json")[0])

    assert ("⟦" in page) == speaks
    assert ("⟦" in document["findings"][0]["title"]["text"]) == speaks
    assert "⟦" not in json.dumps([finding["id"] for finding in document["findings"]])


def test_every_text_of_help_is_an_id(capsys: pytest.CaptureFixture[str]) -> None:
    """A command or an option without a sentence would show its id, or nothing."""
    context = click.Context(cli)
    for command in (cli, *(cli.get_command(context, name) for name in COMMANDS)):
        assert command is not None
        assert command.help in en.SENTENCES
        for param in command.params:
            if isinstance(param, click.Option):
                assert param.help in en.SENTENCES, param.name


@pytest.mark.parametrize(
    ("arguments", "speaks"),
    [
        ((), "en"),
        (("check", "--lang", "xx"), "xx"),
        (("--lang=xx", "check"), "xx"),
        (("--lang", "en", "--lang", "xx"), "en"),
        (("--lang", "zz", "--lang", "xx"), "en"),
        (("--lang",), "en"),
        (("--lang=",), "en"),
        (("--lang", "--lang=xx"), "en"),
        (("--language", "xx"), "en"),
    ],
)
def test_the_first_that_is_named_is_spoken(arguments: tuple[str, ...], speaks: str) -> None:
    """Errors of parsing speak it too, so it is read before; one without a catalogue leaves the environment's."""
    assert language.chosen(arguments).language == speaks


def test_outside_of_a_run_the_environment_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within one its own language does, and in a context without any the environment's again."""
    context = click.Context(cli)
    monkeypatch.setenv("LANG", "xx")

    assert language.spoken().language == "xx"
    assert language.spoken(context).language == "xx"
    language.use(context, ("--lang", "en"))
    assert language.spoken(context).language == "en"
    with context:
        assert language.spoken().language == "en"
