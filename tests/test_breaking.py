"""
Where lines end: at spaces in English, almost anywhere in Japanese, and never against its rules (kinsoku).
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmprobe.breaking import NEVER_BEGINS, NEVER_ENDS, columns, ends, lines


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("", 0),
        ("RAM", 3),
        ("量子化", 6),
        ("KVキャッシュ", 12),
        ("ｶﾅ", 2),
        ("が", 2),
        ("か\u3099", 2),
        ("29～51", 6),
        ("23.50 · 7×2 →", 13),
    ],
)
def test_full_width_signs_take_two_columns(text: str, width: int) -> None:
    """By East Asian Width: kana, kanji and full-width marks two, half-width kana one, combining signs none."""
    assert columns(text) == width


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("", 10, [""]),
        ("one two three", 7, ["one two", "three"]),
        ("one two three", 8, ["one two", "three"]),
        ("one  two", 3, ["one", "two"]),
        ("  one two", 6, ["  one", "two"]),
        ("abcdefgh ij", 3, ["abc", "def", "gh", "ij"]),
        ("a abcdefgh", 4, ["a", "abcd", "efgh"]),
        ("量子化した重み", 8, ["量子化し", "た重み"]),
        ("量子化した重み", 9, ["量子化し", "た重み"]),
        ("重みは、RAMにあります。", 8, ["重みは、", "RAMにあ", "ります。"]),
        ("これは長い。次", 10, ["これは長", "い。次"]),
        ("値は（推定）です", 6, ["値は", "（推", "定）で", "す"]),
        ("サーバーです", 6, ["サー", "バーで", "す"]),
        ("ちょっと待つ", 8, ["ちょっと", "待つ"]),
        ("ちょっと待つ", 6, ["ちょっ", "と待つ"]),
        ("あちょっと", 4, ["あ", "ちょ", "っと"]),
        ("モデルllama-server起動", 14, ["モデル", "llama-server起", "動"]),
        ("空きは 38 MiB です", 8, ["空きは", "38 MiB", "です"]),
        ("「あ」い", 6, ["「あ」", "い"]),
        ("「あ」い", 4, ["「あ", "」い"]),
    ],
)
def test_lines_end_where_the_script_lets_them(text: str, width: int, expected: list[str]) -> None:
    """After a space, or between full-width signs; names and numbers stay whole, and marks stay with what they close."""
    assert lines(text, width) == expected


SIGNS = st.sampled_from([*"abc 12.-、。（）「」あっーカ量", " ", "…"])


@given(st.text(SIGNS, max_size=60), st.integers(min_value=12, max_value=40))
def test_no_line_is_wider_and_nothing_is_lost(text: str, width: int) -> None:
    """Whatever the text: at most so many columns, and put together again it is the text."""
    bounds = [0, *ends(text, width), len(text)]

    assert bounds == sorted(bounds)
    assert len(set(bounds[:-1])) == len(bounds) - 1
    assert all(columns(line) <= width for line in lines(text, width))
    assert "".join(lines(text, width)).replace(" ", "") == text.replace(" ", "")


@given(st.text(st.sampled_from("、。）」っー（「あ量カa"), max_size=60))
def test_no_line_breaks_the_rules(text: str) -> None:
    """Where no run of marks is longer than a line, none begins with a closing one and none ends with an opening one."""
    pieces = text.replace("、", "、あ").replace("。", "。量").replace("（", "あ（カ").replace("「", "カ「量")
    pieces = pieces.replace("）", "）あ").replace("っ", "っあ").replace("ー", "ーあ").replace("」", "」カ")
    pieces = pieces.replace("a", "あ")
    shown = lines(pieces, 40)

    assert all(line[0] not in NEVER_BEGINS for line in shown[1:])
    assert all(line[-1] not in NEVER_ENDS for line in shown[:-1])
