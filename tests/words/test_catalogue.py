"""
The catalogues say everything that code can say, and nothing else: found by reading the code, not by running it.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from llmprobe.words import en
from llmprobe.words.render import languages, placeholders, words
from tests.page.scripts import ids_in_scripts

PACKAGE = Path(en.__file__).parents[1]
MAKERS = frozenset({"message", "say"})
"""Functions and methods that make a message or say one: the id first, its values by name."""

OF_EVERY_LANGUAGE = frozenset({"list.comma", "list.semicolon", "list.and", "list.or"})
"""What the sentences themselves are put together with."""


FAMILY = re.compile(r"\{\w+:(?:[a-z]+ )?([a-z-]+\.)\}")


class Use(NamedTuple):
    """
    A place in the code that makes a message.
    """

    id: str
    values: frozenset[str]
    where: str


class Read(NamedTuple):
    """
    What the modules of the package outside the catalogues say: the messages that they make, and texts with a dot.
    """

    uses: tuple[Use, ...]
    texts: frozenset[str]


@cache
def read() -> Read:
    """
    Every module, read once, and none of their trees kept.
    """
    uses: list[Use] = []
    texts: set[str] = set()
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.parent.name == "words":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "." in node.value:
                texts.add(node.value)
            elif isinstance(node, ast.Call) and _called(node) in MAKERS and node.args:
                uses += _made(node, f"{path.relative_to(PACKAGE)}:{node.lineno}")
    return Read(tuple(uses), frozenset(texts))


def _made(node: ast.Call, where: str) -> Iterator[Use]:
    assert all(word.arg is not None for word in node.keywords), f"{where}: values are given by name"
    values = frozenset(str(word.arg) for word in node.keywords)
    for id_ in _literals(node.args[0], where):
        yield Use(id_, values, where)


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _literals(node: ast.expr, where: str) -> list[str]:
    if isinstance(node, ast.IfExp):
        return _literals(node.body, where) + _literals(node.orelse, where)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        # A family of ids: its beginning is fixed, and the catalogue has at least one of them.
        start = node.values[0]
        begins = start.value if isinstance(start, ast.Constant) else None
        assert isinstance(begins, str), f"{where}: an id begins with a literal"
        family = [one for one in en.SENTENCES if one.startswith(begins)]
        assert family, f"{where}: no sentence begins with {begins}"
        return family
    raise AssertionError(f"{where}: the id of a message is a literal")


def mentioned() -> frozenset[str]:
    """
    Every text in the code that could be an id: help texts are given by id, for one, and those of the page in the
    browser by its scripts (``tests/page/test_words.py``).
    """
    return read().texts | ids_in_scripts()


def of_page() -> frozenset[str]:
    """
    The ids in the sources of the page, which has its sentences within its document.
    """
    sources = (path.read_text(encoding="utf-8") for path in sorted((PACKAGE / "page" / "web").rglob("*.ts")))
    return frozenset(
        found for text in sources for found in re.findall(r"[\"'`](report\.[\w.-]*\w)[\"'`]", text)
    )


def test_every_sentence_of_the_page_exists() -> None:
    """An id that the page names is in the catalogue; it can fill in values, and knows no forms of them."""
    assert sorted(of_page() - set(en.SENTENCES)) == []
    assert [one for one in sorted(of_page()) if re.search(r"[\[\]]|\{\w+:", en.SENTENCES[one])] == []


def test_every_message_has_its_sentence_and_all_its_values() -> None:
    """An id that code makes is in the catalogue, and its values are exactly those that the sentence takes."""
    wrong = [
        f"{use.where}: {use.id} gives {sorted(use.values)}"
        for use in read().uses
        if use.id not in en.SENTENCES or placeholders(en.SENTENCES[use.id]) != use.values
    ]

    assert wrong == []


def of_families() -> frozenset[str]:
    """
    Every id of a family whose code some sentence has among its values: ``{severity:severity.}``.
    """
    beginnings = tuple(families())
    return frozenset(one for one in en.SENTENCES if one.startswith(beginnings))


def families() -> set[str]:
    return {name for sentence in en.SENTENCES.values() for name in FAMILY.findall(sentence)}


def test_no_sentence_is_unused() -> None:
    """A sentence that no code can say is removed."""
    used = {use.id for use in read().uses} | mentioned() | of_page() | of_families() | OF_EVERY_LANGUAGE

    assert sorted(set(en.SENTENCES) - used) == []


def test_every_family_has_words() -> None:
    """A sentence that asks for the words of a code finds some."""
    assert {name for name in families() if not any(one.startswith(name) for one in en.SENTENCES)} == set()


def test_words_for_codes_take_no_values() -> None:
    """A code has nothing to fill its words with."""
    assert [one for one in of_families() if placeholders(en.SENTENCES[one])] == []


@pytest.mark.parametrize("language", languages())
def test_every_language_says_everything(language: str) -> None:
    """Each language has the same ids, with the same values, in templates that can be read."""
    sentences = words(language)._sentences

    assert set(sentences) == set(en.SENTENCES)
    for id_, sentence in sentences.items():
        assert placeholders(sentence) == placeholders(en.SENTENCES[id_]), id_


@pytest.mark.parametrize("language", languages())
def test_brackets_that_are_meant_have_a_backslash(language: str) -> None:
    """A part in brackets is optional, so it has a value by which it is kept: ``[serve]`` would lose its brackets."""
    plain = re.compile(r"(?<!\\)\[[^\[\]{}]*\]")

    assert [name for name, one in words(language)._sentences.items() if plain.search(one)] == []
    assert [
        name for name, one in words(language)._sentences.items() if re.search(r"\w\[\{\w+\}\]", one)
    ] == []
