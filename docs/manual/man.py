"""
``python -m docs.manual.man``: the man page of the program from its help, in each language, into ``docs/man/``.

Written in the macros of man(7), so that groff and mandoc read it. It has no date and no version: the same help gives
the same file.
"""

from collections.abc import Iterator
from pathlib import Path

import click

from llmprobe.breaking import columns, pieces
from llmprobe.cli import language
from llmprobe.cli.command import Helped
from llmprobe.cli.group import cli
from llmprobe.words.render import DEFAULT_LANGUAGE, Words, languages, words

FOLDER = Path(__file__).parents[1] / "man"
NAME = "llmprobe"
HEADINGS = {
    "en": {
        "name": "NAME",
        "synopsis": "SYNOPSIS",
        "description": "DESCRIPTION",
        "options": "OPTIONS",
        "commands": "COMMANDS",
        "status": "EXIT STATUS",
        "examples": "EXAMPLES",
    },
    "ja": {
        "name": "名前",
        "synopsis": "書式",
        "description": "説明",
        "options": "オプション",
        "commands": "コマンド",
        "status": "終了ステータス",
        "examples": "例",
    },
}
"""The parts of a page, as other pages call them in a language."""

_ESCAPES = {"\\": "\\e", "-": "\\-", "^": "\\(ha", "~": "\\(ti", "`": "\\(ga", "'": "\\(aq"}
"""Signs that groff would draw as others, or read itself: what is copied must be what was meant."""


def files() -> dict[Path, str]:
    """
    Return the page of each language, by its path in this repository.
    """
    return {place(code): page(words(code)) for code in languages()}


def place(code: str) -> Path:
    """
    Return where the page of a language lies, as below ``share/man``.
    """
    return FOLDER / ("" if code == DEFAULT_LANGUAGE else code) / "man1" / f"{NAME}.1"


def page(spoken: Words) -> str:
    """
    Return the page in a language.
    """
    with click.Context(cli, info_name=NAME, **cli.context_settings) as context:
        language.use(context, ("--lang", spoken.language))
        return "".join(f"{line}\n" for line in _page(context, spoken))


def _page(context: click.Context, spoken: Words) -> Iterator[str]:
    headings, sentence = HEADINGS[spoken.language], spoken.sentence
    yield '.\\" Made by "make man" from the help of the program.'
    yield f'.TH {NAME.upper()} 1 "" "{NAME}"'
    # Words are neither hyphenated nor stretched to the margin: commands would be changed by it.
    yield from (".nh", ".ad l")
    yield f".SH {headings['name']}"
    about = sentence(cli.help or "").partition(". ")[0].partition("。")[0].removesuffix(".")
    yield f"{NAME} \\- {_prose(about)}"
    yield f".SH {headings['synopsis']}"
    yield _usage(cli, context)
    yield f".SH {headings['description']}"
    yield _prose(sentence(cli.help or ""))
    yield f".SH {headings['options']}"
    yield from _options(cli, context)
    yield f".SH {headings['commands']}"
    for command, its in commands(context):
        yield from _command(command, its, spoken)
    yield f".SH {headings['status']}"
    yield _prose(sentence("help.exit-codes"))
    yield f".SH {headings['examples']}"
    yield from _examples(cli)


def commands(parent: click.Context) -> Iterator[tuple[Helped, click.Context]]:
    """
    Yield every command below one, and those below them, each with its context.
    """
    group = parent.command
    assert isinstance(group, click.Group)
    for name in group.list_commands(parent):
        command = group.get_command(parent, name)
        assert isinstance(command, Helped)
        context = click.Context(command, info_name=name, parent=parent, **command.context_settings)
        yield command, context
        if isinstance(command, click.Group):
            yield from commands(context)


def _command(command: Helped, context: click.Context, spoken: Words) -> Iterator[str]:
    yield f".SS {context.command_path.partition(' ')[2]}"
    yield _usage(command, context)
    yield ".PP"
    yield _prose(spoken.sentence(command.help or ""))
    yield from _options(command, context)
    yield ".PP"
    yield from _examples(command)


def _usage(command: Helped, context: click.Context) -> str:
    parts = " ".join(_code(part) for part in command.collect_usage_pieces(context))
    return f"\\fB{_code(context.command_path)}\\fR {parts}".rstrip()


def _options(command: Helped, context: click.Context) -> Iterator[str]:
    for param in command.get_params(context):
        record = param.get_help_record(context)
        if record is not None and isinstance(param, click.Option):
            yield ".TP"
            yield ", ".join(map(_option, record[0].split(", ")))
            yield _prose(record[1])


def _option(written: str) -> str:
    """
    An option in bold and its value in italics: ``--ctx-size N``.
    """
    both = [part.partition(" ") for part in written.split(" / ")]
    bold = [f"\\fB{_code(name)}\\fR" for name, _, _ in both]
    italic = [f" \\fI{_code(value)}\\fR" if value else "" for _, _, value in both]
    return " / ".join(name + value for name, value in zip(bold, italic, strict=True))


def _examples(command: Helped) -> Iterator[str]:
    yield from (".RS 4", ".nf")
    yield from (_line(_code(example)) for example in command.examples)
    yield from (".fi", ".RE")


def _prose(text: str) -> str:
    """
    Text in which a line may end after spaces, and between signs of a script that is written without them.
    """
    made = [text[begin:end] for begin, end in pieces(text)]
    joined = "".join(
        _code(piece) + ("\\:" if columns(piece) and not piece.endswith(" ") else "") for piece in made
    )
    return _line(joined.removesuffix("\\:"))


def _code(text: str) -> str:
    return "".join(_ESCAPES.get(sign, sign) for sign in text)


def _line(text: str) -> str:
    """
    A line that begins with nothing that is a request.
    """
    return f"\\&{text}" if text.startswith((".", "\\(aq")) else text


def main() -> None:
    """
    Write the pages.
    """
    for path, text in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
