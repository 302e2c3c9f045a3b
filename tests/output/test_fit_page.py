"""
The pages of ``fit`` and ``plan``: every figure with its name, at any width, and a command to go on with.
"""

from functools import cache

import pytest

import llmprobe
from llmprobe.facts.fit import Fit
from llmprobe.facts.plan import Plan
from llmprobe.output.text import fit, plan
from tests.advise.machines import LLAMA_8B, machine, model
from tests.output.pages import page_of


@cache
def fitting() -> Fit:
    return llmprobe.fit(machine((), ram_gib=4), use="chat", top=3)


@cache
def planned() -> Plan:
    return llmprobe.plan(model("llama", LLAMA_8B), ctx_size=4096)


def test_a_wide_page_has_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A heading names the test, and each row its file, size, speed and score.
    """
    lines = page_of(monkeypatch, lambda page: fit.show(page, fitting(), explain=False), 140)
    (heading,) = [line for line in lines if "Tokens/s" in line and "Size" in line]
    rows = [line for line in lines if line.startswith(("1. ", "2. ", "3. "))]

    assert heading.endswith("Arena text")
    assert len(rows) == 3
    for row, line in zip(fitting().rows, rows, strict=True):
        assert row.model.name in line
        assert row.choice.quant in line
        assert line.endswith(f"{row.reads_as:.0f} Elo")


@pytest.mark.parametrize("width", [40, 60])
def test_a_narrow_page_names_every_figure(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    """
    Without headings each figure says what it is, and no line is wider than the page but commands.
    """
    lines = page_of(monkeypatch, lambda page: fit.show(page, fitting(), explain=True), width)
    text = " ".join(" ".join(lines).split())
    first = fitting().rows[0]

    assert f"{first.reads_as:.0f} Elo of Arena text" in text
    assert f"{first.model.name}: {first.points:.1f} points" in text
    assert all(len(line) <= width for line in lines if "llmprobe recommend" not in line)


def test_a_page_ends_with_the_command_for_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    It asks for the same model, context and use.
    """
    lines = page_of(monkeypatch, lambda page: fit.show(page, fitting(), explain=False), 80)
    first = fitting().rows[0]

    assert lines[-1].strip() == (
        f"llmprobe recommend {first.model.id} -c {first.choice.ctx_size} --for {first.answers}"
    )


def test_every_kind_of_machine_has_a_heading(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Kinds without a machine say so, and the last line is a command for the first machine.
    """
    lines = page_of(monkeypatch, lambda page: plan.show(page, planned()), 80)

    assert [line for line in lines if line in _HEADINGS] == list(_HEADINGS)
    assert lines.count("  none of the machines that were tried") == len(planned().without)
    assert lines[-1].strip().startswith("llmprobe --gpu")
    assert any("W" in line and "tokens/s" in line and "whole" in line for line in lines)


_HEADINGS = (
    "One card",
    "Several cards",
    "A card with the rest in RAM",
    "Memory that processor and GPU share",
    "The processor alone",
)
