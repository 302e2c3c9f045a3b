"""
Which GPUs of the table a text that names none of them may mean.
"""

from llmprobe.errors import UsageError
from llmprobe.machine.gpu_counts import counted
from llmprobe.machine.gpu_spelling import rows_spelled, spelling, without_size
from llmprobe.machine.gpu_table import rows
from llmprobe.words.message import message

_NEAREST = 4

_TIERS = frozenset(
    ("pro", "max", "ultra", "super", "ti", "xt", "laptop", "server", *"abcdefghijklmnopqrstuvwxyz0123456789")
)
"""Words that products of every kind share: alone they make no name alike."""


def refuse_link(text: str, name: str, link: str) -> None:
    """
    Refuse a link behind a name that is known: its lanes are no number of cards, and an option takes it.
    """
    if any(rows_spelled(each) for each in (name, *(each for _, each in counted(name)))):
        raise UsageError(
            message("error.gpu-with-link", text=text),
            hint=message("hint.gpu-linked", name=name, link=link),
        )


def unknown(name: str) -> UsageError:
    """
    The refusal of a name that no row has, with the nearest ones.
    """
    nearest = near(name, _NEAREST)
    without = without_size(name)
    return UsageError(
        message("error.gpu-unknown", name=name),
        hint=message("hint.gpu-nearest", names=nearest, name=without)
        if nearest
        else message("hint.gpu-unlisted", name=without),
    )


def near(text: str, most: int) -> tuple[str, ...]:
    """
    The names that share most words with a text, those of its number first.
    """
    wanted = spelling(text)
    own = {*wanted.core, *wanted.brands}
    numbers = [word for word in wanted.core if word.isdigit() and len(word) > 1]
    ranked: dict[str, tuple[float, int]] = {}
    for row in rows():
        for name in (row.name, *row.aliases):
            there = spelling(name)
            words = {*there.core, *there.brands}
            shared = words & own
            same = any(number in there.core for number in numbers)
            alike = max((_alike(one, other) for one in numbers for other in there.core), default=0.0)
            if not (same or alike >= 0.75 or (_tells(shared - there.brands) and not numbers)):
                continue
            rest = {*there.core} - own
            score = 2.0 * same + alike + len(shared) - 0.4 * len(rest) - 0.4 * len(own - words)
            # Desktop cards are meant more often than others of a number.
            score -= 0.2 * len(rest & {"laptop", "m", "w", "pro", "d"})
            kept = ranked.get(row.name)
            ranked[row.name] = max(kept, (score, -len(row.name))) if kept else (score, -len(row.name))
    places = {name: place for place, name in enumerate(ranked)}
    return tuple(sorted(ranked, key=lambda name: (*ranked[name], places[name]), reverse=True)[:most])


def _tells(shared: set[str]) -> bool:
    """
    Whether words that two names share make them alike: more than a tier, or a chip's letter and its tier.
    """
    return bool(shared - _TIERS) or ("m" in shared and len(shared) > 1)


def _alike(one: str, other: str) -> float:
    """
    How alike two numbers of one length are: the share of equal digits.
    """
    if not other.isdigit() or len(one) != len(other):
        return 0.0
    return sum(a == b for a, b in zip(one, other, strict=True)) / len(one)
