"""
Numbers of cards as Chinese writes them, before a counter or as one word.
"""

import pytest

import llmprobe


@pytest.mark.parametrize(
    ("spelled", "count"),
    [
        ("单卡 RTX 4090", 1),
        ("双卡 RTX 4090", 2),
        ("四卡 RTX 4090", 4),
        ("八卡 RTX 4090", 8),
        ("一张 RTX 4090", 1),
        ("两张 RTX 4090", 2),
        ("兩張 RTX 4090", 2),
        ("二枚 RTX 4090", 2),
        ("三块 RTX 4090", 3),
        ("四台 RTX 4090", 4),
        ("五個 RTX 4090", 5),
        ("六个 RTX 4090", 6),
        ("6个 RTX 4090", 6),
        ("三塊 RTX 4090", 3),
        ("七基 RTX 4090", 7),
        ("八张 RTX 4090", 8),
    ],
)
def test_a_written_number_counts_the_cards(spelled: str, count: int) -> None:
    """
    One to eight in both scripts; 两 and 兩 are two of something, 单, 双, 四 and 八 stand before 卡.
    """
    found = llmprobe.probe(gpus=spelled, ram="64GiB")

    assert [one.name for one in found.accelerators] == ["NVIDIA GeForce RTX 4090"] * count
