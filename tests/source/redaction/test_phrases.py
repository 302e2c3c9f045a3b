"""
Many phrases replaced in one pass.
"""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmprobe.source.redaction.phrases import Phrases


def words(*phrases: str) -> Phrases:
    made = Phrases("0-9A-Za-z", "0-9A-Za-z", ignore_case=True)
    for phrase in phrases:
        made.add(phrase, f"<{phrase}>")
    return made


@pytest.mark.parametrize(
    ("phrases", "text", "expected"),
    [
        (("ada",), "ada, Canada, ADA, ada1, ada_1", "<ada>, Canada, <ada>, ada1, <ada>_1"),
        (("ab", "ab-cd"), "ab-cd ab ab-ce", "<ab-cd> <ab> <ab>-ce"),
        (("ab-cd", "cd"), "ab-cd-cd", "<ab-cd>-<cd>"),
        (("über",), "über uber xüber", "<über> uber xüber"),
        (("_x",), "_x a_x -_x", "<_x> a_x -<_x>"),
        ((), "ada", "ada"),
        (("",), "ada", "ada"),
    ],
)
def test_phrases_are_replaced_where_they_stand_alone(
    phrases: tuple[str, ...], text: str, expected: str
) -> None:
    """In any case, the longest first, and never within a word."""
    assert words(*phrases).replaced(text) == expected


def test_a_path_begins_the_paths_below_it() -> None:
    """It is case-sensitive, and ends at a whole name."""
    paths = Phrases(r"\w/.-", r"\w.-", ignore_case=False)
    paths.add("/mnt/my disk", "/mount1")

    assert paths.replaced("/mnt/my disk/a:/mnt/my disk2:/x/mnt/my disk:/MNT/my disk") == (
        "/mount1/a:/mnt/my disk2:/x/mnt/my disk:/MNT/my disk"
    )


def test_the_first_placeholder_counts() -> None:
    """A phrase that is known keeps what it was given."""
    phrases = words("ada")
    phrases.add("ADA", "another")

    assert ("Ada" in phrases, "adb" in phrases) == (True, False)
    assert phrases.replaced("ada") == "<ada>"


@given(
    st.lists(st.text("abA-_1", min_size=1, max_size=4), min_size=1, max_size=6),
    st.text("abA-_1 ", max_size=40),
)
def test_it_is_what_one_large_pattern_does(phrases: list[str], text: str) -> None:
    """The same as all phrases in one regular expression, the longest first, which would take longer."""
    made = words(*phrases)
    known = {phrase.lower(): f"<{phrase}>" for phrase in reversed(phrases)}
    either = "|".join(map(re.escape, sorted(known, key=len, reverse=True)))
    pattern = re.compile(f"(?<![0-9A-Za-z])(?:{either})(?![0-9A-Za-z])", re.IGNORECASE)

    assert made.replaced(text) == pattern.sub(lambda match: known[match.group().lower()], text)


def test_thousands_of_phrases_take_the_time_of_the_text() -> None:
    """Five thousand phrases in a text of a megabyte."""
    made = words(*(f"model-{number}-{'x' * (number % 50)}" for number in range(5000)))
    text = " ".join(f"model-{number % 7000}-{'x' * (number % 50)}" for number in range(25_000))
    started = time.process_time()
    made.replaced(text)

    assert time.process_time() - started < 5
