"""
What was meant by a word or a number that no model has: a slip of the keys, a unit or ``effective`` left out.
"""

from collections.abc import Iterator
from itertools import pairwise

from llmprobe.model.names.grammar import NUMBER, TOTAL
from llmprobe.model.names.index import Index

_SHORTEST = 4
_DATE = 4
"""A number of so many digits is a date."""


def corrected(parts: list[str], index: Index) -> Iterator[tuple[list[str], str, str]]:
    """
    Yield the words with one of them read as another, that word, and what it was read as.
    """
    sized = any(map(TOTAL.fullmatch, parts))
    for place, part in enumerate(parts):
        family = parts[place - 1] if place else ""
        for read in _readings(part, index, sized or _is_generation_of(family, part, index)):
            yield [*parts[:place], read, *parts[place + 1 :]], part, read


def _is_generation_of(family: str, number: str, index: Index) -> bool:
    """
    Whether a whole number behind a family is one of its generations, or the next one: Qwen 4 is no Qwen of 4B.
    """
    if not number.isdecimal():
        return False
    known = [
        int(behind.partition(".")[0])
        for parts, _ in index.parsed
        for before, behind in pairwise(parts)
        if before == family and NUMBER.fullmatch(behind) and len(behind) < _DATE
    ]
    return bool(known) and int(number) <= max(known) + 1


def _readings(part: str, index: Index, sized: bool) -> Iterator[str]:
    if NUMBER.fullmatch(part) is not None:
        if not sized:
            yield f"{part}b"
        if len(part) == 1:
            yield f"0.{part}"
    elif part.replace("x", "", 1).isdigit():
        yield f"{part}b"
    elif TOTAL.fullmatch(part) is not None:
        yield f"e{part}"
    elif part.isalpha() and part not in index.vocabulary:
        yield from (word for word in sorted(index.vocabulary) if _is_slip(part, word))


def _is_slip(typed: str, word: str) -> bool:
    """
    Whether a word differs by one slip that is no other word's beginning: a letter doubled or not, swapped, or missing.

    >>> _is_slip("lama", "llama"), _is_slip("quen", "qwen"), _is_slip("molmo", "olmo")
    (True, True, False)
    """
    if min(len(typed), len(word)) < _SHORTEST:
        return False
    if len(typed) == len(word):
        other = [place for place in range(len(word)) if typed[place] != word[place]]
        if len(other) == 2:
            first, second = other
            return second == first + 1 and typed[first] == word[second] and typed[second] == word[first]
        return len(other) == 1 and other[0] > 0
    shorter, longer = sorted((typed, word), key=len)
    for place in range(len(longer)):
        if longer[:place] + longer[place + 1 :] == shorter:
            doubled = longer[place] in (longer[place - 1 : place], longer[place + 1 : place + 2])
            return doubled or (longer == word and place > 0)
    return False
