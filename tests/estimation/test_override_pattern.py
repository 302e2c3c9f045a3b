"""
Patterns of ``-ot``: those that people write are searched for, those whose search may not end are refused unsearched.
"""

import re
from itertools import product

import pytest

from llmprobe.errors import UsageError
from llmprobe.estimation.override_pattern import compiled

NAMES = (
    "token_embd.weight",
    "blk.0.attn_q.weight",
    "blk.7.ffn_up.weight",
    "blk.12.ffn_gate_exps.weight",
    "blk.33.ffn_down_exps.weight",
    "blk.33.ffn_up_shexp.weight",
    "output.weight",
)


@pytest.mark.parametrize(
    "pattern",
    [
        "exps",
        r"blk\.(0|1)\.ffn_(up|down|gate|gate_up)_(ch|)exps",
        r"blk\.([0-9]|[1-3][0-9])\.ffn_.*_exps.*",
        r".*blk\.\d+\.ffn_(up|down|gate)_.*exps.*",
        r"\.(1[0-9]|[5-9])\.(attn|ffn)_.*_(exps|shexp)\.weight",
        r"^blk\.\d{2}\.",
        ".*",
        r"blk\.3{2}",
        r"weight\.*",
        ".*?_up",
        "((((((((((ffn))))))))))",
        "[(.*)*]weight",
        r"b.*k.*f.*_.*e.*p.*t",
        r"blk\.(0|1|3)+\.ffn",
        r"\.(1|33)\..*(up|down).*(exps|shexp).*w.*t",
        r"blk.+\.ffn.+(up|gate)_.*?s.*x.*\.w",
        r"^b.*\.(\d)\1\..*s",
        r"(?i)BLK.*A.*Q.*T",
    ],
)
def test_a_pattern_finds_what_it_says(pattern: str) -> None:
    """
    The same names as the pattern as it is written.
    """
    search = compiled(pattern).search

    assert [name for name in NAMES if search(name)] == [name for name in NAMES if re.search(pattern, name)]


@pytest.mark.parametrize(
    "pattern",
    [
        "(.+)+Z",
        "(.|.)*Z",
        "(?:a|b+)*Z",
        "((.)*)*Z",
        "(.?){30}Z",
        ".?" * 30 + "Z",
        "a.*.*.*.*Z",
        "[^q]*[^q]*[^q]*[^q]*[^q]*Z",
        "(a|ab)+Z",
        "(?:a|A)*Z",
        ".*(.|..).*(.|..).*(.|..).*Z",
        "(.|.)" * 30 + "Z",
        "(" * 500,
        "x" * 5000,
    ],
)
def test_a_pattern_whose_search_may_not_end_is_refused(pattern: str) -> None:
    """
    Without a search: ``(.+)+Z`` in one name of 28 letters takes Python 2**27 steps.
    """
    with pytest.raises(UsageError) as refused:
        compiled(pattern)

    assert refused.value.message.id == "error.override-too-many-ways"


def test_a_gap_that_stops_at_once_loses_no_name() -> None:
    """
    Python finds a text by the pattern as it is written exactly where it is found here, for every text of up to five
    letters and every pattern of three pieces: those of one length, of several, of none, and alternatives.
    """
    texts = ["".join(letters) for length in range(6) for letters in product("abc", repeat=length)]
    pieces = ["a", "ab", "(a|bc)", "(?:ab|b)", "b?", "[ab]c", "$", r"\b", "(?=b)", "c|a", "(?<!a)b"]
    for first, gap, second, third in product(pieces, [".*", ".+?"], pieces, pieces):
        pattern = f"{first}{gap}{second}.*{third}"
        written, here = re.compile(pattern).search, compiled(pattern).search

        assert [text for text in texts if here(text)] == [text for text in texts if written(text)], pattern


@pytest.mark.parametrize("pattern", ["(", "[", "*a", "a)", "a{2}{3}", "(?<a"])
def test_what_is_no_pattern_is_refused_with_the_reason(pattern: str) -> None:
    """
    As Python says it.
    """
    with pytest.raises(UsageError) as refused:
        compiled(pattern)

    assert refused.value.message.id == "error.override-no-pattern"
