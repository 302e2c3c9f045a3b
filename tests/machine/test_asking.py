"""
Asking a source and remembering: what is remembered commands no terminal.
"""

import pytest

from llmprobe.facts.answer import Answer
from llmprobe.machine.asking import Asker, harmless
from tests.machine.fake import FakeSource


@pytest.mark.parametrize("order", ["\x1b[2J", "\x07", "\x9b31m", "\x7f", "\u202e", "\u2066"])
def test_what_a_terminal_obeys_is_replaced(order: str) -> None:
    """In text, in lists, in names and values of objects, and in what is said of a failure."""
    value = {"name": f"a{order}", f"{order}b": [order, 7, None]}
    told = harmless(Answer(value=value, detail=order))

    assert order[0] not in f"{told.value}{told.detail}"
    assert harmless(Answer(value=f"a{order}b")).value == f"a\ufffd{order[1:]}b"


def test_what_parsers_need_stays() -> None:
    """Lines, columns, the zeros of a device tree and every script of the world; an answer unchanged is the same."""
    answer = Answer(value=["nvidia,tegra234\0nvidia", "a\tb\r\n", "мой ноутбук 🖥 日本語"])

    assert harmless(answer) is answer


def test_a_name_that_is_an_order_reaches_no_probe() -> None:
    """A process may call itself anything."""
    ask = Asker(FakeSource({"read:/proc/7/comm": "\x1b]0;gone\x07\n"}))

    assert ask.text("/proc/7/comm") == "\ufffd]0;gone\ufffd\n"


def test_what_is_nested_without_end_is_cut() -> None:
    """No answer means anything so deep in it, and it ends no probe."""
    value: list[object] = []
    for _ in range(900):
        value = [value]

    assert harmless(Answer(value=value)).value is not value
