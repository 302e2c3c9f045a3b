"""
Messages into sentences of one language.

A sentence is a template. ``{name}`` is a value, ``{name:spec}`` a value in a form:

    bytes  a size: 1.23 GiB                     rate    a bandwidth: 1008 GB/s
    seconds  a time: 9.2 s, 92 s, 15 min
    count  a number of parameters: 70.6B        pace    tokens per second: 0.31, 4.2, 38, 1200
    gib    a size without its unit: 1.23        beside  a size in 10 columns, for a list
    money  an amount: 0.013, 1.99, 410, 3,740   tokens  a number of tokens: 950, 15,000, 260,000, 1.3M
    list   a, b, c                              and     a, b and c
    or     a, b or c                            each    a; b; c
    shell  a command to be copied               family.  the sentence of the id "family." + value
    and family.    words of a family for each of several codes, joined
    layer|layers   the first for exactly one (or one item), the second for every other number

and any format specification of Python (``.1f``). ``[text {name} text]`` is left out where a value in it is None, False
or an empty list; ``[!{name} text]`` is kept only then, without the value. A bracket itself has a backslash before it.
Text in values comes from files, processes and servers: what commands a terminal or turns the direction of a line is
shown as an escape. A short code that documents keep (``error``, ``cgroup``) has its words in a family of ids; one that
no catalogue knows is shown as it is.
"""

import os
import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module

import msgspec

from llmprobe.harmless import harmless_command, harmless_name
from llmprobe.units import GIB, format_bytes, format_count, format_pace, format_rate, format_seconds
from llmprobe.words.message import Message, Value

DEFAULT_LANGUAGE = "en"

_TOKEN = re.compile(r"\\[\[\]]|\[!?|\]|\{(\w+)(?::([^}]*))?\}|[^\[\]{\\]+|\\")
_NAME = re.compile(r"[a-z]{2,8}")
_ENDS_A_LANGUAGE = str.maketrans(".@-", "___")
"""In ``de_AT.UTF-8@euro``."""


class _Slot(msgspec.Struct, frozen=True):
    """
    The place of a value, and its form.
    """

    name: str
    spec: str


class _Optional(msgspec.Struct, frozen=True):
    """
    A part that is kept where none of its values is missing, or, ``inverse``, where one is.
    """

    parts: "tuple[_Part, ...]"
    inverse: bool


_Part = str | _Slot | _Optional


class UnknownLanguageError(Exception):
    """
    No catalogue has this name.
    """


class Words:
    """
    The sentences of one language. One that it lacks, or that does not suit the values of a message, is in English.
    """

    __slots__ = ("_sentences", "language")

    def __init__(self, language: str, sentences: Mapping[str, str]) -> None:
        self.language = language
        self._sentences = sentences

    def text(self, message: Message) -> str:
        """
        The sentence of a message, its values filled in.

        Raises:
            KeyError: English lacks the id, or the message a value (a test keeps both from happening).
        """
        sentence = self._sentences.get(message.id)
        if self.language != DEFAULT_LANGUAGE and (
            sentence is None or placeholders(sentence) != message.values.keys()
        ):
            return words().text(message)
        return self._filled(_parsed(self._sentences[message.id]), message.values)

    def sentence(self, id: str) -> str:  # noqa: A002 - as of a message
        """
        The sentence of an id that takes no values.
        """
        return self.text(Message(id))

    def say(self, id: str, /, **values: Value) -> str:  # noqa: A002 - as of a message
        """
        The sentence of an id and values.
        """
        return self.text(Message(id, values))

    def template(self, id: str) -> str:  # noqa: A002 - as of a message
        """
        The sentence of an id with the places of its values, as the catalogue has it.
        """
        return self._sentences[id] if id in self._sentences else words().template(id)

    def ids(self, beginning: str) -> tuple[str, ...]:
        """
        The ids that begin so.
        """
        return tuple(one for one in words()._sentences if one.startswith(beginning))

    def of_family(self, family: str, code: Value) -> str:
        """
        The words for a short code of a family (``severity.``), the code itself where there are none.
        """
        name = f"{family}{code}".lower().replace(" ", "-")
        sentence = self._sentences.get(name)
        if sentence is None and self.language != DEFAULT_LANGUAGE:
            sentence = words()._sentences.get(name)
        return self._plain(code) if sentence is None else sentence

    def _filled(self, template: tuple[_Part, ...], values: Mapping[str, Value]) -> str:
        pieces: list[str] = []
        for part in template:
            if isinstance(part, str):
                pieces.append(part)
            elif isinstance(part, _Slot):
                pieces.append(self._value(values[part.name], part.spec))
            elif any(_is_missing(values[name]) for name in _own_names(part.parts)) is part.inverse:
                kept = part.parts
                if part.inverse:
                    kept = tuple(one for one in kept if isinstance(one, str))
                pieces.append(self._filled(kept, values))
        return "".join(pieces)

    def _value(self, value: Value, spec: str) -> str:
        if "|" in spec:
            one, many = spec.split("|")
            return one if (len(value) if isinstance(value, tuple) else value) == 1 else many
        style, _, family = spec.partition(" ")
        if style in ("list", "and", "or", "each") or isinstance(value, tuple):
            items = value if isinstance(value, tuple) else (value,)
            named = [self.of_family(family, item) if family else self._plain(item) for item in items]
            return self._joined(named, style or "list")
        if spec == "shell":
            return harmless_command(str(value))
        if spec.endswith("."):
            return self.of_family(spec, value)
        form = _FORMS.get(spec)
        if form is not None and isinstance(value, (int, float)):
            return form(value)
        if spec and isinstance(value, (int, float)):
            return format(value, spec)
        return self._plain(value)

    def _plain(self, value: Value) -> str:
        if isinstance(value, Message):
            return self.text(value)
        if isinstance(value, tuple):
            return self._joined([self._plain(item) for item in value], "list")
        if isinstance(value, float):
            return f"{value:g}"
        return harmless_name(str(value))

    def _joined(self, items: list[str], spec: str) -> str:
        if spec in ("list", "each") or len(items) < 2:
            return self._sentences["list.comma" if spec != "each" else "list.semicolon"].join(items)
        return self._joined(items[:-1], "list") + self._sentences[f"list.{spec}"] + items[-1]


