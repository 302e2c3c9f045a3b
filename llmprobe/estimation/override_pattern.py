"""
The pattern of a tensor override, compiled where it can be searched for in bounded time.

Python tries one way to match after the other: ``(.+)+Z`` doubles them with each letter of a name, and holds
the interpreter meanwhile. The ways are counted before anything is searched for: they multiply along a pattern and add
up over its alternatives.
"""

import re

from llmprobe.errors import UsageError
from llmprobe.words.message import message

_TOKEN = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?[:=!]|[()|]|(?P<count>(?:[*+?]|\{[0-9]*,?[0-9]*\})[?+]?)|.",
    re.DOTALL,
)
_LONGEST = 1000
_DEEPEST = 20
_REPEATED = 32
"""Ways of one repetition in a name of about so many letters."""

_MOST_WAYS = 2**17
"""Three repetitions with four alternatives: a search of all names of a large model ends within a second or two."""

_AROUND = re.compile(r"^(?:\.\*)+(?![?+])|(?<!\\)(?:\.\*)+$")
"""Whatever stands before or behind what is searched for: it changes nothing but the ways to find it."""

EXAMPLE = r"-ot 'blk\.(0|1)\.ffn_(up|down|gate|gate_up)_(ch|)exps=CPU'"


def compiled(pattern: str) -> re.Pattern[str]:
    """
    The pattern, ready to be searched for in names of tensors.

    Raises:
        UsageError: it is no pattern, or one whose search may not end.
    """
    searched = _AROUND.sub("", pattern)
    if len(pattern) > _LONGEST or _ways(searched) > _MOST_WAYS:
        raise UsageError(message("error.override-too-many-ways"), hint=message("hint.override-simpler"))
    try:
        return re.compile(searched)
    except re.error as error:
        raise UsageError(
            message("error.override-no-pattern", given=pattern, reason=str(error)),
            hint=message("hint.override", example=EXAMPLE),
        ) from None


def _ways(pattern: str) -> int:
    """
    At most how many ways there are to match at one place; more than ``_MOST_WAYS`` where it is nested too deep.

    >>> _ways("blk.1.attn"), _ways("ffn_(up|down)_.*exps"), _ways("(.+)+Z") > _MOST_WAYS
    (1, 64, True)
    """
    # Of each open group: the ways of the alternatives before, those of this one, and those of its last part.
    open_groups = [(0, 1, 1)]
    for found in _TOKEN.finditer(pattern):
        before, here, last = open_groups.pop()
        part = found[0]
        if found["count"] is not None:
            last = _counted(last, part)
            open_groups.append((before, here, last))
        elif part.startswith("("):
            open_groups += [(before, here * last, 1), (0, 1, 1)]
        elif part == "|":
            open_groups.append((before + here * last, 1, 1))
        elif part == ")" and open_groups:
            outer_before, outer_here, _ = open_groups.pop()
            open_groups.append((outer_before, outer_here, before + here * last))
        else:
            open_groups.append((before, here * last, 1))
        if len(open_groups) > _DEEPEST or open_groups[-1][1] * open_groups[-1][2] > _MOST_WAYS:
            return _MOST_WAYS + 1
    before, here, last = open_groups[0]
    return before + here * last


def _counted(ways: int, count: str) -> int:
    """
    The ways of a part that is repeated; a repeated part that has several itself has endlessly many.
    """
    if count.startswith("?"):
        return ways + 1
    fixed = re.fullmatch(r"\{([0-9]+)\}.?", count)
    if fixed is not None:
        every: int = ways ** min(int(fixed[1][:3]), _MOST_WAYS.bit_length())
        return min(every, _MOST_WAYS + 1)
    return _REPEATED if ways == 1 else _MOST_WAYS + 1
