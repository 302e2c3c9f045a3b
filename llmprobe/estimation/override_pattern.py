r"""
The pattern of a tensor override, compiled where it can be searched for in bounded time.

Python tries one way to match after the other: ``(.+)+Z`` doubles them with each letter of a name, and holds
the interpreter meanwhile. The ways are counted before anything is searched for. They multiply along a pattern and add
up over its alternatives, unless those begin with different letters: then at most one of them matches.

Only whether a name matches is asked, so ``.*`` before text of one length may stop at the first place where that text
is: a later one leaves less of the name. ``a.*b.*c`` is searched for as ``a(?>.*?b)(?>.*?c)``, whose ways add up.
"""

import re
from math import comb
from typing import NamedTuple

from llmprobe.errors import UsageError
from llmprobe.words.message import message

_TOKEN = re.compile(
    r"\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|0[0-7]{0,2}|.)|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?(?:<?[=!]|:)|[()|]|(?P<count>(?:[*+?]|\{[0-9]*,?[0-9]*\})[?+]?)|.",
    re.DOTALL,
)
_LONGEST = 1000
_DEEPEST = 20
_LETTERS = 32
"""About so many letters a name has."""

_MOST_STEPS = 2**19
"""A search of all names of a large model ends within a second or two."""

_CHOICE = 6
"""A choice between alternatives takes at least so many times what one more letter of a repetition takes."""

_AROUND = re.compile(r"^(?:\.\*)+(?![?+])|(?<!\\)(?:\.\*)+$")
"""Whatever stands before or behind what is searched for: it changes nothing but the ways to find it."""

_NOT_ALONE = re.compile(r"\\[1-9]|\(\?[^:=!<]")
"""Text that depends on how earlier text was matched, or on a flag: the first place may not be as good as others."""

EXAMPLE = r"-ot 'blk\.(0|1)\.ffn_(up|down|gate|gate_up)_(ch|)exps=CPU'"


class _Part(NamedTuple):
    """
    What a part of a pattern can match: ``ways`` times the choices of where each of ``repeats`` repetitions ends.

    ``first`` are the letters that it begins with, None where that is open; ``least`` and ``most`` its letters.
    """

    ways: int = 1
    repeats: int = 0
    first: frozenset[str] | None = None
    least: int = 0
    most: int = 0

    def then(self, part: "_Part") -> "_Part":
        """This part with another one behind it."""
        return _Part(
            ways=min(self.ways * part.ways, _MOST_STEPS + 1),
            repeats=self.repeats + part.repeats,
            first=self.first if self.most else part.first,
            least=self.least + part.least,
            most=self.most + part.most,
        )

    def otherwise(self, part: "_Part") -> "_Part":
        """This part or another one in its place."""
        both = None if self.first is None or part.first is None else self.first | part.first
        apart = both is not None and len(both) == len(self.first or ()) + len(part.first or ())
        return _Part(
            ways=max(self.ways, part.ways) if apart else min(self.ways + part.ways, _MOST_STEPS + 1),
            repeats=max(self.repeats, part.repeats),
            first=both,
            least=min(self.least, part.least),
            most=max(self.most, part.most),
        )

    @property
    def steps(self) -> int:
        """The steps of a search: every way from every place of a name."""
        return (_CHOICE * (self.ways - 1) + 1) * comb(_LETTERS + self.repeats + 1, self.repeats + 1)

    @property
    def one_length(self) -> bool:
        """Whether every text that it matches has the same number of letters."""
        return self.least == self.most


_ENDLESS = _Part(ways=_MOST_STEPS + 1, most=_LONGEST)


def compiled(pattern: str) -> re.Pattern[str]:
    """
    The pattern, ready to be searched for in names of tensors.

    Raises:
        UsageError: it is no pattern, or one whose search may not end.
    """
    searched = _AROUND.sub("", pattern)
    steps, quick = (_MOST_STEPS + 1, "") if len(pattern) > _LONGEST else _quick(searched)
    if steps > _MOST_STEPS:
        raise UsageError(message("error.override-too-many-ways"), hint=message("hint.override-simpler"))
    try:
        re.compile(searched)
        return re.compile(quick)
    except re.error as error:
        raise UsageError(
            message("error.override-no-pattern", given=pattern, reason=str(error)),
            hint=message("hint.override", example=EXAMPLE),
        ) from None


