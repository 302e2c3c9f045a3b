"""
Where lines of text may end: after spaces, and between signs of scripts that are written without them.

A full-width sign takes two columns (East Asian Width of Unicode). Between such signs a line may end anywhere but where
Japanese forbids it (kinsoku, JIS X 4051): no closing mark, small letter or long vowel begins a line, no opening bracket
ends one.
"""

from collections.abc import Iterator
from itertools import pairwise

NEVER_BEGINS = frozenset(
    "、。，．・：；？！?!,.:;)]}」』】〕〉》）］｝％%‐゠–〜～…‥ー々〻ゝゞヽヾ"
    "ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶㇰㇱㇲㇳㇴㇵㇶㇷㇸㇹㇺㇻㇼㇽㇾㇿ"
)
NEVER_ENDS = frozenset("([{「『【〔〈《（［｛")


def columns(text: str) -> int:
    """
    How many columns of a terminal a text takes.
    """
    if text.isascii():
        return len(text)
    # Not at the top: most runs print ASCII and few other signs.
    from unicodedata import combining, east_asian_width

    return sum(1 + (east_asian_width(sign) in "WF") for sign in text if sign.isascii() or not combining(sign))


def ends(text: str, width: int) -> list[int]:
    """
    Where the lines of a text of one paragraph end that is broken to so many columns: indices into the text.

    Spaces at an end may stand out. What has no place to break and is too long begins a line and is cut.
    """
    found: list[int] = []
    taken = 0
    for begin, end in pieces(text):
        last = begin
        bare = columns(text[begin:end].rstrip())
        if begin and taken + bare > width:
            found.append(begin)
            taken = 0
        if bare > width:
            found += (begin + at for at in _cuts(text[begin:end].rstrip(), width))
            last = found[-1]
        taken += columns(text[last:end])
    return found


def lines(text: str, width: int) -> list[str]:
    """
    The lines of a text of one paragraph, without the spaces at their ends; one empty line of an empty text.
    """
    bounds = [0, *ends(text, width), len(text)]
    return [text[begin:end].rstrip() for begin, end in pairwise(bounds)]


def pieces(text: str) -> Iterator[tuple[int, int]]:
    """
    The beginnings and ends of what stays together, each with the spaces that follow it.
    """
    begin, first = 0, len(text) - len(text.lstrip(" "))
    for at in range(first + 1, len(text)):
        if _may_end(text[at - 1], text[at]):
            yield begin, at
            begin = at
    if text:
        yield begin, len(text)


def _may_end(before: str, after: str) -> bool:
    if before == " ":
        return after != " "
    if before in NEVER_ENDS or after in NEVER_BEGINS:
        return False
    return columns(before + after) > 2  # one of them is full-width


def _cuts(piece: str, width: int) -> Iterator[int]:
    """
    Where to cut a piece that is longer than a line.
    """
    taken = 0
    for at, sign in enumerate(piece):
        size = columns(sign)
        if taken + size > width and taken:
            yield at
            taken = 0
        taken += size
