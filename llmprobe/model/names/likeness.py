"""
How much two names share: the nearest names of one that nothing matches.
"""

from collections.abc import Iterable

from llmprobe.model.names.assumed import tells_apart
from llmprobe.model.names.grammar import NUMBER, SIZE, TOTAL, words
from llmprobe.model.names.index import Index

SHOWN = 5
_KINDS = frozenset(("alpha", "beta", "dev", "preview", "reasoning", "think", "thinking"))
"""Words of many families' names."""
_SHORT = 4
"""Words of so few letters share most of them by chance."""
FAMILY = 4
"""What a family that two names share weighs."""
_EXTRA = 8
"""A word that only the other name has takes away so small a part of what it weighs, but that of another family half."""


def nearest(text: str, index: Index, count: int = SHOWN) -> tuple[str, ...]:
    """
    The ids that share most with a name: the family above all, then the size and the generation.

    None where no known family is in the name, or is spelt nearly as one of its words.
    """
    wanted = frozenset(words(text))
    near = _sharing(wanted, index)
    if not near:
        for alike in _spelled_alike(wanted, index):
            near += _sharing(wanted | {alike}, index)
    return tuple(dict.fromkeys(near))[:count]


def of_size(text: str, index: Index, count: int = SHOWN) -> tuple[str, ...]:
    """
    The newest ids of the size that a name says.
    """
    sizes = {word for word in words(text) if TOTAL.fullmatch(word)}
    return tuple(index.newest({model for key, model in index.keys if sizes & key}))[:count]


def _sharing(wanted: frozenset[str], index: Index) -> list[str]:
    shared: dict[str, float] = {}
    for key, model in index.keys:
        common = key & wanted
        if says_a_family(common):
            value = sum(map(weight, common)) - sum(map(_taken_off, key - wanted))
            shared[model] = max(value, shared.get(model, value))
    return sorted(index.newest(shared), key=lambda model: -shared[model])


def weight(word: str) -> int:
    """
    How much a word that two names share says: a generation, a size, what tells relatives apart, or a family.
    """
    if any(pattern.fullmatch(word) for pattern in (NUMBER, SIZE, TOTAL)):
        return 2
    return 1 if tells_apart(word) or word in _KINDS else FAMILY


def _taken_off(word: str) -> float:
    return weight(word) / (2 if weight(word) == FAMILY else _EXTRA)


def _spelled_alike(wanted: frozenset[str], index: Index) -> list[str]:
    from difflib import get_close_matches

    families = [word for word in sorted(index.vocabulary) if len(word) > 3 and not tells_apart(word)]
    typed = [word for word in sorted(wanted) if not tells_apart(word)]
    return [
        near
        for word in typed
        for near in get_close_matches(word, families, n=1, cutoff=0.75)
        if _differs_by_one(word, near) or (len(word) > _SHORT and word[0] == near[0])
    ]


def _differs_by_one(word: str, other: str) -> bool:
    """
    Whether a word becomes another by one letter more, less or replaced: of short words, others are no slips.

    >>> _differs_by_one("gwen", "qwen"), _differs_by_one("nope", "open")
    (True, False)
    """
    shorter, longer = sorted((word, other), key=len)
    if len(shorter) == len(longer):
        return sum(one != two for one, two in zip(shorter, longer, strict=True)) <= 1
    return any(longer[:place] + longer[place + 1 :] == shorter for place in range(len(longer)))


def says_a_family(wanted: Iterable[str]) -> bool:
    """
    Whether one of the words is neither a number nor one that relatives share.
    """
    return any(weight(word) == FAMILY for word in wanted)