def _quick(pattern: str) -> tuple[int, str]:
    r"""
    At most how many steps a search in one name takes, and a pattern that finds the same names in so many.

    >>> _quick("blk.1.attn"), _quick("ffn_(up|down)_.*exps"), _quick("(.+)+Z")[0] > _MOST_STEPS
    ((33, 'blk.1.attn'), (1122, 'ffn_(up|down)_(?>.*?exps)'), True)
    """
    alone = _NOT_ALONE.search(pattern) is None
    total, alternatives = 0, []
    for pieces in _pieces(pattern):
        reached, text, most = _part(pieces[0][1]), pieces[0][1], 0
        for gap, piece in pieces[1:]:
            part = _part(piece)
            if alone and piece and part.one_length:
                most += reached.steps * part.steps
                text += f"(?>{gap}?{piece})"
            else:
                reached = reached.then(_Part(repeats=1)).then(part)
                text += gap + piece
        total += reached.steps + most
        alternatives.append(text)
    return total, "|".join(alternatives)


def _pieces(pattern: str) -> list[list[tuple[str, str]]]:
    """
    For each alternative of a pattern its pieces, each with the ``.*`` or ``.+`` before it.

    >>> _pieces("a.*b(.*|c)|d.+?e")
    [[('', 'a'), ('.*', 'b(.*|c)')], [('', 'd'), ('.+', 'e')]]
    """
    alternatives = [[("", "")]]
    depth = 0
    signs = [found[0] for found in _TOKEN.finditer(pattern)]
    for at, sign in enumerate(signs):
        depth += sign.startswith("(") - (sign == ")")
        gap, piece = alternatives[-1][-1]
        if depth == 0 and sign == "|":
            alternatives.append([("", "")])
        elif depth == 0 and sign in {"*", "+", "*?", "+?"} and signs[at - 1 : at] == ["."]:
            alternatives[-1][-1] = (gap, piece[:-1])
            alternatives[-1].append(("." + sign[0], ""))
        else:
            alternatives[-1][-1] = (gap, piece + sign)
    return alternatives


def _part(pattern: str) -> _Part:
    """
    What a piece of a pattern can match; more than ``_MOST_STEPS`` where it is nested too deep.
    """
    # Of each open group: how it opens, the alternatives before, this one, and its last part.
    groups: list[tuple[str, _Part | None, _Part, _Part]] = [("", None, _Part(), _Part())]
    for found in _TOKEN.finditer(pattern):
        opened, before, here, last = groups.pop()
        sign = found[0]
        if found["count"] is not None:
            groups.append((opened, before, here, _counted(last, sign)))
        elif sign.startswith("("):
            groups += [(opened, before, here.then(last), _Part()), (sign, None, _Part(), _Part())]
        elif sign == "|":
            groups.append((opened, _either(before, here.then(last)), _Part(), _Part()))
        elif sign == ")" and groups:
            inner = _either(before, here.then(last))
            around, outer_before, outer_here, _ = groups.pop()
            if opened.endswith(("=", "!")):
                inner = inner._replace(first=None, least=0, most=0)
            groups.append((around, outer_before, outer_here, inner))
        else:
            groups.append((opened, before, here.then(last), _letter(sign)))
        if len(groups) > _DEEPEST or groups[-1][2].then(groups[-1][3]).steps > _MOST_STEPS:
            return _ENDLESS
    _, before, here, last = groups[0]
    return _either(before, here.then(last))


def _either(before: _Part | None, part: _Part) -> _Part:
    return part if before is None else before.otherwise(part)


def _letter(sign: str) -> _Part:
    """
    One letter, or a place between two; capitals count as small letters, and what a flag can make a space as any.
    """
    if sign in {"^", "$", r"\b", r"\B", r"\A", r"\Z"}:
        return _Part()
    open_letter = sign in {".", "#"} or sign.isspace() or sign[0] == "["
    if open_letter or (sign[0] == "\\" and sign[-1].isalnum()):
        return _Part(least=1, most=1)
    return _Part(first=frozenset(sign[-1].lower()), least=1, most=1)


def _counted(part: _Part, count: str) -> _Part:
    """
    A part that is repeated; a repeated part that has several ways itself has endlessly many.
    """
    low, high = _bounds(count)
    if high is None or high > _LETTERS:
        if part.ways > 1 or part.repeats:
            return _ENDLESS
        return _Part(
            repeats=1, first=part.first if low else None, least=part.least * min(low, _LONGEST), most=_LONGEST
        )
    ways = sum(part.ways**times for times in range(low, high + 1))
    return _Part(
        ways=min(ways, _MOST_STEPS + 1),
        repeats=part.repeats * high,
        first=part.first if low else None,
        least=part.least * low,
        most=part.most * high,
    )


def _bounds(count: str) -> tuple[int, int | None]:
    """
    How often at least and at most; no end is None.

    >>> _bounds("+?"), _bounds("{2}"), _bounds("{,3}"), _bounds("{4,}")
    ((1, None), (2, 2), (0, 3), (4, None))
    """
    if not count.startswith("{"):
        return {"*": (0, None), "+": (1, None), "?": (0, 1)}[count[0]]
    low, comma, high = count[1 : count.index("}")].partition(",")
    most = (int(high) if high else None) if comma else int(low or 0)
    return int(low or 0), most
