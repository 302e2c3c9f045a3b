"""
Text of the program as Markdown.
"""

import re

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#])")
_LITERAL = re.compile(r"``(.+?)``", re.DOTALL)


def plain(text: str) -> str:
    """
    Return a sentence as Markdown that shows it as it is: names in it can hold any sign.
    """
    return _SPECIAL.sub(r"\\\1", text)


def described(docstring: str) -> str:
    """
    Return a docstring as Markdown: what it marks as code is code, anything else is shown as it is.
    """
    pieces = _LITERAL.split(docstring.strip())
    return "".join(f"`{piece}`" if index % 2 else plain(piece) for index, piece in enumerate(pieces))


def paragraphs(docstring: str) -> list[str]:
    """
    Return the paragraphs of a docstring, each on one line.
    """
    return [" ".join(described(part).split()) for part in re.split(r"\n\s*\n", docstring.strip())]
