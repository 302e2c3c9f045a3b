"""
Commands in pieces, an option with its value each, so that each piece depends on few settings.
"""

import re
from collections.abc import Mapping, Sequence

_BEFORE_OPTION = re.compile(r" (?=-)")


def pieces(commands: Sequence[str | None]) -> list[list[str | None]]:
    """
    For each command its pieces, which joined by blanks are the command again, the empty ones left out; None throughout
    where there is no command.

    All have as many, and a place has the same option in all of them.
    """
    split = [None if one is None else _keyed(one) for one in commands]
    order: list[str] = []
    for one in split:
        at = 0
        for key in one or ():
            if key in order:
                at = order.index(key) + 1
            else:
                order.insert(at, key)
                at += 1
    found: list[list[str | None]] = [
        [None] * len(order) if one is None else [one.get(key, "") for key in order] for one in split
    ]
    rebuilt = [None if one is None else joined(row) for one, row in zip(split, found, strict=True)]
    # Where options come in another order by setting they cannot be lined up.
    return found if rebuilt == list(commands) else [[one] for one in commands]


def joined(row: Sequence[str | None]) -> str:
    """
    The command of some pieces.
    """
    return " ".join(piece for piece in row if piece)


def _keyed(command: str) -> Mapping[str, str]:
    """
    The pieces of a command by their option, the first by the program.
    """
    found: dict[str, str] = {}
    for piece in _BEFORE_OPTION.split(command):
        option = piece.partition(" ")[0]
        # An option that comes twice, such as within the name of a file, goes on with the one before.
        if option in found or not found:
            last = next(reversed(found), "")
            found[last] = f"{found.get(last, '')} {piece}".strip()
        else:
            found[option] = piece
    return found
