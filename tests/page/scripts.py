"""
What the TypeScript of the page says: the ids of its sentences, and the values that it gives them.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import llmprobe

SOURCES = Path(llmprobe.__file__).parent / "page" / "web" / "src"

_LITERAL = re.compile(r"""["'](report\.[a-z_.-]+)["']""")
_CALL = re.compile(r"""\b(?:say|sentence)\(\s*["'](report\.[a-z_.-]+)["']\s*(,\s*\{)?""")
_NAME = re.compile(r"\s*(\w+)\s*(?=[:,}])")


class Said(NamedTuple):
    """
    A sentence that a script says, and the names of the values that it gives.
    """

    id: str
    values: frozenset[str]
    where: str


@cache
def scripts() -> tuple[tuple[str, str], ...]:
    """
    Every script of the page, by its name.
    """
    return tuple(
        (str(path.relative_to(SOURCES)), path.read_text(encoding="utf-8"))
        for path in sorted(SOURCES.rglob("*.ts"))
    )


def ids_in_scripts() -> frozenset[str]:
    """
    Every text in the scripts that is an id of the page.
    """
    return frozenset(id_ for _, text in scripts() for id_ in _LITERAL.findall(text))


def said() -> Iterator[Said]:
    """
    Every sentence that is said with its id written out.
    """
    for name, text in scripts():
        for call in _CALL.finditer(text):
            values = _names(text, call.end()) if call[2] else frozenset[str]()
            line = text.count("\n", 0, call.start()) + 1
            yield Said(call[1], values, f"{name}:{line}")


def _names(text: str, at: int) -> frozenset[str]:
    """
    The names of an object whose first one begins at ``at``; those of objects and calls in it do not count.
    """
    names: set[str] = set()
    depth, expected = 0, True
    while depth >= 0:
        if depth == 0 and expected and (found := _NAME.match(text, at)):
            names.add(found[1])
            expected, at = False, found.end()
        sign = text[at]
        depth += (sign in "({[") - (sign in ")}]")
        expected = expected or (depth == 0 and sign == ",")
        at += 1
    return frozenset(names)