@cache
def words(language: str = DEFAULT_LANGUAGE) -> Words:
    """
    The sentences of a language by its code (``en``, ``ja``).

    Raises:
        UnknownLanguageError: there is no catalogue of that name.
    """
    if _NAME.fullmatch(language) is None or language in ("message", "render"):
        raise UnknownLanguageError(language)
    try:
        module = import_module(f"llmprobe.words.{language}")
    except ModuleNotFoundError:
        raise UnknownLanguageError(language) from None
    return Words(language, module.SENTENCES)


def wanted(environment: Mapping[str, str] | None = None) -> str:
    """
    The language that the environment asks for (LC_ALL, LC_MESSAGES, LANG, in this order), English where it has none.
    """
    variables = os.environ if environment is None else environment
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        given = variables.get(name)
        if given:
            code = given.translate(_ENDS_A_LANGUAGE).partition("_")[0].lower()
            try:
                return words(code).language
            except UnknownLanguageError:
                return DEFAULT_LANGUAGE
    return DEFAULT_LANGUAGE


def languages() -> tuple[str, ...]:
    """
    The codes of all languages that there are sentences in.
    """
    here = os.path.dirname(__file__)  # noqa: PTH120 - pathlib is imported by nothing else here
    names = (name.removesuffix(".py") for name in os.listdir(here) if name.endswith(".py"))  # noqa: PTH208 - likewise
    return tuple(sorted(name for name in names if name not in ("__init__", "message", "render")))


def english(message: Message) -> str:
    """
    The English sentence of a message.
    """
    return words(DEFAULT_LANGUAGE).text(message)


@cache
def placeholders(sentence: str) -> frozenset[str]:
    """
    The names of the values of a sentence.
    """
    return frozenset(_names(_parsed(sentence)))


def _gib(count: int | float) -> str:
    value = count / GIB
    if count == 0 or value >= 1000:
        return f"{value:.0f}"
    return "<0.01" if 0 < value < 0.005 else f"{value:.2f}"


def _money(amount: float) -> str:
    if 0 < abs(amount) < 0.095:
        return f"{amount:.2g}"
    return f"{amount:,.0f}" if abs(amount) >= 99.5 or amount == 0 else f"{amount:.2f}"


def _tokens(count: float) -> str:
    if count >= 999_500:
        return f"{count / 1e6:.3g}M" if count < 999.5e6 else f"{count / 1e6:,.0f}M"
    digits = max(0, len(f"{count:.0f}") - 3)
    return f"{round(count, -digits):,.0f}"


_FORMS: dict[str, Callable[[int | float], str]] = {
    "bytes": lambda value: format_bytes(int(value)),
    "rate": format_rate,
    "count": lambda value: format_count(int(value)),
    "pace": format_pace,
    "seconds": format_seconds,
    "gib": _gib,
    "money": _money,
    "tokens": _tokens,
    "beside": lambda value: format_bytes(int(value)).rjust(10),
}


def _is_missing(value: Value) -> bool:
    return value is None or value is False or value == ()


def _own_names(template: tuple[_Part, ...]) -> list[str]:
    """
    The values of a template itself, not those of optional parts in it.
    """
    return [part.name for part in template if isinstance(part, _Slot)]


def _names(template: tuple[_Part, ...]) -> list[str]:
    inner = [name for part in template if isinstance(part, _Optional) for name in _names(part.parts)]
    return [*_own_names(template), *inner]


@cache
def _parsed(sentence: str) -> tuple[_Part, ...]:
    """
    The parts of a sentence.
    """
    stack: list[list[_Part]] = [[]]
    kinds: list[bool] = []
    at = 0
    while at < len(sentence):
        found = _TOKEN.match(sentence, at)
        if found is None:
            raise ValueError(f"a sentence cannot be read at {at}: {sentence!r}")
        piece, at = found.group(), found.end()
        if piece in ("\\[", "\\]"):
            stack[-1].append(piece[1])
        elif piece in ("[", "[!"):
            stack.append([])
            kinds.append(piece == "[!")
        elif piece == "]":
            if not kinds:
                raise ValueError(f"a sentence closes what it never opened: {sentence!r}")
            inner = tuple(stack.pop())
            stack[-1].append(_Optional(inner, kinds.pop()))
        elif found.group(1) is not None:
            stack[-1].append(_Slot(found.group(1), found.group(2) or ""))
        else:
            stack[-1].append(piece)
    if kinds:
        raise ValueError(f"a sentence leaves a bracket open: {sentence!r}")
    return tuple(stack[0])
