"""
Which language a run speaks: ``--lang`` wherever it stands, then LC_ALL, LC_MESSAGES and LANG.

It is read from the words of the command line before they are parsed, because help and usage errors speak it too. A
terminal whose encoding lacks the letters of that language is spoken to in English; documents are UTF-8 everywhere.
"""

import sys
from collections.abc import Sequence
from itertools import pairwise

import click

from llmprobe.errors import UsageError
from llmprobe.words.message import message
from llmprobe.words.render import (
    DEFAULT_LANGUAGE,
    UnknownLanguageError,
    Words,
    languages,
    wanted,
    words,
)

OPTION = "--lang"
_KEY = "llmprobe.words"


def chosen(arguments: Sequence[str]) -> Words:
    """
    The language that a command line and the environment ask for; one without a catalogue is refused later.
    """
    for word, following in pairwise((*arguments, "")):
        name, equals, value = word.partition("=")
        if name == OPTION:
            try:
                return words(value if equals else following)
            except UnknownLanguageError:
                break
    return words(wanted())


def use(context: click.Context, arguments: Sequence[str]) -> None:
    """
    Let a context and those of its commands speak the language of this command line.
    """
    context.meta[_KEY] = chosen(arguments)


def written(context: click.Context | None = None) -> Words:
    """
    The language of the documents of a context, by default the current one; that of the environment outside of any.
    """
    context = context or click.get_current_context(silent=True)
    found: Words | None = None if context is None else context.meta.get(_KEY)
    return found or words(wanted())


def spoken(context: click.Context | None = None) -> Words:
    """
    The language in which a context speaks to people: the same, or English where their terminal cannot show it.
    """
    return shown(written(context))


def shown(asked: Words) -> Words:
    """
    A language, or English where the encoding of one of the two streams lacks its letters.
    """
    if asked.language == DEFAULT_LANGUAGE:
        return asked
    sample = asked.sentence("help.llmprobe")
    for stream in (sys.stdout, sys.stderr):
        try:
            sample.encode(getattr(stream, "encoding", None) or "utf-8")
        except (UnicodeEncodeError, LookupError):
            return words()
    return asked


def known(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    """
    Refuse a language without a catalogue.
    """
    if value is not None:
        try:
            words(value)
        except UnknownLanguageError:
            raise UsageError(
                message("error.language-unknown", given=value),
                hint=message("hint.languages", known=languages()),
            ) from None
    return value
