"""
How many GPUs a text asks for: ``2x RTX 3090``, ``3090 x2``, ``two 3090s``, ``RTX 3090 24GB, 2 pcs``.
"""

import re
from collections.abc import Iterator

_NUMBERS = {
    **dict.fromkeys(
        ("dual", "two", "twice", "twin", "double", "pair", "couple", "zwei", "deux", "dos", "два", "две"), 2
    ),
    **dict.fromkeys(("three", "triple", "drei", "trois", "tres", "три"), 3),
    **dict.fromkeys(("four", "quad", "vier", "quatre", "cuatro", "четыре"), 4),
    **dict.fromkeys(("five", "fünf", "cinq", "cinco"), 5),
    **dict.fromkeys(("six", "sechs", "seis"), 6),
    **dict.fromkeys(("seven", "sieben", "sept", "siete"), 7),
    **dict.fromkeys(("eight", "acht", "huit", "ocho", "octo"), 8),
    **dict.fromkeys(("nine", "neun", "neuf", "nueve"), 9),
    **dict.fromkeys(("ten", "zehn", "dix", "diez"), 10),
    **dict.fromkeys(("twelve", "dozen"), 12),
    "sixteen": 16,
    **dict.fromkeys(("one", "single"), 1),
}
_COUNTS = tuple(
    (re.compile(pattern, re.IGNORECASE), count, name)
    for pattern, count, name in (
        (r"([0-9]{1,4})\s*[x×*]\s*(\S.*)", 1, 2),
        (r"(.*\S)\s*(?:(?<![a-z])x|[×*])\s*([0-9]{1,4})\s*枚?", 2, 1),
        (r"\(\s*([0-9]{1,2})\s*[x×*]\s*\)\s*(\S.*)", 1, 2),
        (r"([0-9]{1,2})-?way\s+(\S.*)", 1, 2),
        (r"(.*\S)\s+(pair|twice|dual)", 2, 1),
        (r"[x×*]\s*([0-9]{1,4})\s+(\S.*)", 1, 2),
        (r"(.*\S)\s*\(\s*[x×*]?\s*([0-9]{1,2})\s*[x×*]?\s*\)", 2, 1),
        (r"(.*\S)\s+([0-9]{1,2})[x×*]", 2, 1),
        (r"([0-9]{1,2})\s*枚の?\s*(\S.*)", 1, 2),
        (r"(.*\S)\s*(?<![0-9])([0-9]{1,2})\s*枚", 2, 1),
        (r"([0-9]{1,2})\s+(\S.*)", 1, 2),
        (rf"(?:a\s+)?({'|'.join(_NUMBERS)})\s+(?:of\s+)?(\S.*)", 1, 2),
    )
)
_BEFORE_SIZE = re.compile(
    r"(.*[^\s(])\s*(?<![a-z])[x×*]\s*([0-9]{1,4})[\s,]+([0-9.]+ ?(?:gib|gb|g)\b.*)", re.IGNORECASE
)
"""``MI50 x8 32GB``: a number of cards before their memory."""

_SIZE_BEFORE = re.compile(
    r"([0-9.]+ ?(?:gib|gb|g))\s*[(:,=]\s*([0-9]{1,2}\s*[x×*][^()]+?)\s*\)?", re.IGNORECASE
)
"""``96GB (4x 3090)``: the memory of all, then the cards."""

_COMPUTER = re.compile(r"(?:nvidia\s+)?dgx[\s-]*([abh][1-3]00)\b(?!\s*x)(.*)", re.IGNORECASE)
"""A DGX of these names has eight: https://docs.nvidia.com/dgx/ (user guides of DGX A100, H100/H200, B200, B300)."""
_IN_A_COMPUTER = 8

_BOARD = re.compile(
    r"(?:([48])\s*[x×*]\s*)?(?:nvidia\s+)?hgx[\s-]*([abh][1-3]00)\b(?:[\s,]*\(?([48])[\s-]*gpus?\)?)?(.*?)"
    r"(?:\s*[x×*]\s*([48]))?",
    re.IGNORECASE,
)
"""
A board of eight, or of four where the text says so (https://www.nvidia.com/en-us/data-center/hgx/): ``4x HGX H100``
are four cards of one.
"""

_NESTED = re.compile(r"([0-9]{1,3})\s*[x×*]\s*\(([^()]+)\)|\(([^()]+)\)(?:\s*[x×*]\s*([0-9]{1,3}))?")
"""``2x (2x 3090)``: a number of what is in the brackets."""

_LAST = re.compile(
    r"[\s,;(-]+(?:(?:qty|quantity|count)[\s.:=]*([0-9]{1,4})|([0-9]{1,2})\s*(?:[x×*]|pcs?|pieces|units|cards|gpus))\.?\)?$",
    re.IGNORECASE,
)


def with_count_last(text: str) -> str:
    """
    A text with the number of cards that it ends with as others have it: ``RTX 3090, 2x`` as ``RTX 3090 x2``.
    """
    return _LAST.sub(lambda found: f" x{found[1] or found[2]}", text)


def nested(text: str) -> tuple[int, str] | None:
    """
    How often a text asks for what it has in brackets, and that; None of other text.

    >>> nested("2x (2x 3090)"), nested("(3090 + 3060) x2"), nested("2x RTX 3090 (24GB)")
    ((2, '2x 3090'), (2, '3090 + 3060'), None)
    """
    found = _NESTED.fullmatch(text)
    return None if found is None else (int(found[1] or found[4] or 1), found[2] or found[3])


def counted(text: str) -> Iterator[tuple[int, str]]:
    """
    The ways to read a text as a number of GPUs and a name, the likeliest first.
    """
    computer = _COMPUTER.fullmatch(text)
    if computer is not None:
        yield _IN_A_COMPUTER, f"{computer[1]}{computer[2]}"
    board = _BOARD.fullmatch(text)
    if board is not None:
        yield int(board[1] or board[3] or board[5] or _IN_A_COMPUTER), f"{board[2]}{board[4]}"
    of_all = _SIZE_BEFORE.fullmatch(text)
    if of_all is not None:
        yield from ((number, f"{name} {of_all[1]}") for number, name in counted(of_all[2]))
    before = _BEFORE_SIZE.fullmatch(text)
    if before is not None:
        yield int(before[2]), f"{before[1]} {before[3]}"
    for pattern, count, name in _COUNTS:
        found = pattern.fullmatch(text)
        if found is not None:
            number = found[count].lower()
            yield int(number) if number.isdecimal() else _NUMBERS[number], found[name]
